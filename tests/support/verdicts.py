"""Verdicts made of plain numbers, so that tests of the report need no analysis."""

import statistics

from harness.analysis.models import (
    CellStatus,
    Comparison,
    Decision,
    Diagnosis,
    GateResult,
    Headline,
    Suspect,
    Verdict,
)
from harness.metrics.catalogue import CATALOGUE
from harness.run.store import Run


def make_verdict(run: Run, baseline: str, candidate: str, *, primary: str = "rss.peak") -> Verdict:
    """Every variant against the baseline, judged by its medians alone."""
    medians: dict[tuple[str, str, str], float] = {}
    counts: dict[tuple[str, str, str], int] = {}
    values: dict[tuple[str, str, str], list[float]] = {}
    for trial in run.trials:
        for metric, value in trial.metrics.items():
            if trial.ok and value is not None:
                values.setdefault((trial.workload, trial.variant, metric), []).append(value)
    for key, sample in values.items():
        medians[key], counts[key] = statistics.median(sample), len(sample)
    comparisons = []
    for (workload, variant, metric), value in medians.items():
        if variant == baseline or (workload, baseline, metric) not in medians:
            continue
        before = medians[workload, baseline, metric]
        ratio = value / before if before else None
        comparisons.append(
            Comparison(
                workload=workload, metric=metric,
                unit=CATALOGUE[metric].unit if metric in CATALOGUE else "count",
                baseline=baseline, candidate=variant, primary=metric == primary,
                n=counts[workload, variant, metric], baseline_value=before, candidate_value=value,
                ratio=ratio, ci=(ratio * 0.99, ratio * 1.01) if ratio else None, confidence=0.95,
                decision=_decide(ratio), margin=0.03, method="medians, for tests",
            )
        )  # fmt: skip
    workloads = list(dict.fromkeys(cell.workload for cell in run.manifest.plan.cells))
    measured = {(workload, variant) for workload, variant, _ in medians}
    return Verdict(
        headlines=tuple(
            Headline(workload=w, sentence=f"{candidate} uses more memory than {baseline}.")
            for w in workloads
        ),
        comparisons=tuple(comparisons),
        suspects=tuple(
            Suspect(
                workload=w, metric=primary, baseline=baseline, candidate=candidate,
                toggles=(experiment,), verdict="ruled out", share=0.01, ci=(-0.02, 0.03),
                reason="Turning it off changes nothing: 1 % of the change, at most 3 %.",
            )
            for w in workloads
            for experiment in ("swissmap", "spinbitmutex")
        ),
        diagnosis=tuple(
            Diagnosis(
                workload=w, baseline=baseline, candidate=candidate,
                signature="outside the Go runtime", evidence="rss.end +58 %, heap.live unchanged",
            )
            for w in workloads
        ),
        gates=tuple(
            GateResult(
                workload=w, metric=primary, baseline=baseline, candidate=candidate,
                max_increase=0.05, ratio=1.58, ci=(1.57, 1.59), n=6, state="failed", passed=False,
                message=f"{w}: rss.peak may grow by 5.0 %, grew by 58.0 % (n = 6)",
            )
            for w in workloads
        ),
        cells=tuple(
            CellStatus(variant=c.variant, workload=c.workload, status="not applicable",
                       reason=c.reason)
            if c.reason
            else CellStatus(variant=c.variant, workload=c.workload, status="measured")
            if (c.workload, c.variant) in measured
            else CellStatus(variant=c.variant, workload=c.workload, status="failed",
                            reason="every trial failed")
            for c in run.manifest.plan.cells
        ),
    )  # fmt: skip


def _decide(ratio: float | None) -> Decision:
    if ratio is None:
        return "inconclusive"
    if abs(ratio - 1) <= 0.03:
        return "equivalent"
    return "increase" if ratio > 1 else "decrease"
