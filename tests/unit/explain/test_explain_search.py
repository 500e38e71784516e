"""What an explanation knows of a comparison that time cut short."""

import pytest
from synthetic import make_run

from harness.explain.search import effect_so_far

ENDS = ("go1.23.9", "go1.24.3")


def test_whole_rounds_of_both_versions_are_compared() -> None:
    def measure(_workload: str, variant: str, number: int) -> dict[str, float | None]:
        return {"rss.peak": (150.0 if variant == "go1.24.3" else 100.0) + number}

    def fails(_workload: str, variant: str, number: int) -> str:
        return "signal KILL" if number == 2 and variant == "go1.24.3" else "ok"

    trials = make_run(measure, outcome=fails).trials
    found = effect_so_far(trials, "rss.peak", *ENDS)
    assert found is not None
    assert (found.rounds, found.decision) == (5, "undecided")
    assert found.ratio == pytest.approx(1.48, abs=0.02)
    assert found.ci is not None
    assert found.size == pytest.approx(154, abs=1)
    first = [trial for trial in trials if trial.round == 1]
    assert effect_so_far(first, "rss.peak", *ENDS) is None
    assert effect_so_far(trials, "wall", *ENDS) is None
