"""Diagnosis: where the memory sits that two variants differ by.

Each rule looks at paired differences in bytes between candidate and baseline: the kernel's numbers,
the runtime's, and the resident bytes by class of mapping. It speaks only where its difference is
shown to be material, and names what it saw in numbers. Several rules may hold, or none.

A change of the sum is no change of the part that is named: a function or a class of memory is named
only where its own change has the sum's sign and makes at least half of it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from harness.analysis.models import Diagnosis
from harness.analysis.samples import Table, Values
from harness.analysis.stats.intervals import estimate
from harness.run.records import TrialRecord
from harness.text.words import amount, listed, percent

_ERROR = 0.004
"""One-sided error probability of a rule: that of a run, 5 %, over a dozen rules."""
_PART = 0.2
"""Part of the resident set's change below which a difference is not material."""
_LEAST = 256 * 1024.0
"""Bytes that are never material: a few stacks, a few spans."""
_MOST = 0.5
"""Part of a change that a function or a class must make to be named for it."""
_SAME = 0.05
"""One-sided error probability of the finding that the settled heap is the same, as that of
``equivalent``."""

_FEWEST_POINTS = 8
_MOST_POINTS = 60

Series = Sequence[tuple[float, float]]
"""Seconds since the start of a trial, resident bytes."""


@dataclass(frozen=True)
class Evidence:
    """What diagnosis can use beyond the trials' records; everything may be left out."""

    functions: Mapping[tuple[str, str], Mapping[str, float]] = field(default_factory=dict)
    """(workload, variant) → function → bytes in use, the mean over the variant's heap profiles.

    A variant without an entry has no profile; one with an empty entry holds nothing."""
    series: Mapping[tuple[str, str], Sequence[Series]] = field(default_factory=dict)
    """(workload, variant) → resident memory over time, one series a trial."""
    unreadable: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Workload → what is wrong with heap profiles that count as absent."""


def diagnose(
    table: Table, baseline: str, candidate: str, margin: float, evidence: Evidence
) -> tuple[Diagnosis, ...]:
    """Every rule that holds for one pair of variants.

    Args:
        table: the workload's samples.
        baseline: a variant's name.
        candidate: a variant's name.
        margin: part of the baseline's resident set below which nothing is material.
        evidence: profiles and series, where they were read.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # what is beyond floats shows nothing
        return _diagnose(_Seen.of(table, baseline, candidate, margin, evidence))


def _diagnose(seen: "_Seen | None") -> tuple[Diagnosis, ...]:
    if seen is None:
        return ()
    return tuple(
        Diagnosis(workload=seen.table.workload, baseline=seen.baseline, candidate=seen.candidate,
                  signature=signature, evidence=sentence)
        for rule in _RULES
        for signature, sentence in rule(seen)
    )  # fmt: skip


