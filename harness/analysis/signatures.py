"""Diagnosis: where the memory sits by which two variants differ.

Each rule looks at paired differences in bytes between candidate and baseline: the kernel's numbers,
the runtime's, and resident bytes by class of mapping. A rule holds only if its difference is shown
to be material, and it gives the numbers. Several rules may hold, or none.

A function or a class of memory is named only if its own change has the sign of the whole and makes
at least half of it.
"""

from collections.abc import Callable, Iterator

import numpy as np

from harness.analysis.memory import (
    ERROR,
    MOST,
    PART,
    Evidence,
    MemoryChange,
    Series,
    p_value,
    size_of,
)
from harness.analysis.models import Diagnosis
from harness.analysis.pairing import middle
from harness.analysis.samples import Table, Values
from harness.analysis.stats.intervals import estimate
from harness.plan.question import Question
from harness.text.words import amount, listed, percent

Rule = Callable[[MemoryChange], Iterator[tuple[str, str]]]
"""Gives pairs of signature and evidence."""
_FEWEST_POINTS = 8
_MOST_POINTS = 60


def diagnose(table: Table, question: Question, evidence: Evidence) -> tuple[Diagnosis, ...]:
    """Apply every rule to baseline and candidate."""
    baseline, candidate = question.baseline, question.candidate
    if candidate is None:
        return ()
    with np.errstate(over="ignore", invalid="ignore"):  # values beyond floats show nothing
        change = MemoryChange.of(table, baseline, candidate, question.margin, evidence)
        found = [pair for rule in RULES for pair in rule(change)] if change else []
    return tuple(
        Diagnosis(
            workload=table.workload, baseline=baseline, candidate=candidate,
            signature=signature, evidence=told,
        )
        for signature, told in found
    )  # fmt: skip


def _residency(change: MemoryChange) -> Iterator[tuple[str, str]]:
    """Resident in the Go heap's mappings, while the runtime's own account did not grow."""
    unseen, heap = change.metric("unseen"), change.heap_unaccounted
    known = np.isfinite(heap).any()
    if not change.material(unseen) or (known and not change.makes_most(heap, unseen)):
        return
    pages, words = _unseen_pages(change, unseen, heap)
    told = (
        f"unseen went from {change.level('unseen')} while the runtime's own account "
        f"(runtime.mapped) went from {change.level('runtime.mapped')}{words}"
    )
    yield f"resident but unseen by the runtime: {pages}", told


def _unseen_pages(change: MemoryChange, unseen: Values, heap: Values) -> tuple[str, str]:
    """Which pages the runtime does not see, and what shows it."""
    huge, free = (change.mappings(["go heap"], kind) for kind in ("huge", "free"))
    released = change.metric("heap.released")
    if change.makes_most(huge, unseen):
        return "transparent huge pages", (
            f"; {size_of(huge)} {change.more} of the Go heap is in huge pages, which make 2 MiB "
            "resident when any part of them is touched"
        )
    if change.makes_most(free, unseen):
        return "pages not returned to the OS", (
            f"; {size_of(free)} {change.more} of the Go heap was given back by MADV_FREE, which "
            "the kernel counts as resident until it needs the pages: GODEBUG=madvdontneed=1 "
            "returns them at once"
        )
    if change.makes_most(released, unseen):
        return "pages not returned to the OS", (
            f"; the runtime released {size_of(released)} {change.more}, but the kernel still "
            "counts these pages as resident"
        )
    grown = "became" if change.sign > 0 else "are no longer"
    where = (
        f"; beyond what the runtime accounts for, {size_of(heap)} {change.more} of the Go heap's "
        "mappings is resident"
        if np.isfinite(heap).any()
        else ""
    )
    return f"untouched heap pages {grown} resident", (
        f"{where}: pages that the program allocated and has not used {grown} resident, as when "
        "the allocator zeroes memory that is already zero"
    )


def _live_heap(change: MemoryChange) -> Iterator[tuple[str, str]]:
    live = change.metric(change.live)
    if not change.material(live):
        return
    functions = _functions(change, middle(live) or 0.0)
    named = f"; most of it in {functions}" if functions else ""
    told = f"{change.live} went from {change.level(change.live)}{named}"
    yield f"live heap {change.verb}", told


