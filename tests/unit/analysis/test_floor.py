"""The margin's absolute floor: a small program's small change is no increase."""

import pytest
from synthetic import ORIGIN, make_run

from harness.analysis.conclusion import conclude
from harness.analysis.models import Comparison, Verdict
from harness.report.wording import decision_word

MIB = 2.0**20
WIGGLE = (0.0, 0.004, -0.003, 0.002, -0.004, 0.001, 0.003, -0.002, 0.001, -0.001)


def judged(
    metric: str, before: float, after: float, *, noisy: bool = True, **question: object
) -> tuple[Comparison, Verdict]:
    sizes = {"go1.23.9": before, "go1.24.3": after}
    asked = {"baseline": "go1.23.9", "candidate": "go1.24.3", "metrics": [metric], **question}
    matrix = {
        **ORIGIN, "go": list(sizes), "experiments": [[]], "question": asked, "trials": len(WIGGLE),
    }  # fmt: skip
    if metric.startswith("Benchmark"):
        matrix["workloads"] = [{"name": "large-buffers", "benchmark": {"package": "./large"}}]

    def measure(_workload: str, variant: str, number: int) -> dict[str, float | None]:
        shift = WIGGLE[number - 1 if variant == "go1.23.9" else -number] if noisy else 0.0
        return {metric: sizes[variant] * (1 + shift)}

    verdict = conclude(make_run(measure, matrix))
    (found,) = (c for c in verdict.comparisons if c.primary)
    return found, verdict


@pytest.mark.parametrize("noisy", [True, False])
@pytest.mark.parametrize(("before", "after"), [(1.98, 2.27), (2.27, 1.98)])
def test_a_small_change_of_a_small_program_is_equivalent(
    *, before: float, after: float, noisy: bool
) -> None:
    found, verdict = judged("rss.peak", before * MIB, after * MIB, noisy=noisy)
    assert found.decision == "equivalent"
    assert found.p_adjusted is not None
    assert found.p_adjusted < 0.05
    assert found.floor == 512 * 1024
    assert "is real, but below 512 KiB (question.margin: at_least)" in found.method
    assert "equivalent in rss.peak within 512 KiB" in verdict.headlines[0].sentence
    assert decision_word(found) == "same within 512 KiB"


@pytest.mark.parametrize("margin", ["3%, at least 0", {"share": "3%", "at_least": 0}])
def test_without_a_floor_it_is_an_increase(margin: object) -> None:
    found, _ = judged("rss.peak", 1.98 * MIB, 2.27 * MIB, margin=margin)
    assert (found.decision, found.floor, found.margin) == ("increase", None, 0.03)


def test_the_floor_can_be_set() -> None:
    assert judged("rss.peak", 2 * MIB, 2.8 * MIB)[0].decision == "increase"
    found, _ = judged("rss.peak", 2 * MIB, 2.8 * MIB, margin="3%, at least 1MiB")
    assert found.decision == "equivalent"
    assert found.floor == MIB


def test_a_large_program_has_the_share() -> None:
    found, _ = judged("rss.peak", 200 * MIB, 210 * MIB)
    assert (found.decision, found.floor, found.margin) == ("increase", None, 0.03)


@pytest.mark.parametrize(
    ("after", "decision"), [(300.0 * 1024, "equivalent"), (700.0 * 1024, "increase")]
)
def test_the_floor_holds_against_zero(after: float, decision: str) -> None:
    found, _ = judged("heap.released", 0.0, after)
    assert found.ratio is None
    assert found.decision == decision


@pytest.mark.parametrize("metric", ["binary.size", "BenchmarkX B/op", "wall"])
def test_other_metrics_have_no_floor(metric: str) -> None:
    assert judged(metric, 1000.0, 1200.0, noisy=False)[0].decision == "increase"
