import hashlib
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import EXPERIMENTS, ORIGIN, make_run

from harness.analysis.conclusion import compare, conclude
from harness.analysis.models import Comparison, Suspect, Verdict
from harness.analysis.stopping import undecided
from harness.errors import HarnessError
from harness.pytest_plugin.testing import Change
from harness.report import wording
from harness.report.terminal import comparison_lines
from harness.run.store import Run

Metrics = dict[str, float | None]
Measure = Callable[[str, str, int], Metrics]


def noise(*key: object) -> float:
    """A standard normal number that belongs to a trial."""
    seed = int.from_bytes(hashlib.sha256(repr(key).encode()).digest()[:8])
    return float(np.random.default_rng(seed).normal())


def origin(_workload: str, variant: str, number: int) -> Metrics:
    """The origin's numbers: only the toolchain matters, and the runtime does not see it."""
    size = {"go1.23.9": 270e6, "go1.24.3": 422e6, "go1.24.11": 268e6}[variant.partition("+")[0]]
    rss = size * math.exp(0.003 * noise(variant, number))
    return {"rss.peak": rss, "rss.end": rss, "heap.objects": 404.0 * 2**20, "unseen": rss - 440e6}


def factorial(effect: Callable[[bool, bool], float], sd: float = 0.01) -> Measure:
    """An effect of (swissmap on, spinbitmutex on), in logs, over go1.23.9."""

    def measure(_workload: str, variant: str, number: int) -> Metrics:
        on = variant.startswith("go1.24")
        log = effect(on and "noswissmap" not in variant, on and "nospinbitmutex" not in variant)
        return {"rss.peak": 1e8 * math.exp(log + sd * noise(variant, number))}

    return measure


def primary(verdict: Verdict) -> Comparison:
    (found,) = [c for c in verdict.comparisons if c.primary]
    return found


def suspects(verdict: Verdict) -> dict[tuple[str, ...], Suspect]:
    return {s.toggles: s for s in verdict.suspects}


def test_the_origin() -> None:
    verdict = conclude(make_run(origin))
    comparison = primary(verdict)
    assert comparison.decision == "increase"
    assert comparison.n == 6
    assert comparison.ratio == pytest.approx(422 / 270, rel=0.01)
    assert comparison.ci is not None
    assert comparison.ci[0] < 422 / 270 < comparison.ci[1]
    assert {s.verdict for s in verdict.suspects} == {"ruled out"}
    assert [c.variant for c in verdict.cures] == ["go1.24.11"]
    sentence = verdict.headlines[0].sentence
    assert "rss.peak is 56 % higher with go1.24.3 than with go1.23.9" in sentence
    assert "(257 → 402 MiB, +145 MiB; 95 % interval " in sentence
    assert "swissmap and spinbitmutex are ruled out" in sentence
    assert "heap.objects) do not show it" in sentence
    assert "go1.24.11 does not have the regression" in sentence
    assert "the toolchain itself" in verdict.attributions[0].sentence


def test_a_culprit_is_implicated_and_the_other_ruled_out() -> None:
    found = suspects(conclude(make_run(factorial(lambda a, _b: 0.2 * a))))
    assert found["swissmap",].verdict == "implicated"
    assert found["swissmap",].share == pytest.approx(1, abs=0.1)
    assert found["spinbitmutex",].verdict == "ruled out"


def test_both_corrections_are_told() -> None:
    found = {c.primary: c for c in conclude(make_run(origin)).comparisons}
    assert found[True].correction == "Holm over 1 primary comparison"
    assert found[False].correction.startswith("Benjamini and Hochberg over ")


def test_improvements_are_attributed_too() -> None:
    verdict = conclude(make_run(factorial(lambda a, _b: -0.2 * a)))
    assert primary(verdict).decision == "decrease"
    assert suspects(verdict)["swissmap",].verdict == "implicated"


def test_two_that_add_up_contribute() -> None:
    found = suspects(conclude(make_run(factorial(lambda a, b: 0.1 * a + 0.1 * b))))
    assert found["swissmap",].verdict == found["spinbitmutex",].verdict == "contributes"
    assert found["spinbitmutex", "swissmap"].verdict == "implicated"


def test_a_pair_that_only_cures_together_is_found() -> None:
    verdict = conclude(make_run(factorial(lambda a, b: 0.2 * (a or b))))
    found = suspects(verdict)
    assert found["spinbitmutex", "swissmap"].verdict == "implicated"
    assert found["swissmap",].verdict == "contributes"
    assert found["swissmap",].share == pytest.approx(0.5, abs=0.1)
    assert [c.toggles for c in verdict.cures if c.toggles] == [("spinbitmutex", "swissmap")]


