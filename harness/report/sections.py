"""The content of a report's sections, from a run and its verdict. Pure functions."""

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TypeVar

from harness.analysis.models import (
    Attribution,
    CellStatus,
    Comparison,
    Cure,
    Diagnosis,
    GateResult,
    Headline,
    Suspect,
    Verdict,
)
from harness.metrics.catalogue import Metric, describe
from harness.plan.question import Question
from harness.plan.variants import Variant
from harness.report.told import changed_metrics, suspects_of_changes
from harness.report.wording import tone
from harness.run.records import TrialRecord
from harness.run.store import Run

_NORMAL = 1.96
"""Two-sided quantile of the normal distribution for 95 %; for a sign test, on the safe side."""
_Finding = TypeVar("_Finding", Comparison, Suspect, Diagnosis, Cure, Attribution)


@dataclass(frozen=True)
class Answer:
    """What the top of the report says of one workload."""

    headline: Headline
    tone: str
    """Of the primary comparison of baseline and candidate."""
    suspects: tuple[Suspect, ...]
    """Of its changes."""
    diagnoses: tuple[Diagnosis, ...]
    cures: tuple[str, ...]
    """Variants without the change, each once."""
    attributions: tuple[str, ...]
    """Sentences, each once."""


@dataclass(frozen=True)
class HeatCell:
    """A variant of a workload, against the baseline, on one metric."""

    status: CellStatus | None
    comparison: Comparison | None
    median: float | None
    """Of the cell's own trials, in the metric's unit."""
    is_baseline: bool


@dataclass(frozen=True)
class HeatMap:
    """Variants × workloads of one primary metric."""

    metric: str
    unit: str
    less: str
    """What a smaller value is: ``better``, ``worse``, or ``changed`` where it is neither."""
    baseline: str
    workloads: tuple[str, ...]
    rows: tuple[tuple[Variant, tuple[HeatCell, ...]], ...]


@dataclass(frozen=True)
class Trouble:
    """A cell with fewer samples than planned, and why."""

    cell: CellStatus
    log: str
    """The tail of the log of the last trial that failed, or the compiler's message."""


class Samples:
    """Values of the trials that count, by workload, variant and metric."""

    def __init__(self, trials: Iterable[TrialRecord]) -> None:
        self._values: dict[tuple[str, str, str], list[float]] = defaultdict(list)
        for trial in trials:
            if not trial.ok:
                continue
            for metric, value in trial.metrics.items():
                if value is not None:
                    self._values[trial.workload, trial.variant, metric].append(value)

    def median(self, workload: str, variant: str, metric: str) -> float | None:
        """``None`` where there is no value."""
        values = self._values.get((workload, variant, metric))
        return statistics.median(values) if values else None

    def interval(self, workload: str, variant: str, metric: str) -> tuple[float, float] | None:
        """Of the median: between two trials, for it lies there with 95 % whatever the noise is.

        That takes six trials; of fewer, the lowest and the highest. ``None`` where there is none.
        """
        values = sorted(self._values.get((workload, variant, metric), ()))
        if not values:
            return None
        rank = max(1, math.floor((len(values) - _NORMAL * math.sqrt(len(values))) / 2))
        return values[rank - 1], values[-rank]


def answers(verdict: Verdict, question: Question) -> list[Answer]:
    """One for each workload with a headline, in the verdict's order."""
    asked = (question.baseline, question.candidate)
    result = []
    for headline in verdict.headlines:
        workload = headline.workload
        tones = [
            tone(c.decision, c.metric)
            for c in _of(verdict.comparisons, workload)
            if c.primary and (c.baseline, c.candidate) == asked
        ] or ["unclear"]
        result.append(
            Answer(
                headline=headline,
                tone=min(tones, key=("worse", "unclear", "changed", "better", "same").index),
                suspects=_of(suspects_of_changes(verdict), workload),
                diagnoses=_of(verdict.diagnosis, workload),
                cures=tuple(dict.fromkeys(c.variant for c in _of(verdict.cures, workload))),
                attributions=tuple(
                    dict.fromkeys(
                        a.sentence
                        for a in _of(verdict.attributions, workload)
                        if a.metric in changed_metrics(verdict, workload)
                    )
                ),
            )
        )
    return result


