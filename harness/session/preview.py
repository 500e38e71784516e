"""Preview a run: what it would do, and how long it would take."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from harness.errors import HarnessError
from harness.golang.builds.cached import is_cached
from harness.golang.builds.lengths import expected_seconds as build_seconds
from harness.golang.builds.request import BuildRequest
from harness.golang.builds.settle import settle, told_of
from harness.golang.records import Built
from harness.matrix.models import MatrixSpec, ServerSpec, WorkloadSpec
from harness.matrix.names import variant_name
from harness.models import Frozen
from harness.plan.plan import Cell
from harness.plan.suspects import Suspected
from harness.run.built import how_built
from harness.session.lanes import available_lanes
from harness.session.lengths import expected_seconds
from harness.session.prepare import Prepared, build_requests

_OWN = 4.0
"""Seconds of a run beside builds and trials: to start, to judge, to report."""
_SERVER = 1.0
"""Seconds of a server's trial beside its phases: start, snapshots, stop."""

Basis = Literal["earlier trials", "phases", "unknown"]
"""Where a trial's time comes from: trials of the same workload on this machine, those of ``gomatrix
init`` too, or the durations of a server's phases."""


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
    seconds: float | None
    """``None`` where no trial has shown it."""
    basis: Basis


class Estimate(Frozen):
    """How long the run takes, in seconds, without downloads of toolchains and screening."""

    builds: float | None
    """``None`` where a program was never built."""
    least: float | None
    """With ``trials.min`` rounds; ``None`` where a build or a trial has no known time."""
    most: float | None
    """With ``trials.max`` rounds; ``None`` as above."""
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


def preview(prepared: Prepared) -> Preview:
    """Preview a run."""
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
    times = [_trial_time(workload, prepared.cache) for workload in spec.workloads]
    return Preview(
        matrix=str(prepared.matrix.path),
        lanes=lanes,
        rounds=(min(spec.trials.min, spec.trials.max), spec.trials.max),
        cells=plan.cells,
        builds=builds,
        built=tuple(how_built(builds, spec)),
        suspects=plan.suspects,
        varied=plan.varied,
        estimate=_estimate(spec, cells, lanes, _build_seconds(missing, prepared.cache), times),
    )


def _told(request: BuildRequest, cache: Path) -> Mapping[str, Any]:
    """How a program is built; nothing where its packages cannot be listed: its build will fail."""
    try:
        return told_of(settle(request, cache), cache)
    except HarnessError:
        return {}


def _build_seconds(missing: Iterable[BuildRequest], cache: Path) -> float | None:
    seconds = [build_seconds(request, cache) for request in missing]
    known = [second for second in seconds if second is not None]
    return sum(known) if len(known) == len(seconds) else None


def _estimate(
    spec: MatrixSpec, cells: list[tuple[str, str]], lanes: int, builds: float | None,
    times: Sequence[TrialTime],
) -> Estimate:  # fmt: skip
    by_name = {time.workload: time.seconds for time in times}
    seconds = [by_name[workload] for workload, _ in cells]
    known = [second for second in seconds if second is not None]
    least = most = None
    if builds is not None and len(known) == len(seconds):
        one_round, own = sum(known) / lanes, builds + _OWN
        least = round(own + one_round * min(spec.trials.min, spec.trials.max), 1)
        most = round(own + one_round * spec.trials.max, 1)
    return Estimate(
        builds=builds if builds is None else round(builds, 1), least=least, most=most,
        trials=tuple(times),
    )  # fmt: skip


def _trial_time(workload: WorkloadSpec, cache: Path) -> TrialTime:
    before = expected_seconds(workload, cache)
    if before is not None:
        return TrialTime(workload=workload.name, seconds=before, basis="earlier trials")
    phases = _phases(workload.server) if workload.server else None
    if phases is not None:
        return TrialTime(workload=workload.name, seconds=phases, basis="phases")
    return TrialTime(workload=workload.name, seconds=None, basis="unknown")


def _phases(server: ServerSpec) -> float | None:
    """Seconds of a server's phases; ``None`` for a load without a duration."""
    if server.load.duration is None:
        return None
    return server.idle + server.warmup_seconds + server.load.duration + server.settle + _SERVER
