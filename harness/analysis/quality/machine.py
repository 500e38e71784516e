"""Warnings about the machine: what trials' own counters, outcomes and limits say about it."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from harness.analysis.models import Caution
from harness.analysis.quality.metrics import moved
from harness.analysis.samples import Table, Values
from harness.text.words import listed, percent

_FEW = 5
_BUSY = 0.12
"""Standard deviation of the time a program did not run, as a part of its wall time, above which a
machine counts as busy. Equal trials of the fixtures had 0.02 to 0.1 on an idle machine, and 0.14 to
0.26 with four times as many runnable programs as CPUs."""
_SLOWED = 0.1
"""Growth of CPU time over a run, as a part of it, that is worth a warning."""
_RELEVANT = {
    "nice", "scheduling policy", "personality", "memory policy", "no huge pages", "page merging",
    "no writable code", "limit cpu", "limit data", "limit stack", "limit rss", "limit as",
}  # fmt: skip
"""What a trial may inherit that affects memory, or the CPU time that it gets."""


def machine_cautions(table: Table, error: float) -> Iterator[Caution]:
    """Every warning about one workload's trials, failed ones too, and the machine they ran on.

    ``error`` is the probability of a false warning of each kind.
    """
    yield from _swap_used(table)
    yield from _busy_machine(table)
    yield from _throttled_cpu(table, error)
    yield from _failed_trials(table)
    yield from _inherited(table)


def _swap_used(table: Table) -> Iterator[Caution]:
    swapped = [table.values(variant, "swap") for variant in table.cells]
    if any((values > 0).any() for values in swapped):
        yield Caution(
            kind="swap used",
            message="parts of some trials' memory were swapped out: resident sizes are too small",
            remedy="free memory, run fewer lanes at once, or turn swap off",
        )


def _busy_machine(table: Table) -> Iterator[Caution]:
    waits = _waits(table)
    if waits is not None and waits > _BUSY:
        yield Caution(
            kind="busy machine",
            message="the time that the program did not run varies between equal trials by "
            f"{percent(waits)} of their wall time: it waited for something else on the machine",
            remedy="stop what else runs there, or give trials fewer lanes; "
            "this hardly affects memory, but it does affect wall time and GC pacing",
        )


def _waits(table: Table) -> float | None:
    """Standard deviation of wall less CPU time over mean wall time, the median over variants."""
    spreads = []
    for variant in table.cells:
        wall = table.values(variant, "wall")
        cpu = table.values(variant, "cpu.user") + table.values(variant, "cpu.system")
        known = (wall > 0) & (cpu >= 0)
        if known.sum() >= _FEW:
            parts = [(wall - cpu)[here][known[here]] for here in table.hosts.values()]
            spreads.append(_spread_within(parts) / float(wall[known].mean()))
    return float(np.median(spreads)) if spreads else None


def _spread_within(samples: Sequence[Values]) -> float:
    """Standard deviation about each sample's own mean: one host may be slower than another."""
    kept = [values for values in samples if values.size > 1]
    squares = sum(float(values.var()) * values.size for values in kept)
    return math.sqrt(squares / max(1, sum(values.size - 1 for values in kept)))


def _throttled_cpu(table: Table, error: float) -> Iterator[Caution]:
    slowed = moved(table, "cpu.user", error, _SLOWED)
    if slowed is not None and slowed[0] > 0:
        yield Caution(
            kind="throttled CPU",
            message=f"the same work took {percent(math.expm1(slowed[0]))} more CPU time at the end "
            "of the run than at its beginning",
            remedy="look for heat or a CPU quota; compare CPU time within rounds only",
        )


def _failed_trials(table: Table) -> Iterator[Caution]:
    failed = [t for t in table.trials if not t.ok]
    if failed and len(failed) < len(table.trials):
        variants = listed(sorted({t.variant for t in failed}))
        yield Caution(
            kind="failed trials",
            message=f"{len(failed)} of {len(table.trials)} trials failed ({variants}); those that "
            "failed may have needed most memory, so the others are not a fair sample",
            remedy="read their logs; raise trials.timeout or memory_limit if these ended them",
        )


def _inherited(table: Table) -> Iterator[Caution]:
    """Warn about what trials inherited from the harness's process and that affects measurements."""
    some = [t for t in table.trials if t.inherited.keys() & _RELEVANT]
    if some:
        known = dict.fromkeys(
            f"{name} {t.inherited[name]}" for t in some for name in t.inherited if name in _RELEVANT
        )
        yield Caution(
            kind="inherited",
            message=f"{len(some)} of {len(table.trials)} trials inherited from the harness what it "
            f"may not change: {listed(tuple(known))}; programs behave differently under it",
            remedy="start the harness from a plain shell (without nice, chrt, ulimit, setarch), "
            "or with the permission to change it (CAP_SYS_NICE, CAP_SYS_RESOURCE)",
        )
