"""Comparisons of variants: intervals, decisions, and corrections for multiple comparisons."""

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.analysis.models import Comparison, Decision
from harness.analysis.pairing import Pair, pair, why_no_ratio
from harness.analysis.samples import Table, Values
from harness.analysis.stats.intervals import Estimate, Guard
from harness.analysis.stats.sequential import adjust, stopped_error
from harness.matrix.models import TrialsSpec
from harness.metrics.catalogue import describe
from harness.plan.plan import Plan
from harness.plan.question import Question, default_variants
from harness.text.words import amount, difference, percent

CONFIDENCE = 0.95
PRIMARY_PART = 0.8
"""Part of the run's error probability, 1 - CONFIDENCE, for primary comparisons; secondary ones have
the rest. In an A/A matrix any wrong ``increase`` or ``decrease`` then has a probability of 5 %:
Holm's procedure keeps its part under any dependence, and if nothing differs Benjamini and
Hochberg's does under positive dependence."""
MOST = 50_000
"""Comparisons of one run: they take some 6 s and 400 MB."""
_LARGEST_LOG = 10.0
_LARGEST_MARGIN = math.expm1(_LARGEST_LOG)
"""A margin that nothing exceeds; a size may be zero, or next to it."""
_MOST_ROUNDS = 10_000


@dataclass(frozen=True)
class _Test:
    """A comparison before its p-value is corrected for the others."""

    workload: str
    metric: str
    baseline: str
    candidate: str
    primary: bool
    pair: Pair
    p: float | None
    """Of no difference, for this comparison and this look alone."""
    p_looks: float | None
    """Corrected for repeated looks."""


class Compared(NamedTuple):
    """The comparisons of a run."""

    comparisons: tuple[Comparison, ...]
    left_out: int
    """How many more there would be without ``MOST``."""


def compare_all(
    tables: Mapping[str, Table], question: Question, plan: Plan, trials: TrialsSpec
) -> Compared:
    """Compare everything that a run compares; ``trials`` has the first and the last look.

    Beyond ``MOST``, secondary metrics of the question's own pair come before those of other pairs.
    """
    names = list(_names(tables, question, plan))
    left_out = max(0, len(names) - MOST)
    if left_out:
        asked = (question.baseline, question.candidate)
        names.sort(key=lambda n: (n[1] not in question.asked(n[0].workload)) + (n[2:] != asked))
        del names[MOST:]
    tests = [_test(*n, question, trials) for n in names]
    return Compared(_decide(tests, question, trials), left_out)


def compare_primary(
    tables: Mapping[str, Table], question: Question, plan: Plan, trials: TrialsSpec
) -> tuple[Comparison, ...]:
    """Make only the primary comparisons, with the decisions of ``compare_all``; cheap."""
    names = list(_names(tables, question, plan))
    tests = [_test(*n, question, trials) for n in names if _is_primary(*n, question)]
    return _decide(tests, question, trials, alone=len(tests) == len(names))


def compare_asked(table: Table, question: Question, trials: TrialsSpec) -> tuple[Comparison, ...]:
    """Compare baseline and candidate of one workload on its primary metrics, as if alone."""
    if question.candidate is None:
        return ()
    sides = question.baseline, question.candidate
    asked = question.asked(table.workload)
    return _decide([_test(table, m, *sides, question, trials) for m in asked], question, trials)


def compare_pair(
    tables: Mapping[str, Table], question: Question, trials: TrialsSpec, *, baseline: str,
    candidate: str,
) -> tuple[Comparison, ...]:  # fmt: skip
    """Compare two variants on every metric; the question's own pair is primary either way round."""
    if (candidate, baseline) == (question.baseline, question.candidate):
        question = question._replace(baseline=baseline, candidate=candidate)
    tests = [
        _test(table, metric, baseline, candidate, question, trials)
        for table in tables.values()
        for metric in dict.fromkeys((*question.asked(table.workload), *table.metrics))
    ]
    return _decide(tests, question, trials)


def _names(
    tables: Mapping[str, Table], question: Question, plan: Plan
) -> Iterator[tuple[Table, str, str, str]]:
    """(table, metric, baseline, candidate); each two variants once, in the first direction."""
    for table in tables.values():
        pairs: dict[frozenset[str], tuple[str, str]] = {}
        for baseline, candidate in _all_pairs(table, question, plan):
            if baseline != candidate:
                pairs.setdefault(frozenset((baseline, candidate)), (baseline, candidate))
        metrics = dict.fromkeys((*question.asked(table.workload), *table.metrics))
        for baseline, candidate in pairs.values():
            for metric in metrics:
                yield table, metric, baseline, candidate