def test_either_of_two_that_cures_alone_is_implicated() -> None:
    found = suspects(conclude(make_run(factorial(lambda a, b: 0.2 * (a and b)))))
    assert found["swissmap",].verdict == found["spinbitmutex",].verdict == "implicated"


def test_one_at_a_time_designs_say_what_they_cannot_see() -> None:
    matrix = {**ORIGIN, "experiments": [[], ["noswissmap"], ["nospinbitmutex"]]}
    verdict = conclude(make_run(factorial(lambda a, _b: 0.2 * a), matrix))
    assert suspects(verdict)["swissmap",].design == "one at a time"
    assert suspects(verdict)["swissmap",].verdict == "implicated"
    assert "interactions" in {w.kind for w in verdict.warnings}
    full = conclude(make_run(factorial(lambda a, _b: 0.2 * a)))
    assert "interactions" not in {w.kind for w in full.warnings}


def test_nothing_is_attributed_to_noise() -> None:
    same = conclude(make_run(factorial(lambda _a, _b: 0.0)))
    assert primary(same).decision == "equivalent"
    assert {s.verdict for s in same.suspects} == {"not applicable"}
    assert not same.cures
    noisy = conclude(make_run(factorial(lambda _a, _b: 0.0, sd=0.2)))
    assert primary(noisy).decision == "inconclusive"
    assert {s.verdict for s in noisy.suspects} == {"inconclusive"}
    assert (primary(noisy).more_rounds or 0) > 10


def test_suspects_that_cannot_be_toggled_are_not_applicable() -> None:
    matrix = {
        **ORIGIN,
        "experiments": [[], ["noswissmap"]],
        "question": {
            "baseline": "go1.24.3", "candidate": "go1.23.9", "suspects": ["swissmap", "rangefunc"]
        },
    }  # fmt: skip
    found = suspects(conclude(make_run(origin, matrix)))
    assert found["swissmap",].verdict == "not applicable"
    assert "go1.23.9 does not know the experiment swissmap" in found["swissmap",].reason
    assert "never toggles rangefunc" in found["rangefunc",].reason


def test_an_experiment_turned_on_in_one_toolchain() -> None:
    matrix = {
        **ORIGIN,
        "go": ["go1.24.3"],
        "experiments": [[], ["rangefunc"]],
        "question": {"baseline": "go1.24.3", "candidate": "go1.24.3+rangefunc"},
    }

    def measure(_workload: str, variant: str, number: int) -> Metrics:
        size = 1.3e8 if "rangefunc" in variant else 1e8
        return {"rss.peak": size * math.exp(0.01 * noise(variant, number))}

    verdict = conclude(make_run(measure, matrix))
    assert primary(verdict).decision == "increase"
    assert suspects(verdict)["rangefunc",].verdict == "implicated"


@pytest.mark.parametrize("limit", ["5%", "60%"])
def test_gates(limit: str) -> None:
    matrix = {**ORIGIN, "gates": [{"metric": "rss.peak", "max_increase": limit}]}
    (gate,) = conclude(make_run(origin, matrix)).gates
    assert gate.passed == (limit == "60%")
    assert "n = 6" in gate.message
    assert "+56 %" in gate.message


def test_a_gate_and_its_comparison_have_the_same_interval_where_a_run_may_stop() -> None:
    gates = [{"metric": "rss.peak", "max_increase": "5%"}]
    matrix = {**ORIGIN, "gates": gates, "trials": {"min": 3, "max": 20}}
    verdict = conclude(sequential(matrix, 9, factorial(lambda a, _b: 0.06 * a, sd=0.05)))
    assert verdict.gates[0].ci == pytest.approx(primary(verdict).ci)
    fixed = {**ORIGIN, "gates": gates, "trials": 9}
    alone = conclude(make_run(factorial(lambda a, _b: 0.06 * a, sd=0.05), fixed)).gates[0]
    assert alone.ci is not None
    assert verdict.gates[0].ci is not None
    assert verdict.gates[0].ci[1] > alone.ci[1]


def test_a_gate_that_cannot_be_judged_fails() -> None:
    matrix = {**ORIGIN, "gates": [{"metric": "rss.avg", "max_increase": "5%"}]}
    (gate,) = conclude(make_run(origin, matrix)).gates
    assert not gate.passed
    assert "could not be judged" in gate.message


