"""Screening finds the smallest sets of toggles that explain a change, in few sets."""

import math
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from screened import Bench, Effect, drive

from harness.analysis.screening.evidence import SequentialTest
from harness.analysis.screening.models import Answer, Ask, Back, Failed, Outcome, Row
from harness.analysis.screening.search import screen

FOUR = ("aliastypeparams", "spinbitmutex", "swissmap", "synchashtriemap")
TWELVE = tuple("abcdefghijkl")


def effects(**parts: float) -> Effect:
    """The sum of what sets do once they are complete: ``ab=1.0`` needs both a and b."""
    return lambda back: sum(part for needed, part in parts.items() if back >= set(needed))


def sets_of(outcome: Outcome) -> set[str]:
    return {"".join(sorted(culprit.toggles)) for culprit in outcome.culprits}


def screened(effect: Effect, toggles: tuple[str, ...] = TWELVE, noise: float = 0.005) -> Outcome:
    return drive(screen(toggles), Bench(effect, noise=noise).answer)


@pytest.mark.parametrize("culprit", FOUR)
def test_one_culprit_of_four_takes_five_sets_where_noise_is_small(culprit: str) -> None:
    found = drive(screen(FOUR), Bench(lambda back: float(culprit in back), noise=0.002).answer)
    (only,) = found.culprits
    assert only.toggles == {culprit}
    assert only.share.ci is not None
    assert only.share.ci[0] < 1 < only.share.ci[1]
    assert not only.joint
    assert set(found.ruled_out) == set(FOUR) - {culprit}
    assert len(found.steps) == 5


@pytest.mark.parametrize("noise", [0.01, 0.05, 0.15])
def test_one_culprit_of_four_takes_seven_sets_at_most(noise: float) -> None:
    bench = Bench(lambda back: float("swissmap" in back), noise=noise)
    found = drive(screen(FOUR, most=4000), bench.answer)
    assert [culprit.toggles for culprit in found.culprits] == [{"swissmap"}]
    assert len(found.steps) <= 7


def test_no_culprit_of_four_takes_three_sets() -> None:
    found = screened(effects(), FOUR)
    assert not found.culprits
    assert set(found.ruled_out) == set(FOUR)
    assert [step.decision for step in found.steps] == ["nothing"] * 3
    assert found.steps[0].back == set(FOUR)
    assert "no toggle alone, no two that cancel each other, and no set" in found.excluded


def test_of_one_toggle_that_is_ruled_out_nothing_more_is_excluded() -> None:
    found = screened(effects(), ("swissmap",))
    assert (set(found.ruled_out), found.excluded) == ({"swissmap"}, "")


def test_the_number_of_sets_grows_as_the_logarithm() -> None:
    many = tuple(f"t{number:03}" for number in range(128))
    found = drive(screen(many), Bench(lambda back: float("t077" in back)).answer)
    assert sets_of(found) == {"t077"}
    assert len(found.steps) <= 3 + 7


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"c": 1.0}, {"c"}),
        ({"c": 0.6}, {"c"}),
        ({"c": 0.5, "i": 0.5}, {"c", "i"}),
        ({"a": 0.5, "b": 0.3, "l": 0.25}, {"a", "b", "l"}),
        ({"cj": 1.0}, {"cj"}),
        ({"ab": 1.0}, {"ab"}),
        ({"ahk": 1.0}, {"ahk"}),
        ({"d": 0.5, "be": 0.5}, {"d", "be"}),
        ({"a": 0.5, "b": -0.5}, {"a", "b"}),
        ({"a": 0.5, "l": -0.5}, {"a", "l"}),
        ({"c": 1.0, "d": 0.5, "e": -0.5}, {"c", "d", "e"}),
        ({"a": 1.5, "k": -0.5}, {"a", "k"}),
        ({"a": 1.0, "b": 1.0, "ab": -1.0}, {"a", "b"}),
    ],
    ids=lambda value: " ".join(sorted(value)),  # a set has no order of its own
)
def test_smallest_sets_are_found(parts: Mapping[str, float], expected: set[str]) -> None:
    found = screened(effects(**parts))
    assert sets_of(found) == expected
    assert {"".join(sorted(c.toggles)) for c in found.culprits if c.joint} == {
        name for name in expected if len(name) > 1
    }
    assert set(found.ruled_out) == set(TWELVE) - set("".join(expected))
    assert not found.open