def _all_pairs(table: Table, question: Question, plan: Plan) -> Iterator[tuple[str, str]]:
    """(baseline, candidate): the question's own pair, then every variant against the baseline.

    Then, in the conditions that each variant was run in, against the baseline's settings and the
    default of the variant's toolchain: race builds are compared with race builds.
    """
    cells = {c.variant for c in plan.cells if c.workload == table.workload and c.reason is None}
    measured = [variant for variant in plan.variants if variant.name in cells]
    if question.candidate is not None:
        yield question.baseline, question.candidate
    if question.baseline in cells:
        yield from ((question.baseline, variant.name) for variant in measured)
    defaults = default_variants(plan.variants)
    base = plan.variant(question.baseline)
    known = {(v.toolchain, v.settings, v.conditions): v for v in measured}
    for variant in measured:
        alike = (
            known.get((base.toolchain, base.settings, variant.conditions)),
            defaults[variant.toolchain, variant.conditions],
        )
        yield from ((v.name, variant.name) for v in alike if v and v.name in cells)


def _is_primary(
    table: Table, metric: str, baseline: str, candidate: str, question: Question
) -> bool:
    asked = (question.baseline, question.candidate)
    return (baseline, candidate) == asked and metric in question.asked(table.workload)


def _test(
    table: Table, metric: str, baseline: str, candidate: str, question: Question, trials: TrialsSpec
) -> _Test:
    found = pair(table, metric, baseline, candidate)
    primary = _is_primary(table, metric, baseline, candidate, question)
    p = p_looks = None
    if found.estimate is not None and not found.estimate.doubtful:
        p = found.estimate.p_different(0.0)
        p_looks = adjust(p, found.n, trials.min, trials.max)
    return _Test(table.workload, metric, baseline, candidate, primary, found, p, p_looks)


def _decide(
    tests: Sequence[_Test], question: Question, trials: TrialsSpec, *, alone: bool | None = None
) -> tuple[Comparison, ...]:
    families = {primary: [t for t in tests if t.primary is primary] for primary in (True, False)}
    if alone is None:
        alone = not all(families.values())
    adjusted: dict[int, float] = {}
    words: dict[bool, str] = {}
    for primary, family in families.items():
        part = 1.0 if alone else PRIMARY_PART if primary else 1 - PRIMARY_PART
        known = {id(t): t.p_looks for t in family if t.p_looks is not None}
        tested = [id(t) for t in family if id(t) in known and not t.pair.certain]
        values = (holm if primary else benjamini_hochberg)([known[key] for key in tested])
        name = "Holm" if primary else "Benjamini and Hochberg"
        noun = "comparison" if len(tested) == 1 else "comparisons"
        kind = "primary" if primary else "secondary"
        words[primary] = f"{name} over {len(tested)} {kind} {noun}"
        corrected = {key: min(1.0, p / part) for key, p in zip(tested, values, strict=True)}
        adjusted |= known | corrected
    return tuple(
        _comparison(t, adjusted.get(id(t)), words[t.primary], question, trials) for t in tests
    )


def _comparison(
    test: _Test, adjusted: float | None, correction: str, question: Question, trials: TrialsSpec
) -> Comparison:
    found = test.pair
    least = least_margin(found, question.floor) if describe(test.metric).has_floor else 0.0
    margin = max(question.margin, least)
    floor = question.floor if least > question.margin else None
    decision: Decision = "inconclusive"
    if found.estimate is not None and adjusted is not None:
        error = 1 - CONFIDENCE
        decision = decided(
            found.estimate, adjusted, margin, trials.min, trials.max, error,
            margin_free=describe(test.metric).margin_free,
        )  # fmt: skip
    confidence = 1 - stopped_error(1 - CONFIDENCE, found.n, trials.min, trials.max)
    ratio, no_ratio = found.ratio(), ""
    if ratio is None and found.n:
        no_ratio = why_no_ratio(test.metric, found.baseline, found.candidate)
    return Comparison(
        workload=test.workload,
        metric=test.metric,
        unit=describe(test.metric).unit,
        baseline=test.baseline,
        candidate=test.candidate,
        primary=test.primary,
        n=found.n,
        baseline_value=found.baseline,
        candidate_value=found.candidate,
        ratio=ratio,
        ci=found.ratio_interval(confidence),
        confidence=CONFIDENCE,
        decision=decision,
        margin=margin,
        floor=floor,
        method=_method(found)
        + (_below_floor(found, decision, adjusted, floor) or _within_margin(found, margin, floor)),
        exact=found.estimate is not None and found.estimate.exact,
        p=test.p,
        p_adjusted=adjusted,
        correction=correction if adjusted is not None else "",
        difference=found.difference,
        difference_ci=found.difference_interval(confidence),
        no_ratio=no_ratio,
        scale=found.scale,
        more_rounds=more_rounds(found, margin) if decision == "inconclusive" else None,
        noise=found.noise,
    )


def least_margin(found: Pair, floor: float) -> float:
    """The margin that an amount is, in the metric's unit: a part of the smaller of both sides.

    So the answer is the same when baseline and candidate swap. Of differences it is on the scale
    of ``p_within``; none is ten times as large as what they are divided by.
    """
    if not floor or found.n == 0 or found.baseline is None or found.candidate is None:
        return 0.0
    if found.logarithmic:
        smaller = min(found.baseline, found.candidate)
        return min(_LARGEST_MARGIN, floor / smaller) if smaller > 0 else _LARGEST_MARGIN
    return math.expm1(min(_LARGEST_LOG, floor / found.scale_size))