def test_failed_cells_are_told_and_do_not_hurt_their_neighbours() -> None:
    run = make_run(
        origin, outcome=lambda _w, v, r: "exit 2" if v == "go1.24.11" and r > 3 else "ok"
    )
    verdict = conclude(run)
    cells = {c.variant: c for c in verdict.cells}
    assert cells["go1.24.11"].status == "partial"
    assert cells["go1.24.11"].reason == "3 of 6 trials failed: exit 2 (3)"
    assert cells["go1.24.3"].status == "measured"
    assert cells["go1.23.9+noswissmap"].status == "not applicable"
    assert primary(verdict).decision == "increase"


def test_metrics_that_may_be_negative_are_compared_by_differences() -> None:
    verdict = conclude(make_run(origin))
    unseen = next(c for c in verdict.comparisons if c.metric == "unseen")
    assert unseen.ratio is None
    assert unseen.decision == "increase"
    assert unseen.difference == pytest.approx(152e6, rel=0.01)
    assert unseen.scale == "the baseline's rss.end"


def test_any_two_variants_can_be_compared_afterwards() -> None:
    run = make_run(origin)
    found = compare(run, "go1.24.3+nospinbitmutex,noswissmap", "go1.24.11")
    assert found[0].candidate == "go1.24.3+noswissmap,nospinbitmutex"
    assert found[0].decision == "increase"
    with pytest.raises(HarnessError, match=r"did you mean 'go1\.24\.3'"):
        compare(run, "go1.24.33", "go1.24.11")


def sequential(matrix: dict[str, object], rounds: int, measure: Measure) -> Run:
    run = make_run(measure, matrix)
    return Run(run.path, run.manifest, tuple(t for t in run.trials if t.round <= rounds))


def test_rounds_stop_when_decided() -> None:
    matrix = {**ORIGIN, "trials": {"min": 4, "max": 12}}
    assert undecided(sequential(matrix, 3, origin)) == {"large-buffers"}
    assert undecided(sequential(matrix, 5, origin)) == set()
    noisy = factorial(lambda _a, _b: 0.0, sd=0.2)
    assert undecided(sequential(matrix, 11, noisy)) == {"large-buffers"}
    assert undecided(sequential(matrix, 12, noisy)) == set()


def test_a_fixed_number_of_rounds_is_kept() -> None:
    matrix = {**ORIGIN, "trials": 10}
    assert undecided(sequential(matrix, 9, origin)) == {"large-buffers"}
    assert undecided(sequential(matrix, 10, origin)) == set()


def test_repeated_looks_cost_confidence() -> None:
    fixed = primary(conclude(make_run(factorial(lambda a, _b: 0.05 * a, sd=0.04))))
    looked = {**ORIGIN, "trials": {"min": 3, "max": 30}}
    run = sequential(looked, 6, factorial(lambda a, _b: 0.05 * a, sd=0.04))
    again = primary(conclude(run))
    assert fixed.p == again.p
    assert fixed.p_adjusted is not None
    assert again.p_adjusted is not None
    assert again.p_adjusted > fixed.p_adjusted


SMALL: dict[str, object] = {
    **ORIGIN, "go": ["go1.23.9", "go1.24.3"], "experiments": [[], ["noswissmap"]], "trials": 8,
    "question": {"baseline": "go1.23.9", "candidate": "go1.24.3"},
}  # fmt: skip
positive = st.floats(5e6, 4e9)  # far from a page, and less than a thousandfold apart


def from_values(values: dict[str, list[float]], matrix: dict[str, object] = SMALL) -> Run:
    return make_run(lambda _w, v, r: {"rss.peak": values[v.split("+")[0]][r - 1]}, matrix)


samples = st.integers(1, 8).flatmap(
    lambda n: st.tuples(
        st.lists(positive, min_size=n, max_size=n), st.lists(positive, min_size=n, max_size=n)
    )
)


def run_of(a: list[float], b: list[float], **question: object) -> Run:
    matrix = {**SMALL, "trials": len(a), "question": {**SMALL["question"], **question}}  # type: ignore[dict-item]
    return from_values({"go1.23.9": a, "go1.24.3": b}, matrix)


@settings(max_examples=50, deadline=None)
@given(samples, st.sampled_from([2.0**-10, 4.0, 2.0**20]))
def test_scaling_leaves_ratios(values: tuple[list[float], list[float]], factor: float) -> None:
    a, b = values
    plain = primary(conclude(run_of(a, b)))
    scaled = primary(conclude(run_of([x * factor for x in a], [x * factor for x in b])))
    assert scaled.ratio == pytest.approx(plain.ratio, rel=1e-6)
    if plain.ci is not None:
        assert scaled.ci == pytest.approx(plain.ci, rel=1e-6)


