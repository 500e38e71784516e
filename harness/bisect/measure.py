"""Builds points and measures rounds of them, into a run directory that any other command can read.

What the directory holds is not measured again: a resumed bisection asks the same questions in the
same order, and so continues where it stopped.
"""

import random
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.bisect.compare import Measured
from harness.bisect.points import Point
from harness.errors import HarnessError, writing
from harness.golang.builds.build import build_all
from harness.golang.builds.request import BuildRequest
from harness.golang.records import BuildRecord, ToolchainRecord
from harness.golang.sources.locate import Source
from harness.golang.toolchains.resolve import Say
from harness.matrix.models import BuildSpec
from harness.plan.plan import Cell, Trial
from harness.plan.variants import Variant
from harness.run.directory import ELSEWHERE
from harness.run.host import host_id
from harness.run.records import Manifest, TrialRecord
from harness.run.store import MANIFEST, append_trial, read_trials, write_json
from harness.session.execute import measure
from harness.session.lanes import available_lanes
from harness.session.manifest import record_of


class TrialRunner:
    """Measures one workload into one run directory.

    Each point becomes a variant of the run's plan.
    """

    def __init__(
        self, directory: Path, manifest: Manifest, source: Source, *, metric: str,
        build: BuildSpec, env: Mapping[str, str], cache: Path, say: Say,
    ) -> None:  # fmt: skip
        """Take a run directory that exists; what an earlier invocation measured there is kept."""
        self.manifest = manifest
        """With all points so far."""
        self.source = source
        self.build_settings = build
        self._directory, self._metric, self._env = directory, metric, dict(env)
        self._cache, self._say = cache, say
        self._records = {(t.variant, t.round): t for t in read_trials(directory)}
        self._stored = {(b.toolchain, b.settings, b.build): b for b in manifest.builds}
        self._problems: dict[str, str | None] = {}
        self._round = 0
        limits = manifest.matrix.trials
        self.pool = ThreadPoolExecutor(len(available_lanes(limits.cpus, limits.lanes)))
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
        toolchain = point.toolchain
        newer = self.source.needs_newer(toolchain.version)
        if newer:
            return newer
        request = BuildRequest(
            source=self.source, toolchain=toolchain, settings=point.settings,
            build=self.build_settings, probe=self.manifest.matrix.probe,
            aligned=self.manifest.matrix.measures_time,
        )  # fmt: skip
        record = build_all([request], self._cache, self._say)[0]
        stored = self._stored.get((toolchain.name, point.settings, self.build_settings))
        if stored is not None and stored.sha256 != record.sha256:
            raise HarnessError(
                f"{self._directory.name} cannot be resumed: {point.name} is another binary now "
                "than the one that was measured; start a new bisection"
            )
        self._grow(point, record, record_of(toolchain))
        return record.error

    def _grow(self, point: Point, build: BuildRecord, toolchain: ToolchainRecord) -> None:
        """Add a point to the plan, or replace what the run directory says of it."""
        plan = self.manifest.plan
        variant = Variant(name=point.name, toolchain=build.toolchain, settings=point.settings,
                          build=self.build_settings, env=self._env)  # fmt: skip
        cell = Cell(workload=self.source.workload, variant=point.name)
        variants = {v.name: v for v in (*plan.variants, variant)}
        cells = {c.variant: c for c in (*plan.cells, cell)}
        builds = {(b.toolchain, b.settings, b.build): b for b in (*self.manifest.builds, build)}
        known = {t.name: t for t in (*self.manifest.toolchains, toolchain)}
        grown = plan.model_copy(
            update={"variants": tuple(variants.values()), "cells": tuple(cells.values())}
        )
        self._replace(plan=grown, builds=tuple(builds.values()), toolchains=tuple(known.values()))

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
        plan = self.manifest.plan
        if self._round > plan.rounds:
            self._replace(plan=plan.model_copy(update={"rounds": self._round}))
        trials = [trial for number in numbers for trial in self._shuffled(points, number)]
        self.trials += len(trials)
        missing = [t for t in trials if not self._has(t, trials)]
        for record in self.pool.map(lambda t: measure(self._directory, self.manifest, t), missing):
            append_trial(self._directory, record)
            self._records[record.variant, record.round] = record
        return [self._records[t.variant, t.round] for t in trials]

    def _has(self, trial: Trial, trials: Sequence[Trial]) -> bool:
        """Whether a trial need not be measured: its round is complete, or it ran on this machine.

        A round that another machine began is measured anew, so that no pair mixes both machines.
        """
        record = self._records.get((trial.variant, trial.round))
        whole = all((t.variant, t.round) in self._records for t in trials if t.round == trial.round)
        return record is not None and (whole or record.host == host_id())

    def _shuffled(self, points: Sequence[Point], number: int) -> list[Trial]:
        trials = [
            Trial(workload=self.source.workload, variant=p.name, round=number) for p in points
        ]
        order = random.Random(f"{self.manifest.plan.seed}/{number}")  # noqa: S311 - no secret
        order.shuffle(trials)
        return trials

    def _outcome(self, record: TrialRecord) -> Measured:
        if not record.ok:
            tail = "\n".join(record.log.splitlines()[-5:])
            return Measured(None, f"{record.outcome}\n{tail}".strip())
        value = record.metrics.get(self._metric)
        if value is None:
            note = record.notes.get(self._metric, "its trials do not have it")
            return Measured(None, f"no {self._metric}: {note}")
        return Measured(value, None)

    def _replace(self, **fields: object) -> None:
        self.manifest = self.manifest.model_copy(update=fields)
        with writing(self._directory, ELSEWHERE):
            write_json(self._directory / MANIFEST, self.manifest)