@dataclass(frozen=True)
class _Seen:
    """Paired differences of one pair of variants, turned so that the change is a growth."""

    table: Table
    baseline: str
    candidate: str
    sign: float
    """-1 where the resident set is shown to shrink: the rules then tell what shrank."""
    threshold: float
    """Bytes from which on a difference is material."""
    evidence: Evidence

    @classmethod
    def of(
        cls, table: Table, baseline: str, candidate: str, margin: float, evidence: Evidence
    ) -> "_Seen | None":
        size = next(
            (found for metric in ("rss.end", "rss.peak")
             if (found := _median(table.values(baseline, metric))) is not None),
            None,
        )  # fmt: skip
        if size is None:
            return None
        plain = cls(table, baseline, candidate, 1.0, max(margin * size, _LEAST), evidence)
        sign, largest = 1.0, 0.0
        for metric in ("rss.peak", "rss.end"):
            change = plain.of_metric(metric)
            if plain.material(change) or plain.material(-change):
                middle = _median(change) or 0.0
                if abs(middle) > largest:
                    sign, largest = float(np.sign(middle)), abs(middle)
        threshold = max(plain.threshold, _PART * largest)
        return cls(table, baseline, candidate, sign, threshold, evidence)

    @property
    def verb(self) -> str:
        return "grew" if self.sign > 0 else "shrank"

    @property
    def more(self) -> str:
        return "more" if self.sign > 0 else "less"

    def of_metric(self, metric: str) -> Values:
        """Differences by block; NaN where one is missing."""
        difference: Values = self.sign * (
            self.table.values(self.candidate, metric) - self.table.values(self.baseline, metric)
        )
        return difference

    def of_classes(self, names: Sequence[str], kind: str = "rss") -> Values:
        """Differences of the sum over classes of mappings; NaN without smaps."""

        def total(variant: str) -> Values:
            trials = self.table.cells.get(variant, {})
            return np.array([_class_sum(trials.get(b), names, kind) for b in self.table.blocks])

        difference: Values = self.sign * (total(self.candidate) - total(self.baseline))
        return difference

    def material(self, differences: Values) -> bool:
        """Whether they are shown to be above the threshold."""
        return _p(differences - self.threshold, above=True) <= _ERROR

    def small(self, differences: Values) -> bool:
        """Whether they are shown to be below the threshold."""
        return _p(differences - self.threshold, above=False) <= _ERROR

    def shown(self, differences: Values) -> bool:
        """Whether they are shown to be above zero."""
        return _p(differences, above=True) <= _ERROR

    def most(self, part: Values, whole: Values) -> bool:
        """Whether a part is shown to be above the threshold, and to make half of the whole."""
        return self.material(part) and self.shown(part - _MOST * whole)

    @cached_property
    def live(self) -> str:
        """The metric that tells the live heap's change.

        What the last collection found live holds what was in use just then. Where two collections
        after the load leave no more than before, nothing has come to stay.
        """
        settled = self.of_metric("heap.live.settled")
        same = _p(settled - self.threshold, above=False) <= _SAME
        return "heap.live.settled" if same else "heap.live"

    @cached_property
    def heap_unaccounted(self) -> Values:
        """Resident in the Go heap's mappings, beyond what the runtime's account of it changed by.

        NaN without smaps.
        """
        account = self.of_metric("runtime.mapped") - np.nan_to_num(_runtime_metadata(self))
        rest: Values = self.of_classes(["go heap"]) - account
        return rest

    def level(self, metric: str, unit: str = "bytes") -> str:
        """``260 MiB to 402 MiB``: the medians of baseline and candidate."""
        values = [_median(self.table.values(v, metric)) for v in (self.baseline, self.candidate)]
        return " to ".join("unknown" if v is None else amount(v, unit) for v in values)


Rule = Callable[[_Seen], Iterator[tuple[str, str]]]


def _residency(seen: _Seen) -> Iterator[tuple[str, str]]:
    """Resident in the Go heap's mappings, while the runtime's own account did not grow."""
    unseen = seen.of_metric("unseen")
    if not seen.material(unseen):
        return
    heap = seen.heap_unaccounted
    if np.isfinite(heap).any() and not seen.most(heap, unseen):
        return
    released, free = seen.of_metric("heap.released"), seen.of_classes(["go heap"], "free")
    lazily = seen.most(free, unseen)
    kept = lazily or seen.most(released, unseen)
    numbers = (
        f"unseen went from {seen.level('unseen')} while the runtime's own account "
        f"(runtime.mapped) went from {seen.level('runtime.mapped')}"
    )
    signature = "resident but unseen by the runtime: "
    huge = seen.of_classes(["go heap"], "huge")
    if seen.most(huge, unseen):
        yield (
            signature + "transparent huge pages",
            (
                f"{numbers}; {_amount(huge)} {seen.more} of the Go heap is in huge pages, "
                "which make whole 2 MiB resident where a part is touched"
            ),
        )
    elif lazily:
        yield (
            signature + "pages not returned to the OS",
            (
                f"{numbers}; {_amount(free)} {seen.more} of the Go heap was given back by "
                "MADV_FREE, which the kernel counts as resident until it needs the pages: "
                "GODEBUG=madvdontneed=1 returns them at once"
            ),
        )
    elif kept:
        yield (
            signature + "pages not returned to the OS",
            (
                f"{numbers}; the runtime released {_amount(released)} {seen.more}, but the kernel "
                "still counts these pages as resident"
            ),
        )
    else:
        grown = "became" if seen.sign > 0 else "are no longer"
        where = (
            f"; beyond what the runtime accounts for, {_amount(heap)} {seen.more} of the Go heap's "
            "mappings is resident"
            if np.isfinite(heap).any()
            else ""
        )
        yield (
            signature + f"untouched heap pages {grown} resident",
            (
                f"{numbers}{where}: pages that the program has allocated and not used "
                f"{grown} resident, as when the allocator zeroes memory that is zero already"
            ),
        )


def _live_heap(seen: _Seen) -> Iterator[tuple[str, str]]:
    live = seen.of_metric(seen.live)
    if not seen.material(live):
        return
    functions = _functions(seen, _median(live) or 0.0)
    named = f"; most of it in {functions}" if functions else ""
    yield f"live heap {seen.verb}", f"{seen.live} went from {seen.level(seen.live)}{named}"


