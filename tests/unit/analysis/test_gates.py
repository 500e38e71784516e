"""Gates: what is held, what is undecided, what fails, and what each does to the run."""

from xml.etree import ElementTree as ET

import pytest
from synthetic import ORIGIN, make_run

from harness.analysis.conclusion import conclude
from harness.analysis.models import GateResult, Verdict
from harness.analysis.stopping import undecided
from harness.analysis.unanswered import exit_status
from harness.report.formats import FORMATS
from harness.report.terminal import terminal_summary
from harness.run.store import Run

NOISY = [1.00e8, 1.04e8, 0.97e8, 1.02e8, 0.98e8]
"""Of a candidate whose baseline is 1e8: the interval of its increase includes 1 %."""


def run_of(
    metric: str, before: list[float], after: list[float], trials: object = None, **gate: object
) -> Run:
    values = {"go1.23.9": before, "go1.24.3": after}
    question = {"baseline": "go1.23.9", "candidate": "go1.24.3", "metrics": [metric]}
    matrix = {
        **ORIGIN, "go": list(values), "experiments": [[]], "trials": trials or len(before),
        "gates": [{"metric": metric, **gate}], "question": question,
    }  # fmt: skip

    def measure(_workload: str, variant: str, number: int) -> dict[str, float | None]:
        return {metric: values[variant][(number - 1) % len(before)]}

    run = make_run(measure, matrix)
    return Run(run.path, run.manifest, tuple(t for t in run.trials if t.round <= len(before)))


def judged(run: Run) -> tuple[GateResult, Verdict]:
    verdict = conclude(run)
    (gate,) = verdict.gates
    return gate, verdict


def noisy(*, strict: bool = False, limit: str = "1%") -> Run:
    return run_of("rss.peak", [1e8] * 5, NOISY, max_increase=limit, strict=strict)


@pytest.mark.parametrize(("limit", "state", "status"), [("50%", "held", 0), ("1%", "undecided", 0)])
def test_an_interval_across_the_limit_is_a_state_of_its_own(
    limit: str, state: str, status: int
) -> None:
    run = noisy(limit=limit)
    gate, verdict = judged(run)
    assert (gate.state, gate.passed) == (state, True)
    assert exit_status(run, verdict) == status


def test_a_strict_gate_fails_while_it_is_undecided() -> None:
    run = noisy(strict=True)
    gate, verdict = judged(run)
    assert (gate.state, gate.strict, gate.passed) == ("undecided", True, False)
    assert gate.message.endswith("strict, so that this fails")
    assert exit_status(run, verdict) == 1
    held, _ = judged(noisy(strict=True, limit="50%"))
    assert (held.state, held.passed) == ("held", True)


def test_what_is_exceeded_and_what_cannot_be_judged_fail() -> None:
    assert judged(run_of("rss.peak", [1e8] * 5, [2e8] * 5, max_increase="5%"))[0].state == "failed"
    run = run_of("rss.peak", [1e8] * 5, [1e8] * 5, max="1GiB")
    gate = judged(run)[0]
    assert gate.state == "held"
    missing = run.manifest.matrix.model_copy(
        update={"gates": [run.manifest.matrix.gates[0].model_copy(update={"metric": "rss.avg"})]}
    )
    manifest = run.manifest.model_copy(update={"matrix": missing})
    assert judged(Run(run.path, manifest, run.trials))[0].state == "failed"


def test_a_limit_and_an_undecided_one_are_undecided_together() -> None:
    gate, _ = judged(run_of("rss.peak", [1e8] * 5, NOISY, max="1GiB", max_increase="1%"))
    assert gate.state == "undecided"


@pytest.mark.parametrize("after", [1e8, 2e8])
def test_one_round_of_a_noisy_metric_shows_nothing(after: float) -> None:
    assert judged(run_of("rss.peak", [1e8], [after], max_increase="5%"))[0].state == "undecided"


def test_one_round_of_an_exact_metric_is_enough() -> None:
    assert judged(run_of("binary.size", [1e8], [2e8], max_increase="5%"))[0].state == "failed"


@pytest.mark.parametrize(
    ("metric", "before", "after", "limit", "state"),
    [
        ("gc.cycles", 4.0, 4.0, 0, "held"),
        ("gc.cycles", 4.0, 5.0, 0, "failed"),
        ("gc.cycles", 4.0, 5.0, 1, "held"),
        ("gc.cycles", 0.0, 1.0, "5%", "failed"),
        ("gc.cycles", 0.0, 1.0, 1, "held"),
        ("gc.cycles", 0.0, 0.0, "5%", "held"),
        ("swap", 0.0, 2.0**21, "1MiB", "failed"),
        ("swap", 0.0, 2.0**19, "1MiB", "held"),
    ],
)
def test_counts_are_exact_and_a_metric_may_have_been_zero(
    metric: str, before: float, after: float, limit: object, state: str
) -> None:
    run = run_of(metric, [before] * 5, [after] * 5, max_increase=limit, strict=True)
    assert judged(run)[0].state == state


def test_every_report_has_the_state() -> None:
    run = noisy()
    _, verdict = judged(run)
    assert "gate undecided: large-buffers" in "\n".join(terminal_summary(verdict))
    assert "- gate undecided: " in FORMATS["md"](run, verdict)
    assert '"badge warn" href="#gates">1 of 1 gate undecided<' in FORMATS["html"](run, verdict)
    (case,) = ET.fromstring(FORMATS["junit"](run, verdict)).iterfind(  # noqa: S314 - our own
        "testsuite[@name='gates']/testcase"
    )
    (child,) = case
    assert child.tag == "skipped"
    assert child.attrib["message"].startswith("undecided: large-buffers: ")


@pytest.mark.parametrize("strict", [True, False])
def test_rounds_go_on_for_a_strict_gate_alone(*, strict: bool) -> None:
    steps = [1.0, 1.3, 0.8, 1.2, 0.9]
    run = run_of(
        "rss.peak", [1e8 * x for x in steps], [1.5e8 * x + 1e6 * i for i, x in enumerate(steps)],
        trials={"min": 5, "max": 20}, max="155MB", strict=strict,
    )  # fmt: skip
    gate, verdict = judged(run)
    assert gate.state == "undecided"
    decided = all(c.decision != "inconclusive" for c in verdict.comparisons if c.primary)
    assert decided
    assert undecided(run) == ({"large-buffers"} if strict else set())
