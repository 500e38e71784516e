"""How two variants' memory differs, in bytes, for rules that say where it sits."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from harness.analysis.pairing import middle
from harness.analysis.samples import Table, Values
from harness.analysis.stats.intervals import estimate
from harness.metrics.account import HEAP, PARTS
from harness.metrics.words import level
from harness.run.records import TrialRecord
from harness.text.words import amount, listed

ERROR = 0.004
"""One-sided error probability of a rule: that of a run, 5 %, divided among a dozen rules."""
PART = 0.2
"""Part of the resident set's change below which a difference is not material."""
MOST = 0.5
"""Part of a change that a function or a class of memory must make to be named."""
_LEAST = 256 * 1024.0
"""Bytes that are never material: a few stacks, a few spans."""
_SAME = 0.05
"""One-sided error probability of the finding that the settled heap is unchanged, as that of
``equivalent``."""

Found = Iterator[tuple[str, str]]
"""What a rule finds: pairs of signature and evidence."""
Of = Callable[[str], Values]
"""Gives a variant's values by block."""
Series = Sequence[tuple[float, float]]
"""Seconds since the start of a trial, resident bytes."""
Functions = Mapping[tuple[str, str], Mapping[str, float]]
"""(workload, variant) → allocation site → bytes or objects, the mean over its heap profiles.

A variant without an entry has no profile; one with an empty entry holds nothing."""
_COUNTED = ("heap.objects", "heap.unused", "heap.free", "heap.stacks")
"""What the runtime has mapped for objects, stacks and free spans."""


