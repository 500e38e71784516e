"""Warnings where a server's load was not what was asked for."""

from typing import Any

import pytest
from synthetic import ORIGIN, make_run

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


def test_the_headline_of_a_server_tells_rate_and_latency() -> None:
    def measure(_workload: str, variant: str, number: int) -> dict[str, float | None]:
        slow = variant.startswith("go1.24.3")
        return {
            "rss.peak": 1e8 + number, "requests.rate": 200.0, "latency.p50": 5e-3,
            "latency.p99": (12e-3 if slow else 8e-3) + number * 1e-6,
        }  # fmt: skip

    (headline,) = conclude(make_run(measure)).headlines
    assert (
        "; answered: 200 requests/s, latency.p50: 5.00 ms, "
        "latency.p99: 8.00 → 12.0 ms (50 % higher)"
    ) in headline.sentence


def test_what_is_asked_about_is_not_told_twice() -> None:
    question = {"baseline": "go1.23.9", "candidate": "go1.24.3", "metrics": ["latency.p99"]}
    run = make_run(
        lambda _w, _v, number: {"latency.p99": 8e-3 + number * 1e-6},
        {**ORIGIN, "question": question},
    )
    (headline,) = conclude(run).headlines
    assert headline.sentence.count("latency.p99") == 1
