"""Functions that make most of a change, by heap profiles."""

from typing import NamedTuple

from harness.analysis.memory import MOST, Functions, MemoryChange
from harness.text.words import amount, listed, percent


class Mover(NamedTuple):
    """An allocation site and what it makes of a change."""

    name: str
    before: float
    after: float
    share: float


def movers(change: MemoryChange, found: Functions, whole: float) -> list[Mover]:
    """The sites that make at least half of a change, which has their unit, the largest first."""
    base, cand = (
        found.get((change.table.workload, variant))
        for variant in (change.baseline, change.candidate)
    )
    if base is None or cand is None or whole <= 0:
        return []
    sites = {name: (base.get(name, 0.0), cand.get(name, 0.0)) for name in {*base, *cand}}
    moved = [
        Mover(name, before, after, change.sign * (after - before) / whole)
        for name, (before, after) in sites.items()
    ]
    return sorted((m for m in moved if m.share >= MOST), key=lambda m: (-m.share, m.name))


def named(
    change: MemoryChange, found: Functions, whole: float, unit: str = "bytes", lead: str = "in"
) -> str:
    """``; most of it in main.fill (+96.0 MiB, 99 %)``, or nothing."""
    sign = "+" if change.sign > 0 else "-"
    most = [
        f"{m.name} ({sign}{amount(abs(m.after - m.before), unit)}, {percent(m.share)})"
        for m in movers(change, found, whole)
    ]
    return f"; most of it {lead} {listed(most)}" if most else ""