def _fragmentation(seen: _Seen) -> Iterator[tuple[str, str]]:
    for metric, signature, meaning in (
        ("heap.unused", "heap fragmentation", "reserved for objects in spans, but not used by any"),
        ("heap.free", "free spans", "free in the runtime and not returned to the kernel"),
    ):
        if seen.material(seen.of_metric(metric)):
            told = f"{metric} ({meaning}) went from {seen.level(metric)}"
            yield f"{signature} {seen.verb}", told


def _pacing(seen: _Seen) -> Iterator[tuple[str, str]]:
    """The collector lets more garbage gather on the same live heap."""
    parts = ("heap.objects", "heap.unused", "heap.free")
    heap: Values = sum((seen.of_metric(name) for name in parts), np.zeros(1))
    if seen.material(seen.of_metric(seen.live)) or not seen.material(heap):
        return
    later = seen.most(seen.of_metric("heap.goal"), heap)
    fewer = seen.most(_between_collections(seen), heap)
    if not (later or fewer):
        return
    counts = f"gc.cycles went from {seen.level('gc.cycles', 'count')}" if fewer else ""
    goals = f"heap.goal went from {seen.level('heap.goal')}" if later else ""
    told = "; ".join(part for part in (counts, goals) if part)
    yield (
        "GC pacing",
        (
            f"the live heap explains little of it ({seen.level(seen.live)}), "
            f"but {told}: the collector runs {'less' if seen.sign > 0 else 'more'} often "
            f"and lets {seen.more} garbage gather"
        ),
    )


def _churn(seen: _Seen) -> Iterator[tuple[str, str]]:
    """More allocation and no more memory kept."""
    allocated = seen.of_metric("allocs.bytes")
    base = _median(seen.table.values(seen.baseline, "allocs.bytes"))
    live = seen.of_metric(seen.live)
    if base is None or not (seen.small(live) and seen.small(-live)):
        return
    part = allocated - _PART * base
    if seen.material(allocated) and seen.shown(part):
        yield (
            f"allocation churn {seen.verb}",
            (
                f"allocs.bytes went from {seen.level('allocs.bytes')}, while the live heap stayed "
                f"({seen.level(seen.live)}): short-lived objects, which cost CPU more than memory"
            ),
        )


def _stacks(seen: _Seen) -> Iterator[tuple[str, str]]:
    if seen.material(seen.of_metric("heap.stacks")):
        yield (
            f"goroutine stacks {seen.verb}",
            f"heap.stacks went from {seen.level('heap.stacks')}: "
            + (
                "more goroutines, or deeper calls"
                if seen.sign > 0
                else "fewer goroutines, or shallower calls"
            ),
        )


def _metadata(seen: _Seen) -> Iterator[tuple[str, str]]:
    if seen.material(_runtime_metadata(seen)):
        yield (
            f"runtime metadata {seen.verb}",
            f"the runtime's own structures take {_amount(_runtime_metadata(seen))} {seen.more}",
        )


def _outside(seen: _Seen) -> Iterator[tuple[str, str]]:
    """Anonymous memory that belongs neither to the Go heap nor to the runtime's structures."""
    kinds = {"c heap": "C heap", "other": "other mappings", "stack": "the first thread's stack",
             "thread stack": "stacks of C threads", "go metadata": "unnamed mappings"}  # fmt: skip
    classes = {name: seen.of_classes([name]) for name in kinds}
    own = "go metadata" if np.any(classes["go metadata"]) else "other"  # the latter beside C code
    classes[own] -= np.maximum(np.nan_to_num(_runtime_metadata(seen)), 0.0)
    outside: Values = sum(classes.values(), np.zeros(1))
    if not seen.material(outside):
        return
    told = listed(
        [
            f"{words} {_amount(classes[name])}"
            for name, words in kinds.items()
            if seen.shown(classes[name] - _MOST * outside)
        ]
    )
    yield (
        f"memory outside the Go heap {seen.verb}",
        (
            f"{_amount(outside)} {seen.more} is resident in mappings that are not the Go heap's "
            f"({told or 'several kinds'}), unknown to the runtime: C code, mmap or the like"
        ),
    )


def _files(seen: _Seen) -> Iterator[tuple[str, str]]:
    files = seen.of_metric("rss.file")
    if not np.isfinite(files).any():
        files = seen.of_classes(["text", "file"])
    if seen.material(files):
        yield (
            f"binary and file pages {seen.verb}",
            (
                f"{_amount(files)} {seen.more} of resident memory is backed by files "
                f"(rss.file {seen.level('rss.file')}): the binary, or files that it maps"
            ),
        )


