"""What an account says of a change of resident memory, in words."""

from harness.analysis.models import Account, PartChange, Verdict
from harness.text.words import difference

_WHEN = {
    "": "at the end", "idle": "before the load", "loaded": "at the end of the load",
    "after": "after the load", "settled": "after the load and two collections",
}  # fmt: skip
_NAMED = 3
"""Parts that a sentence names."""
_LEAST = 0.02
"""Part of a change below which a sentence does not name a part."""
_MUCH = 0.2
"""Part of a change from which on a sentence says how much of it was never written."""


def of_changes(verdict: Verdict) -> dict[str, Account]:
    """By workload: accounts of a change of resident memory that is shown, at the same instant."""
    changed = {
        (c.workload, c.metric, c.baseline, c.candidate) for c in verdict.comparisons if c.changed
    }
    return {
        a.workload: a
        for a in verdict.accounts
        if (a.workload, f"rss.{a.at or 'end'}", a.baseline, a.candidate) in changed
        and largest_parts(a)
    }


def when(account: Account) -> str:
    """At which instant, in words."""
    return _WHEN.get(account.at, f"at the snapshot {account.at}")


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
    return f"of {whole} {when(account)}: {'; '.join(named)}" if named else ""
