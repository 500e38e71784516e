"""A run directory whose plan grows: variants are added, built, and measured in rounds.

What the directory holds is not measured again: whoever asks the same questions in the same order
continues where an earlier invocation stopped.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from harness.errors import HarnessError, writing
from harness.golang.builds.build import build_all
from harness.golang.builds.identical import code_digest
from harness.golang.builds.request import BuildRequest
from harness.golang.records import BuildRecord, ToolchainRecord
from harness.plan.plan import Cell, Trial
from harness.plan.variants import Variant
from harness.run.directory import ELSEWHERE
from harness.run.records import Manifest, TrialRecord
from harness.run.store import MANIFEST, Run, append_trial, read_trials, write_json
from harness.session.bench import Bench
from harness.session.manifest import record_of
from harness.session.prepare import Say

T = TypeVar("T")


class GrowingRun:
    """Builds variants and measures rounds of them."""

    def __init__(
        self, directory: Path, manifest: Manifest, cache: Path, say: Say, bench: Bench
    ) -> None:
        """Take a run directory that exists; what an earlier invocation measured there is kept."""
        self.manifest = manifest
        """With all variants so far."""
        self.directory = directory
        self._cache, self._say = cache, say
        self._records = {(t.workload, t.variant, t.round): t for t in read_trials(directory)}
        self._stored = {_key(build): build for build in manifest.builds}
        self._bench = bench

    @property
    def records(self) -> tuple[TrialRecord, ...]:
        """All trials that the directory has."""
        return tuple(self._records.values())

    def within(self, run: Run) -> Run:
        """Another run with this one as its screening."""
        return replace(run, screening=Run(self.directory, self.manifest, self.records))

    def build_variants(
        self, variants: Sequence[Variant], requests: Sequence[BuildRequest], *,
        with_code: bool = False,
    ) -> list[BuildRecord]:  # fmt: skip
        """Build variants, each as its request says, and add them to the plan even if they fail.

        ``with_code`` tells also which code they run, where that is certain.

        Raises:
            HarnessError: an earlier invocation measured another binary under one of their names,
                or the directory cannot be written.
        """
        records = build_all(requests, self._cache, self._say)
        for number, (variant, request) in enumerate(zip(variants, requests, strict=True)):
            record = records[number]
            stored = self._stored.get(_key(record))
            if stored is not None and stored.sha256 != record.sha256:
                raise HarnessError(
                    f"{self.directory.name} cannot be resumed: {variant.name} is another binary "
                    "now than the one that was measured; start anew"
                )
            if with_code and not record.error:
                code = code_digest(request, self._cache) or ""
                records[number] = record.model_copy(update={"code": code})
        self._add(variants, records, [record_of(request.toolchain) for request in requests])
        return records

    def note_turned_back(self, variant: str, labels: Sequence[str]) -> None:
        """Note which suspects are turned back in a variant; written with its build."""
        plan = self.manifest.plan
        noted = plan.turned_back | {variant: tuple(labels)}
        self.manifest = self.manifest.model_copy(
            update={"plan": plan.model_copy(update={"turned_back": noted})}
        )

    def _add(
        self, variants: Sequence[Variant], builds: Sequence[BuildRecord],
        toolchains: Sequence[ToolchainRecord],
    ) -> None:  # fmt: skip
        """Add variants to the plan, or replace what the run directory says of them."""
        plan = self.manifest.plan
        cells = [
            Cell(workload=b.workload, variant=v.name) for v, b in zip(variants, builds, strict=True)
        ]
        grown = plan.model_copy(
            update={
                "variants": _joined(plan.variants, variants, lambda v: v.name),
                "cells": _joined(plan.cells, cells, lambda c: (c.workload, c.variant)),
            }
        )
        self._replace(
            plan=grown,
            builds=_joined(self.manifest.builds, builds, _key),
            toolchains=_joined(self.manifest.toolchains, toolchains, lambda t: t.name),
        )

    def rounds_of(
        self, workload: str, variants: Sequence[str], numbers: Sequence[int]
    ) -> list[TrialRecord]:
        """Measure rounds of variants, as far as the directory lacks them; return their trials."""
        if numbers and numbers[-1] > self.manifest.plan.rounds:
            plan = self.manifest.plan
            self._replace(plan=plan.model_copy(update={"rounds": numbers[-1]}))
        rounds = [self._shuffled(workload, variants, number) for number in numbers]
        missing = [left for trials in rounds if (left := self._missing(trials))]
        for record in self._bench.measure(self.directory, self.manifest, missing):
            append_trial(self.directory, record)
            self._records[_place(record)] = record
        return [self._records[_place(trial)] for trials in rounds for trial in trials]

    def _missing(self, trials: Sequence[Trial]) -> tuple[Trial, ...]:
        """The trials of a round that are to be measured.

        A round that another host began is measured anew, so that no pair mixes hosts.
        """
        found = [self._records.get(_place(trial)) for trial in trials]
        if all(found):
            return ()
        here = self._bench.host
        return tuple(
            trial for trial, record in zip(trials, found, strict=True)
            if record is None or record.host != here
        )  # fmt: skip

    def _shuffled(self, workload: str, variants: Sequence[str], number: int) -> list[Trial]:
        trials = [Trial(workload=workload, variant=name, round=number) for name in variants]
        order = random.Random(f"{self.manifest.plan.seed}/{number}")  # noqa: S311 - no secret
        order.shuffle(trials)
        return trials

    def _replace(self, **fields: object) -> None:
        self.manifest = self.manifest.model_copy(update=fields)
        with writing(self.directory, ELSEWHERE):
            write_json(self.directory / MANIFEST, self.manifest)


def _joined(old: Iterable[T], new: Iterable[T], key: Callable[[T], object]) -> tuple[T, ...]:
    return tuple({key(item): item for item in (*old, *new)}.values())


def _place(trial: Trial) -> tuple[str, str, int]:
    return trial.workload, trial.variant, trial.round


def _key(build: BuildRecord) -> tuple[object, ...]:
    return build.workload, build.toolchain, build.settings, build.build