def credited(verdict: Verdict) -> frozenset[Suspect]:
    """Suspects that explain an improvement, for which nothing is blamed."""
    better = {
        (c.workload, c.metric, c.baseline, c.candidate)
        for c in verdict.comparisons
        if tone(c.decision, c.metric) == "better"
    }
    return frozenset(
        s
        for s in verdict.suspects
        if (s.workload, s.metric, s.baseline, s.candidate) in better
        and s.verdict in ("implicated", "contributes")
    )


def verdict_words(suspect: Suspect, credited: Collection[Suspect]) -> str:
    """A verdict as people read it: an improvement is nobody's fault."""
    if suspect in credited and suspect.verdict == "implicated":
        return "accounts for it"
    return suspect.verdict


def alike(verdict: Verdict) -> dict[str, list[str]]:
    """By workload: suspects that both sides have alike, which need no row of their own."""
    found: dict[str, dict[str, None]] = {}
    for suspect in verdict.suspects:
        if suspect.certainty == "same value":
            found.setdefault(suspect.workload, {}).update(dict.fromkeys(suspect.toggles))
    return {workload: list(names) for workload, names in found.items()}


def _of(findings: Iterable[_Finding], workload: str) -> tuple[_Finding, ...]:
    return tuple(found for found in findings if found.workload == workload)


def heat_maps(run: Run, verdict: Verdict, question: Question, samples: Samples) -> list[HeatMap]:
    """One for each primary metric."""
    baseline = question.baseline
    workloads = tuple(dict.fromkeys(c.workload for c in run.manifest.plan.cells))
    status = {(c.workload, c.variant): c for c in verdict.cells}
    against = {
        (c.metric, c.workload, c.candidate): c
        for c in verdict.comparisons
        if c.baseline == baseline
    }

    def cell(metric: str, workload: str, variant: str) -> HeatCell:
        return HeatCell(
            status=status.get((workload, variant)),
            comparison=against.get((metric, workload, variant)),
            median=samples.median(workload, variant, metric),
            is_baseline=variant == baseline,
        )

    maps = []
    for metric in question.metrics:
        rows = tuple(
            (variant, tuple(cell(metric, workload, variant.name) for workload in workloads))
            for variant in run.manifest.plan.variants
        )
        unit = next((c.unit for c in verdict.comparisons if c.metric == metric), "count")
        less = tone("decrease", metric)
        maps.append(HeatMap(metric, unit, less, baseline, workloads, rows))
    return maps


def split_rows(
    comparisons: Iterable[Comparison], question: Question
) -> tuple[list[Comparison], list[Comparison]]:
    """What shows before the reader unfolds anything, and the rest.

    To the question belong baseline and candidate; other variants' primary metrics are in the
    heat map already.
    """
    shown: list[Comparison] = []
    folded: list[Comparison] = []
    for c in comparisons:
        asked = (c.baseline, c.candidate) == (question.baseline, question.candidate)
        (shown if asked and (c.primary or c.changed) else folded).append(c)
    return shown, folded


def glossary(verdict: Verdict) -> list[Metric]:
    """The metrics of the run, by name."""
    return [describe(name) for name in sorted({c.metric for c in verdict.comparisons})]


def methods(verdict: Verdict) -> list[tuple[str, int]]:
    """The methods of intervals, with their number of comparisons, most frequent first."""
    return Counter(c.method for c in verdict.comparisons if c.ci is not None).most_common()


def corrections(verdict: Verdict) -> list[str]:
    """The corrections of p-values, primary comparisons first."""
    ordered = sorted(verdict.comparisons, key=lambda c: not c.primary)
    return list(dict.fromkeys(c.correction for c in ordered if c.correction))


def gates_by_state(verdict: Verdict) -> list[GateResult]:
    """Gates, those first that fail the run, then undecided ones."""
    return sorted(verdict.gates, key=lambda gate: gate.rank)


def troubles(run: Run, verdict: Verdict) -> list[Trouble]:
    """Every cell that was not measured in full, failures first."""
    logs = {(t.workload, t.variant): t.log for t in run.trials if not t.ok and t.log}
    order = ("failed", "partial", "not applicable")
    return [
        Trouble(cell, logs.get((cell.workload, cell.variant)) or _compiler_message(run, cell))
        for cell in sorted(
            (c for c in verdict.cells if c.status in order), key=lambda c: order.index(c.status)
        )
    ]


def _compiler_message(run: Run, cell: CellStatus) -> str:
    variant = next((v for v in run.manifest.plan.variants if v.name == cell.variant), None)
    build = run.manifest.build_of(cell.workload, variant) if variant else None
    return (build.error if build else None) or ""
