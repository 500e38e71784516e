"""When a run answers nothing: see also the integration tests of exit statuses."""

import pytest
from synthetic import ORIGIN, make_run

from harness.analysis.conclusion import conclude
from harness.analysis.unanswered import unanswered
from harness.plan.plan import Trial
from harness.plan.question import resolve_question
from harness.run.store import Run

SIDES = {"go1.23.9", "go1.24.3"}


def run(*failing: str, rounds: int = 6, metric: str = "rss.peak") -> Run:
    """A run in which trials fail that end with one of these texts."""
    return make_run(
        lambda _w, variant, number: {metric: 1e8 + number + len(variant)},
        ORIGIN | {"trials": rounds},
        outcome=lambda _w, v, n: "exit 2" if f"{v}-r{n:02}".endswith(failing) else "ok",
    )


def why(found: Run, chosen: list[Trial] | None = None) -> str | None:
    manifest = found.manifest
    question = resolve_question(manifest.matrix, manifest.plan)
    trials = list(manifest.plan.trials()) if chosen is None else chosen
    return unanswered(conclude(found), question, trials)


def test_a_run_with_samples_of_both_sides_answers() -> None:
    assert why(run()) is None
    assert why(run("go1.24.3+noswissmap-r01", "go1.23.9-r02")) is None


@pytest.mark.parametrize(
    ("failing", "message"),
    [
        (("",), "no trial ended well (all 6 trials failed: exit 2 (6))"),
        (
            tuple(f"go1.23.9-r{n:02}" for n in range(1, 7)),
            "baseline go1.23.9 has no sample (all 6 trials failed: exit 2 (6))",
        ),
        (
            tuple(f"go1.24.3-r{n:02}" for n in range(1, 7)),
            "candidate go1.24.3 has no sample (all 6 trials failed: exit 2 (6))",
        ),
    ],
)
def test_a_side_without_a_sample_is_no_answer(failing: tuple[str, ...], message: str) -> None:
    assert why(run(*failing)) == f"nothing could be measured: large-buffers: {message}"


def test_sides_that_never_share_a_round_are_no_answer() -> None:
    said = why(run("go1.23.9-r01", "go1.24.3-r02", rounds=2))
    assert said is not None
    assert "no round has rss.peak of baseline and candidate" in said


def test_a_metric_that_no_trial_has_is_no_answer() -> None:
    said = why(run(metric="wall"))
    assert said is not None
    assert "no round has rss.peak of baseline and candidate" in said


def test_a_selection_without_one_side_asks_for_samples_only() -> None:
    found = run(*(f"go1.23.9-r{n:02}" for n in range(1, 7)))
    others = [t for t in found.manifest.plan.trials() if t.variant != "go1.23.9"]
    apart = [t for t in found.manifest.plan.trials() if t.variant in SIDES
             and (t.round == 1) == (t.variant == "go1.24.3")]  # fmt: skip
    assert why(found, others) is None
    assert why(run(), apart) is None
    assert why(run(""), others) is not None