def decided(
    found: Estimate, adjusted: float, margin: float, first: int, last: int, error: float, *,
    margin_free: bool = False,
) -> Decision:  # fmt: skip
    """Decide by a p-value that is corrected for repeated looks, and for other comparisons too.

    ``error`` is the probability, over all looks together, of ``increase`` or ``decrease`` if
    nothing differs, and of ``equivalent`` if the change is beyond the margin. A difference without
    spread is exact, and of a ``margin_free`` metric it counts, though it lies inside the margin.
    """
    changed: Decision = "increase" if found.centre > 0 else "decrease"
    if margin_free and found.exact and found.centre and adjusted <= error:
        return changed
    if adjust(2 * p_within(found, margin), found.n, first, last) / 2 <= error:
        return "equivalent"
    return changed if adjusted <= error else "inconclusive"


def p_within(found: Estimate, margin: float) -> float:
    """p-value of two one-sided tests that the centre lies beyond ± margin.

    Schuirmann, J. Pharmacokin. Biopharm. 15 (1987). On the log scale the margins are
    ± log(1 + margin), so that the answer is the same when baseline and candidate swap.
    """
    bound = math.log1p(margin)
    return max(found.p_below(bound), found.p_above(-bound))


def _method(found: Pair) -> str:
    if found.n == 0 and None in (found.baseline, found.candidate):
        return "no round has a value of both"
    if found.n == 0:
        return "no round has both, measured in turns on one machine"
    if found.estimate is None:
        return "the values are too large to be compared"
    if found.estimate.exact:
        return found.estimate.method
    if found.logarithmic:
        return f"{found.estimate.method}, on log ratios"
    return (
        f"{found.estimate.method}, on differences as part of {found.scale}: "
        "zero, almost zero and negative values allow no ratio"
    )


def _below_floor(
    found: Pair, decision: Decision, adjusted: float | None, floor: float | None
) -> str:
    """Say of a change that it is real, but too small to matter."""
    real = adjusted is not None and adjusted <= 1 - CONFIDENCE
    if decision != "equivalent" or floor is None or not real or not found.difference:
        return ""
    least = f"{amount(floor, 'bytes')} (question.margin: at_least)"
    return f"; {difference(found.difference, 'bytes')} is real, but below {least}"


def _within_margin(found: Pair, margin: float, floor: float | None) -> str:
    """Say of an exact difference that it is real, though within the margin."""
    estimate = found.estimate
    if estimate is None or not estimate.exact or estimate.centre == 0:
        return ""
    if abs(estimate.centre) > math.log1p(margin):
        return ""
    change = math.expm1(estimate.centre) if found.logarithmic else estimate.centre
    sign = "+" if change > 0 else ""
    allowed = percent(margin) if floor is None else amount(floor, "bytes")
    return f"; {sign}{percent(change)} is within the margin of {allowed}, and real"


def more_rounds(found: Pair, margin: float) -> int | None:
    """Further rounds expected to decide a comparison, if they are like these.

    The smallest number for which the interval, with the present spread and centre and no skew,
    would exclude no change or lie inside the margin. ``None`` if no spread is known, or if it would
    take more than 10,000 rounds.
    """
    if found.estimate is None or found.estimate.doubtful or found.estimate.error == 0:
        return None
    spread = found.estimate.error * math.sqrt(found.n)
    effect, bound = abs(found.estimate.centre), math.log1p(margin)

    def decides(n: int) -> bool:
        error = spread / math.sqrt(n)
        guard = Guard.of(n, 0.0)
        wide, narrow = (
            error * guard.critical(p, n, n - 1, guard.right)
            for p in ((1 - CONFIDENCE) / 2, 1 - CONFIDENCE)
        )
        return effect > wide or effect + narrow < bound

    low, high = found.n, found.n + 1
    while not decides(high):
        low, high = high, 2 * high
        if high > _MOST_ROUNDS:
            return None
    rounds = range(low + 1, high + 1)
    return rounds[bisect_left(rounds, x=True, key=decides)] - found.n


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values of Holm's step-down procedure (Scand. J. Statist. 6, 1979)."""
    p, order = np.asarray(p_values, dtype=np.float64), np.argsort(p_values)
    steps = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    return _in_order(steps, order)


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values of Benjamini and Hochberg's procedure (J. R. Statist. Soc. B 57, 1995)."""
    p, order = np.asarray(p_values, dtype=np.float64), np.argsort(p_values)
    steps = p[order] * p.size / np.arange(1, p.size + 1)
    return _in_order(np.minimum.accumulate(steps[::-1])[::-1], order)


def _in_order(adjusted: Values, order: NDArray[np.intp]) -> list[float]:
    result = np.empty(order.size)
    result[order] = np.minimum(adjusted, 1.0)
    return [float(value) for value in result]
