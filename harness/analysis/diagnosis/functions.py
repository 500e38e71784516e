"""Functions that make most of a change, by heap profiles."""

from collections import defaultdict
from typing import NamedTuple

from harness.analysis.memory import MOST, Functions, MemoryChange
from harness.profiles.sites import function_behind, owner_of
from harness.text.words import amount, listed, percent

_HOLDERS = (
    (
        ("time.newTimer", "time.NewTimer", "time.NewTicker", "time.AfterFunc", "time.After"),
        "timers, each of which is kept until it fires or is stopped",
    ),
    (("weak.",), "handles of weak pointers, which are kept as long as the pointers are"),
)
"""By starts of the function that allocates: what such memory is. Go 1.23 and newer allocate every
timer in ``time.newTimer``."""
_SAMPLED = 0.1
"""By how much a part may exceed the whole because a heap profile is a sample."""


class Mover(NamedTuple):
    """An allocation site and what it makes of a change."""

    name: str
    before: float
    after: float
    share: float


def movers(change: MemoryChange, found: Functions, whole: float) -> list[Mover]:
    """The functions that make at least half of a change, which has their unit, the largest first.

    A library may allocate elsewhere in another version: it is the user's function whose change
    counts. The site within it is named if its change is about the same, within a factor of two.
    """
    base, cand = (
        found.get((change.table.workload, variant))
        for variant in (change.baseline, change.candidate)
    )
    if base is None or cand is None or whole <= 0:
        return []
    owners: dict[str, list[Mover]] = defaultdict(list)
    for name in {*base, *cand}:
        before, after = base.get(name, 0.0), cand.get(name, 0.0)
        share = change.sign * (after - before) / whole
        owners[owner_of(name)].append(Mover(name, before, after, share))
    moved = [_together(name, sites) for name, sites in owners.items()]
    return sorted((m for m in moved if m.share >= MOST), key=lambda m: (-m.share, m.name))


def _together(name: str, sites: list[Mover]) -> Mover:
    """What a function allocates at all of its sites, or at the one that makes most of that."""
    before, after, share = (sum(column) for column in zip(*(s[1:] for s in sites), strict=True))
    largest = max(sites, key=lambda site: (site.share, site.name))
    if MOST * share <= largest.share <= share / MOST:
        return largest
    return Mover(name, before, after, share)


def holder(change: MemoryChange, found: Functions, whole: float) -> str:
    """What keeps the memory that the movers allocate, where they make what keeps itself alive."""
    sites = [m.name for m in movers(change, found, whole) if change.sign > 0]
    behind = [function_behind(site) for site in sites]
    kinds = [kind for names, kind in _HOLDERS if any(name.startswith(names) for name in behind)]
    return f": {listed(kinds)}" if kinds else ""


def _of_all(share: float) -> str:
    """A part of a change, in words; it exceeds the whole where other functions kept less."""
    if share > 1 + _SAMPLED:
        return "more than all of it, as others went the other way"
    return percent(min(share, 1.0))


def named(
    change: MemoryChange, found: Functions, whole: float, unit: str = "bytes", lead: str = "in"
) -> str:
    """``; most of it in main.fill (+96.0 MiB, 99 %)``, or nothing."""
    sign = "+" if change.sign > 0 else "-"
    most = [
        f"{m.name} ({sign}{amount(abs(m.after - m.before), unit)}, {_of_all(m.share)})"
        for m in movers(change, found, whole)
    ]
    return f"; most of it {lead} {listed(most)}" if most else ""
