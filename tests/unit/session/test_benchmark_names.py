"""Misspelt benchmarks are refused once the test binary is built, before anything is measured."""

from pathlib import Path

import pytest
from synthetic import ORIGIN, make_run

from harness.errors import HarnessError
from harness.golang.records import BuildRecord
from harness.run.records import Manifest
from harness.session.benchmarks import check_benchmarks


def manifest(tmp_path: Path, metric: str, script: str) -> Manifest:
    """A run whose test binary is a shell script."""
    binary = tmp_path / "codec.test"
    binary.write_text(f"#!/bin/sh\n{script}\n")
    binary.chmod(0o755)
    matrix = {
        **ORIGIN, "gates": [{"metric": metric, "max_increase": 0}],
        "workloads": [{"name": "codec", "benchmark": {"package": "./codec"}}],
    }  # fmt: skip
    build = BuildRecord(
        workload="codec", toolchain="go1.24.3", settings=(), key="k", binary=str(binary),
        sha256="", size=1, command="", seconds=0.0, cached=False,
    )  # fmt: skip
    return make_run(lambda *_: {}, matrix).manifest.model_copy(update={"builds": (build,)})


LISTS = 'test "$1" = "-test.list=^Benchmark" && echo BenchmarkDecode && echo ok'


def test_a_misspelt_benchmark_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="no benchmark 'BenchmarkDecod'; did you mean"):
        check_benchmarks(manifest(tmp_path, "BenchmarkDecod B/op", LISTS))


@pytest.mark.parametrize("metric", ["BenchmarkDecode/any B/op", "* B/op", "rss.peak"])
def test_what_may_be_there_is_not(tmp_path: Path, metric: str) -> None:
    check_benchmarks(manifest(tmp_path, metric, LISTS))


@pytest.mark.parametrize("script", ["exit 2", "true"])
def test_a_binary_that_does_not_list_refuses_nothing(tmp_path: Path, script: str) -> None:
    check_benchmarks(manifest(tmp_path, "BenchmarkDecod B/op", script))
