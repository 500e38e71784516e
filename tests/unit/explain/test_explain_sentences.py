"""What an explanation says of a change, its cure, and as a whole."""

import math

import pytest
from bisecting import point
from explained import MIB, explanation
from synthetic import make_run
from verdicts import make_verdict

from harness.analysis.models import Comparison, Decision
from harness.bisect.compare import EndsEffect
from harness.bisect.points import Finding, Span, State
from harness.bisect.record import Request
from harness.explain.sentences import (
    between,
    change_of,
    headline,
    most_telling,
    moved,
    of_cure,
    weight,
)
from harness.metrics.catalogue import describe

SPAN = Span(older=point("go1.23.9"), newer=point("go1.24.3"), regression=True)
MORE = EndsEffect(ratio=1.1, ci=(1.09, 1.11), rounds=3, decision="changed", size=110.0 * MIB)


def _request(metric: str = "rss.peak") -> Request:
    return Request(matrix="m.yaml", matrix_text="", workload="orders", metric=metric,
                   good="go1.23.9", bad="go1.24.3", seed=1)  # fmt: skip


@pytest.mark.parametrize(
    ("metric", "ratio", "worse"),
    [
        ("rss.peak", 1.1, True), ("rss.peak", 0.9, False),
        ("requests.rate", 1.1, False), ("requests.rate", 0.9, True),
        ("goroutines", 1.1, True), ("binary.sections", 1.1, None),
    ],
)  # fmt: skip
def test_worse_follows_the_direction_of_the_metric(
    metric: str, ratio: float, *, worse: bool | None
) -> None:
    effect = MORE.model_copy(update={"ratio": ratio, "ci": (ratio - 0.01, ratio + 0.01)})
    assert change_of(_request(metric), SPAN, effect).worse is worse


def test_a_change_is_told_from_the_newer_version_s_side() -> None:
    change = change_of(_request(), SPAN, MORE)
    assert change.answer == (
        "with go1.24.3 rss.peak of orders is 10 % higher (100 → 110 MiB; 9 to 11 %, 3 rounds) "
        "than with go1.23.9"
    )
    assert change.visible is None


@pytest.mark.parametrize(
    ("decision", "answer"),
    [
        ("unchanged", ("rss.peak of orders does not change by 1 % or more from go1.23.9 to "
         "go1.24.3; a change of 0.8 % would have been seen (−0.2 to 0.8 %, 12 rounds)")),
        ("undecided", ("whether rss.peak of orders changes from go1.23.9 to go1.24.3 stays open; "
         "it is 0.8 % at most (−0.2 to 0.8 %, 12 rounds)")),
    ],
)  # fmt: skip
def test_where_nothing_changed_it_says_how_much_would_have_been_seen(
    decision: str, answer: str
) -> None:
    effect = EndsEffect(ratio=1.003, ci=(0.998, 1.008), rounds=12, size=100.0 * MIB,
                        decision=decision)  # fmt: skip
    change = change_of(_request(), SPAN, effect)
    assert change.answer == answer
    assert change.visible == pytest.approx(0.008)


def test_a_change_that_is_seen_but_too_small_to_count_is_told() -> None:
    effect = EndsEffect(ratio=1.004, ci=(1.003, 1.005), rounds=12, size=100.0 * MIB,
                        decision="unchanged")  # fmt: skip
    change = change_of(_request(), SPAN, effect)
    assert not change.changed
    assert change.visible == pytest.approx(0.005)
    assert change.answer == (
        "with go1.24.3 rss.peak of orders is 0.4 % higher (99.6 → 100 MiB; 0.3 to 0.5 %, 12 "
        "rounds) than with go1.23.9, less than the 1 % that would count"
    )


def test_without_a_ratio_the_limit_is_an_amount() -> None:
    effect = EndsEffect(difference=0.0, difference_ci=(-0.1 * MIB, 0.1 * MIB), rounds=5,
                        decision="unchanged", size=50.0 * MIB)  # fmt: skip
    change = change_of(_request(), SPAN, effect)
    assert "does not change by 512 KiB or more" in change.answer
    assert "would have been seen" not in change.answer


def test_halving_weighs_as_much_as_doubling_and_no_ratio_weighs_most() -> None:
    weights = [
        weight(change_of(_request(), SPAN, MORE.model_copy(update={"ratio": ratio, "ci": None})))
        for ratio in (2.0, 0.5, None)
    ]
    assert weights[0] == pytest.approx(weights[1]) == pytest.approx(math.log(2))
    assert weights[2] == math.inf


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("good", ("go1.24.3 with swissmap turned back is like go1.23.9 again (+0.1 % against "
         "go1.23.9, 2 rounds)")),
        ("bad", ("go1.24.3 with swissmap turned back is still like go1.24.3 (+0.1 % against "
         "go1.23.9, 2 rounds): something else adds to it")),
        ("doubtful", ("go1.24.3 with swissmap turned back is like neither version: another cause "
         "may remain (noisy)")),
        ("unresolved", "go1.24.3 with swissmap turned back could not be measured: noisy"),
    ],
)  # fmt: skip
def test_a_cure_is_told_as_it_turned_out(state: State, told: str) -> None:
    found = Finding(point="x", state=state, ratio=1.001, rounds=2, reason="noisy\nmore")
    assert of_cure(SPAN, found, "swissmap turned back", describe("rss.peak")) == told


