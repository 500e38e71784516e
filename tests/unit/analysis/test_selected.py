"""A run of selected trials (``-k``) says nothing of what was not selected."""

from synthetic import ORIGIN, make_run

from harness.analysis.conclusion import conclude
from harness.analysis.models import Verdict
from harness.analysis.unanswered import exit_status
from harness.report.terminal import terminal_summary
from harness.run.store import Run

SIDES = {"go1.23.9", "go1.24.3"}


def selected(variants: set[str]) -> Verdict:
    run = make_run(
        lambda _w, v, r: {"rss.peak": (1.5e8 if v.startswith("go1.24.3") else 1e8) + 1e5 * r}
    )
    trials = tuple(t for t in run.trials if t.variant in variants)
    return conclude(Run(run.path, run.manifest, trials))


def test_suspects_that_were_not_selected_are_not_called_undecided() -> None:
    verdict = selected(SIDES)
    (headline,) = verdict.headlines
    assert "rss.peak is 50 % higher" in headline.sentence
    assert "decided" not in " ".join(terminal_summary(verdict))
    assert {s.verdict for s in verdict.suspects} == {"not applicable"}
    assert {s.reason for s in verdict.suspects} == {
        "go1.24.3+noswissmap was not run", "go1.24.3+nospinbitmutex was not run",
    }  # fmt: skip
    (attribution,) = verdict.attributions
    assert "no suspect was toggled in go1.24.3" in attribution.sentence


def test_those_that_were_are_judged() -> None:
    verdict = selected(SIDES | {"go1.24.3+noswissmap"})
    (headline,) = verdict.headlines
    assert "swissmap is ruled out" in headline.sentence
    assert "spinbitmutex" not in headline.sentence


def test_workloads_and_gates_that_were_not_selected_have_not_failed() -> None:
    workloads = [{"name": name, "package": "./x"} for name in ("large-buffers", "live-map")]
    gates = [{"metric": "rss.peak", "max_increase": "5%"}, {"metric": "rss.peak", "max": "1GiB"}]
    run = make_run(
        lambda _w, _v, r: {"rss.peak": 1e8 + r}, {**ORIGIN, "workloads": workloads, "gates": gates}
    )
    chosen = tuple(t for t in run.trials if t.workload == "live-map" and t.variant in SIDES)
    verdict = conclude(Run(run.path, run.manifest, chosen))
    assert [headline.workload for headline in verdict.headlines] == ["live-map"]
    states = {(g.workload, g.max is None): (g.state, g.passed) for g in verdict.gates}
    assert states == {
        ("large-buffers", True): ("undecided", True), ("live-map", True): ("held", True),
        ("large-buffers", False): ("undecided", True), ("live-map", False): ("held", True),
    }  # fmt: skip
    messages = " ".join(g.message for g in verdict.gates)
    assert "go1.23.9 and go1.24.3 were not run" in messages
    assert exit_status(Run(run.path, run.manifest, chosen), verdict) == 0


def test_few_rounds_are_told_once_for_all_metrics() -> None:
    metrics = ["rss.peak", "rss.end", "rss.avg", "pss", "uss", "cpu.user", "wall"]
    question = {"baseline": "go1.23.9", "candidate": "go1.24.3", "metrics": metrics}
    run = make_run(
        lambda *_: dict.fromkeys(metrics, 1.0), {**ORIGIN, "question": question, "trials": 3}
    )
    (warning,) = (w for w in conclude(run).warnings if w.kind == "few rounds")
    assert warning.message.startswith("rss.peak, rss.end, rss.avg, pss and 3 more metrics have 3")
