"""Comparisons for pytest tests: the fixture ``matrix_run`` gives a ``MatrixRun``.

def test_upgrade_costs_no_memory(matrix_run):
    change = matrix_run.compare("go1.24.3", "go1.23.9", workload="api", metric="rss.peak")
    assert change.within(0.05)
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import ParamSpec, Self, TypeVar

from harness.analysis.conclusion import compare
from harness.analysis.models import Comparison, Decision
from harness.errors import HarnessError
from harness.files.locks import hold_lock
from harness.run.store import Run
from harness.text.suggestions import did_you_mean
from harness.text.visible import visible
from harness.text.words import difference, interval

_USAGE = 2
"""Lowest exit status of ``gomatrix run`` that means that nothing was measured."""

_Given = ParamSpec("_Given")
_Found = TypeVar("_Found")


def _for_tests(function: Callable[_Given, _Found]) -> Callable[_Given, _Found]:
    """Let a user's mistake fail the test at its own line, without frames of this package."""

    @wraps(function)
    def run(*args: _Given.args, **kwargs: _Given.kwargs) -> _Found:
        __tracebackhide__ = True
        try:
            return function(*args, **kwargs)
        except HarnessError as error:
            raise error.with_traceback(None) from None

    return run


@dataclass(frozen=True, repr=False)
class Change:
    """Candidate against baseline on one workload and metric; prints itself with its numbers."""

    run: Run
    comparison: Comparison

    @property
    def ratio(self) -> float | None:
        """Candidate / baseline; ``None`` where there is none, as with a baseline of zero."""
        return self.comparison.ratio

    @property
    def ci(self) -> tuple[float, float] | None:
        """The 95 % interval of ``ratio``."""
        return self.comparison.ci

    @property
    def n(self) -> int:
        """Rounds with a value of both variants."""
        return self.comparison.n

    @property
    def decision(self) -> Decision:
        """``increase``, ``decrease``, ``equivalent`` or ``inconclusive``."""
        return self.comparison.decision

    @property
    def increased(self) -> bool:
        """Whether an increase is shown."""
        return self.decision == "increase"

    @property
    def decreased(self) -> bool:
        """Whether a decrease is shown."""
        return self.decision == "decrease"

    def within(self, margin: float) -> bool:
        """Whether the ratio is shown to lie within 1 ± margin; in doubt ``False``.

        Where there is no ratio, the difference must be at most ``margin`` × baseline: zero, where
        the baseline is zero.

        Args:
            margin: as 0.05; it must contain the whole 95 % interval, which is a little stricter
                than two one-sided tests at 5 %.
        """
        if self.ci is not None:
            return 1 - margin <= self.ci[0] and self.ci[1] <= 1 + margin
        interval, size = self.difference_ci, abs(self.comparison.baseline_value or 0.0)
        return interval is not None and max(map(abs, interval)) <= margin * size

    @property
    def difference_ci(self) -> tuple[float, float] | None:
        """The 95 % interval of the difference in the metric's unit, where there is no ratio."""
        return self.comparison.difference_ci

    def __repr__(self) -> str:
        found = self.comparison
        ratio = "no ratio" if self.ratio is None else f"ratio {self.ratio:.4g}"
        if self.ratio is None and found.difference is not None:
            ratio = ", ".join(
                filter(None, (difference(found.difference, found.unit), found.no_ratio))
            )
        bounds = self.ci or self.difference_ci
        doubt = interval(bounds, "{:.4g}".format) if bounds else "no 95 % interval"
        return visible(
            f"<{found.workload} {found.metric}: {found.candidate} against {found.baseline}: "
            f"{self.decision}, {ratio}, {doubt}, n = {self.n}>"
        )


@dataclass(frozen=True)
class MatrixRun:
    """A run whose variants can be compared."""

    run: Run

    @classmethod
    @_for_tests
    def load(cls, directory: Path) -> Self:
        """Load a run directory.

        Raises:
            HarnessError: it is not a run.
        """
        return cls(Run.load(directory))

    @_for_tests
    def compare(
        self, candidate: str, baseline: str, *, workload: str, metric: str = "rss.peak"
    ) -> Change:
        """Compare two variants.

        Args:
            candidate: a variant's name, as ``go1.24.3+noswissmap``.
            baseline: a variant's name.
            workload: a workload's name.
            metric: a metric's name.

        Raises:
            HarnessError: the run has no such variant, workload or metric.
        """
        found = compare(self.run, candidate, baseline)
        for name, given, known in (
            ("workload", workload, [c.workload for c in found]),
            ("metric", metric, [c.metric for c in found if c.workload == workload]),
        ):
            if given not in known:
                hint = did_you_mean(given, sorted(set(known)))
                raise HarnessError(f"{self.run.path}: there is no {name} {given!r}{hint}")
        return next(
            Change(self.run, c) for c in found if (c.workload, c.metric) == (workload, metric)
        )

    def __repr__(self) -> str:
        return visible(f"<MatrixRun {self.run.path}>")


def obtain_run(
    *, matrix: Path | None, directory: Path | None, reports: Path, shared: Path
) -> MatrixRun:
    """Load a run, or measure one: only once for all pytest workers.

    Args:
        matrix: a matrix file to measure.
        directory: a run directory to load instead.
        reports: the directory of runs, for a new one.
        shared: a directory of this pytest session, the same for all workers.

    Raises:
        HarnessError: neither was given, or nothing could be measured.
    """
    if directory is not None:
        return MatrixRun.load(directory)
    if matrix is None:
        raise HarnessError(
            "the fixture matrix_run needs --matrix FILE, to measure now, or --matrix-run DIR"
        )
    measured = shared / "gomatrix-run"
    with hold_lock(shared / "gomatrix-run.lock"):
        if not measured.exists():
            measured.write_text(
                str(measure_matrix(matrix, reports=reports).run.path), encoding="utf-8"
            )
    return MatrixRun.load(Path(measured.read_text(encoding="utf-8")))


@_for_tests
def measure_matrix(matrix: Path, *, reports: Path = Path("reports")) -> MatrixRun:
    """Measure a matrix now, as ``gomatrix run`` does: builds, shuffled rounds, verdict, report.

    A gate or trial that fails is not an error here: see ``verdict.json`` and ``run.trials``.

    Args:
        matrix: the matrix file.
        reports: the directory of runs.

    Raises:
        HarnessError: nothing could be measured; the message is that of ``gomatrix run``.
    """
    command = [
        *(sys.executable, "-P", "-m", "harness", "run", str(matrix)), "--reports", str(reports)
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as directory:
        told = Path(directory) / "run"
        done = subprocess.run(
            [*command, "--run-file", told], capture_output=True, text=True, check=False
        )
        if done.returncode >= _USAGE or not told.exists():
            output = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise HarnessError(f"{matrix} could not be measured: {output[-1] if output else ''}")
        return MatrixRun.load(Path(told.read_text(encoding="utf-8").rstrip("\n")))