def test_a_cure_of_what_got_better_is_like_the_older_version_too() -> None:
    better = SPAN.model_copy(update={"regression": False})
    found = Finding(point="x", state="bad", ratio=1.2, rounds=2)
    told = of_cure(better, found, "swissmap turned back", describe("rss.peak"))
    assert "is like go1.23.9 again (+20.0 % against go1.24.3, as go1.23.9 is, 2 rounds)" in told


def test_the_headline_goes_from_the_change_to_the_cure() -> None:
    known = explanation()
    same_cause = "rss.peak of importer has the same cause as that of orders"
    assert headline(known) == f"{known.headline}; {same_cause}"
    first, second = known.changes
    own = first.model_copy(update={"metric": "rss.end", "same_as": "orders"})
    both = known.model_copy(update={"changes": (first, own)})
    assert headline(both) == f"{known.headline}; rss.end of orders has the same cause"
    followed = known.model_copy(update={"causes": (), "changes": (first,)})
    assert headline(followed) == first.answer
    same = second.model_copy(
        update={"effect": second.effect.model_copy(update={"decision": "unchanged"})}
    )
    assert headline(known.model_copy(update={"changes": (same,)})) == same.answer
    early = known.model_copy(update={"changes": ()})
    assert headline(early) == "nothing is known yet: 249 trials do not tell"
    assert headline(early.model_copy(update={"trials": 0})) == "nothing has been measured yet"


def test_where_another_metric_is_followed_the_headline_says_so_of_the_first() -> None:
    known = explanation()
    first = known.changes[0]
    still = first.effect.model_copy(update={"decision": "unchanged"})
    asked = first.model_copy(update={"metric": "heap.live", "effect": still, "answer": "it stays"})
    told = headline(known.model_copy(update={"changes": (asked, first)}))
    assert told == f"it stays; {known.headline}"


def _compared(metric: str, ratio: float | None, margin: float = 0.03) -> Comparison:
    decision: Decision = "increase" if ratio is None or ratio > 1 else "decrease"
    return Comparison(
        workload="w", metric=metric, unit="bytes", baseline="a", candidate="b", primary=False, n=5,
        baseline_value=1.0, candidate_value=1.0, ratio=ratio, ci=None, confidence=0.95,
        decision=decision, margin=margin, method="",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "followed"),
    [
        ([("rss.avg", 0.9), ("cpu.user", 1.1)], "cpu.user"),
        ([("rss.avg", 1.05), ("cpu.user", 1.5)], "rss.avg"),
        ([("rss.avg", 0.9), ("cpu.user", 0.8)], "rss.avg"),
        ([("rss.avg", 1.02), ("cpu.user", 0.8)], "cpu.user"),
        ([("rss.avg", None)], "rss.avg"),
        ([("rss.avg", 0.98), ("wall", 9.0)], None),
    ],
)
def test_what_got_worse_is_followed_first_and_nothing_within_its_margin(
    changed: list[tuple[str, float | None]], followed: str | None
) -> None:
    found = [_compared(metric, ratio) for metric, ratio in changed]
    assert most_telling(found, ("rss.avg", "cpu.user")) == followed


@pytest.mark.parametrize(
    ("metric", "difference", "telling"),
    [
        ("allocs.objects", 88, False), ("allocs.objects", -20_000, True),
        ("cpu.user", -0.002, False), ("cpu.user", 0.02, True), ("wall", None, True),
        ("heap.live", 5_000, True), ("BenchmarkX allocs/op", 88, True),
    ],
)  # fmt: skip
def test_what_only_the_start_of_a_program_takes_is_not_followed(
    metric: str, difference: float | None, *, telling: bool
) -> None:
    found = _compared(metric, 1.5).model_copy(update={"difference": difference})
    assert most_telling([found], (metric,)) == (metric if telling else None)


def test_other_metrics_that_moved_are_told_but_not_what_was_asked() -> None:
    def measure(_workload: str, variant: str, number: int) -> dict[str, float | None]:
        grown = {"go1.23.9": 1.0, "go1.24.3": 1.5}.get(variant, 4.0)
        return {"rss.peak": grown * MIB + number, "wall": grown, "gc.cycles": 9.0}

    run = make_run(measure)
    verdict = between(make_verdict(run, "go1.23.9", "go1.24.3"), "go1.23.9", "go1.24.3")
    asked = change_of(_request().model_copy(update={"workload": "large-buffers"}), SPAN, MORE)
    (told,) = moved(verdict, [asked])
    assert told.startswith("large-buffers: wall +50")
    assert "rss.peak" not in told
    assert "gc.cycles" not in told
