"""Builds points and measures rounds of them, into a run directory that any other command can read.

A resumed bisection asks the same questions in the same order, and so continues where it stopped.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.bisect.compare import Measured
from harness.bisect.points import Point
from harness.golang.builds.request import BuildRequest
from harness.golang.records import BuildRecord
from harness.golang.sources.locate import Source
from harness.golang.toolchains.resolve import Say
from harness.matrix.models import BuildSpec
from harness.plan.variants import Variant
from harness.run.records import Manifest, TrialRecord
from harness.session.bench import Bench
from harness.session.growing import GrowingRun
from harness.session.prepare import build_request


class TrialRunner(GrowingRun):
    """Measures one workload into one run directory.

    Each point becomes a variant of the run's plan.
    """

    def __init__(  # noqa: PLR0913 - what GrowingRun takes, and what a point leaves open
        self, directory: Path, manifest: Manifest, sources: Mapping[str, Source], *, metric: str,
        build: BuildSpec, env: Mapping[str, str], cache: Path, say: Say, bench: Bench,
    ) -> None:  # fmt: skip
        """Take a run directory that exists; what an earlier invocation measured there is kept.

        ``sources`` are all of one workload, by ``BuildSpec.source``.
        """
        super().__init__(directory, manifest, cache, say, bench)
        self.sources = dict(sources)
        self.workload = next(iter(sources.values())).workload
        self.build_settings = build
        self.metric, self._env = metric, dict(env)
        self._problems: dict[str, str | None] = {}
        self._built: set[str] = set()
        self._used: list[TrialRecord] = []

    @property
    def records(self) -> tuple[TrialRecord, ...]:
        """Trials that this bisection used so far, including those of earlier invocations."""
        return tuple(self._used)

    @property
    def builds(self) -> int:
        """Variants that were built for this bisection so far."""
        return len(self._built)

    def build_variants(
        self, variants: Sequence[Variant], requests: Sequence[BuildRequest], *,
        with_code: bool = False,
    ) -> list[BuildRecord]:  # fmt: skip
        """See ``GrowingRun``."""
        self._built.update(variant.name for variant in variants)
        return super().build_variants(variants, requests, with_code=with_code)

    def rounds_of(
        self, workload: str, variants: Sequence[str], numbers: Sequence[int]
    ) -> list[TrialRecord]:
        """See ``GrowingRun``."""
        found = super().rounds_of(workload, variants, numbers)
        self._used += found
        return found

    def variant_of(self, point: Point) -> Variant:
        """A point as a variant of the run."""
        return Variant(
            name=point.name, toolchain=point.toolchain.name, settings=point.settings,
            build=self.build_settings if point.build is None else point.build,
            env=self._env if point.env is None else point.env, own=point.own,
        )  # fmt: skip

    def source_of(self, variant: Variant) -> Source:
        """What a variant is built from."""
        return self.sources[variant.made_with.source]

    def request_of(self, point: Point) -> BuildRequest:
        """What a point needs built."""
        variant = self.variant_of(point)
        source = self.source_of(variant)
        return build_request(self.manifest.matrix, source, point.toolchain, variant)

    def command(self, name: str) -> str:
        """The command that builds a point; empty if it was never built."""
        variant = next((v for v in self.manifest.plan.variants if v.name == name), None)
        if variant is None:
            return ""
        return self.manifest.build(self.workload, variant).command

    def build(self, point: Point) -> str | None:
        """See ``harness.bisect.compare.Runner``.

        Raises:
            HarnessError: an earlier invocation measured another binary under this name.
        """
        if point.name not in self._problems:
            self._problems[point.name] = self._make(point)
        return self._problems[point.name]

    def _make(self, point: Point) -> str | None:
        variant, request = self.variant_of(point), self.request_of(point)
        version, line = point.toolchain.version, variant.made_with.go_line
        if newer := request.source.needs_newer(version, line):
            return newer
        return self.build_variants([variant], [request])[0].error

    def rounds(self, points: Sequence[Point], count: int) -> list[dict[str, Measured]]:
        """See ``harness.bisect.compare.Runner``."""
        found: dict[int, dict[str, Measured]] = {}
        for record in self.records_of(points, count):
            found.setdefault(record.round, {})[record.variant] = self._outcome(record)
        return list(found.values())

    def records_of(self, points: Sequence[Point], count: int) -> list[TrialRecord]:
        """Measure new rounds of all the points; returns their trials, round by round."""
        first = 1 + (self._used[-1].round if self._used else 0)
        names = [point.name for point in points]
        return self.rounds_of(self.workload, names, range(first, first + count))

    def _outcome(self, record: TrialRecord) -> Measured:
        if not record.ok:
            tail = "\n".join(record.log.splitlines()[-5:])
            return Measured(None, f"{record.outcome}\n{tail}".strip())
        value = record.metrics.get(self.metric)
        if value is None:
            note = record.notes.get(self.metric, "its trials do not have it")
            return Measured(None, f"no {self.metric}: {note}")
        return Measured(value, None)