def _fragmentation(change: MemoryChange) -> Iterator[tuple[str, str]]:
    for metric, signature, meaning in (
        ("heap.unused", "heap fragmentation", "reserved for objects in spans, but not used by any"),
        ("heap.free", "free spans", "free in the runtime and not returned to the kernel"),
    ):
        if change.material(change.metric(metric)):
            told = f"{metric} ({meaning}) went from {change.level(metric)}"
            yield f"{signature} {change.verb}", told


def _pacing(change: MemoryChange) -> Iterator[tuple[str, str]]:
    """The collector lets more garbage accumulate on the same live heap."""
    parts = ("heap.objects", "heap.unused", "heap.free")
    heap = sum((change.metric(name) for name in parts), np.zeros(1))
    if change.material(change.metric(change.live)) or not change.material(heap):
        return
    later = change.makes_most(change.metric("heap.goal"), heap)
    fewer = change.makes_most(change.between_collections, heap)
    if not (later or fewer):
        return
    counts = f"gc.cycles went from {change.level('gc.cycles', 'count')}" if fewer else ""
    goals = f"heap.goal went from {change.level('heap.goal')}" if later else ""
    told = (
        f"the live heap explains little of it ({change.level(change.live)}), "
        f"but {'; '.join(filter(None, (counts, goals)))}: the collector runs "
        f"{'less' if change.sign > 0 else 'more'} often and lets {change.more} garbage accumulate"
    )
    yield "GC pacing", told


def _churn(change: MemoryChange) -> Iterator[tuple[str, str]]:
    """More allocation, but no more memory retained."""
    allocated = change.metric("allocs.bytes")
    base = middle(change.table.values(change.baseline, "allocs.bytes"))
    live = change.metric(change.live)
    if base is None or not (change.small(live) and change.small(-live)):
        return
    part = allocated - PART * base
    if change.material(allocated) and change.shown(part):
        told = (
            f"allocs.bytes went from {change.level('allocs.bytes')}, while the live heap stayed "
            f"({change.level(change.live)}): short-lived objects, which cost CPU more than memory"
        )
        yield f"allocation churn {change.verb}", told


def _stacks(change: MemoryChange) -> Iterator[tuple[str, str]]:
    cause = "more goroutines, or deeper" if change.sign > 0 else "fewer goroutines, or shallower"
    if change.material(change.metric("heap.stacks")):
        told = f"heap.stacks went from {change.level('heap.stacks')}: {cause} calls"
        yield f"goroutine stacks {change.verb}", told


def _metadata(change: MemoryChange) -> Iterator[tuple[str, str]]:
    if change.material(change.runtime_metadata):
        told = f"the runtime's own structures take {size_of(change.runtime_metadata)} {change.more}"
        yield f"runtime metadata {change.verb}", told


def _outside(change: MemoryChange) -> Iterator[tuple[str, str]]:
    """Anonymous memory outside the Go heap and the runtime's own structures."""
    kinds = {"c heap": "C heap", "other": "other mappings", "stack": "the first thread's stack",
             "thread stack": "stacks of C threads", "go metadata": "unnamed mappings"}  # fmt: skip
    classes = {name: change.mappings([name]) for name in kinds}
    own = "go metadata" if np.any(classes["go metadata"]) else "other"  # the latter beside C code
    classes[own] -= np.maximum(np.nan_to_num(change.runtime_metadata), 0.0)
    outside = sum(classes.values(), np.zeros(1))
    if not change.material(outside):
        return
    most = [
        f"{words} {size_of(classes[name])}"
        for name, words in kinds.items()
        if change.shown(classes[name] - MOST * outside)
    ]
    told = (
        f"{size_of(outside)} {change.more} is resident in mappings that are not the Go heap's "
        f"({listed(most) or 'several kinds'}), unknown to the runtime: C code, mmap and the like"
    )
    yield f"memory outside the Go heap {change.verb}", told


