"""The search over simulated measurements: it is right, frugal, and honest about what it skipped."""

import math

import numpy as np
import pytest
from bisecting import Simulation, classifier, line, step_at
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.stats.likelihood import Spread, log_odds
from harness.bisect.compare import Classifier
from harness.bisect.decide import change, side, spread_of_ends
from harness.bisect.points import Finding
from harness.bisect.releases import between, first_of_each_minor
from harness.bisect.search import first_change
from harness.errors import HarnessError


@given(st.integers(2, 200).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n - 1))))
def test_it_finds_the_step_wherever_it_is_with_a_logarithm_of_questions(
    case: tuple[int, int],
) -> None:
    count, step = case
    asked = []

    def classify(index: int) -> Finding:
        asked.append(index)
        return Finding(point=str(index), state="bad" if index >= step else "good")

    found = first_change(range(count), classify, "bad")
    assert (found.low, found.high, found.undecided) == (step - 1, step, ())
    assert len(asked) <= math.ceil(math.log2(count))
    assert len(set(asked)) == len(asked)
    assert not {0, count - 1} & set(asked)


@given(
    st.integers(3, 60).flatmap(
        lambda n: st.tuples(
            st.just(n), st.integers(1, n - 1), st.sets(st.integers(1, n - 2), max_size=n)
        )
    )
)
def test_what_tells_nothing_is_passed_over_and_named_only_where_it_matters(
    case: tuple[int, int, set[int]],
) -> None:
    count, step, broken = case

    def classify(index: int) -> Finding:
        if index in broken:
            return Finding(point=str(index), state="unresolved", reason="it does not compile")
        return Finding(point=str(index), state="bad" if index >= step else "good")

    found = first_change(range(count), classify, "bad")
    sound = [i for i in range(count) if i not in broken]
    assert found.low == max(i for i in sound if i < step)
    assert found.high == min(i for i in sound if i >= step)
    assert {i for i, _ in found.undecided} == set(range(found.low + 1, found.high))


def test_a_doubtful_point_is_asked_once_more_when_nothing_else_is_left() -> None:
    asked: list[int] = []

    def classify(index: int) -> Finding:
        asked.append(index)
        doubtful = index == 5 and asked.count(5) == 1
        state = "bad" if index >= 6 else "good"
        return Finding(point=str(index), state="doubtful" if doubtful else state)

    found = first_change(range(10), classify, "bad")
    assert (found.low, found.high, found.undecided) == (5, 6, ())
    assert asked.count(5) == 2


def test_the_direction_of_a_fix_is_the_same_search() -> None:
    points = line(32)
    mended = step_at(points, 20, -0.3)
    runner = Simulation(mended, noise=0.01)
    measured = classifier(runner, list(reversed(points)))  # the newest is the good one
    assert measured.compare_ends().decision == "changed"
    found = first_change(points, measured.classify, "good")
    assert (found.low, found.high) == (19, 20)


def test_three_per_cent_under_three_per_cent_of_noise_over_64_versions() -> None:
    right, trials = 0, []
    for seed in range(20):
        points = line(64)
        step = int(np.random.default_rng(1000 + seed).integers(1, 64))
        runner = Simulation(step_at(points, step, 0.03), noise=0.03, seed=seed)
        measured = classifier(runner, points)
        if measured.compare_ends().decision != "changed":
            continue
        found = first_change(points, measured.classify, "bad")
        right += (found.low, found.high, found.undecided) == (step - 1, step, ())
        trials.append(runner.trials)
    assert right >= 19
    assert np.mean(trials) < 800


def test_a_clear_change_costs_two_rounds_a_point() -> None:
    points = line(64)
    runner = Simulation(step_at(points, 40, 0.2), noise=0.002)
    measured = classifier(runner, points)
    assert measured.compare_ends().rounds <= 5
    first_change(points, measured.classify, "bad")
    assert {finding.rounds for finding in measured.findings.values()} == {2}


@pytest.mark.parametrize("noise", [0.0, 0.0002, 0.03])
def test_no_change_is_said_before_any_search(noise: float) -> None:
    """Of twenty A/A pairs, none starts a search; at 1 % of error, two would be a rare event."""
    decisions = []
    for seed in range(20):
        points = line(2)
        measured = classifier(Simulation(lambda _: 1e8, noise=noise, seed=seed), points)
        decisions.append(measured.compare_ends().decision)
    assert decisions.count("changed") <= 1
    if noise < 0.01:
        assert set(decisions) == {"unchanged"}


def test_a_long_comparison_of_both_ends_is_told() -> None:
    points, told = line(2), list[str]()
    runner = Simulation(lambda _: 1e8, noise=0.2)
    Classifier(runner, points[0], points[-1], 0.01, told.append).compare_ends()
    assert told[0].startswith("not decided after 13 rounds")
    assert 2 <= len(told) <= 3


@pytest.mark.parametrize("noise", [0.001, 0.003, 0.01])
def test_a_change_that_is_too_small_to_count_starts_no_search(noise: float) -> None:
    """However surely it is there: half of what counts is as far from nothing as from the bound."""
    for seed in range(20):
        points = line(2)
        runner = Simulation(lambda p: 1e8 if p.name == "v00" else 1.005e8, noise=noise, seed=seed)
        assert classifier(runner, points).compare_ends().decision != "changed"


