"""Names of benchmarks that a matrix asks about, checked before anything is measured."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

from harness.errors import HarnessError
from harness.golang.command import capture
from harness.matrix.models import MatrixSpec, QuestionSpec
from harness.metrics.catalogue import is_of_benchmarks
from harness.run.records import Manifest
from harness.text.suggestions import did_you_mean

_LONGEST = 10.0
"""Seconds: a test binary lists its benchmarks at once, unless its packages do much at the start."""


def check_benchmarks(manifest: Manifest) -> None:
    """Refuse a metric of a benchmark that no package of the matrix has.

    Sub-benchmarks are known only to the benchmark that runs them, and are not checked; nor is
    anything where a test binary does not list its benchmarks.

    Raises:
        HarnessError: the first such name, with the nearest that is there.
    """
    asked = {_benchmark_of(name): name for name in _names(manifest.matrix)}
    if not asked:
        return
    known: set[str] = set()
    for workload in manifest.matrix.workloads:
        if workload.benchmark is None:
            continue
        built = (b for b in manifest.builds if b.workload == workload.name and b.error is None)
        build = next(built, None)
        listed = None if build is None else _listed(build.binary, build.directory)
        if listed is None:
            return
        known |= listed
    for benchmark, metric in asked.items():
        if benchmark not in known:
            hint = did_you_mean(benchmark, sorted(known))
            raise HarnessError(
                f"{manifest.matrix_path}: {metric!r}: there is no benchmark {benchmark!r}{hint}"
            )


def _names(matrix: MatrixSpec) -> Iterator[str]:
    """The metrics that name one benchmark, in question and gates."""
    question = matrix.question or QuestionSpec()
    names = (*(question.metrics or ()), *(gate.metric for gate in matrix.gates))
    return (n for n in names if is_of_benchmarks(n) and "*" not in _benchmark_of(n))


def _benchmark_of(metric: str) -> str:
    return metric.rpartition(" ")[0].partition("/")[0]


def _listed(binary: str, directory: str) -> set[str] | None:
    """The top-level benchmarks of a test binary; ``None`` where it does not tell."""
    try:
        done = capture(
            [binary, "-test.list=^Benchmark"], {}, Path(directory) if directory else None,
            timeout=_LONGEST,
        )  # fmt: skip
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    found = {line for line in done.stdout.splitlines() if line.startswith("Benchmark")}
    return found if done.returncode == 0 and found else None
