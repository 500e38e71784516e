"""Gates: limits that comparisons, or a candidate's own values, must keep."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.analysis.comparisons import CONFIDENCE
from harness.analysis.models import GateResult, GateState
from harness.analysis.pairing import REFERENCES, Pair, interval_of, middle, pair, paired, to_ratio
from harness.analysis.samples import Table
from harness.analysis.stats.intervals import Estimate, estimate
from harness.analysis.stats.sequential import stopped_error
from harness.matrix.models import GateSpec, TrialsSpec
from harness.metrics.catalogue import describe, matching
from harness.metrics.words import level
from harness.plan.plan import Plan
from harness.plan.question import Question, gate_pair
from harness.text import words
from harness.text.units import Increase
from harness.text.words import amount, change, difference, percent

_ROUNDING = 1e-9
"""Part of a limit by which 105 may seem to exceed 100 + 5 %."""


_STATES: tuple[GateState, ...] = ("held", "undecided", "failed")


@dataclass(frozen=True)
class _Outcome:
    """One limit of a gate, compared with what was observed."""

    state: GateState
    message: str
    n: int = 0
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the gate's result."""


@dataclass(frozen=True)
class _Observed:
    """The value that a limit is compared with."""

    centre: float
    interval: tuple[float, float] | None
    n: int

    @classmethod
    def of(
        cls, found: Estimate | None, trials: TrialsSpec, scale: Callable[[float], float]
    ) -> "_Observed | None":
        """On the scale of the limit; ``None`` without a value."""
        if found is None or not math.isfinite(scale(found.centre)):
            return None
        error = stopped_error(1 - CONFIDENCE, found.n, trials.min, trials.max)
        return cls(scale(found.centre), interval_of(found, 1 - error, scale), found.n)


def judge_gates(
    gates: list[GateSpec], tables: Mapping[str, Table], question: Question, plan: Plan,
    trials: TrialsSpec,
) -> tuple[GateResult, ...]:  # fmt: skip
    """Judge every gate on every workload that it applies to."""
    results = []
    for gate in gates:
        baseline, candidate = gate_pair(gate, question, plan)
        if gate.max_increase is None:  # a matrix of one variant has no candidate, but values
            candidate = candidate or question.baseline
        for table, metric in _limited(gate, tables):
            own = gate.model_copy(update={"metric": metric})
            sides = [candidate] if gate.increase is None else [baseline, candidate]
            absent = _not_run(table, [side for side in sides if side], plan)
            results.append(_judge(own, table, baseline or "?", candidate or "?", trials, absent))
    return tuple(results)


def _not_run(table: Table, variants: Sequence[str], plan: Plan) -> list[str]:
    """Those that apply, and of which no trial was selected, or has run so far."""
    run = {trial.variant for trial in table.trials}
    cells = (c for c in plan.cells if c.workload == table.workload and c.reason is None)
    applying = {cell.variant for cell in cells}
    return [name for name in variants if name in applying - run]


def _limited(gate: GateSpec, tables: Mapping[str, Table]) -> list[tuple[Table, str]]:
    """Each workload and metric that a gate limits; what nothing matches is judged as it stands."""
    chosen = [t for workload, t in tables.items() if gate.workload in (None, workload)]
    if "*" not in gate.metric:
        return [(table, gate.metric) for table in chosen]
    found = [(table, m) for table in chosen for m in matching(gate.metric, table.metrics)]
    return found or [(table, gate.metric) for table in chosen]


