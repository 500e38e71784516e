import math
import time

import numpy as np
import pytest
from deciding import decide
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.analysis.comparisons import benjamini_hochberg, holm
from harness.analysis.stats.classical import kendall, welch
from harness.analysis.stats.intervals import (
    Others,
    Sample,
    estimate,
    one_less,
    one_more,
    shrink,
    stretch,
)
from harness.analysis.stats.sequential import _boundaries, adjust, spent, stopped_error
from harness.text.words import span


@pytest.fixture
def rng() -> np.random.Generator:
    """Each test's own, so that its draws are the same whatever else runs in this process."""
    return np.random.default_rng(7)


def test_many_rounds_have_nearly_students_interval(rng: np.random.Generator) -> None:
    sample = rng.normal(0.1, 0.02, 400)
    found = estimate(sample, plain=True)
    assert found is not None
    oracle = stats.ttest_1samp(sample, 0.1).confidence_interval(0.95)
    assert found.interval(0.95) == pytest.approx((oracle.low, oracle.high), abs=1e-4)


@pytest.mark.parametrize("skew", [0.0, 0.5, 2.0, 4.0])
@pytest.mark.parametrize("n", [2, 5, 40])
def test_what_is_shrunk_is_stretched_again(skew: float, n: int) -> None:
    for t in (0.5, 2.0, 30.0):
        assert stretch(max(0, shrink(t, skew, n)), skew, n) == pytest.approx(t, abs=0.3)
        assert shrink(stretch(t, skew, n), skew, n) == pytest.approx(t)


@pytest.mark.parametrize("n", [2, 5, 40])
@pytest.mark.parametrize("distance", [0.0, 3.0])
def test_one_more_round_is_in_the_statistic_of_all(
    rng: np.random.Generator, n: int, distance: float
) -> None:
    sample = rng.normal(1, 1, n)
    mean, spread = sample.mean(), sample.std(ddof=1)
    oracle = stats.ttest_1samp(np.append(sample, mean - distance * spread), 0.0)
    t = mean / spread * math.sqrt(n)
    assert one_more(t, distance, n) == pytest.approx(oracle.statistic)
    assert one_less(one_more(t, distance, n), distance, n) == pytest.approx(t)


def test_bounds_of_the_interval_are_those_that_the_tests_exclude() -> None:
    sample = np.concatenate([np.linspace(0, 1, 30), np.linspace(1, 3.5, 10)])
    found = estimate(sample)
    assert found is not None
    interval = found.interval(0.95)
    assert interval is not None
    for bound in interval:
        assert found.p_different(bound) == pytest.approx(0.05, rel=1e-6)
    assert interval[1] - found.centre > found.centre - interval[0]  # the long tail's side


def test_what_others_show_of_the_noise_counts_for_all() -> None:
    quiet = np.array([-0.010, -0.011, -0.010, -0.009, -0.010])
    alone, beside = estimate(quiet), estimate(quiet, others=Others(0.2, right=2.0, left=-2.0))
    assert alone is not None
    assert beside is not None
    assert alone.p_different(0.0) < 0.01
    assert beside.p_different(0.0) > 0.5


def test_outliers_on_both_sides_bring_the_trimmed_mean(rng: np.random.Generator) -> None:
    sample = np.concatenate([rng.normal(0, 0.01, 13), [3.0, -2.5]])
    found = estimate(sample)
    assert found is not None
    assert "trimmed" in found.method
    assert found.centre == pytest.approx(stats.trim_mean(sample, 0.2))
    # Yuen's test against a constant sample's mean is Tukey and McLaughlin's.
    winsorised = np.asarray(stats.mstats.winsorize(sample, (0.2, 0.2)))
    assert found.error == pytest.approx(winsorised.std(ddof=1) / (0.6 * math.sqrt(15)))
    assert found.df == 8


def test_an_outlier_on_one_side_may_be_skew(rng: np.random.Generator) -> None:
    found = estimate(np.append(rng.normal(0, 0.01, 14), 3.0))
    assert found is not None
    assert "trimmed" not in found.method


@pytest.mark.parametrize("n", [1, 2])
def test_too_few_alike_prove_nothing(n: int) -> None:
    found = estimate(np.full(n, 0.5))
    assert found is not None
    assert found.interval(0.95) is None
    assert found.p_different(0.0) == 1.0


def test_constant_samples_are_exact() -> None:
    found = estimate(np.full(6, 0.5))
    assert found is not None
    assert found.interval(0.95) == (0.5, 0.5)
    assert found.p_different(0.0) == pytest.approx(2 * 4.0**-6)
    assert found.p_different(0.5) == 1.0


@pytest.mark.parametrize("strays", [1, 2])
def test_a_few_strays_do_not_undo_what_all_others_agree_on(strays: int) -> None:
    found = estimate(np.array([0.0] * (10 - strays) + [4.0] * strays))
    assert found is not None
    assert found.interval(0.95) == (0.0, 0.0)
    assert "strayed" in found.method
    assert found.p_above(-0.1) == pytest.approx(math.comb(10, strays) * 4.0 ** (strays - 10))


def test_what_has_no_noise_by_nature_needs_one_round() -> None:
    found = estimate(np.array([0.004]), exact=True)
    assert found is not None
    assert found.interval(0.95) == (0.004, 0.004)
    assert found.p_different(0.0) == 0


