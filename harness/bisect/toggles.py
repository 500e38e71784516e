"""Which experiments of the newer toolchain cause the change, by the attribution of a matrix."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from harness.analysis.conclusion import compare, conclude
from harness.analysis.models import Verdict
from harness.analysis.stopping import undecided
from harness.bisect.measure import TrialRunner
from harness.bisect.points import Finding, Point, Span, State, point_of
from harness.golang.experiments import experiment_of
from harness.matrix.models import QuestionSpec, TrialsSpec
from harness.run.records import TrialRecord
from harness.run.store import Run

_TRIALS = TrialsSpec(min=5, max=20)
_REASONS = {0: "it is equivalent to neither end", 2: "it is equivalent to both ends"}
_FULL = 2
"""Up to so many suspects, every combination is built; else each alone, and all together."""


def suspects_between(older: Point, newer: Point) -> tuple[str, ...]:
    """Experiments of the newer point's toolchain that are on in only one of both points."""
    known = newer.toolchain.experiments.known
    return tuple(name for name in known if _is_on(newer, name) != _is_on(older, name))


def flips(newer: Point, suspects: Sequence[str]) -> list[Point]:
    """The newer point with suspects set the other way: each alone, and together."""
    sizes = range(1, len(suspects) + 1) if len(suspects) <= _FULL else (1, len(suspects))
    return [_flipped(newer, chosen) for size in sizes for chosen in combinations(suspects, size)]


def untried(suspects: Sequence[str]) -> tuple[str, ...]:
    """Which combinations of suspects are not built, in a sentence."""
    if len(suspects) <= _FULL:
        return ()
    names = ", ".join(suspects)
    return (f"some of {names} together: each was flipped alone, and all of them together",)


def _flipped(point: Point, chosen: Sequence[str]) -> Point:
    """An explicit setting is taken back by leaving it out."""
    explicit = {experiment_of(setting) for setting in point.settings}
    kept = [setting for setting in point.settings if experiment_of(setting) not in chosen]
    toggled = [
        f"no{name}" if _is_on(point, name) else name for name in chosen if name not in explicit
    ]
    return point_of(point.toolchain, (*kept, *toggled))


def _is_on(point: Point, experiment: str) -> bool:
    by_default = experiment in point.toolchain.experiments.on
    return experiment in point.settings or (by_default and f"no{experiment}" not in point.settings)


def attribute_experiments(
    span: Span, suspects: Sequence[str], runner: TrialRunner, directory: Path, metric: str
) -> tuple[Verdict, list[Finding]]:
    """Measure the newer point with suspects flipped, and classify them as a matrix would."""
    ends = (span.older.name, span.newer.name)
    built = [(p, runner.build(p)) for p in flips(span.newer, suspects) if p.name not in ends]
    points = [point for point, problem in built if problem is None]
    broken = [Finding(point=p.name, state="unresolved", reason=why) for p, why in built if why]
    block = (span.older, span.newer, *points)
    records = runner.records_of(block, _TRIALS.min)
    while undecided(run := _run(span, suspects, runner, directory, metric, block, records)):
        records += runner.records_of(block, 2)
    return conclude(run), [*(_finding(run, span, point, metric) for point in points), *broken]


def _finding(run: Run, span: Span, point: Point, metric: str) -> Finding:
    """Which end a flipped point is equivalent to."""
    found = {
        state: next(c for c in compare(run, point.name, end.name) if c.metric == metric)
        for state, end in (("good", span.good), ("bad", span.bad))
    }
    alike = [state for state, c in found.items() if c.decision == "equivalent"]
    state: State = "doubtful" if len(alike) != 1 else "good" if alike == ["good"] else "bad"
    good = found["good"]
    return Finding(
        point=point.name, state=state, ratio=good.ratio, ci=good.ci, difference=good.difference,
        rounds=good.n, reason=_REASONS.get(len(alike)),
    )  # fmt: skip


def _run(
    span: Span, suspects: Sequence[str], runner: TrialRunner, directory: Path, metric: str,
    block: Sequence[Point], records: Sequence[TrialRecord],
) -> Run:  # fmt: skip
    """These rounds as a run of their own: a question about the two ends and the suspects."""
    names = {point.name for point in block}
    manifest, whole = runner.manifest, runner.manifest.plan
    question = QuestionSpec(baseline=span.older.name, candidate=span.newer.name,
                            suspects=list(suspects), metrics=[metric])  # fmt: skip
    rounds = {number: rank for rank, number in enumerate(sorted({r.round for r in records}), 1)}
    plan = whole.model_copy(update={
        "variants": tuple(v for v in whole.variants if v.name in names),
        "cells": tuple(c for c in whole.cells if c.variant in names),
        "rounds": _TRIALS.max,
    })  # fmt: skip
    asked = {"question": question, "trials": _TRIALS, "gates": []}
    matrix = manifest.matrix.model_copy(update=asked)
    manifest = manifest.model_copy(update={"matrix": matrix, "plan": plan})
    renumbered = (r.model_copy(update={"round": rounds[r.round]}) for r in records)
    return Run(directory, manifest, tuple(renumbered))