@settings(max_examples=50, deadline=None)
@given(samples)
def test_swapping_inverts(values: tuple[list[float], list[float]]) -> None:
    a, b = values
    there = primary(conclude(run_of(a, b)))
    back = primary(conclude(run_of(a, b, baseline="go1.24.3", candidate="go1.23.9")))
    assert there.ratio is not None
    assert back.ratio == pytest.approx(1 / there.ratio, rel=1e-6)
    opposite = {"increase": "decrease", "decrease": "increase"}
    assert back.decision == opposite.get(there.decision, there.decision)
    if there.ci is not None:
        assert back.ci == pytest.approx((1 / there.ci[1], 1 / there.ci[0]), rel=1e-6)


@settings(max_examples=30, deadline=None)
@given(samples, st.randoms())
def test_the_order_of_rounds_does_not_matter(
    values: tuple[list[float], list[float]], random: "np.random.Generator"
) -> None:
    pairs = list(zip(*values, strict=True))
    random.shuffle(pairs)
    plain = primary(conclude(run_of(*values)))
    shuffled = primary(conclude(run_of([a for a, _ in pairs], [b for _, b in pairs])))
    assert plain.ci == shuffled.ci
    assert plain.decision == shuffled.decision


def test_the_largest_floats_are_compared_without_a_warning() -> None:
    assert primary(conclude(run_of([1.7e308] * 5, [1.6e308] * 5))).decision == "decrease"


anything = st.one_of(
    st.none(), st.floats(allow_nan=True, allow_infinity=True), st.sampled_from([0.0, 1.0, -1.0])
)


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 7), st.data())
def test_no_data_raises_or_warns(n: int, data: st.DataObject) -> None:
    names = ("go1.23.9", "go1.24.3", "go1.24.3+noswissmap")
    columns = {name: data.draw(st.lists(anything, min_size=n, max_size=n)) for name in names}
    lost = data.draw(st.sets(st.sampled_from(names)))
    run = make_run(
        lambda _w, v, r: {"rss.peak": columns.get(v, columns[names[0]])[r - 1], "unseen": -1.0},
        {
            **SMALL,
            "trials": n,
            "gates": [
                {"metric": "rss.peak", "max_increase": "5%"},
                {"metric": "rss.peak", "max": "1MiB", "max_increase": "1MiB"},
                {"metric": "unseen", "max_increase": "5%"},
            ],
        },
        outcome=lambda _w, v, _r: "exit 1" if v in lost else "ok",
    )
    verdict = conclude(run)
    undecided(run)
    Verdict.model_validate_json(verdict.model_dump_json())


def test_unknown_metrics_have_no_unit() -> None:
    run = make_run(lambda _w, _v, r: {"rss.peak": 1.0, "orders/s": 100.0 + r})
    found = next(c for c in conclude(run).comparisons if c.metric == "orders/s")
    assert found.unit == ""
    assert found.decision == "equivalent"


def test_a_run_without_trials() -> None:
    run = make_run(origin)
    verdict = conclude(Run(run.path, run.manifest, ()))
    assert primary(verdict).decision == "inconclusive"
    assert "no round" in verdict.headlines[0].sentence
    assert {c.status for c in verdict.cells} == {"not run", "not applicable"}


def test_a_single_variant_asks_nothing() -> None:
    matrix = {"go": "go1.24.3", "workloads": ORIGIN["workloads"], "trials": 3}
    verdict = conclude(make_run(origin, matrix))
    assert verdict.comparisons == ()
    assert "nothing to compare" in verdict.headlines[0].sentence


def test_synthetic_experiments_cover_the_matrix() -> None:
    assert "go1.24.11" in EXPERIMENTS


def test_a_gate_fails_only_where_the_limit_is_shown_to_be_exceeded() -> None:
    matrix = {**ORIGIN, "gates": [{"metric": "rss.peak", "max_increase": "5%"}]}
    (gate,) = conclude(make_run(factorial(lambda a, _b: 0.06 * a, sd=0.05), matrix)).gates
    assert gate.ci is not None
    assert gate.ci[0] < 1.05 < gate.ci[1]
    assert gate.passed
    assert "more rounds would tell" in gate.message