def _transient(seen: _Seen) -> Iterator[tuple[str, str]]:
    """A higher peak, while average and end stay."""
    peak = seen.of_metric("rss.peak")
    rest = {name: seen.of_metric(name) for name in ("rss.avg", "rss.end")}
    rest = {name: change for name, change in rest.items() if np.isfinite(change).any()}
    apart = [seen.shown(_MOST * peak - change) for change in rest.values()]
    if seen.material(peak) and apart and all(apart):
        yield (
            f"transient peak {seen.verb}",
            (
                f"rss.peak went from {seen.level('rss.peak')}, but "
                + listed([f"{name} from {seen.level(name)}" for name in rest])
            ),
        )


def _growth(seen: _Seen) -> Iterator[tuple[str, str]]:
    """The candidate goes on growing in its second half, and the baseline does not."""
    slopes = {
        variant: np.array(
            [
                slope
                for series in seen.evidence.series.get((seen.table.workload, variant), ())
                if (slope := late_growth(series)) is not None
            ]
        )
        for variant in (seen.baseline, seen.candidate)
    }
    base, cand = slopes[seen.baseline], slopes[seen.candidate]
    if base.size < 2 or cand.size < 2:  # noqa: PLR2004 - no spread in one
        return
    gained = cand[:, 0] * cand[:, 1]
    still = base[:, 0] * base[:, 1]
    found = estimate(cand[:, 0])
    interval = found.interval(0.95) if found else None
    if (
        _p(gained - seen.threshold, above=True) <= _ERROR
        and _p(np.abs(still) - seen.threshold, above=False) <= _ERROR
        and interval is not None
    ):
        low, high = (amount(bound, "bytes") for bound in interval)
        yield (
            "memory grows over time",
            (
                f"resident memory of {seen.candidate} still grows by "
                f"{amount(float(np.mean(cand[:, 0])), 'bytes')} a second in a trial's second half "
                f"(95 % interval {low} to {high}), that of {seen.baseline} does not: a leak, "
                "if a longer run goes on like this"
            ),
        )


_RULES: tuple[Rule, ...] = (
    _residency, _live_heap, _fragmentation, _pacing, _churn, _stacks, _metadata, _outside, _files,
    _transient, _growth,
)  # fmt: skip


def late_growth(series: Series) -> tuple[float, float] | None:
    """Slope in bytes per second over the second half of a series, and that half's seconds.

    Theil and Sen's estimator, the median of the slopes between pairs (Sen, JASA 63, 1968): a single
    collection or a spike does not move it.
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


def _runtime_metadata(seen: _Seen) -> Values:
    """What the runtime maps beyond heap and stacks."""
    direct = seen.of_metric("runtime.metadata")
    if np.isfinite(direct).any():
        return direct
    parts = ("heap.objects", "heap.unused", "heap.free", "heap.stacks")
    rest: Values = seen.of_metric("runtime.mapped") - sum(seen.of_metric(name) for name in parts)
    return rest


def _between_collections(seen: _Seen) -> Values:
    """What is allocated from one collection to the next."""

    def spaced(variant: str) -> Values:
        cycles = seen.table.values(variant, "gc.cycles")
        result: Values = seen.table.values(variant, "allocs.bytes") / (cycles + 1)
        return result

    difference: Values = seen.sign * (spaced(seen.candidate) - spaced(seen.baseline))
    return difference


def _functions(seen: _Seen, whole: float) -> str:
    """The functions whose bytes in use make most of a change, with amounts."""
    key = seen.table.workload
    base = seen.evidence.functions.get((key, seen.baseline))
    cand = seen.evidence.functions.get((key, seen.candidate))
    if base is None or cand is None:
        return ""
    moved = {
        name: seen.sign * (cand.get(name, 0.0) - base.get(name, 0.0)) for name in {*base, *cand}
    }
    largest = sorted(moved, key=lambda name: (-moved[name], name))
    return listed(
        [
            f"{name} ({'+' if seen.sign > 0 else '-'}{amount(moved[name], 'bytes')}, "
            f"{percent(moved[name] / whole)})"
            for name in largest
            if moved[name] >= _MOST * whole > 0
        ]
    )


def _class_sum(trial: TrialRecord | None, names: Sequence[str], kind: str) -> float:
    if trial is None or not trial.smaps:
        return float("nan")
    return float(sum(trial.smaps.get(name, {}).get(kind, 0) for name in names))


def _p(differences: Values, *, above: bool) -> float:
    found = estimate(differences[np.isfinite(differences)])
    if found is None:
        return 1.0
    return found.p_above(0.0) if above else found.p_below(0.0)


def _median(values: Values) -> float | None:
    values = values[np.isfinite(values)]
    return float(np.median(values)) if values.size else None


def _amount(differences: Values) -> str:
    return amount(abs(_median(differences) or 0.0), "bytes")