@pytest.mark.parametrize(("ends", "noise"), [(3, 0.2), (12, 0.5), (40, 1.0)])
def test_a_wrong_end_is_named_as_rarely_as_promised(ends: int, noise: float) -> None:
    """As often as searches begin: ends just known to differ by one, trials with that noise."""
    random = np.random.default_rng(7)
    wrong, searches, error = 0, 1500, 0.02
    for _ in range(searches):
        differences = random.normal(1.0, noise * math.sqrt(2), ends)
        gap, spread = float(differences.mean()), spread_of_ends(list(differences))
        contrasts = list(random.normal(-0.5, noise * math.sqrt(1.5), 2))
        while (decision := side(contrasts, gap, spread, error)) is None:
            contrasts.append(random.normal(-0.5, noise * math.sqrt(1.5)))
        wrong += decision == "bad"
    assert wrong / searches <= error + 2 * math.sqrt(error * (1 - error) / searches)


@given(
    st.lists(st.floats(-10, 10), min_size=1, max_size=8),
    st.floats(0.01, 5),
    st.floats(0, 10),
    st.integers(0, 20),
)
def test_mirrored_contrasts_turn_the_answer_round(
    contrasts: list[float], gap: float, squares: float, df: int
) -> None:
    spread = Spread(squares, df)
    mirrored = [-value for value in contrasts]
    assert log_odds(mirrored, gap, spread) == pytest.approx(-log_odds(contrasts, gap, spread))
    assert log_odds(contrasts, -gap, spread) == pytest.approx(-log_odds(contrasts, gap, spread))


def test_drift_that_a_round_shares_does_not_matter() -> None:
    points = line(16)
    runner = Simulation(step_at(points, 9, 0.05), noise=0.003, shared=0.5)
    measured = classifier(runner, points)
    assert measured.compare_ends().decision == "changed"
    found = first_change(points, measured.classify, "bad")
    assert (found.low, found.high) == (8, 9)
    assert runner.trials < 100


def test_what_does_not_build_or_crashes_is_unresolved_with_its_words() -> None:
    points = line(5)
    runner = Simulation(
        step_at(points, 3, 0.5), noise=0.001, broken={"v02": "undefined: x"},
        crashing={"v01": 1.0},
    )  # fmt: skip
    measured = classifier(runner, points)
    measured.compare_ends()
    unbuilt, crashed = measured.classify(points[2]), measured.classify(points[1])
    assert (unbuilt.state, unbuilt.reason) == ("unresolved", "undefined: x")
    assert (crashed.state, crashed.reason) == ("unresolved", "exit 2\npanic: no")
    assert measured.classify(points[3]).state == "bad"


def test_a_point_that_crashes_by_chance_is_told_by_its_other_trials() -> None:
    failed = []
    for seed in range(20):
        points = line(3)
        runner = Simulation(step_at(points, 1, 0.5), noise=0.001, crashing={"v01": 0.3}, seed=seed)
        measured = classifier(runner, points)
        measured.compare_ends()
        found = measured.classify(points[1])
        assert (found.state, found.reason) == ("bad", None)
        failed.append(found.failed)
    assert min(failed) == 0
    assert max(failed) > 1


def test_a_point_between_both_ends_is_doubtful_not_guessed() -> None:
    points = line(3)
    values = {"v00": 1e8, "v01": 1.05e8, "v02": 1.1e8}
    geometric = math.sqrt(values["v00"] * values["v02"])
    runner = Simulation(
        lambda p: geometric if p.name == "v01" else values[p.name], noise=0.02, seed=3
    )
    measured = classifier(runner, points)
    assert measured.compare_ends().decision == "changed"
    finding = measured.classify(points[1])
    assert finding.state == "doubtful"
    assert "like neither end" in (finding.reason or "")


def test_a_broken_end_is_an_error_not_a_finding() -> None:
    points = line(2)
    broken = Simulation(lambda _: 1e8, noise=0.0, broken={"v01": "undefined: x"})
    with pytest.raises(HarnessError, match=r"v01 does not build.*\n?.*undefined: x"):
        classifier(broken, points).compare_ends()
    crashing = Simulation(lambda _: 1e8, noise=0.0, crashing={"v00": 1.0})
    with pytest.raises(HarnessError, match="v00: exit 2"):
        classifier(crashing, points).compare_ends()


@pytest.mark.parametrize("values", [[0.0, 0.0, 0.0, 0.0, 0.0], [0.3], [], [math.nan, 1.0, 2.0]])
def test_few_or_odd_differences_are_no_exception(values: list[float]) -> None:
    assert change(values, 0.01) in (None, "unchanged")


def test_releases_between_two_are_final_ones_in_order() -> None:
    versions = [
        "go1.24.0",
        "go1.24rc1",
        "go1.23.9",
        "go1.23.10",
        "go1.24.3",
        "go1.22.1",
        "go1.25.0",
    ]
    assert between(versions, "go1.23.9", "go1.24.3") == ["go1.23.10", "go1.24.0"]
    line = ["go1.23.10", "go1.24.0", "go1.24.3", "go1.25.1", "go1.25.2"]
    assert first_of_each_minor(line, "go1.23.9") == ["go1.24.0", "go1.25.1"]
