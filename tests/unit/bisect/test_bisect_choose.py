"""Which metric of benchmarks is bisected, where none was named."""

from pathlib import Path

import pytest

from harness.bisect.choose import Row, choose_metric
from harness.bisect.prepare import Arguments, request_of
from harness.errors import HarnessError
from harness.matrix.load import load

PATTERNS = ("* ns/op", "* B/op", "* allocs/op")
NOISE = (1.0, 1.02, 0.99, 1.01, 0.98)


def rounds(**changes: tuple[float, float]) -> list[Row]:
    """Five rounds: by metric, its value with the good and with the bad end; times are noisy."""

    def side(number: int, which: int) -> dict[str, float | None]:
        noise = NOISE[(number + 2 * which) % 5]
        return {
            f"Benchmark{name.replace('_per_', '/').replace('_', ' ')}": values[which]
            * (noise if name.endswith("ns_per_op") else 1.0)
            for name, values in changes.items()
        }

    return [(side(number, 0), side(number, 1)) for number in range(5)]


@pytest.mark.parametrize(
    ("changes", "chosen"),
    [
        ({"A_ns_per_op": (1e-6, 1e-6), "A_B_per_op": (64.0, 128.0)}, "BenchmarkA B/op"),
        ({"A_ns_per_op": (1e-6, 3e-6), "A_B_per_op": (64.0, 66.0)}, "BenchmarkA ns/op"),
        ({"A_B_per_op": (64.0, 16.0), "B_B_per_op": (64.0, 80.0)}, "BenchmarkB B/op"),
        ({"A_allocs_per_op": (0.0, 1.0), "A_B_per_op": (64.0, 80.0)}, "BenchmarkA allocs/op"),
        ({"A_iterations": (10.0, 99.0), "A_B_per_op": (64.0, 64.0)}, "BenchmarkA B/op"),
    ],
    ids=["only one", "most", "worse before better", "from zero", "as asked"],
)
def test_the_one_that_got_worse_most(changes: dict[str, tuple[float, float]], chosen: str) -> None:
    assert choose_metric(rounds(**changes), PATTERNS, 0.01)[0] == chosen


def test_noise_is_no_change() -> None:
    changes = {"A_ns_per_op": (1e-6, 1.05e-6), "A_B_per_op": (64.0, 66.0)}
    assert choose_metric(rounds(**changes), PATTERNS, 0.01) == ("BenchmarkA B/op", 2)


def test_without_a_result_of_both_ends_one_must_be_named() -> None:
    with pytest.raises(HarnessError, match=r"name a metric with --metric"):
        choose_metric([({"BenchmarkA B/op": 1.0}, {})], PATTERNS, 0.01)


@pytest.mark.parametrize(
    ("metrics", "given", "expected"),
    [
        ("", None, ("", PATTERNS)),
        ("metrics: ['* B/op']", None, ("", ("* B/op",))),
        ("metrics: ['BenchmarkA B/op']", None, ("BenchmarkA B/op", ())),
        ("", "BenchmarkA B/op", ("BenchmarkA B/op", ())),
        ("", "rss.peak", ("rss.peak", ())),
    ],
)
def test_a_benchmark_is_not_bisected_by_its_resident_memory(
    tmp_path: Path, metrics: str, given: str | None, expected: tuple[str, tuple[str, ...]]
) -> None:
    question = ", ".join(filter(None, ("baseline: go1.24.3, candidate: go1.25.5", metrics)))
    (tmp_path / "matrix.yaml").write_text(
        f"go: [go1.24.3, go1.25.5]\nquestion: {{{question}}}\n"
        "workloads: [{name: a, benchmark: {package: ./a}}]\n"
    )
    request = request_of(load(tmp_path / "matrix.yaml"), Arguments(metric=given))
    assert (request.metric, request.patterns) == expected
