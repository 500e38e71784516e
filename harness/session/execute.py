"""Execute trials: what a worker does for one trial at a time."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from harness.analysis.advice import advise
from harness.errors import HarnessError, told, writing
from harness.files.inside import directory_inside, remove_inside, write_inside
from harness.golang.records import BuildRecord
from harness.plan.plan import Plan, Trial
from harness.plan.variants import Variant
from harness.run.directory import ELSEWHERE
from harness.run.host import host_id
from harness.run.records import Manifest, Measurement, TrialRecord
from harness.run.series import write_series
from harness.run.store import read_manifest, stem_of
from harness.session.lanes import available_lanes, claim_lane
from harness.session.memory import Ledger
from harness.text.visible import visible
from harness.trial.request import TrialRequest
from harness.trial.trial import TrialResult, run_trial

TEMPORARY = "tmp"
"""The subdirectory of a run directory that exists only while it is measured."""


@dataclass(frozen=True)
class Assignment:
    """What a process needs to list and run the trials of one run."""

    plan: Plan
    directory: Path
    """The run directory."""
    done: frozenset[str] = frozenset()
    """Ids of the trials that a resumed run already has."""

    def to_json(self) -> list[Any]:
        """Plain types only, as a pytest-xdist worker's input carries no others."""
        return [self.plan.model_dump(mode="json"), str(self.directory), sorted(self.done)]

    @classmethod
    def from_json(cls, value: list[Any]) -> Self:
        """The inverse of ``to_json``."""
        plan, directory, done = value
        return cls(Plan.model_validate(plan), Path(directory), frozenset(done))

    def remaining(self) -> Iterator[Trial]:
        """The trials that the run does not have yet, in the plan's order."""
        return (trial for trial in self.plan.trials() if trial.id not in self.done)

    @cached_property
    def manifest(self) -> Manifest:
        """The run's; it exists once everything is built."""
        return read_manifest(self.directory)

    def run(self, trial: Trial) -> TrialRecord:
        """Run a trial and write its files.

        Raises:
            HarnessError: the run directory cannot be written.
        """
        with writing(self.directory, ELSEWHERE):
            return measure(self.directory, self.manifest, trial)

    def explain_failure(self, record: TrialRecord) -> str:
        """Why a trial is not a sample: its outcome, its last output, what to do."""
        spec = self.manifest.matrix
        workload = next(w for w in spec.workloads if w.name == record.workload)
        advice = advise(record.outcome, record.log, workload, spec.trials)
        # prefix each line: some CI systems execute commands at the beginning of a line
        log = [f"| {line}" for line in visible(record.log).splitlines()]
        return "\n".join([record.outcome, *log, f"→ {advice}"])


def measure(directory: Path, manifest: Manifest, trial: Trial) -> TrialRecord:
    """Run one trial on the first free lane, and write its files into the run directory."""
    limits = manifest.matrix.trials
    build = manifest.build(trial.workload, manifest.plan.variant(trial.variant))
    if build.error is not None:
        return _trial_record(trial, outcome="build failed", log=build.error)
    lanes = available_lanes(limits.cpus, limits.lanes)
    shared = temporary_directory(directory)
    ledger = Ledger(shared, manifest.memory_budget)
    with (
        claim_lane(shared, len(lanes)) as lane,
        ledger.claim(trial.workload, lane, limits.memory_limit),
    ):
        record = _run_build(directory, manifest, trial, build, lane, lanes[lane])
    ledger.observe(trial.workload, record.metrics.get("tree.rss.peak"))
    return record


def temporary_directory(directory: Path) -> Path:
    """The directory for what trials need only while they run."""
    return directory_inside(directory, TEMPORARY)


def clean(directory: Path) -> None:
    """Remove the temporary directory of a run, once no worker uses it."""
    with suppress(OSError):
        remove_inside(directory, TEMPORARY)


def _run_build(
    directory: Path, manifest: Manifest, trial: Trial, build: BuildRecord, lane: int,
    cpus: tuple[int, ...],
) -> TrialRecord:  # fmt: skip
    started = datetime.now(UTC).timestamp()
    with _request(directory, manifest, trial.workload, build, cpus) as request:
        env = manifest.plan.variant(trial.variant).env
        result = run_trial(request.model_copy(update={"env": env}))
        files, notes = _store_files(directory, manifest, trial, result, request.profile)
    measured = {name: getattr(result, name) for name in Measurement.model_fields}
    logs = {"log": "", "load_log": ""} if result.outcome == "ok" else {}
    own = {"lane": lane, "started": started, "notes": result.notes | notes}
    return _trial_record(trial, **measured | logs | own | files)


@contextmanager
def _request(
    directory: Path, manifest: Manifest, workload: str, build: BuildRecord,
    cpus: tuple[int, ...] = (),
) -> Iterator[TrialRequest]:  # fmt: skip
    """A trial with a place to run, in the workload's own environment."""
    spec = manifest.matrix
    scratch = Path(tempfile.mkdtemp(prefix="trial-", dir=temporary_directory(directory)))
    profile = scratch.absolute().with_name(f"{scratch.name}.pb.gz")
    try:
        yield TrialRequest(
            supervisor=Path(manifest.supervisor),
            load_generator=Path(manifest.load_generator) if manifest.load_generator else None,
            workload=next(w for w in spec.workloads if w.name == workload),
            build=build,
            probe=spec.probe,
            limits=spec.trials,
            cpus=cpus,
            directory=scratch,
            profile=profile,
            here=Path(manifest.matrix_path).resolve().parent,
        )
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        profile.unlink(missing_ok=True)


def output_of(
    directory: Path, manifest: Manifest, workload: str, variant: Variant, most: int
) -> str:
    """Run a variant once, in a trial that does not count; return the end of its output.

    ``most`` is the bytes of it to keep.
    """
    build = manifest.build(workload, variant)
    with _request(directory, manifest, workload, build) as request:
        return run_trial(request.model_copy(update={"env": variant.env, "keep": most})).log


def _store_files(
    directory: Path, manifest: Manifest, trial: Trial, result: TrialResult, profile: Path | None
) -> tuple[dict[str, str], dict[str, str]]:
    """Write a trial's series and profile into the run directory.

    Returns:
        Their paths there; and why a file could not be written: the trial counts without it.
    """
    stem = stem_of(
        trial,
        (workload.name for workload in manifest.matrix.workloads),
        (variant.name for variant in manifest.plan.variants),
    )
    written, notes = {}, {}
    try:
        name = f"series/{stem}.json"
        write_series(directory, name, result.series, result.tree_series, result.child_series)
        written["series"] = name
    except (OSError, HarnessError) as error:
        notes["series"] = _unwritten(error)
    try:
        if profile is not None and profile.exists():
            name = f"profiles/{stem}.pb.gz"
            write_inside(directory, name, profile.read_bytes())
            written["profile"] = name
    except (OSError, HarnessError) as error:
        notes["profile"] = _unwritten(error)
    return written, notes


def _unwritten(error: OSError | HarnessError) -> str:
    return f"it could not be written: {told(error) if isinstance(error, OSError) else error}"


def _trial_record(trial: Trial, **fields: Any) -> TrialRecord:
    identity = trial.model_dump() | {"host": host_id()}
    return TrialRecord.model_validate(identity | fields)
