"""Gates: limits that comparisons, or a candidate's own values, must keep."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.analysis.comparisons import CONFIDENCE
from harness.analysis.models import GateResult
from harness.analysis.pairing import (
    REFERENCES,
    Pair,
    middle,
    pair,
    paired,
    to_ratio,
)
from harness.analysis.samples import Table, Values
from harness.analysis.stats.intervals import Estimate, estimate
from harness.analysis.stats.sequential import stopped_error
from harness.matrix.models import GateSpec, TrialsSpec
from harness.metrics.catalogue import describe
from harness.plan.plan import Plan
from harness.plan.question import Question, gate_pair
from harness.text import words
from harness.text.units import Increase
from harness.text.words import amount, change, difference, percent

_ROUNDING = 1e-9
"""Part of a limit by which 105 may seem to be above 100 + 5 %."""


@dataclass(frozen=True)
class _Held:
    """One limit of a gate, held against what was observed."""

    passed: bool
    message: str
    n: int = 0
    told: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the result."""


@dataclass(frozen=True)
class _Observed:
    """What a limit is held against."""

    centre: float
    interval: tuple[float, float] | None
    n: int

    @classmethod
    def of(
        cls, found: Estimate | None, trials: TrialsSpec, scale: Callable[[float], float]
    ) -> "_Observed | None":
        """On the scale of the limit; ``None`` where there is no value."""
        if found is None or not math.isfinite(scale(found.centre)):
            return None
        interval = found.interval(
            1 - stopped_error(1 - CONFIDENCE, found.n, trials.min, trials.max)
        )
        bounds = interval and (scale(interval[0]), scale(interval[1]))
        finite = bounds if bounds and all(map(math.isfinite, bounds)) else None
        return cls(scale(found.centre), finite, found.n)


def judge_gates(
    gates: list[GateSpec], tables: Mapping[str, Table], question: Question, plan: Plan,
    trials: TrialsSpec,
) -> tuple[GateResult, ...]:  # fmt: skip
    """Every gate for every workload that it holds for."""
    results = []
    for gate in gates:
        baseline, candidate = gate_pair(gate, question, plan)
        if gate.max_increase is None:  # a matrix of one variant has no candidate, but own values
            candidate = candidate or question.baseline
        for workload, table in tables.items():
            if gate.workload in (None, workload):
                results.append(_judge(gate, table, baseline or "?", candidate or "?", trials))
    return tuple(results)


def _judge(
    gate: GateSpec, table: Table, baseline: str, candidate: str, trials: TrialsSpec
) -> GateResult:
    """A gate fails where a limit is shown to be exceeded, or where nothing can be shown.

    An interval that reaches across the limit passes: on noisy metrics a gate on the point estimate
    would fail by chance, and would be switched off. With one round there is only the estimate.
    """
    held, increase = [], gate.increase
    if gate.highest is not None:
        held.append(_hold_value(gate.metric, gate.highest, table, candidate, trials))
    if increase is not None:
        held.append(_hold_increase(gate.metric, increase, table, baseline, candidate, trials))
    told: dict[str, Any] = {"ratio": None, "ci": None}
    for one in held:
        told |= one.told
    against = f" against {baseline}" if increase is not None else ""
    return GateResult(
        workload=table.workload, metric=gate.metric, baseline=baseline, candidate=candidate,
        max=gate.highest, max_increase=increase.share if increase else None,
        max_increase_amount=increase.amount if increase else None,
        n=min(one.n for one in held), passed=all(one.passed for one in held),
        message=f"{table.workload}: {gate.metric} of {candidate}{against}: "
        + "; ".join(one.message for one in held),
        **told,
    )  # fmt: skip


def _hold_value(
    metric: str, limit: float, table: Table, candidate: str, trials: TrialsSpec
) -> _Held:
    """The candidate's own value."""
    values = table.values(candidate, metric)
    seen = _Observed.of(_exactly(metric, values[np.isfinite(values)]), trials, float)
    if seen is None:
        return _Held(passed=False, message="could not be judged: no round has a value of it")
    unit = describe(metric).unit
    told = {"value": seen.centre, "value_ci": seen.interval}
    return _held(limit, amount(limit, unit), seen, lambda x: amount(x, unit), told)


def _exactly(metric: str, sample: Values) -> Estimate | None:
    return estimate(sample, exact=describe(metric).exact)


def _hold_increase(
    metric: str, increase: Increase, table: Table, baseline: str, candidate: str,
    trials: TrialsSpec,
) -> _Held:  # fmt: skip
    """Candidate against baseline: their ratio, or their difference in the metric's unit."""
    unit, share = describe(metric).unit, increase.share
    if share is None:
        limit = increase.amount or 0.0
        allowed = f"+{amount(limit, unit)}"
        a, b = paired(table, metric, baseline, candidate)
        with np.errstate(over="ignore", invalid="ignore"):
            seen = _Observed.of(_exactly(metric, b - a), trials, float)
    else:
        found = pair(table, metric, baseline, candidate)
        if found.logarithmic:
            seen = _Observed.of(found.estimate, trials, to_ratio)
            told = {"ratio": seen.centre, "ci": seen.interval} if seen else {}
            return _held(1 + share, f"+{percent(share)}", seen, change, told)
        limit, allowed = _part(metric, share, table, found, baseline)
        seen = _Observed.of(found.estimate, trials, lambda x: x * found.scale_size)
    told = {"difference": seen.centre, "difference_ci": seen.interval} if seen else {}
    return _held(limit, allowed, seen, lambda x: difference(x, unit), told)


def _part(metric: str, share: float, table: Table, found: Pair, baseline: str) -> tuple[float, str]:
    """A part of the baseline in the metric's unit, where ratios mean nothing: of zero it is zero.

    Returns:
        The limit, and how it came about.
    """
    reference, size = REFERENCES.get(metric), abs(found.baseline or 0.0)
    whole = f"a baseline of {amount(size, describe(metric).unit)}"
    beside = middle(table.values(baseline, reference)) if reference else None
    if beside is not None:  # it may not have been measured
        size, whole = abs(beside), f"the baseline's {reference}"
    elif size == 0:
        whole = "a baseline that is zero"
    limit = share * size
    return limit, f"+{percent(share)} of {whole}, which is {amount(limit, describe(metric).unit)}"


def _held(
    limit: float, allowed: str, seen: _Observed | None, show: Callable[[float], str],
    told: Mapping[str, Any],
) -> _Held:  # fmt: skip
    if seen is None:
        return _Held(passed=False, message="could not be judged: no round has a value of both")
    above = limit + _ROUNDING * abs(limit)
    interval = seen.interval
    passed = (interval[0] if interval else seen.centre) <= above
    doubt = words.interval(interval, show) if interval else "no interval"
    message = f"limit {allowed}, observed {show(seen.centre)} ({doubt}, n = {seen.n})"
    if passed and (interval is None or interval[1] > above):
        message += "; not shown to exceed the limit, nor to keep it: more rounds would tell"
    return _Held(passed, message, seen.n, told)