def test_what_acts_only_beside_a_culprit_stays_open() -> None:
    found = screened(effects(c=0.5, cj=0.5))
    assert sets_of(found) == {"c"}
    assert set(found.open) == set(TWELVE) - {"c"}
    assert found.open["a"].endswith("have an effect beside c only")


def test_an_opposite_effect_has_a_negative_share() -> None:
    found = screened(effects(a=1.5, k=-0.5))
    shares = {min(culprit.toggles): culprit.share.value for culprit in found.culprits}
    assert shares == {"a": pytest.approx(1.5, abs=0.1), "k": pytest.approx(-0.5, abs=0.1)}
    assert "opposite" in {step.decision for step in found.steps}
    assert found.explained is not None
    assert found.explained.value == pytest.approx(1.0, abs=0.1)


def test_all_of_the_change_is_told_from_a_part() -> None:
    whole, part = screened(effects(c=1.0)), screened(effects(c=0.6))
    assert whole.steps[0].decision == "all"
    assert part.steps[0].decision == "part"


def test_free_toggles_are_measured_apart_from_those_that_need_a_build() -> None:
    bench = Bench(effects(c=1.0), noise=0.002)
    found = drive(screen("abcdwxyz", free="wxyz"), bench.answer)
    assert sets_of(found) == {"c"}
    assert [step.back for step in found.steps[:2]] == [set("abcdwxyz"), set("wxyz")]
    assert len({step.back - set("wxyz") for step in found.steps} - {frozenset()}) <= 5


def test_a_decrease_is_screened_like_an_increase() -> None:
    found = drive(screen("abcd"), Bench(effects(b=1.0), change=-0.3, noise=0.01).answer)
    assert sets_of(found) == {"b"}
    assert found.culprits[0].share.value == pytest.approx(1.0, abs=0.1)


def test_values_that_may_be_negative_are_screened_by_difference() -> None:
    def answer(ask: Ask) -> Answer:
        noise = [0.1 * math.sin(7 * n) for n in range(ask.rounds)]
        return {
            back: [Row(-1.0, 9.0 + e, -1.0 + e if "b" in back else 9.0 - e) for e in noise]
            for back in ask.sets
        }

    assert sets_of(drive(screen("abcd"), answer)) == {"b"}


def test_a_change_below_the_smallest_that_counts_is_nothing() -> None:
    bench = Bench(effects(b=1.0), change=0.01, noise=0.0005)
    found = drive(screen("abcd", smallest=0.05), bench.answer)
    assert set(found.ruled_out) == set("abcd")


def test_a_toggle_that_does_not_build_stays_open_and_the_others_are_decided() -> None:
    found = screened(lambda back: None if "d" in back else float("b" in back))
    assert sets_of(found) == {"b"}
    assert found.open == {"d": "does not build"}
    assert set(found.ruled_out) == set(TWELVE) - set("bd")


def test_toggles_that_do_not_build_together_are_decided_apart() -> None:
    found = screened(lambda back: None if back >= {"a", "l"} else float("c" in back))
    assert sets_of(found) == {"c"}
    assert set(found.ruled_out) == set(TWELVE) - {"c"}


def test_toggles_that_build_only_together_stay_open() -> None:
    found = screened(lambda back: None if len(back & {"c", "d"}) == 1 else float("c" in back))
    assert not found.culprits
    assert set(found.open) == {"c", "d"}
    assert "c and d together have an effect" in found.open["c"]


def test_what_was_not_measured_stays_open() -> None:
    found = drive(screen("abc"), lambda _: {})
    assert found.open == dict.fromkeys("abc", "it was not measured")
    assert not found.excluded


def test_noise_leaves_toggles_open() -> None:
    found = drive(screen("abc", most=5), Bench(effects(b=0.3), noise=0.3).answer)
    assert set(found.open) == set("abc")
    assert [step.decision for step in found.steps] == ["unclear"]


