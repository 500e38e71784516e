"""Preview a run: what it would do, and how long it would take."""

import statistics
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from harness.errors import HarnessError
from harness.golang.builds.build import is_cached
from harness.golang.builds.request import BuildRequest
from harness.golang.builds.settle import settle, told_of
from harness.golang.records import Built
from harness.matrix.models import MatrixSpec, ServerSpec, WorkloadSpec
from harness.matrix.names import variant_name
from harness.models import Frozen
from harness.plan.plan import Cell
from harness.plan.suspects import Suspected
from harness.run.built import how_built
from harness.run.directory import Say, list_runs, readable_runs
from harness.run.records import TrialRecord
from harness.session.lanes import available_lanes
from harness.session.prepare import Prepared, build_requests

_COLD = 5.5
"""CPU seconds of the first build of a toolchain with its settings, which compiles the standard
library (benchmarks/builds.py; measured on 1.23 to 1.27)."""
_WARM = 0.3
"""CPU seconds of any other build."""
_SERVER = 1.0
"""Seconds of a server's trial beside its phases: start, snapshots, stop."""

Basis = Literal["earlier run", "phases", "timeout"]
"""Where a trial's time comes from: an earlier run of the same workload, the durations of a server's
phases, or ``trials.timeout``, a bound that is seldom reached."""


class PlannedBuild(Built):
    """A binary that the run needs."""

    cached: bool

    @property
    def label(self) -> str:
        """Workload and variant."""
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
    """How long the run takes, in seconds; toolchains are not downloaded in that time."""

    builds: float
    least: float | None
    """With ``trials.min`` rounds; ``None`` where only the timeout of a workload is known."""
    most: float
    """With ``trials.max`` rounds."""
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
    built: tuple[str, ...]
    """How programs are built and run, and where ``go build`` does otherwise, in sentences."""
    suspects: tuple[Suspected, ...] = ()
    """Those that are screened where a change is shown: further builds and trials, as many as the
    logarithm of their number where one of them is to blame or none."""
    varied: str = ""
    """The variant in which they are turned back."""
    estimate: Estimate


def preview(prepared: Prepared, reports: Path, say: Say) -> Preview:
    """Preview a run.

    Args:
        prepared: the matrix, prepared.
        reports: the directory of runs, whose trials show how long trials take.
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
            **_told(request, prepared.cache),
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
        built=tuple(how_built(builds, spec)),
        suspects=plan.suspects,
        varied=plan.varied,
        estimate=_estimate(spec, cells, lanes, _build_seconds(missing), past),
    )


def _told(request: BuildRequest, cache: Path) -> Mapping[str, Any]:
    """How a program is built; nothing where its packages cannot be listed: its build will fail."""
    try:
        return told_of(settle(request, cache), cache)
    except HarnessError:
        return {}


def _build_seconds(missing: Iterable[BuildRequest]) -> float:
    """CPU seconds; the standard library is compiled once for a toolchain with its settings."""
    groups = [(r.toolchain.identity, r.settings, r.build.model_dump_json()) for r in missing]
    cold = len(set(groups))
    return cold * _COLD + (len(groups) - cold) * _WARM


def _estimate(
    spec: MatrixSpec, cells: list[tuple[str, str]], lanes: int, build_seconds: float,
    past: Mapping[str, TrialTime],
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


def _trial_time(workload: WorkloadSpec, spec: MatrixSpec, past: TrialTime | None) -> TrialTime:
    if past is not None:
        return past
    phases = _phases(workload.server) if workload.server else None
    if phases is not None:
        return TrialTime(workload=workload.name, seconds=phases, basis="phases")
    return TrialTime(workload=workload.name, seconds=spec.trials.timeout, basis="timeout")


def _phases(server: ServerSpec) -> float | None:
    """Seconds of a server's phases; ``None`` for a load without a duration."""
    if server.load.duration is None:
        return None
    return server.idle + server.warmup_seconds + server.load.duration + server.settle + _SERVER


def _earlier(spec: MatrixSpec, reports: Path, say: Say) -> dict[str, TrialTime]:
    """By workload: the newest run of the same workload under the same limits."""
    found: dict[str, TrialTime] = {}
    newest_first = [stored.path for stored in reversed(list_runs(reports, say))]
    for run in readable_runs(newest_first, say):
        before = {w.name: w for w in run.manifest.matrix.workloads}
        seconds = seconds_per_trial(run.trials)
        for name in (w.name for w in spec.workloads if before.get(w.name) == w):
            if name in seconds and name not in found:
                found[name] = TrialTime(workload=name, seconds=seconds[name], basis="earlier run",
                                        run=run.path.name)  # fmt: skip
    return found


def seconds_per_trial(records: Iterable[TrialRecord]) -> dict[str, float]:
    """By workload: the median time from the start of a trial to that of the next on its lane.

    It includes everything that belongs to a trial, not only the program's own time.
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
