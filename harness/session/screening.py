"""Screen suspects: measure sets of them turned back, until it is known what explains a change.

It follows the trials that pytest deals, and has a run directory within the run's.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from harness.analysis.conclusion import primary_changes
from harness.analysis.models import Comparison
from harness.analysis.screened import Screened, screened
from harness.analysis.screening.models import Ask, Back
from harness.errors import writing
from harness.files.inside import directory_inside
from harness.golang.sources.listing import Cell
from harness.golang.sources.mentions import experiments_mentioned
from harness.golang.sources.settled import settled
from harness.golang.toolchains.resolve import Toolchain, resolve
from harness.plan.plan import Plan
from harness.plan.sides import turned_back
from harness.plan.suspects import Suspected
from harness.plan.variants import Variant
from harness.run.directory import ELSEWHERE
from harness.run.question import question_of
from harness.run.records import Manifest
from harness.run.store import SCREENING, NoRunError, Run, read_manifest
from harness.session.bench import Bench
from harness.session.execute import clean
from harness.session.growing import GrowingRun
from harness.session.prepare import Prepared, Say, build_request
from harness.session.suspecting import patched
from harness.text.words import listed

_SINGLES = 4
"""Listed suspects that are built alone before anything is measured: what leaves the code of the
program as it is needs no trial."""
_PATIENCE = 10
"""How often a search may ask for the same rounds again."""


def screen_suspects(prepared: Prepared, directory: Path, say: Say, bench: Bench) -> None:
    """Measure what the question's suspects need; of a run that asks about none, nothing.

    What an earlier invocation measured is kept and not measured again.

    Raises:
        HarnessError: the run directory cannot be written, or its programs are others now.
    """
    run = Run.load(directory)
    plan = run.manifest.plan
    if not plan.suspects or plan.shard != (1, 1):
        return
    changes = primary_changes(run)
    if not changes:
        return
    with writing(directory, ELSEWHERE):
        place = directory_inside(directory, SCREENING)
    growing = GrowingRun(place, _manifest(directory, run.manifest), prepared.cache, say, bench)
    question = question_of(run)
    sides = [plan.variant(name) for name in (question.baseline, question.candidate) if name]
    screenings: dict[str, Screening] = {}
    try:
        for comparison in changes:
            workload = comparison.workload
            if workload not in screenings:
                screenings[workload] = Screening(prepared, growing, plan, sides, workload, say)
                screenings[workload].begin()
            screenings[workload].finish(
                partial(_look, growing, run, comparison, question.limit),
                partial(_progress, comparison, plan),
            )
    finally:
        clean(place)


def _look(growing: GrowingRun, run: Run, comparison: Comparison, limit: float) -> Screened:
    return screened(growing.within(run), comparison, limit)


def _progress(comparison: Comparison, plan: Plan, ask: Ask) -> str:
    sizes = listed([str(len(back)) for back in ask.sets])
    return (
        f"screening {comparison.workload}, {comparison.metric}: {sizes} of {len(plan.suspects)} "
        f"suspects turned back, round {ask.rounds}"
    )


def _manifest(directory: Path, manifest: Manifest) -> Manifest:
    """The manifest of the run within the run, without anything to be executed from elsewhere."""
    empty = manifest.plan.model_copy(
        update={"variants": (), "cells": (), "rounds": 0, "left": {}, "suspects": ()}
    )
    try:
        old = read_manifest(directory, f"{SCREENING}/")
    except NoRunError:
        return manifest.model_copy(update={"plan": empty, "builds": ()})
    builds = tuple(build.without_paths() for build in old.builds)
    return manifest.model_copy(update={"plan": old.plan, "builds": builds})


class Screening:
    """Builds and measures sets of suspects turned back, of one workload.

    Into ``growing``; ``plan`` names the suspects, and holds both ``sides`` of the question.
    """

    def __init__(
        self, prepared: Prepared, growing: GrowingRun, plan: Plan, sides: Sequence[Variant],
        workload: str, say: Say,
    ) -> None:  # fmt: skip
        self._prepared, self._growing, self._plan = prepared, growing, plan
        self._sides, self._workload, self._say = sides, workload, say
        self._made: dict[Back, str] = {}

    def begin(self) -> None:
        """Have both sides, and listed suspects that may leave the code as it is."""
        known = self._prepared.toolchains
        self._build([(side, known[side.toolchain]) for side in self._sides])
        needy = [s for s in self._plan.suspects if not s.free and self._workload not in s.settled]
        if self._plan.listed and len(needy) <= _SINGLES:
            self._have([frozenset({suspect.label}) for suspect in needy])
        elif idle := self._idle(needy):
            self._have([idle])

    def _idle(self, needy: Sequence[Suspected]) -> Back:
        """Experiments that only the compiler can make matter; mostly the program is the same."""
        side = self._plan.variant(self._plan.varied)
        source = self._prepared.source(self._workload, side)
        toolchain = self._prepared.toolchains[side.toolchain]
        cell = Cell(source, toolchain, side.settings, side.made_with)
        cell = cell._replace(build=settled(cell, self._prepared.cache))
        mentioned = experiments_mentioned(cell, self._prepared.cache)
        return frozenset(
            s.label for s in needy if s.kind == "experiment" and s.name not in mentioned
        )

    def finish(self, look: Callable[[], Screened], progress: Callable[[Ask], str]) -> Screened:
        """Measure what the search asks for until it asks for nothing more.

        A search that asks for the same again and again, as where every other round fails, is left
        as it is.

        Args:
            look: replays the search over all that was measured.
            progress: a line about what is measured next.
        """
        found, again = look(), 0
        while found.ask is not None and again <= _PATIENCE:
            self._say(progress(found.ask))
            self._measure(found.missing, found.ask.rounds)
            asked, found = found.ask, look()
            again = again + 1 if found.ask == asked else 0
        return found

    def _measure(self, sets: Sequence[Back], rounds: int) -> None:
        """Measure the rounds that are missing of some sets."""
        sides = [side.name for side in self._sides]
        made = self._have(sets)  # with all turned back, one may be the other side
        names = list(dict.fromkeys([*sides, *made]))
        good: dict[int, set[str]] = {}
        for record in self._growing.records:
            if record.workload == self._workload:
                found = good.setdefault(record.round, set())
                found |= {record.variant} if record.ok else set()
        first = 1 + max(good, default=0)
        missing = max(1, rounds - sum(variants >= set(names) for variants in good.values()))
        self._growing.rounds_of(self._workload, names, range(first, first + missing))

    def _have(self, sets: Sequence[Back]) -> list[str]:
        """The variants in which sets are turned back, built."""
        side = self._plan.variant(self._plan.varied)
        toolchain = self._prepared.toolchains[side.toolchain]
        new = []
        for back in (back for back in sets if back not in self._made):
            chosen = [suspect for suspect in self._plan.suspects if suspect.label in back]
            variant = turned_back(side, chosen, toolchain.experiments)
            patches = [suspect.back for suspect in chosen if suspect.kind == "patch"]
            new.append((variant, self._patched(variant, patches) if patches else toolchain))
            self._made[back] = variant.name
            self._growing.note_turned_back(variant.name, [suspect.label for suspect in chosen])
        self._build(new)
        return [self._made[back] for back in sets]

    def _patched(self, variant: Variant, patches: Sequence[str]) -> Toolchain:
        prepared, matrix = self._prepared, self._prepared.matrix
        own = self._plan.variant(self._plan.varied).toolchain
        spec = patched(matrix.spec, own, patches, variant.toolchain)
        return resolve([spec], prepared.cache, self._say, matrix.path.parent)[variant.toolchain]

    def _build(self, wanted: Sequence[tuple[Variant, Toolchain]]) -> None:
        prepared = self._prepared
        requests = [
            build_request(
                prepared.matrix.spec, prepared.source(self._workload, variant), toolchain, variant
            )
            for variant, toolchain in wanted
        ]  # fmt: skip
        self._growing.build_variants([variant for variant, _ in wanted], requests, with_code=True)
