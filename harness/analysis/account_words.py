"""What an account says of a change of resident memory, in words."""

from harness.analysis.models import Account, PartChange, Verdict
from harness.text.words import difference

_NAMED = 3
"""Parts that a sentence names."""
_LEAST = 0.02
"""Part of a change below which a sentence does not name a part."""
_MUCH = 0.2
"""Part of a change from which on a sentence says how much of it was never written."""


def of_changes(verdict: Verdict) -> dict[str, Account]:
    """By workload: accounts of a change of ``rss.end`` that is shown."""
    changed = {
        (c.workload, c.baseline, c.candidate)
        for c in verdict.comparisons
        if c.metric == "rss.end" and c.changed
    }
    return {
        account.workload: account
        for account in verdict.accounts
        if (account.workload, account.baseline, account.candidate) in changed
        and largest_parts(account)
    }


def largest_parts(account: Account) -> tuple[PartChange, ...]:
    """The parts that a sentence on the change names, the largest first."""
    changes = [p for p in account.parts if p.difference]
    whole = abs(change_of(account))
    return tuple(p for p in changes[:_NAMED] if abs(p.difference or 0.0) >= _LEAST * whole)


def change_of(account: Account) -> float:
    """Change of resident memory in bytes; zero where there is no candidate."""
    before, after = account.resident
    return 0.0 if after is None else after - before


def never_written(account: Account) -> float:
    """Change of the Go heap's resident bytes that hold only zeros; zero where that is little."""
    before, after = account.zero
    change = 0.0 if before is None or after is None else after - before
    whole = change_of(account)
    return change if change * whole > 0 and abs(change) >= _MUCH * abs(whole) else 0.0


def in_words(account: Account) -> str:
    """``of +145 MiB at the end: live objects +96.0 MiB; …``; empty where nothing changed."""
    named = [
        f"{p.words} {difference(p.difference or 0.0, 'bytes')}" for p in largest_parts(account)
    ]
    whole = difference(change_of(account), "bytes")
    zero = never_written(account)
    if zero:
        named.append(f"of the Go heap {difference(zero, 'bytes')} never written")
    return f"of {whole} at the end: {'; '.join(named)}" if named else ""
