"""Gates: limits that comparisons must keep."""

import math
from collections.abc import Mapping

from harness.analysis.comparisons import CONFIDENCE
from harness.analysis.models import GateResult
from harness.analysis.pairing import Pair, pair, to_ratio
from harness.analysis.question import Question, gate_pair
from harness.analysis.samples import Table
from harness.analysis.sequential import stopped_error
from harness.analysis.words import percent
from harness.plan import Plan
from harness.spec.models import GateSpec, TrialsSpec


def judge_gates(
    gates: list[GateSpec], tables: Mapping[str, Table], question: Question, plan: Plan,
    trials: TrialsSpec,
) -> tuple[GateResult, ...]:  # fmt: skip
    """Every gate for every workload that it holds for."""
    results = []
    for gate in gates:
        baseline, candidate = (name or "?" for name in gate_pair(gate, question, plan))
        for workload, table in tables.items():
            if gate.workload in (None, workload):
                results.append(_judge(gate, table, baseline, candidate, trials))
    return tuple(results)


def _judge(
    gate: GateSpec, table: Table, baseline: str, candidate: str, trials: TrialsSpec
) -> GateResult:
    """A gate fails where the limit is shown to be exceeded, or where nothing can be shown.

    An interval that reaches across the limit passes: on noisy metrics a gate on the point estimate
    would fail by chance, and would be switched off. With one round there is only the estimate.
    """
    found = pair(table, gate.metric, baseline, candidate)
    ratio, interval = _ratio(found, trials)
    limit = 1 + gate.max_increase
    what = f"{table.workload}: {gate.metric} of {candidate} against {baseline}"
    if ratio is None:
        passed, message = False, f"{what} could not be judged: no round has a value of both"
    else:
        passed = (interval[0] if interval else ratio) <= limit
        bounds = (
            f"95 % interval {_change(interval[0])} to {_change(interval[1])}"
            if interval
            else "no interval"
        )
        message = (
            f"{what}: limit +{percent(gate.max_increase)}, observed {_change(ratio)} "
            f"({bounds}, n = {found.n})"
        )
        if passed and (interval is None or interval[1] > limit):
            message += "; not shown to exceed the limit, nor to keep it: more rounds would tell"
    return GateResult(
        workload=table.workload, metric=gate.metric, baseline=baseline, candidate=candidate,
        max_increase=gate.max_increase, ratio=ratio, ci=interval, n=found.n, passed=passed,
        message=message,
    )  # fmt: skip


def _ratio(found: Pair, trials: TrialsSpec) -> tuple[float | None, tuple[float, float] | None]:
    """The ratio, or 1 + the difference as part of the reference where there is none."""
    if found.estimate is None:
        return None, None
    error = stopped_error(1 - CONFIDENCE, found.n, trials.min, trials.max)
    interval = found.estimate.interval(1 - error)
    as_ratio = to_ratio if found.logarithmic else (lambda x: 1 + x)
    ratio = as_ratio(found.estimate.centre)
    if not math.isfinite(ratio):
        return None, None
    bounds = interval and (as_ratio(interval[0]), as_ratio(interval[1]))
    return ratio, bounds if bounds and all(map(math.isfinite, bounds)) else None


def _change(ratio: float) -> str:
    sign = "+" if ratio >= 1 else ""
    return f"{sign}{percent(ratio - 1)}"
