"""Benchmarks: which of their metrics are judged, in questions and gates, and what is kept."""

import re

import pytest
from synthetic import ORIGIN, make_run

from harness.analysis.conclusion import conclude
from harness.analysis.models import Verdict
from harness.report.page import render_html
from harness.report.terminal import terminal_summary
from harness.run.store import Run

FAST = {"ns/op": 1e-6, "B/op": 100.0, "allocs/op": 2.0}
PROGRAM = {"name": "api", "package": "./api"}


def run_of(
    *, question: dict[str, object] | None = None, outcome: str = "ok", **more: object
) -> Run:
    """Two benchmarks; the candidate's ``BenchmarkB`` allocates one object more."""
    matrix = {
        **ORIGIN, "go": ["go1.23.9", "go1.24.3"], "experiments": [[]], "trials": 5,
        "question": {"baseline": "go1.23.9", "candidate": "go1.24.3", **(question or {})},
        "workloads": [{"name": "codec", "benchmark": {"package": "./codec"}}], **more,
    }  # fmt: skip

    def measure(workload: str, variant: str, _number: int) -> dict[str, float | None]:
        if workload == "api":
            return {"rss.peak": 1e8}
        found: dict[str, float | None] = {"rss.peak": 1e8}
        for name in ("BenchmarkA", "BenchmarkB/small"):
            found |= {f"{name} {unit}": value for unit, value in FAST.items()}
        if variant == "go1.24.3":
            found["BenchmarkB/small allocs/op"] = 3.0
        return found

    return make_run(measure, matrix, outcome=lambda _w, _v, _r: outcome)


def asked(verdict: Verdict, workload: str = "codec") -> set[str]:
    return {c.metric for c in verdict.comparisons if c.primary and c.workload == workload}


def test_each_benchmark_is_judged_by_its_three_metrics() -> None:
    verdict = conclude(run_of())
    every = {f"{name} {unit}" for name in ("BenchmarkA", "BenchmarkB/small") for unit in FAST}
    assert asked(verdict) == every
    sentence = verdict.headlines[0].sentence
    assert sentence.startswith("BenchmarkB/small allocs/op is 50 % higher"), sentence


def test_programs_beside_benchmarks_are_judged_by_memory() -> None:
    workloads = [{"name": "codec", "benchmark": {"package": "./codec"}}, PROGRAM]
    verdict = conclude(run_of(workloads=workloads))
    assert asked(verdict, "api") == {"rss.peak"}
    assert "rss.peak" not in asked(verdict)


def test_a_pattern_asks_about_all_that_match() -> None:
    verdict = conclude(run_of(question={"metrics": ["* B/op", "rss.peak"]}))
    assert asked(verdict) == {"BenchmarkA B/op", "BenchmarkB/small B/op", "rss.peak"}


def test_a_gate_with_a_pattern_limits_each_benchmark() -> None:
    gates = [{"metric": "* allocs/op", "max_increase": 0}, {"metric": "* B/op", "max": "1KiB"}]
    verdict = conclude(run_of(gates=gates))
    found = {gate.metric: gate.state for gate in verdict.gates}
    assert found == {
        "BenchmarkA allocs/op": "held", "BenchmarkB/small allocs/op": "failed",
        "BenchmarkA B/op": "held", "BenchmarkB/small B/op": "held",
    }  # fmt: skip


def test_a_pattern_that_matches_nothing_fails() -> None:
    (gate,) = conclude(run_of(gates=[{"metric": "BenchmarkC* B/op", "max": "1KiB"}])).gates
    assert gate.state == "failed"
    assert "could not be judged" in gate.message


@pytest.mark.parametrize("name", ["rss.paek", "Benchmark", "B/op"])
def test_a_name_that_no_benchmark_can_have_is_refused_before_the_run(name: str) -> None:
    with pytest.raises(Exception, match="there is no metric"):
        conclude(run_of(question={"metrics": [name]}))


def test_results_before_a_timeout_are_kept_and_nothing_else() -> None:
    verdict = conclude(run_of(outcome="timeout"))
    found = {c.metric: c for c in verdict.comparisons}
    assert found["BenchmarkB/small allocs/op"].decision == "increase"
    assert "rss.peak" not in found
    assert {c.status for c in verdict.cells} == {"partial"}
    assert "results of benchmarks that had ended count" in str(verdict.cells[0].reason)


def test_results_of_a_crash_do_not_count() -> None:
    verdict = conclude(run_of(outcome="exit 2"))
    assert {c.status for c in verdict.cells} == {"failed"}


def test_hundreds_of_benchmarks_make_one_readable_sentence() -> None:
    names = [f"BenchmarkX/{number} {unit}" for number in range(100) for unit in FAST]
    run = make_run(
        lambda _w, _v, _r: dict.fromkeys(names, 1.0),
        {**ORIGIN, "trials": 5, "workloads": [{"name": "w", "benchmark": {"package": "./w"}}]},
    )
    verdict = conclude(run)
    told = "BenchmarkX/0 ns/op, BenchmarkX/1 ns/op, BenchmarkX/2 ns/op, BenchmarkX/3 ns/op"
    assert (
        terminal_summary(verdict)[-1]
        == f"w: go1.24.3 and go1.23.9 are equivalent in {told} and 296 more metrics within 3 %."
    )
    assert not re.search("nothing to explain|none can be attributed", render_html(run, verdict))


def test_open_ones_are_told_together_and_changed_ones_with_their_numbers() -> None:
    def measure(_workload: str, variant: str, number: int) -> dict[str, float | None]:
        noise = 1 + (number * 7 + sum(map(ord, variant)) * 5) % 11
        found: dict[str, float | None] = {f"Benchmark{x} ns/op": noise * 1e-6 for x in "ABC"}
        return found | {"BenchmarkA B/op": 80.0 if variant.startswith("go1.24.3") else 64.0}

    matrix = {**ORIGIN, "trials": 5, "workloads": [{"name": "w", "benchmark": {"package": "./w"}}]}
    (found,) = conclude(make_run(measure, matrix)).headlines
    assert found.sentence.startswith("BenchmarkA B/op is 25 % higher with go1.24.3 than")
    assert (
        "; whether BenchmarkA ns/op, BenchmarkB ns/op and BenchmarkC ns/op differ between "
        "go1.24.3 and go1.23.9 is open"
    ) in found.sentence


def test_one_object_of_a_thousand_counts_within_the_margin() -> None:
    run, metric = run_of(), "BenchmarkA allocs/op"
    trials = tuple(
        t.model_copy(update={"metrics": {**t.metrics, metric: 1000.0 + (t.variant == "go1.24.3")}})
        for t in run.trials
    )
    verdict = conclude(Run(run.path, run.manifest, trials))
    assert {c.decision for c in verdict.comparisons if c.metric == metric} == {"increase"}