@dataclass(frozen=True)
class Evidence:
    """What diagnosis can use besides the trials' records; all of it is optional."""

    functions: Functions = field(default_factory=dict)
    """Bytes in use."""
    kinds: Mapping[str, Functions] = field(default_factory=dict)
    """The same for the other kinds of samples that the profiles have, as ``alloc_space``."""
    series: Mapping[tuple[str, str], Sequence[Series]] = field(default_factory=dict)
    """(workload, variant) → resident memory over time, one series a trial."""
    unreadable: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Workload → what is wrong with heap profiles that count as absent."""


@dataclass(frozen=True)
class MemoryChange:
    """Paired differences of one pair of variants, turned so that the change is a growth."""

    table: Table
    baseline: str
    candidate: str
    sign: float
    """-1 if the resident set is shown to shrink: the rules then say what shrank."""
    least: float
    """Bytes that are never material: the margin's part of the baseline, and a few spans."""
    threshold: float
    """Bytes above which a difference is material: these, and a part of the whole change."""
    evidence: Evidence

    @classmethod
    def of(
        cls, table: Table, baseline: str, candidate: str, margin: float, evidence: Evidence
    ) -> "MemoryChange | None":
        """Decide what grew, and which difference is material; ``None`` without resident sizes."""
        sizes = [middle(table.values(baseline, metric)) for metric in ("rss.end", "rss.peak")]
        known = [size for size in sizes if size is not None]
        if not known:
            return None
        least = max(margin * known[0], _LEAST)
        plain = cls(table, baseline, candidate, 1.0, least, least, evidence)
        sign, largest = 1.0, 0.0
        for metric in ("rss.peak", "rss.end"):
            change = plain.metric(metric)
            if plain.material(change) or plain.material(-change):
                size = middle(change) or 0.0
                if abs(size) > largest:
                    sign, largest = float(np.sign(size)), abs(size)
        threshold = max(least, PART * largest)
        return cls(table, baseline, candidate, sign, least, threshold, evidence)

    @property
    def verb(self) -> str:
        """``grew`` or ``shrank``."""
        return "grew" if self.sign > 0 else "shrank"

    @property
    def more(self) -> str:
        """``more`` or ``less``."""
        return "more" if self.sign > 0 else "less"

    def between(self, values: Of) -> Values:
        """Differences by block of what a function gives for the candidate and the baseline."""
        difference: Values = self.sign * (values(self.candidate) - values(self.baseline))
        return difference

    def metric(self, metric: str) -> Values:
        """Differences of a metric by block; NaN if a value is missing."""
        return self.between(self.values(metric))

    def mappings(self, names: Sequence[str], kind: str = "rss") -> Values:
        """Differences of the sum over classes of mappings; NaN without smaps."""
        return self.between(self.each(lambda trial: _class_sum(trial, names, kind)))

    def resident(self, *parts: str) -> Of:
        """Give the sum over parts of the account; NaN without an account."""

        def total(trial: TrialRecord) -> float:
            account = trial.account
            return float(sum(account.get(part, 0) for part in parts)) if account else math.nan

        return self.each(total)

    def part(self, *parts: str) -> Values:
        """Differences of the sum over parts of the account; NaN without an account."""
        return self.between(self.resident(*parts))

    def runtime(self, name: str) -> Of:
        """Give a number of ``runtime/metrics`` by its own name; NaN where a version lacks it."""

        def number(trial: TrialRecord) -> float:
            value = trial.runtime.get(name)
            return math.nan if value is None else value

        return self.each(number)

    def each(self, number: Callable[[TrialRecord], float]) -> Of:
        """Give a number of each trial; NaN where one is missing."""

        def values(variant: str) -> Values:
            trials = self.table.cells.get(variant, {})
            found = (trials.get(block) for block in self.table.blocks)
            return np.array([math.nan if trial is None else number(trial) for trial in found])

        return values

    @cached_property
    def accounted(self) -> bool:
        """Whether trials have an account: then each byte is booked by it."""
        return bool(np.isfinite(self.part()).any())

    def booked(self, part: str, metric: str) -> Of:
        """Give what is resident of a part; without an account a metric of the runtime's."""
        return self.resident(part) if self.accounted else self.values(metric)

    def booked_levels(self, part: str, metric: str, meaning: str = "") -> str:
        """Say what a part was in baseline and candidate, and what the runtime counts of it."""
        levels = f"{self.level(metric)}{f': {meaning}' if meaning else ''}"
        if self.accounted:
            resident = self.levels(self.resident(part))
            return f"{PARTS[part]} went from {resident} resident ({metric} {levels})"
        return f"{metric} went from {levels}"

    def mostly(self, parts: Sequence[str], whole: Values) -> str:
        """Name the parts that make most of a change, in brackets; empty where none does."""
        most = [
            f"{PARTS[part]} {self.levels(self.resident(part))}"
            for part in parts
            if self.makes_most(self.part(part), whole)
        ]
        return f" (most of it {listed(most)})" if most else ""

    def values(self, metric: str) -> Of:
        """Give a metric."""
        return lambda variant: self.table.values(variant, metric)

    def material(self, differences: Values) -> bool:
        """Whether the differences are shown to be above the threshold."""
        return p_value(differences - self.threshold, above=True) <= ERROR

    def stays(self, differences: Values) -> bool:
        """Whether the differences are shown to be below what is never material, either way."""
        signs = (differences, -differences)
        return all(p_value(d - self.least, above=False) <= ERROR for d in signs)

    def shown(self, differences: Values) -> bool:
        """Whether the differences are shown to be above zero."""
        return p_value(differences, above=True) <= ERROR

    def makes_most(self, part: Values, whole: Values) -> bool:
        """Whether a part is shown to exceed the threshold, and to make half of the whole."""
        return self.material(part) and self.shown(part - MOST * whole)

    @cached_property
    def live(self) -> str:
        """The metric that shows whether the live heap changed.

        ``heap.live`` holds whatever was in use at the last collection. If two collections after the
        load leave no more than before, nothing was retained.
        """
        settled = self.metric("heap.live.settled")
        same = p_value(settled - self.threshold, above=False) <= _SAME
        return "heap.live.settled" if same else "heap.live"

    @cached_property
    def collected(self) -> bool:
        """Whether some trial had a collection: without one, no heap is known to be live."""
        sides = (self.table.values(v, "gc.cycles") for v in (self.baseline, self.candidate))
        return any(middle(cycles) != 0 for cycles in sides)

    @cached_property
    def heap_unaccounted(self) -> Values:
        """Change of what is resident in the Go heap and the runtime does not count."""
        if self.accounted:
            return self.part(*HEAP) - sum(map(self.metric, _COUNTED))
        account = self.metric("runtime.mapped") - np.nan_to_num(self.runtime_metadata)
        return self.mappings(["go heap"]) - account

    @cached_property
    def runtime_metadata(self) -> Values:
        """Change of what the runtime maps beyond heap and stacks."""
        direct = self.metric("runtime.metadata")
        if np.isfinite(direct).any():
            return direct
        rest: Values = self.metric("runtime.mapped") - sum(map(self.metric, _COUNTED))
        return rest

    @cached_property
    def between_collections(self) -> Values:
        """Change of the bytes allocated from one collection to the next."""
        values = self.table.values
        return self.between(lambda v: values(v, "allocs.bytes") / (values(v, "gc.cycles") + 1))

    def level(self, metric: str, unit: str = "bytes") -> str:
        """``260 MiB to 402 MiB``: the medians of baseline and candidate."""
        return self.levels(self.values(metric), unit, metric)

    def levels(self, values: Of, unit: str = "bytes", metric: str = "") -> str:
        """The same of any values."""
        medians = [middle(values(variant)) for variant in (self.baseline, self.candidate)]
        return " to ".join("unknown" if m is None else level(metric, m, unit) for m in medians)


def _class_sum(trial: TrialRecord, names: Sequence[str], kind: str) -> float:
    if not trial.smaps:
        return math.nan
    return float(sum(trial.smaps.get(name, {}).get(kind, 0) for name in names))


def p_value(differences: Values, *, above: bool) -> float:
    """One-sided p-value that the mean is above zero, or below it."""
    found = estimate(differences[np.isfinite(differences)])
    if found is None:
        return 1.0
    return found.p_above(0.0) if above else found.p_below(0.0)


def size_of(differences: Values) -> str:
    """Size of the median difference, in words."""
    return amount(abs(middle(differences) or 0.0), "bytes")
