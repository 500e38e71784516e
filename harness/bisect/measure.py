"""Builds points and measures rounds of them, into a run directory that any other command can read.

A resumed bisection asks the same questions in the same order, and so continues where it stopped.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.bisect.compare import Measured
from harness.bisect.points import Point
from harness.golang.builds.request import BuildRequest
from harness.golang.sources.locate import Source
from harness.golang.toolchains.resolve import Say
from harness.matrix.models import BuildSpec
from harness.plan.variants import Variant
from harness.run.records import Manifest, TrialRecord
from harness.session.growing import GrowingRun


class TrialRunner(GrowingRun):
    """Measures one workload into one run directory.

    Each point becomes a variant of the run's plan.
    """

    def __init__(
        self, directory: Path, manifest: Manifest, source: Source, *, metric: str,
        build: BuildSpec, env: Mapping[str, str], cache: Path, say: Say,
    ) -> None:  # fmt: skip
        """Take a run directory that exists; what an earlier invocation measured there is kept."""
        super().__init__(directory, manifest, cache, say)
        self.source = source
        self.build_settings = build
        self._metric, self._env = metric, dict(env)
        self._problems: dict[str, str | None] = {}
        self._round = 0
        self.trials = 0
        """Trials that this bisection used so far, including those of earlier invocations."""

    @property
    def builds(self) -> int:
        """Points that were built for this bisection so far."""
        return len(self._problems)

    def command(self, name: str) -> str:
        """The command that builds a point; empty if it was never built."""
        variant = next((v for v in self.manifest.plan.variants if v.name == name), None)
        if variant is None:
            return ""
        return self.manifest.build(self.source.workload, variant).command

    def build(self, point: Point) -> str | None:
        """See ``harness.bisect.compare.Runner``.

        Raises:
            HarnessError: an earlier invocation measured another binary under this name.
        """
        if point.name not in self._problems:
            self._problems[point.name] = self._make(point)
        return self._problems[point.name]

    def _make(self, point: Point) -> str | None:
        newer = self.source.needs_newer(point.toolchain.version, self.build_settings.go_line)
        if newer:
            return newer
        request = BuildRequest(
            source=self.source, toolchain=point.toolchain, settings=point.settings,
            build=self.build_settings, probe=self.manifest.matrix.probe,
            aligned=self.manifest.matrix.measures_time,
        )  # fmt: skip
        variant = Variant(name=point.name, toolchain=point.toolchain.name, settings=point.settings,
                          build=self.build_settings, env=self._env)  # fmt: skip
        return self.build_variants([variant], [request])[0].error

    def rounds(self, points: Sequence[Point], count: int) -> list[dict[str, Measured]]:
        """See ``harness.bisect.compare.Runner``."""
        found: dict[int, dict[str, Measured]] = {}
        for record in self.records_of(points, count):
            found.setdefault(record.round, {})[record.variant] = self._outcome(record)
        return list(found.values())

    def records_of(self, points: Sequence[Point], count: int) -> list[TrialRecord]:
        """Measure new rounds of all the points; returns their trials, round by round."""
        numbers = range(self._round + 1, self._round + count + 1)
        self._round = numbers[-1]
        names = [point.name for point in points]
        self.trials += len(names) * len(numbers)
        return self.rounds_of(self.source.workload, names, numbers)

    def _outcome(self, record: TrialRecord) -> Measured:
        if not record.ok:
            tail = "\n".join(record.log.splitlines()[-5:])
            return Measured(None, f"{record.outcome}\n{tail}".strip())
        value = record.metrics.get(self._metric)
        if value is None:
            note = record.notes.get(self._metric, "its trials do not have it")
            return Measured(None, f"no {self._metric}: {note}")
        return Measured(value, None)