def test_chance_does_not_make_a_joint_cure_of_culprit_and_bystander() -> None:
    blamed = 0
    for seed in range(40):

        def measure(_w: str, variant: str, number: int, seed: int = seed) -> Metrics:
            on = variant.startswith("go1.24") and "noswissmap" not in variant
            return {"rss.peak": 1e8 * math.exp(0.2 * on + 0.03 * noise(seed, variant, number))}

        blamed += any(len(s.toggles) > 1 for s in conclude(make_run(measure)).suspects)
    assert blamed <= 1


def test_a_pair_that_acts_only_jointly_is_found_under_noise_before_its_cure_is_shown() -> None:
    found = whole = 0
    for seed in range(12):

        def measure(_w: str, variant: str, number: int, seed: int = seed) -> Metrics:
            on = variant.startswith("go1.24") and not (
                "noswissmap" in variant and "nospinbitmutex" in variant
            )
            return {"rss.peak": 1e8 * math.exp(0.18 * on + 0.06 * noise(seed, variant, number))}

        verdict = conclude(make_run(measure, {**ORIGIN, "trials": 14}))
        pair = suspects(verdict).get(("spinbitmutex", "swissmap"))
        if pair is not None and pair.verdict == "implicated":
            found += 1
            whole += "no smaller set in it takes the increase away" in pair.reason
            assert "swissmap" in verdict.attributions[0].sentence
    assert found >= 11
    assert whole < found  # some are shown to explain most, not yet to explain all


@pytest.mark.parametrize(
    ("mapped", "words"),
    [
        (150e6, "the Go runtime shows it too (runtime.mapped"),
        (45e6, "the Go runtime shows a part of it (runtime.mapped"),
        (0.0, "the Go runtime's own numbers (runtime.mapped) do not show it"),
        (-100e6, "the Go runtime's own numbers went the other way (runtime.mapped"),
    ],
)
def test_the_runtime_shows_a_change_only_where_it_makes_half_of_it(
    mapped: float, words: str
) -> None:
    def measure(_workload: str, variant: str, number: int) -> Metrics:
        new = variant.startswith("go1.24.3")
        tremor = math.exp(0.001 * noise(variant, number))
        return {"rss.peak": (270e6 + 150e6 * new) * tremor,
                "runtime.mapped": (270e6 + mapped * new) * tremor}  # fmt: skip

    assert words in conclude(make_run(measure)).headlines[0].sentence


def sides(
    metric: str, baseline: list[float], candidate: list[float], **gate: object
) -> tuple[Comparison, Verdict]:
    """A question about one metric, with a gate if one is given."""
    matrix = {
        **SMALL, "trials": len(baseline), "gates": [{"metric": metric, **gate}] if gate else [],
        "question": {"baseline": "go1.23.9", "candidate": "go1.24.3", "metrics": [metric]},
    }  # fmt: skip
    values = {"go1.23.9": baseline, "go1.24.3": candidate}
    run = make_run(lambda _w, v, r: {metric: values[v.partition("+")[0]][r - 1]}, matrix)
    verdict = conclude(run)
    return primary(verdict), verdict


@pytest.mark.parametrize(
    ("metric", "baseline", "candidate", "why", "size"),
    [
        ("allocs.objects", 0.0, 1.0, "the baseline is zero", "1 higher"),
        ("allocs.objects", 0.0, 1e12, "the baseline is zero", "1,000 G higher"),
        ("allocs.objects", 4.0, 1e7, "the baseline is almost zero", "10.0 M higher"),
        ("heap.live", 4.0, 10 * 2.0**20, "the baseline is almost zero", "10.0 MiB higher"),
        ("cpu.user", 1e-6, 2.5, "the baseline is almost zero", "2.50 s higher"),
        ("cpu.user", 4e-4, 0.04, "the baseline is almost zero", "39.6 ms higher"),
        ("heap.live", 10 * 2.0**20, 0.0, "all of it", "10.0 MiB lower"),
        ("allocs.objects", 1e7, 4.0, "almost all of it", "10.0 M lower"),
    ],
)
def test_against_a_zero_the_difference_is_told_and_no_ratio(
    metric: str, baseline: float, candidate: float, why: str, size: str
) -> None:
    found, verdict = sides(metric, [baseline] * 6, [candidate] * 6)
    assert found.ratio is None
    assert found.ci is None
    assert found.no_ratio == why
    assert found.decision == ("increase" if candidate > baseline else "decrease")
    assert found.difference_ci == pytest.approx((candidate - baseline,) * 2)
    sentence = verdict.headlines[0].sentence
    assert f"{metric} is {size} with go1.24.3 than with go1.23.9, {why} (" in sentence
    assert " → " in sentence
    assert "; exact, n = 6)" in sentence
    told = [sentence, wording.effect(found), *comparison_lines([found])]
    assert not any("%" in text.replace("95 %", "") for text in told)
    assert all(
        why in text for text in (sentence, wording.effect(found), comparison_lines([found])[1])
    )


