"""Benchmarks: arguments of a test binary, and what it prints."""

import re

from harness.matrix.models import BenchmarkSpec
from harness.metrics.catalogue import benchmark_metric

_LINE = re.compile(r"^(Benchmark\S*?)(?:-\d+)?\s+(\d+)\t(.*)$", re.MULTILINE)
_VALUE = re.compile(r"(\S+) (\S+)")


def arguments(spec: BenchmarkSpec) -> list[str]:
    """Arguments of a test binary that runs benchmarks and no tests (``go help testflag``)."""
    return ["-test.run=^$", f"-test.bench={spec.run}", f"-test.benchtime={spec.time}",
            "-test.benchmem", "-test.count=1", "-test.timeout=0"]  # fmt: skip


def parse(output: str) -> dict[str, float | None]:
    """Metrics by name (``BENCHMARK UNIT``) from lines in the Go benchmark format.

    ``BenchmarkX-8  100  12345 ns/op  64 B/op``: the number after the last dash is GOMAXPROCS; it is
    the same for all variants and dropped. Values are in the units of the catalogue.
    """
    metrics: dict[str, float | None] = {}
    for name, iterations, rest in _LINE.findall(output):
        metrics[f"{name} iterations"] = float(iterations)
        for value, unit in _VALUE.findall(rest):
            metric, factor = benchmark_metric(name, unit)
            try:
                metrics[metric] = float(value) * factor
            except ValueError:  # something else printed on the same line
                continue
    return metrics