def _judge(
    gate: GateSpec, table: Table, baseline: str, candidate: str, trials: TrialsSpec,
    absent: Sequence[str],
) -> GateResult:  # fmt: skip
    """Fail if a limit is shown to be exceeded, or if there is nothing to compare.

    What was not run leaves the gate undecided.

    An interval that includes the limit is undecided, and passes unless the gate is strict: on noisy
    metrics a gate on the estimate alone would fail by chance, and people would switch it off. So is
    a noisy metric's single round, on either side of the limit.
    """
    outcomes, increase = [], gate.increase
    if absent:
        verb = "was" if len(absent) == 1 else "were"
        outcomes.append(_Outcome("undecided", f"{words.listed(absent)} {verb} not run"))
    elif gate.highest is not None:
        outcomes.append(_check_value(gate.metric, gate.highest, table, candidate, trials))
    if increase is not None and not absent:
        outcomes.append(_check_increase(gate.metric, increase, table, baseline, candidate, trials))
    fields: dict[str, Any] = {"ratio": None, "ci": None}
    for outcome in outcomes:
        fields |= outcome.fields
    state: GateState = max((o.state for o in outcomes), key=_STATES.index)
    passed = state == "held" or (state == "undecided" and not gate.strict)
    against = f" against {baseline}" if increase is not None else ""
    return GateResult(
        workload=table.workload, metric=gate.metric, baseline=baseline, candidate=candidate,
        max=gate.highest, max_increase=increase.share if increase else None,
        max_increase_amount=increase.amount if increase else None,
        n=min(o.n for o in outcomes), state=state, strict=gate.strict, passed=passed,
        message=f"{table.workload}: {gate.metric} of {candidate}{against}: "
        + "; ".join(o.message for o in outcomes)
        + ("; strict, so that this fails" if state == "undecided" and gate.strict else ""),
        **fields,
    )  # fmt: skip


def _check_value(
    metric: str, limit: float, table: Table, candidate: str, trials: TrialsSpec
) -> _Outcome:
    """Check the candidate's own value."""
    values = table.values(candidate, metric)
    found = estimate(values[np.isfinite(values)], exact=describe(metric).exact)
    observed = _Observed.of(found, trials, float)
    if observed is None:
        return _Outcome("failed", "could not be judged: no round has a value of it")
    unit = describe(metric).unit
    fields = {"value": observed.centre, "value_ci": observed.interval}
    return _outcome(limit, amount(limit, unit), observed, lambda x: level(metric, x, unit), fields)


def _check_increase(
    metric: str, increase: Increase, table: Table, baseline: str, candidate: str,
    trials: TrialsSpec,
) -> _Outcome:  # fmt: skip
    """Check the ratio of candidate and baseline, or their difference in the metric's unit."""
    unit, share = describe(metric).unit, increase.share
    if share is None:
        limit = increase.amount or 0.0
        allowed = f"+{amount(limit, unit)}"
        a, b = paired(table, metric, baseline, candidate)
        with np.errstate(over="ignore", invalid="ignore"):
            change_of = estimate(b - a, exact=describe(metric).exact)
            observed = _Observed.of(change_of, trials, float)
    else:
        found = pair(table, metric, baseline, candidate)
        if found.logarithmic:
            observed = _Observed.of(found.estimate, trials, to_ratio)
            fields = {"ratio": observed.centre, "ci": observed.interval} if observed else {}
            return _outcome(1 + share, f"+{percent(share)}", observed, change, fields)
        limit, allowed = _part(metric, share, table, found, baseline)
        observed = _Observed.of(found.estimate, trials, lambda x: x * found.scale_size)
    fields = {"difference": observed.centre, "difference_ci": observed.interval} if observed else {}
    return _outcome(limit, allowed, observed, lambda x: difference(x, unit), fields)


def _part(metric: str, share: float, table: Table, found: Pair, baseline: str) -> tuple[float, str]:
    """A share of the baseline as a limit in the metric's unit, and in words, without a ratio."""
    reference, size = REFERENCES.get(metric), abs(found.baseline or 0.0)
    whole = f"a baseline of {amount(size, describe(metric).unit)}"
    level = middle(table.values(baseline, reference)) if reference else None
    if level is not None:  # it may not have been measured
        size, whole = abs(level), f"the baseline's {reference}"
    elif size == 0:
        whole = "a baseline that is zero"
    limit = share * size
    return limit, f"+{percent(share)} of {whole}, which is {amount(limit, describe(metric).unit)}"


def _outcome(
    limit: float, allowed: str, observed: _Observed | None, show: Callable[[float], str],
    fields: Mapping[str, Any],
) -> _Outcome:  # fmt: skip
    if observed is None:
        return _Outcome("failed", "could not be judged: no round has a value of both")
    above = limit + _ROUNDING * abs(limit)
    interval = observed.interval
    state: GateState = "undecided"
    if interval and interval[0] > above:
        state = "failed"
    elif interval and interval[1] <= above:
        state = "held"
    doubt = words.interval(interval, show) if interval else "no interval"
    message = f"limit {allowed}, observed {show(observed.centre)} ({doubt}, n = {observed.n})"
    if state == "undecided":
        message += "; not shown to be above the limit or below it: more rounds would tell"
    return _Outcome(state, message, observed.n, fields)