def test_zero_against_zero_is_equal() -> None:
    found, verdict = sides("faults.major", [0.0] * 6, [0.0] * 6, max_increase="0%")
    assert found.decision == "equivalent"
    assert found.no_ratio == "zero in both"
    assert "equivalent in faults.major: zero in both (n = 6)" in verdict.headlines[0].sentence
    assert verdict.gates[0].passed
    assert Change(make_run(origin), found).within(0.0)


def test_less_than_all_is_not_told_as_all() -> None:
    found, verdict = sides("rss.peak", [1e9] * 6, [3e6] * 6)
    assert found.ratio == pytest.approx(0.003)
    assert "rss.peak is 99.7 % lower" in verdict.headlines[0].sentence
    found, verdict = sides("rss.peak", [1e7] * 6, [4.2e9] * 6)
    assert (
        "rss.peak is higher with go1.24.3 than with go1.23.9: ×420 (9.54 MiB → 3.91 GiB, "
        in verdict.headlines[0].sentence
    )


@pytest.mark.parametrize(
    ("metric", "baseline", "candidate", "limits", "passed", "words"),
    [
        ("allocs.objects", 0, 1, {"max_increase": "100%"}, False,
         "limit +100 % of a baseline that is zero, which is 0, observed +1 (exact, n = 6)"),
        ("allocs.objects", 0, 1e12, {"max_increase": "100%"}, False, "observed +1,000 G"),
        ("allocs.objects", 0, 0, {"max_increase": "0%"}, True, "observed 0 ("),
        ("allocs.objects", 0, 1, {"max_increase": "1"}, True, "limit +1, observed +1 ("),
        ("allocs.objects", 0, 2, {"max_increase": 1}, False, "limit +1, observed +2 ("),
        ("allocs.objects", 4, 1e7, {"max_increase": "100%"}, False,
         "limit +100 % of a baseline of 4, which is 4, observed +10.0 M"),
        ("allocs.objects", 10, 0, {"max_increase": "0%"}, True, "observed -10 ("),
        ("rss.peak", 100 << 20, 104 << 20, {"max_increase": "5MiB"}, True,
         "limit +5.00 MiB, observed +4.00 MiB (exact, n = 6)"),
        ("rss.peak", 100 << 20, 106 << 20, {"max_increase": "5MiB"}, False, "observed +6.00 MiB"),
        ("rss.peak", 100 << 20, 105 << 20, {"max_increase": "5%"}, True, "observed +5 %"),
        ("rss.peak", 1 << 20, 199 << 20, {"max": "200MiB"}, True, "limit 200 MiB, observed 199"),
        ("rss.peak", 300 << 20, 201 << 20, {"max": "200MiB"}, False, "observed 201 MiB (exact"),
        ("rss.peak", 100 << 20, 199 << 20, {"max": "200MiB", "max_increase": "5%"}, False,
         "limit 200 MiB, observed 199 MiB (exact, n = 6); limit +5 %"),
        ("wall", 0.1, 0.4, {"max": "500ms", "max_increase": "200ms"}, False, "observed +300 ms"),
        ("rss.peak", 1 << 20, 900 << 20, {"max_increase": "5%"}, False, "observed ×900 ("),
    ],
)  # fmt: skip
def test_gates_hold_absolute_limits_and_know_zero(
    metric: str, baseline: float, candidate: float, limits: dict[str, object],
    passed: bool, words: str,  # noqa: FBT001 - a parameter of the test
) -> None:  # fmt: skip
    _, verdict = sides(metric, [float(baseline)] * 6, [float(candidate)] * 6, **limits)
    (gate,) = verdict.gates
    assert gate.passed == passed, gate.message
    assert words in gate.message
    assert gate.n == 6


def test_a_relative_limit_of_what_may_be_negative_is_a_part_of_its_reference() -> None:
    gates = [{"metric": "unseen", "max_increase": limit} for limit in ("50%", "60%", "100MiB")]
    held = conclude(make_run(origin, {**ORIGIN, "gates": gates})).gates
    assert [gate.passed for gate in held] == [False, True, False]  # 152 MB of 270 MB
    assert "of the baseline's rss.end, which is 129 MiB, observed +145 MiB" in held[0].message
    assert held[0].ratio is None
    assert held[0].difference == pytest.approx(152e6, rel=0.01)


