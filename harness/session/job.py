"""A job: everything that one trial needs, and what its execution gave, wherever that was."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.golang.probe.overlay import ProbeMode
from harness.golang.records import BuildRecord
from harness.matrix.models import TrialsSpec, WorkloadSpec
from harness.models import Frozen
from harness.plan.plan import Trial
from harness.plan.variants import Variant
from harness.run.host import host_id
from harness.run.records import Manifest, Measurement, TrialRecord
from harness.run.series import encode_series
from harness.session.lanes import available_lanes, claim_lane
from harness.session.memory import Ledger
from harness.trial.request import TrialRequest
from harness.trial.trial import run_trial


class Job(Frozen):
    """A trial, with the programs and limits that it needs."""

    trial: Trial
    workload: WorkloadSpec
    build: BuildRecord
    probe: ProbeMode
    limits: TrialsSpec
    env: dict[str, str]
    """The variant's own variables."""
    supervisor: str
    """Path of the program that starts and watches the trial."""
    load_generator: str
    """Path of the program that puts a server under load; empty where none is needed."""
    here: str
    """The directory that paths of the workload are relative to."""


@dataclass(frozen=True)
class Observed:
    """What a trial's execution gave."""

    record: TrialRecord
    """Without the names of files: whoever keeps them names them."""
    series: bytes | None = None
    """The file of its memory over time."""
    profile: bytes | None = None
    """The file of its heap profile."""


def job_of(manifest: Manifest, trial: Trial, variant: Variant | None = None) -> Job:
    """What a trial of a run needs; ``variant`` is its own where the plan does not have it."""
    spec, variant = manifest.matrix, variant or manifest.plan.variant(trial.variant)
    return Job(
        trial=trial,
        workload=next(w for w in spec.workloads if w.name == trial.workload),
        build=manifest.build(trial.workload, variant),
        probe=spec.probe,
        limits=spec.trials,
        env=variant.env,
        supervisor=manifest.supervisor,
        load_generator=manifest.load_generator,
        here=str(Path(manifest.matrix_path).resolve().parent),
    )


def observe(
    shared: Path, job: Job, budget: int, needed: Callable[[], bool] = lambda: True
) -> Observed:
    """Execute a trial on the first free lane of this machine.

    Args:
        shared: a directory that all processes share whose trials must not share lanes and memory.
        job: the trial.
        budget: bytes that their trials may use together.
        needed: whether the trial is still wanted; see ``run_trial``.
    """
    if job.build.error is not None:
        return Observed(record_of(job.trial, outcome="build failed", log=job.build.error))
    limits, workload = job.limits, job.trial.workload
    lanes = available_lanes(limits.cpus, limits.lanes)
    ledger = Ledger(shared, budget)
    with (
        claim_lane(shared, len(lanes)) as lane,
        ledger.claim(workload, lane, limits.memory_limit),
    ):
        observed = _execute(shared, job, lane, lanes[lane], needed)
    ledger.observe(workload, observed.record.metrics.get("tree.rss.peak"))
    return observed


def record_of(trial: Trial, **fields: Any) -> TrialRecord:
    """A record of a trial on this machine."""
    identity = trial.model_dump() | {"host": host_id()}
    return TrialRecord.model_validate(identity | fields)


@contextmanager
def request_of(shared: Path, job: Job, cpus: tuple[int, ...] = ()) -> Iterator[TrialRequest]:
    """A trial with a place to run, in the workload's own environment."""
    scratch = Path(tempfile.mkdtemp(prefix="trial-", dir=shared))
    profile = scratch.absolute().with_name(f"{scratch.name}.pb.gz")
    try:
        yield TrialRequest(
            supervisor=Path(job.supervisor),
            load_generator=Path(job.load_generator) if job.load_generator else None,
            workload=job.workload,
            build=job.build,
            probe=job.probe,
            limits=job.limits,
            env=job.env,
            cpus=cpus,
            directory=scratch,
            profile=profile,
            here=Path(job.here),
        )
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        profile.unlink(missing_ok=True)


def _execute(
    shared: Path, job: Job, lane: int, cpus: tuple[int, ...], needed: Callable[[], bool]
) -> Observed:
    started = datetime.now(UTC).timestamp()
    with request_of(shared, job, cpus) as request:
        result = run_trial(request, needed)
        notes, profile = dict(result.notes), None
        if request.profile is not None and request.profile.exists():
            try:
                profile = request.profile.read_bytes()
            except OSError as error:
                notes["profile"] = f"it could not be read: {error}"
    measured = {name: getattr(result, name) for name in Measurement.model_fields}
    logs = {"log": "", "load_log": ""} if result.outcome == "ok" else {}
    own = {"lane": lane, "started": started, "notes": notes}
    series = encode_series(result.series, result.tree_series, result.child_series)
    return Observed(record_of(job.trial, **measured | logs | own), series, profile)