@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=30))
@example([1.7e308, -1.7e308])
def test_any_sample_gives_an_estimate_or_none(values: list[float]) -> None:
    for plain in (False, True):
        found = estimate(np.array(values), plain=plain)
        if found is None:
            assert not values or not all(map(math.isfinite, values))
            continue
        interval = found.interval(0.95)
        assert 0 <= found.p_different(0.0) <= 1
        if interval is not None:
            assert interval[0] <= found.centre + abs(found.centre) * 1e-9 + 1e-300
            assert interval[1] >= found.centre - abs(found.centre) * 1e-9 - 1e-300


@pytest.mark.parametrize("n", [5, 12, 60])
@pytest.mark.parametrize("tied", [False, True])
def test_kendalls_tau_is_that_of_scipy(rng: np.random.Generator, n: int, *, tied: bool) -> None:
    values = rng.normal(0, 1, n) + np.arange(n) / 10
    if tied:
        values = np.round(values)
    oracle = stats.kendalltau(np.arange(n), values, method="asymptotic" if tied else "exact")
    assert kendall(values) == pytest.approx((oracle.statistic, oracle.pvalue), rel=1e-9)
    assert kendall(np.ones(n)) == (0.0, 1.0)


def test_welchs_test_is_that_of_scipy(rng: np.random.Generator) -> None:
    x, y = rng.normal(0, 1, 6), rng.normal(0.5, 3, 9)
    assert welch(x, y) == pytest.approx(stats.ttest_ind(x, y, equal_var=False).pvalue)
    assert welch(np.ones(4), np.ones(4)) == 1
    assert welch(np.ones(4), np.zeros(4)) == 0


def test_holm_and_benjamini_hochberg_against_published_numbers() -> None:
    p = [0.01, 0.04, 0.03, 0.005]
    assert holm(p) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert benjamini_hochberg(p) == pytest.approx(list(stats.false_discovery_control(p)))
    assert holm([]) == []
    assert benjamini_hochberg([]) == []


def test_one_look_needs_no_correction() -> None:
    assert adjust(0.03, 10, 10, 10) == 0.03


@pytest.mark.parametrize(("first", "last"), [(5, 20), (3, 10)])
def test_boundaries_spend_the_error_over_the_looks(
    rng: np.random.Generator, first: int, last: int
) -> None:
    n = np.arange(1, last + 1)
    draws: Sample = rng.normal(size=(40_000, last))
    mean = draws.cumsum(axis=1) / n
    squares: Sample = np.cumsum(draws * draws, axis=1) - n * mean * mean
    variance = squares[:, 1:] / (n - 1)[1:]
    t = np.abs(mean[:, 1:]) / np.sqrt(variance / n[1:])
    p = 2 * np.asarray(stats.t.sf(t, n[1:] - 1))[:, first - 2 :]
    crossed = p <= _boundaries((0.05,), first, last)[0]
    half = (last - first) // 2
    for look in (0, half, last - first):
        reached = crossed[:, : look + 1].any(axis=1).mean()
        assert reached == pytest.approx(0.05 * spent((first + look) / last), abs=0.003)


def test_decisions_keep_their_error_over_all_looks(rng: np.random.Generator) -> None:
    wrong = {"increase": 0, "decrease": 0, "equivalent": 0}
    for _ in range(400):
        same, beyond = rng.normal(0, 0.05, 12), rng.normal(math.log(1.03), 0.02, 12)
        for sample, lies in ((same, ("increase", "decrease")), (beyond, ("equivalent",))):
            answers = (decide(sample[:n], margin=0.03, first=4, last=12) for n in range(4, 13))
            found = next((a for a in answers if a != "inconclusive"), None)
            if found is not None and found in lies:
                wrong[found] += 1
    assert wrong["increase"] + wrong["decrease"] <= 34  # 20 expected
    assert wrong["equivalent"] <= 34


def test_intervals_of_stopped_runs_keep_their_coverage(rng: np.random.Generator) -> None:
    first, last, truth, hits, plain = 5, 20, 0.12, 0, 0
    for _ in range(1500):
        sample = rng.normal(truth, 0.15, last)
        n = next(
            (n for n in range(first, last)
             if decide(sample[:n], margin=0.03, first=first, last=last) != "inconclusive"),
            last,
        )  # fmt: skip
        found = estimate(sample[:n])
        for error in (stopped_error(0.05, n, first, last), 0.05):
            interval = found.interval(1 - error) if found else None
            covered = interval is not None and interval[0] <= truth <= interval[1]
            hits, plain = hits + covered * (error != 0.05), plain + covered * (error == 0.05)
    assert plain >= 1395  # 93 %
    assert plain <= hits


@settings(deadline=None)
@given(st.floats(0, 1), st.integers(2, 12), st.integers(1, 60), st.integers(1, 80))
def test_looks_only_ever_raise_a_p_value(p: float, first: int, more: int, rounds: int) -> None:
    corrected = adjust(p, rounds, first, first + more)
    assert p <= corrected <= 1 or corrected == pytest.approx(p)


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.55, 0.57, "55 to 57 %"),
        (0.5984, 0.5991, "59.8 to 59.9 %"),
        (0.59981, 0.59989, "59.98 to 59.99 %"),
        (0.6, 0.6, "60 %"),
        (math.nan, math.nan, "?"),
    ],
)
def test_narrow_spans_tell_their_ends_apart(low: float, high: float, text: str) -> None:
    assert span(low, high) == text


def test_a_million_rounds_that_are_allowed_cost_no_time() -> None:
    began = time.process_time()
    assert 0.02 < stopped_error(0.05, 5, 3, 10**6) < 0.05
    assert adjust(0.01, 10**6, 3, 10**6) == adjust(0.01, 500, 3, 10**6)
    assert time.process_time() - began < 5