def test_a_reference_that_was_not_measured_is_not_told_as_zero() -> None:
    _, verdict = sides("unseen", [100.0] * 5, [104.0] * 5, max_increase="5%")
    assert verdict.gates[0].passed
    assert "limit +5 %" in verdict.gates[0].message
    assert "rss.end" not in verdict.gates[0].message
    _, verdict = sides("unseen", [-(2.0**20)] * 5, [2.0**20] * 5, max_increase="5%")
    assert "+5 % of a baseline of 1.00 MiB, which is 51.2 KiB" in verdict.gates[0].message


def test_an_absolute_limit_that_is_not_shown_to_be_kept_passes_and_says_so() -> None:
    noisy = [100.0 + 10 * noise("a", r) for r in range(6)]
    _, verdict = sides("allocs.objects", noisy, [x + 3 * noise("b", x) for x in noisy], max="101")
    assert verdict.gates[0].passed
    assert "more rounds would tell" in verdict.gates[0].message


def test_a_matrix_of_one_variant_may_have_an_absolute_limit() -> None:
    matrix = {"go": "go1.24.3", "workloads": ORIGIN["workloads"], "trials": 3,
              "gates": [{"metric": "rss.peak", "max": "100MiB"}]}  # fmt: skip
    (gate,) = conclude(make_run(origin, matrix)).gates
    assert not gate.passed
    assert "rss.peak of go1.24.3: limit 100 MiB, observed 40" in gate.message


def test_shares_of_a_change_from_almost_nothing_are_of_bytes_and_not_of_logarithms() -> None:
    def measure(_workload: str, variant: str, number: int) -> Metrics:
        if variant.startswith("go1.23.9"):
            size = 4.0
        else:
            size = 5e6 if "noswissmap" in variant else 1e7
        return {"rss.peak": size * math.exp(0.001 * noise(variant, number))}

    found = suspects(conclude(make_run(measure, {**ORIGIN, "experiments": [[], ["noswissmap"]]})))
    assert found["swissmap",].share == pytest.approx(0.5, abs=0.02)


def counted(candidate: Callable[[int], float], metric: str = "allocs.objects") -> Verdict:
    """Ten rounds of a metric that is 0, or 1 MB, for all but the candidate."""
    base = 0.0 if metric == "allocs.objects" else 1e6

    def measure(_workload: str, variant: str, number: int) -> Metrics:
        return {metric: candidate(number) if variant == "go1.24.3" else base}

    question = {"baseline": "go1.23.9", "candidate": "go1.24.3", "metrics": [metric]}
    return conclude(make_run(measure, {**ORIGIN, "question": question, "trials": 10}))


def test_one_stray_count_does_not_make_zero_against_zero_inconclusive() -> None:
    found = primary(counted(lambda number: 4.0 if number == 7 else 0.0))
    assert found.decision == "equivalent"
    assert "9 of 10 rounds" in found.method


@pytest.mark.parametrize("rounds", [1, 2, 10])
def test_an_exact_difference_below_the_margin_is_a_real_one(rounds: int) -> None:
    def measure(_workload: str, variant: str, _round: int) -> Metrics:
        grown = variant.startswith("go1.24") and "noswissmap" not in variant
        return {"binary.size": 2_008_000.0 if grown else 2_000_000.0}

    question = {
        "baseline": "go1.23.9", "candidate": "go1.24.3", "metrics": ["binary.size"],
        "suspects": ["swissmap", "spinbitmutex"],
    }  # fmt: skip
    verdict = conclude(make_run(measure, {**ORIGIN, "question": question, "trials": rounds}))
    assert primary(verdict).decision == "increase"
    assert "+0.4 % is within the margin of 3 %" in primary(verdict).method
    sentence = verdict.headlines[0].sentence
    doubt = f"exact, within the margin of 3 %, n = {rounds}"
    assert f"(1.91 MiB, +7.81 KiB; {doubt}); swissmap is implicated" in sentence
    assert suspects(verdict)["swissmap",].verdict == "implicated"
    assert suspects(verdict)["spinbitmutex",].verdict == "ruled out"


@pytest.mark.parametrize("metric", ["rss.peak", "allocs.objects", "threads"])
def test_rounds_that_agree_are_judged_by_the_margin_as_those_that_do_not(metric: str) -> None:
    """A page of noise, which one probe mode has and another has not, changes no verdict."""
    size = 100.0 * 2**20
    for noise in (0.0, 4096.0):
        base, grown = ([size * x + noise * (r % 3) for r in range(6)] for x in (1.0, 1.01))
        found, _ = sides(metric, base, grown)
        assert (found.decision, found.exact) == ("equivalent", not noise)