def _files(change: MemoryChange) -> Iterator[tuple[str, str]]:
    files = change.metric("rss.file")
    if not np.isfinite(files).any():
        files = change.mappings(["text", "file"])
    if change.material(files):
        told = (
            f"{size_of(files)} {change.more} of resident memory is backed by files "
            f"(rss.file {change.level('rss.file')}): the binary, or files that it maps"
        )
        yield f"binary and file pages {change.verb}", told


def _transient(change: MemoryChange) -> Iterator[tuple[str, str]]:
    """A higher peak, while average and end stay."""
    peak = change.metric("rss.peak")
    rest = {name: change.metric(name) for name in ("rss.avg", "rss.end")}
    rest = {name: values for name, values in rest.items() if np.isfinite(values).any()}
    apart = [change.shown(MOST * peak - values) for values in rest.values()]
    if change.material(peak) and apart and all(apart):
        others = listed([f"{name} from {change.level(name)}" for name in rest])
        told = f"rss.peak went from {change.level('rss.peak')}, but {others}"
        yield f"transient peak {change.verb}", told


def _growth(change: MemoryChange) -> Iterator[tuple[str, str]]:
    """The candidate still grows in the second half of a trial, and the baseline does not."""
    base, cand = (
        np.array([
            slope
            for series in change.evidence.series.get((change.table.workload, variant), ())
            if (slope := late_growth(series)) is not None
        ])
        for variant in (change.baseline, change.candidate)
    )  # fmt: skip
    if base.size < 2 or cand.size < 2:  # noqa: PLR2004 - no spread in one
        return
    gained, still = cand.prod(axis=1), np.abs(base.prod(axis=1))
    found = estimate(cand[:, 0])
    interval = found.interval(0.95) if found else None
    if (
        p_value(gained - change.threshold, above=True) <= ERROR
        and p_value(still - change.threshold, above=False) <= ERROR
        and interval is not None
    ):
        low, high = (amount(bound, "bytes") for bound in interval)
        told = (
            f"resident memory of {change.candidate} still grows by "
            f"{amount(float(np.mean(cand[:, 0])), 'bytes')} a second in a trial's second half "
            f"(95 % interval {low} to {high}), and that of {change.baseline} does not: a leak, "
            "if a longer run continues like this"
        )
        yield "memory grows over time", told


def _functions(change: MemoryChange, whole: float) -> str:
    """Name the functions that make most of a change, with their bytes."""
    base, cand = (
        change.evidence.functions.get((change.table.workload, variant))
        for variant in (change.baseline, change.candidate)
    )
    if base is None or cand is None:
        return ""
    moved = {
        name: change.sign * (cand.get(name, 0.0) - base.get(name, 0.0)) for name in {*base, *cand}
    }
    largest = sorted(moved, key=lambda name: (-moved[name], name))
    sign = "+" if change.sign > 0 else "-"
    return listed([
        f"{name} ({sign}{amount(moved[name], 'bytes')}, {percent(moved[name] / whole)})"
        for name in largest
        if moved[name] >= MOST * whole > 0
    ])  # fmt: skip


def late_growth(series: Series) -> tuple[float, float] | None:
    """Slope over the second half of a series, in bytes per second, and the length of that half.

    Theil and Sen's estimator is the median of the slopes between all pairs (Sen, JASA 63, 1968): a
    single collection or spike does not change it. ``None`` if there are too few points.
    """
    if not series:
        return None
    points = np.array(series, dtype=np.float64)
    points = points[points[:, 0] >= (points[0, 0] + points[-1, 0]) / 2]
    if len(points) < _FEWEST_POINTS:
        return None
    points = points[np.linspace(0, len(points) - 1, min(len(points), _MOST_POINTS)).astype(int)]
    time, size = points[:, 0], points[:, 1]
    first, second = np.triu_indices(len(points), k=1)
    span = time[second] - time[first]
    apart = span > 0
    if not apart.any():
        return None
    slopes = (size[second] - size[first])[apart] / span[apart]
    return float(np.median(slopes)), float(time[-1] - time[0])


RULES: tuple[Rule, ...] = (
    _residency, _live_heap, _fragmentation, _pacing, _churn, _stacks, _metadata, _outside, _files,
    _transient, _growth,
)  # fmt: skip
