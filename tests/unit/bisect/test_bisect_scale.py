"""Metrics that may be zero or negative, or are exact: they are searched like any other."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from bisecting import line, point
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.stats.scale import scale_of
from harness.bisect.compare import Classifier, EndsEffect, Measured, is_worse
from harness.bisect.effect import effect_of
from harness.bisect.page import bisection_markdown, render_bisection
from harness.bisect.points import Finding, Point, Span
from harness.bisect.record import Bisection, Request, Stage, Step
from harness.bisect.search import first_change
from harness.bisect.sentences import against, of_ends
from harness.errors import HarnessError

REQUEST = Request(matrix="m.yaml", matrix_text="", workload="w", metric="allocs.objects",
                  good="v00", bad="v02", seed=1)  # fmt: skip
KINDS = st.sampled_from(
    [0.0, -0.0, 1.0, 3.0, -4096.0, 1_000_010.0, 1e308, -1e308, 5e-324, math.nan, math.inf]
)
VALUES = KINDS | st.floats()


@dataclass
class Told:
    """A runner that measures what it is told, in turn and over again."""

    values: Mapping[str, Sequence[float | None]]
    rounds_asked: int = field(default=0)

    def build(self, _: Point) -> str | None:
        return None

    def rounds(self, points: Sequence[Point], count: int) -> list[dict[str, Measured]]:
        found = []
        for _ in range(count):
            found.append({p.name: self._outcome(p) for p in points})
            self.rounds_asked += 1
        return found

    def _outcome(self, point: Point) -> Measured:
        values = self.values[point.name]
        value = values[self.rounds_asked % len(values)]
        return Measured(value, None if value is not None else "no such metric")


def bench_of(*values: Sequence[float | None]) -> tuple[Classifier, list[Point]]:
    points = line(len(values))
    told = Told({p.name: v for p, v in zip(points, values, strict=True)})
    return Classifier(told, points[0], points[-1], 0.01), points


def words_of(change: EndsEffect, unit: str = "count") -> str:
    span = Span(older=point("v00"), newer=point("v02"), regression=True)
    return of_ends(REQUEST, span, change, unit, worse=True)


def test_a_factor_and_the_whole_are_said_as_such() -> None:
    def told(ratio: float, low: float, high: float) -> str:
        return words_of(
            EndsEffect(ratio=ratio, ci=(low, high), rounds=4, decision="changed", size=4000.0)
        )

    assert "w is higher: ×13.5 (296 → 4,000; ×13.4 to ×13.6, 4 rounds) than" in told(
        13.5, 13.4, 13.6
    )
    assert "w is 100 % higher (2,000 → 4,000; 99 to 101 %, 4 rounds) than" in told(2, 1.99, 2.01)
    assert "w is lower by all of it (" in told(1e-8, 1e-8, 2e-8)
    assert "100.00" not in told(1e-8, 1e-8, 2e-8)


def record_of(findings: Sequence[Finding], unit: str = "count") -> Bisection:
    stage = Stage(kind="source", title="Source", older="v00", newer="v02", answer="found",
                  steps=tuple(Step(finding=f) for f in findings))  # fmt: skip
    return Bisection(request=REQUEST, unit=unit, direction="regression", changed=True,
                     headline="found", stages=(stage,))  # fmt: skip


LISTS = st.lists(VALUES, min_size=1, max_size=4)


@settings(deadline=None, max_examples=300)
@given(LISTS, LISTS, LISTS)
def test_bisection_on_counts_and_differences_does_not_crash(
    good: list[float], middle: list[float], bad: list[float]
) -> None:
    classifier, points = bench_of(good, middle, bad)
    try:
        change = classifier.compare_ends()
    except HarnessError as error:
        assert "nothing can be compared" in str(error)  # noqa: PT017 - it is allowed, no more
        return
    assert "v00" in words_of(change)
    finding = classifier.classify(points[1])
    assert finding.state in ("good", "bad", "doubtful", "unresolved")
    text = record_of([finding]).model_dump_json()
    assert Bisection.model_validate_json(text).stages[0].steps[0].finding == finding
    for number in (finding.ratio, finding.difference, *(finding.difference_ci or ())):
        assert number is None or math.isfinite(number)


@settings(deadline=None, max_examples=100)
@given(
    st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.sampled_from([0, 1, 2]),
    st.integers(-900, 900), st.booleans(),
)  # fmt: skip
def test_the_step_is_found_in_exact_values_of_any_sign_and_size(
    before: float,
    after: float,
    step: int,
    power: int,
    mirrored: bool,  # noqa: FBT001 - drawn
) -> None:
    sign = -1 if mirrored else 1
    low, high = (sign * math.ldexp(value, power) for value in (before, after))
    values = [[low if index <= step else high] for index in range(4)]
    classifier, points = bench_of(*values)
    change = classifier.compare_ends()
    apart = abs(low - high) > 0.02 * max(abs(low), abs(high))
    if apart and abs(low - high) > 1e-290:
        assert change.decision == "changed"
        assert change.sign == (1 if high > low else -1)
        found = first_change(points, classifier.classify, "bad")
        assert (found.low, found.high) == (step, step + 1)
    elif low == high:
        assert change.decision == "unchanged"


def test_nothing_against_a_million_objects_is_told_in_objects() -> None:
    classifier, points = bench_of([0.0], [0.0], [1_000_010.0])
    change = classifier.compare_ends()
    assert (change.decision, change.ratio, change.difference) == ("changed", None, 1_000_010.0)
    assert "allocs.objects of w is 1,000 k higher (exact in" in words_of(change)
    finding = classifier.classify(points[1])
    assert (finding.state, finding.rounds, against(finding, "count")) == ("good", 2, "0")


def test_zeros_everywhere_are_no_change_and_say_so_in_the_unit() -> None:
    classifier, _ = bench_of([0.0], [0.0])
    assert classifier.compare_ends().decision == "unchanged"
    classifier, _ = bench_of([-100.0, -100.1], [-100.1, -100.0])
    change = classifier.compare_ends()
    assert "by 1.00 B or more" in words_of(change, "bytes")


@pytest.mark.parametrize(
    ("good", "bad", "metric", "worse"),
    [
        (-1000.0, -200.0, "unseen", True),
        (-200.0, -1000.0, "unseen", False),
        (0.0, 5.0, "goroutines", True),
        (5.0, 0.0, "goroutines", False),
        (5.0, 0.0, "requests.rate", True),
        (5.0, 0.0, "gc.cycles", True),
    ],
)
def test_an_improvement_of_a_difference_is_not_called_worse(
    good: float,
    bad: float,
    metric: str,
    worse: bool,  # noqa: FBT001 - a parameter
) -> None:
    classifier, _ = bench_of([good], [bad])
    assert is_worse(metric, classifier.compare_ends()) is worse


def test_a_point_at_zero_between_positive_ends_is_compared_by_differences() -> None:
    classifier, points = bench_of([10.0, 10.1], [0.0], [20.0, 20.2])
    assert classifier.compare_ends().ratio == pytest.approx(2.0)
    finding = classifier.classify(points[1])
    assert (finding.state, finding.ratio) == ("good", None)
    assert finding.difference == pytest.approx(-10.05, abs=0.06)


def test_a_zero_that_turns_up_late_at_an_end_does_no_harm() -> None:
    """An end's page faults may be zero in one of many rounds."""
    good = [5.0, 6.0, 4.0, 5.0, 6.0, 5.0, 4.0, 0.0]
    classifier, points = bench_of(good, [1e5], [1e5, 1.1e5, 0.9e5])
    assert classifier.compare_ends().decision == "changed"
    assert classifier.classify(points[1]).state == "bad"


