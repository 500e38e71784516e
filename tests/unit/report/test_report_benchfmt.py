"""The Go benchmark format of benchmarks: what ``go test -bench`` writes, for the same table."""

import pytest
from synthetic import ORIGIN, make_run

from harness.report.table import render_benchfmt
from harness.run.store import Run
from harness.trial.numbers import of_benchmarks

WRITTEN = (
    "BenchmarkA 	 1239483	       967.4 ns/op	    1024 B/op	       1 allocs/op\n"
    "BenchmarkB/small-x 	 20	       12345678 ns/op	       3.5 widgets/op\n"
)
"""As of ``go test -bench . -benchmem`` with GOMAXPROCS=1."""


LABELS = {"goos": "linux", "goarch": "amd64", "pkg": "example.org/codec", "cpu": "A CPU @ 2 GHz"}


def lines(cpus: int, outcome: str = "ok") -> list[str]:
    matrix = {
        **ORIGIN, "go": ["go1.24.3"], "experiments": [[]], "question": {}, "gates": [],
        "trials": {"min": 1, "max": 1, "cpus": cpus},
        "workloads": [
            {"name": "codec", "benchmark": {"package": "./codec"}},
            {"name": "service", "package": "./service"},
        ],
    }  # fmt: skip
    results = of_benchmarks(WRITTEN, processors=1) | {"rss.peak": 4096.0}
    run = make_run(lambda w, *_: results if w == "codec" else {"rss.peak": 1.0}, matrix,
                   outcome=lambda *_: outcome)  # fmt: skip
    labelled = (t.model_copy(update={"labels": LABELS if t.workload == "codec" else {}})
                for t in sorted(run.trials, key=lambda trial: trial.workload))  # fmt: skip
    run = Run(run.path, run.manifest, tuple(labelled))
    return [" ".join(line.split()) for line in render_benchfmt(run).splitlines()]


@pytest.mark.parametrize(("cpus", "suffix"), [(1, ""), (4, "-4")])
def test_benchmarks_have_lines_as_go_test_writes_them(cpus: int, suffix: str) -> None:
    found = lines(cpus)
    for line in WRITTEN.splitlines():
        name, *rest = line.split()
        assert f"{name}{suffix} {' '.join(rest)}" in found
    assert "BenchmarkCodec 1 4096 rss.peak-bytes" in found
    assert not [line for line in found if line.startswith("Unit BenchmarkA")]


def test_what_ended_before_a_timeout_is_written_without_the_trials_own_line() -> None:
    found = [line for line in lines(1, "timeout") if line.startswith("Benchmark")]
    assert [line.split()[0] for line in found] == ["BenchmarkA", "BenchmarkB/small-x"]


def test_benchmarks_are_labelled_as_go_test_does_and_programs_are_not() -> None:
    found = lines(1)
    for key, value in LABELS.items():
        begins, ends = found.index(f"{key}: {value}"), found.index(f"{key}:")
        assert begins < found.index("BenchmarkA 1239483 967.4 ns/op 1024 B/op 1 allocs/op") < ends
        assert ends < found.index("BenchmarkService 1 1 rss.peak-bytes")
