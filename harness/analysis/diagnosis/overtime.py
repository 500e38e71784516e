"""What changes while a trial runs: a peak that does not last, and growth that does."""

import math
from collections.abc import Iterable

import numpy as np

from harness.analysis.diagnosis.growth import Growth, growth_of
from harness.analysis.memory import ERROR, MOST, Found, MemoryChange, p_value
from harness.analysis.pairing import middle
from harness.analysis.samples import Values
from harness.analysis.stats.intervals import estimate
from harness.run.records import TrialRecord
from harness.text.words import amount, difference, listed

_FEWEST = 2
"""Trials of each side from which on there is a spread."""
_OWN = {
    "runtime.metadata": "the runtime's own structures",
    "runtime.buckets": "profiler buckets",
    "runtime.other": "other memory of the runtime",
}


def transient(change: MemoryChange) -> Found:
    """A higher peak, while the end stays, and the average of most trials.

    One trial whose peak lasted on a busy machine is no reason to doubt what the ends show.
    """
    peak = change.metric("rss.peak")
    rest = {name: change.metric(name) for name in ("rss.avg", "rss.end")}
    rest = {name: values for name, values in rest.items() if np.isfinite(values).any()}
    apart = {name: MOST * peak - values for name, values in rest.items()}
    if not apart or any((middle(values) or 0.0) <= 0 for values in apart.values()):
        return
    surest = apart.get("rss.end", apart.get("rss.avg"))
    if change.material(peak) and surest is not None and change.shown(surest):
        others = listed([f"{name} from {change.level(name)}" for name in rest])
        told = f"rss.peak went from {change.level('rss.peak')}, but {others}"
        yield f"transient peak {change.verb}", told


def growth(change: MemoryChange) -> Found:
    """The candidate still grows at the end of a trial, and the baseline does not."""
    base, cand = (_growths(change, variant) for variant in (change.baseline, change.candidate))
    if not _only_candidate(change, [g.gained for g in base], [g.gained for g in cand]):
        return
    if sum(g.goes_on for g in cand) <= len(cand) / 2:  # it has stopped, or was one step
        return
    found = estimate(np.array([g.late for g in cand]))
    interval = found.interval(0.95) if found else None
    if interval is None:
        return
    low, high = (amount(bound, "bytes") for bound in interval)
    told = (
        f"resident memory of {change.candidate} still grows by "
        f"{amount(_mean(g.late for g in cand), 'bytes')} a second in a trial's second half "
        f"(95 % interval {low} to {high}), and that of {change.baseline} does not: "
        f"{_meaning(change, cand)}"
    )
    yield "memory grows over time", told


def _meaning(change: MemoryChange, growths: list[Growth]) -> str:
    """Whether that is a leak, as far as can be told, or what else it may be."""
    if sum(g.slows for g in growths) > len(growths) / 2:
        early = amount(_mean(g.early for g in growths), "bytes")
        return f"it slows, from {early} a second in the first half, as when a cache fills"
    ends = change.metric("rss.end")
    higher = ends if np.isfinite(ends).any() else change.metric("rss.peak")
    if change.sign < 0 or not change.shown(higher):
        return "it has not come to what the baseline has, which may fill the same memory earlier"
    if change.live == "heap.live.settled":
        return (
            "two collections after the load leave no more live heap than in the baseline "
            f"({change.level('heap.live.settled')}), so that no objects leak"
        )
    late = _mean(g.gained for g in growths)
    live, *heap = (
        middle(_late_gains(change, change.candidate, name))
        for name in ("heap.live", "heap.objects", "heap.unused", "heap.free")
    )
    if live is not None and live < MOST * late <= sum(gain or 0.0 for gain in heap):
        return (
            f"by the snapshots only {amount(max(live, 0.0), 'bytes')} of that is live heap, the "
            "rest is garbage or room"
        )
    return "a leak, if a longer run goes on like this"


def runtime_growth(change: MemoryChange) -> Found:
    """The runtime's own memory still grows at the end of a trial, by its snapshots."""
    for metric, words in _OWN.items():
        base, cand = (
            [gain for gain in _late_gains(change, variant, metric) if math.isfinite(gain)]
            for variant in (change.baseline, change.candidate)
        )
        if _only_candidate(change, base, cand):
            told = (
                f"{metric} of {change.candidate} changes by "
                f"{difference(_mean(cand), 'bytes')} in a trial's second half, by its snapshots, "
                f"that of {change.baseline} by {difference(_mean(base), 'bytes')}"
            )
            yield f"growth over time of {words}", told


def _growths(change: MemoryChange, variant: str) -> list[Growth]:
    every = change.evidence.series.get((change.table.workload, variant), ())
    return [growth for series in every if (growth := growth_of(series)) is not None]


def _only_candidate(change: MemoryChange, base: list[float], cand: list[float]) -> bool:
    """Whether the candidate is shown to gain, a material size, and the baseline not to."""
    if len(base) < _FEWEST or len(cand) < _FEWEST:
        return False
    return (
        p_value(np.array(cand) - change.least, above=True) <= ERROR
        and float(np.median(cand)) > change.threshold
        and p_value(np.abs(base) - change.threshold, above=False) <= ERROR
    )


def _late_gains(change: MemoryChange, variant: str, metric: str) -> Values:
    """By block: what a metric gains in a trial's second half, by snapshots around its middle."""
    return change.each(lambda trial: _late_gain(trial, metric))(variant)


def _late_gain(trial: TrialRecord, metric: str) -> float:
    wall, last = trial.metrics.get("wall"), trial.metrics.get(metric)
    if not wall or last is None:
        return math.nan
    timed = sorted(
        (seconds, value)
        for name, mark in trial.marks.items()
        if (seconds := _seconds(name)) and (value := mark.get(metric)) is not None
    )
    if not timed or timed[-1][0] < wall / 2:
        return math.nan
    times, values = zip(*timed, strict=True)
    return last - float(np.interp(wall / 2, times, values))


def _seconds(mark: str) -> float:
    """When a snapshot was taken; 0 for a server's, which have names."""
    number = mark.removesuffix("s")
    return float(number) if number.replace(".", "").isdecimal() and number != mark else 0.0


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
