"""What a run would do and how long it would take, without building or measuring anything."""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

from harness.golang.builds.build import is_cached
from harness.golang.builds.request import BuildRequest
from harness.matrix.models import BuildSpec, MatrixSpec, ServerSpec, WorkloadSpec
from harness.matrix.names import variant_name
from harness.models import Frozen
from harness.plan.plan import Cell
from harness.run.directory import Say, list_runs, readable_runs
from harness.run.records import TrialRecord
from harness.session.lanes import available_lanes
from harness.session.prepare import Prepared, build_requests

_COLD = 5.5
"""CPU seconds of the first build of a toolchain with its settings, which compiles the standard
library (benchmarks/builds.py; measured on 1.23 to 1.27)."""
_WARM = 0.3
"""CPU seconds of any further one."""
_SERVER = 1.0
"""Seconds that a server's trial takes beside its phases: start, snapshots, stop."""

Basis = Literal["earlier run", "phases", "timeout"]
"""What a trial's time is taken from: a run of the same workload on this machine; the durations of
a server's phases; nothing but ``trials.timeout``, a bound that is seldom reached."""


class PlannedBuild(Frozen):
    """A binary that the run needs."""

    workload: str
    toolchain: str
    settings: tuple[str, ...]
    build: BuildSpec
    cached: bool

    @property
    def label(self) -> str:
        """Workload, toolchain and settings in words."""
        name = variant_name(self.toolchain, self.settings, self.build.given())
        return f"{self.workload} with {name}"


class TrialTime(Frozen):
    """How long one trial of a workload takes."""

    workload: str
    seconds: float
    basis: Basis
    run: str = ""
    """The earlier run."""


class Estimate(Frozen):
    """How long the run takes, in seconds; without the download of toolchains."""

    builds: float
    least: float | None
    """If the question is decided after ``trials.min`` rounds; ``None`` where a workload's time is
    known by its timeout only."""
    most: float
    """If it takes ``trials.max`` rounds."""
    trials: tuple[TrialTime, ...]


class Preview(Frozen):
    """What a run would do."""

    matrix: str
    lanes: int
    """Trials at a time."""
    rounds: tuple[int, int]
    """At least and at most."""
    cells: tuple[Cell, ...]
    builds: tuple[PlannedBuild, ...]
    estimate: Estimate


@dataclass(frozen=True)
class _Past:
    """What an earlier run tells of a workload."""

    seconds: float
    run: str


def preview(prepared: Prepared, reports: Path, say: Say) -> Preview:
    """Look ahead.

    Args:
        prepared: the matrix, with its toolchains and sources.
        reports: the directory of runs, whose trials tell how long trials take.
        say: told of each run there that cannot be read.
    """
    spec, plan = prepared.matrix.spec, prepared.plan
    cells = [(cell.workload, cell.variant) for cell in plan.cells if cell.reason is None]
    requests = build_requests(prepared, cells)
    builds = tuple(
        PlannedBuild(
            workload=request.source.workload,
            toolchain=request.toolchain.name,
            settings=request.settings,
            build=request.build,
            cached=is_cached(request, prepared.cache),
        )
        for request in requests
    )
    lanes = len(available_lanes(spec.trials.cpus, spec.trials.lanes))
    missing = [r for r, build in zip(requests, builds, strict=True) if not build.cached]
    past = _earlier(spec, reports, say)
    return Preview(
        matrix=str(prepared.matrix.path),
        lanes=lanes,
        rounds=(min(spec.trials.min, spec.trials.max), spec.trials.max),
        cells=plan.cells,
        builds=builds,
        estimate=_estimate(spec, cells, lanes, _build_seconds(missing), past),
    )


def _build_seconds(missing: Iterable[BuildRequest]) -> float:
    """CPU seconds; the standard library is compiled once for a toolchain with its settings."""
    groups = [(r.toolchain.identity, r.settings, r.build.model_dump_json()) for r in missing]
    cold = len(set(groups))
    return cold * _COLD + (len(groups) - cold) * _WARM


def _estimate(
    spec: MatrixSpec, cells: list[tuple[str, str]], lanes: int, build_seconds: float,
    past: Mapping[str, _Past],
) -> Estimate:  # fmt: skip
    times = tuple(_trial_time(w, spec, past.get(w.name)) for w in spec.workloads)
    by_name = {time.workload: time.seconds for time in times}
    one_round = sum(by_name[workload] for workload, _ in cells) / lanes
    builds = build_seconds / len(available_lanes(1))
    known = all(time.basis != "timeout" for time in times)
    return Estimate(
        builds=round(builds, 1),
        least=round(builds + one_round * spec.trials.min, 1) if known else None,
        most=round(builds + one_round * spec.trials.max, 1),
        trials=times,
    )


def _trial_time(workload: WorkloadSpec, spec: MatrixSpec, past: _Past | None) -> TrialTime:
    if past is not None:
        return TrialTime(
            workload=workload.name, seconds=past.seconds, basis="earlier run", run=past.run
        )
    phases = _phases(workload.server) if workload.server else None
    if phases is not None:
        return TrialTime(workload=workload.name, seconds=phases, basis="phases")
    return TrialTime(workload=workload.name, seconds=spec.trials.timeout, basis="timeout")


def _phases(server: ServerSpec) -> float | None:
    """How long a server is served; a command without a duration ends when it likes."""
    if server.load.duration is None:
        return None
    return server.idle + server.warmup + server.load.duration + server.settle + _SERVER


def _earlier(spec: MatrixSpec, reports: Path, say: Say) -> dict[str, _Past]:
    """By workload: the newest run of the same workload under the same limits."""
    found: dict[str, _Past] = {}
    newest_first = [stored.path for stored in reversed(list_runs(reports, say))]
    for run in readable_runs(newest_first, say):
        before = {w.name: w for w in run.manifest.matrix.workloads}
        seconds = seconds_per_trial(run.trials)
        for workload in spec.workloads:
            same = before.get(workload.name) == workload
            if same and workload.name in seconds and workload.name not in found:
                found[workload.name] = _Past(seconds[workload.name], run.path.name)
    return found


def seconds_per_trial(records: Iterable[TrialRecord]) -> dict[str, float]:
    """By workload: the median time from the start of a trial to that of the next on its lane.

    So all that belongs to a trial is in it, and not only its program's own time.
    """
    lanes: dict[tuple[str, int], list[TrialRecord]] = {}
    for record in records:
        if record.started:
            lanes.setdefault((record.host, record.lane), []).append(record)
    gaps: dict[str, list[float]] = {}
    for lane in lanes.values():
        ordered = sorted(lane, key=lambda record: record.started)
        for record, following in pairwise(ordered):
            gaps.setdefault(record.workload, []).append(following.started - record.started)
    return {workload: round(statistics.median(found), 3) for workload, found in gaps.items()}