@pytest.mark.parametrize("rounds", [4, 20])
def test_a_margin_that_is_an_amount_is_told_as_one(rounds: int) -> None:
    found, _ = sides("runtime.buckets", [3656.0] * rounds, [2944.0] * rounds)
    assert "real" in found.method
    assert "512 KiB" in found.method
    assert "same within 512 KiB" in comparison_lines([found])[1]


def test_an_exact_difference_is_never_told_as_nothing() -> None:
    _, verdict = sides("binary.size", [1e6] * 5, [1e6 + 4] * 5, max_increase="0%")
    assert verdict.headlines[0].sentence.startswith("binary.size is 0.0004 % higher with go1.24.3")
    assert "limit +0 %, observed +0.0004 %" in verdict.gates[0].message
    assert "+0.0004 % is within the margin of 3 %, and real" in verdict.comparisons[0].method
    assert wording.effect(verdict.comparisons[0]) == "+0.0004 %"
    same, _ = sides("binary.size", [1e6 + 0.1] * 5, [1e6 + 0.1] * 5)
    assert wording.effect(same) == "0.0 %"


def test_what_cannot_err_costs_other_comparisons_nothing() -> None:
    def measure(_workload: str, variant: str, number: int) -> Metrics:
        return {"rss.peak": 1e8 * math.exp(0.01 * noise(variant, number)), "binary.size": 2e6}

    question = {
        "baseline": "go1.23.9", "candidate": "go1.24.3", "metrics": ["rss.peak", "binary.size"],
    }  # fmt: skip
    verdict = conclude(make_run(measure, {**ORIGIN, "question": question}))
    (found,) = (c for c in verdict.comparisons if c.primary and c.metric == "rss.peak")
    assert found.correction == "Holm over 1 primary comparison"


def test_what_trials_inherited_is_told_where_it_bears_on_what_is_measured() -> None:
    run = make_run(lambda *_: {"rss.peak": 1e8})
    given = {"nice": "10", "limit nofile": "1024 of 4096"}
    trials = (
        run.trials[0].model_copy(update={"inherited": given}),
        *(t.model_copy(update={"inherited": {"limit nofile": "1"}}) for t in run.trials[1:]),
    )
    warnings = conclude(Run(run.path, run.manifest, trials)).warnings
    (told,) = (w for w in warnings if w.kind == "inherited")
    assert told.message.startswith(f"1 of {len(trials)} trials inherited from the harness")
    assert "nice 10;" in told.message


def test_a_stray_page_does_not_hide_a_large_change() -> None:
    question = {"baseline": "go1.23.9", "candidate": "go1.24.3", "metrics": ["rss.peak", "rss.end"]}

    def measure(_workload: str, variant: str, number: int) -> Metrics:
        size = (350 if variant.startswith("go1.24.3") else 200) * 2.0**20 + 4096 * (number == 2)
        return {"rss.peak": size, "rss.end": size}

    verdict = conclude(make_run(measure, {**SMALL, "trials": 5, "question": question}))
    assert [c.decision for c in verdict.comparisons if c.primary] == ["increase", "increase"]


def test_of_too_many_comparisons_the_questions_own_are_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def measure(_workload: str, variant: str, number: int) -> Metrics:
        worse = 2.0 if variant.startswith("go1.24.3") else 1.0
        return {"rss.peak": worse * 1e8, **{f"m{n}": worse + number / 1e3 for n in range(20)}}

    run = make_run(measure)
    everything = conclude(run)
    asked = {c.metric for c in everything.comparisons if c.primary or c.candidate == "go1.24.3"}
    assert len(everything.comparisons) > 40
    assert "comparisons left out" not in {w.kind for w in everything.warnings}
    number = len(everything.comparisons)
    monkeypatch.setattr("harness.analysis.comparisons.MOST", number)
    assert conclude(run) == everything
    monkeypatch.setattr("harness.analysis.comparisons.MOST", 40)

    some = conclude(run)

    assert len(some.comparisons) == 40
    assert {c.metric for c in some.comparisons if c.baseline == "go1.23.9"} == asked
    assert {c.candidate for c in some.comparisons if c.metric == "rss.peak"} == {
        c.candidate for c in everything.comparisons if c.metric == "rss.peak"
    }
    told = next(w.message for w in some.warnings if w.kind == "comparisons left out")
    assert f"only 40 of {number} comparisons" in told
    assert some.headlines == everything.headlines