def test_an_end_without_the_metric_is_told_with_its_name() -> None:
    classifier, _ = bench_of([1.0], [None])
    with pytest.raises(HarnessError, match=r"an end has no value.*v01: no such metric"):
        classifier.compare_ends()
    classifier, _ = bench_of([1.0], [math.nan])
    with pytest.raises(HarnessError, match="v01: its value is nan"):
        classifier.compare_ends()


@given(st.lists(st.tuples(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6)), min_size=3, max_size=9))
def test_ratios_and_differences_belong_to_the_same_scale(pairs: list[tuple[float, float]]) -> None:
    effect = effect_of(pairs)
    assert (effect.ratio is not None) == (scale_of(pairs).unit is None)
    shifted = effect_of([(a - 1e7, b - 1e7) for a, b in pairs])
    assert shifted.ratio is None
    assert shifted.difference == pytest.approx(effect.difference, rel=1e-3, abs=1e-3)


def test_page_and_markdown_show_differences_with_their_unit() -> None:
    classifier, points = bench_of([0.0, 64.0], [0.0, 64.0], [5e6, 5.1e6])
    classifier.compare_ends()
    bad = Finding(point="v02", state="bad", difference=5e6, difference_ci=(4e6, 6e6), rounds=3)
    findings = [classifier.classify(points[1]), bad]
    record = record_of(findings, "bytes")
    for text in (render_bisection(record), bisection_markdown(record)):
        assert "+4.77 MiB" in text
        assert "+3.81 MiB to +5.72 MiB" in text
    assert "against the good end, in bytes" in render_bisection(record)
    assert json.loads(record.model_dump_json())["stages"][0]["steps"][1]["finding"]["ratio"] is None
