"""Warnings where a server's load was not what was asked for."""

from typing import Any

import pytest
from synthetic import make_run

from harness.analysis.conclusion import conclude


@pytest.mark.parametrize(
    ("of_candidate", "expected"),
    [
        ({"requests.missed": 0.0, "load.late": 0.002}, []),
        ({}, []),
        ({"requests.missed": 12.0, "load.late": 0.002}, ["missed requests"]),
        ({"requests.missed": 0.0, "load.late": 0.25}, ["late load"]),
    ],
)
def test_a_queue_of_the_generators_own_is_told(
    of_candidate: dict[str, Any], expected: list[str]
) -> None:
    def measure(_workload: str, variant: str, number: int) -> dict[str, float | None]:
        own = of_candidate if variant == "go1.24.3" else {"load.late": 0.001}
        return {"rss.peak": 1e8 + number, **own}

    warnings = [w for w in conclude(make_run(measure)).warnings if "load" in w.kind + w.message]
    assert [w.kind for w in warnings] == expected
    for warning in warnings:
        assert "go1.24.3" in warning.message
        assert "12 requests" in warning.message or "250 ms" in warning.message