def test_there_may_be_one_toggle_or_none() -> None:
    assert sets_of(screened(effects(a=1.0), ("a",))) == {"a"}
    assert screened(effects(), ("a",)).ruled_out == {"a": "alone"}
    assert next(screen(()), None) is None


@st.composite
def worlds(draw: st.DrawFn) -> tuple[tuple[str, ...], frozenset[str], Bench]:
    toggles = TWELVE[: draw(st.integers(1, 8))]
    some = st.frozensets(st.sampled_from(toggles), min_size=1, max_size=3)
    parts = draw(
        st.dictionaries(some, st.sampled_from([-1.0, -0.5, 0.1, 0.3, 0.5, 1.0]), max_size=3)
    )
    broken = draw(st.lists(some, max_size=2))
    mended = draw(some)

    def effect(back: Back) -> float | None:
        if any(back >= bad for bad in broken) and not back >= mended:
            return None
        return sum(part for needed, part in parts.items() if back >= needed)

    noise = draw(st.sampled_from([0.0, 0.002, 0.05]))
    free = draw(st.frozensets(st.sampled_from(toggles)))
    return toggles, free, Bench(effect, noise=noise, seed=draw(st.integers(0, 99)))


@given(worlds())
@settings(deadline=None)
def test_every_toggle_gets_one_place_and_no_set_is_asked_for_fewer_rounds(
    world: tuple[tuple[str, ...], frozenset[str], Bench],
) -> None:
    toggles, free, bench = world
    found = drive(screen(toggles, free=free, most=12), bench.answer)
    named = [toggle for culprit in found.culprits for toggle in culprit.toggles]
    assert sorted([*named, *found.ruled_out, *found.open]) == sorted(toggles)
    asked: dict[Back, int] = {}
    for ask in bench.asks:
        assert ask.sets
        for back in ask.sets:
            assert 0 < asked.get(back, 0) + 1 <= ask.rounds <= 12
            asked[back] = ask.rounds
    assert tuple(asked) == tuple(step.back for step in found.steps)
    assert all(back <= set(toggles) and back for back in asked)


@given(worlds())
@settings(deadline=None)
def test_a_replay_over_all_stored_rows_goes_the_same_way(
    world: tuple[tuple[str, ...], frozenset[str], Bench],
) -> None:
    toggles, free, bench = world
    found = drive(screen(toggles, free=free, most=12), bench.answer)
    asks = list(bench.asks)
    bench.asks.clear()
    every = Ask(tuple(bench.rows), 12)
    stored = bench.answer(every)
    failed = [back for ask in asks for back in ask.sets if back not in bench.rows]
    again: list[Ask] = []

    def answer(ask: Ask) -> Answer:
        again.append(ask)
        return {back: stored[back] for back in ask.sets if back not in failed} | {
            back: Failed("does not build") for back in ask.sets if back in failed
        }

    assert drive(screen(toggles, free=free, most=12), answer) == found
    assert again == asks


@given(st.dictionaries(st.sampled_from(TWELVE), st.sampled_from([-0.5, 0.3, 1.0]), max_size=2))
@settings(deadline=None)
def test_without_noise_additive_effects_are_found_exactly(parts: dict[str, float]) -> None:
    found = screened(effects(**parts), noise=0.0)
    assert sets_of(found) == set(parts)
    assert set(found.ruled_out) == set(TWELVE) - set(parts)


@pytest.mark.parametrize(
    ("share", "decision"),
    [(0.0, "nothing"), (0.1, "nothing"), (0.3, "part"), (1.0, "part"), (-0.3, "opposite")],
)
def test_many_rounds_decide_by_both_bounds(share: float, decision: str) -> None:
    back = frozenset("a")
    rows = Bench(lambda _: share, noise=0.001).answer(Ask((back,), 40))[back]
    assert not isinstance(rows, Failed)
    assert SequentialTest(limit=0.2, smallest=0.0, error=0.005, most=40).decide(rows) == decision
