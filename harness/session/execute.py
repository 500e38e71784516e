"""Execute trials: what a worker does for one trial at a time."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from harness.analysis.advice import advise
from harness.errors import HarnessError, told, writing
from harness.files.inside import directory_inside, remove_inside, write_inside
from harness.plan.plan import Plan, Trial
from harness.plan.variants import Variant
from harness.run.directory import ELSEWHERE
from harness.run.records import Manifest, TrialRecord
from harness.run.store import read_manifest, stem_of
from harness.session.job import Observed, job_of, observe, request_of
from harness.text.visible import visible
from harness.trial.observe.monitor import NOT_NEEDED
from harness.trial.trial import run_trial

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

    def run(self, trial: Trial, needed: Callable[[], bool]) -> TrialRecord | None:
        """Run a trial and write its files; ``None`` where it was not ``needed`` until its end.

        Raises:
            HarnessError: the run directory cannot be written.
        """
        with writing(self.directory, ELSEWHERE):
            observed = _observe(self.directory, self.manifest, trial, needed)
            if observed.record.outcome == NOT_NEEDED:
                return None
            return keep(self.directory, self.manifest, observed)

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
    return keep(directory, manifest, _observe(directory, manifest, trial, lambda: True))


def keep(directory: Path, manifest: Manifest, observed: Observed) -> TrialRecord:
    """Write a trial's files into the run directory; the record that names them."""
    record = observed.record
    stem = stem_of(
        record,
        (workload.name for workload in manifest.matrix.workloads),
        (variant.name for variant in manifest.plan.variants),
    )
    files = {
        "series": (f"series/{stem}.json", observed.series),
        "profile": (f"profiles/{stem}.pb.gz", observed.profile),
    }
    written, notes = {}, dict(record.notes)
    for what, (name, data) in files.items():
        if data is None:
            continue
        try:
            write_inside(directory, name, data)
            written[what] = name
        except (OSError, HarnessError) as error:  # the trial counts without it
            why = told(error) if isinstance(error, OSError) else error
            notes[what] = f"it could not be written: {why}"
    return record.model_copy(update={**written, "notes": notes})


def _observe(
    directory: Path, manifest: Manifest, trial: Trial, needed: Callable[[], bool]
) -> Observed:
    shared = temporary_directory(directory)
    return observe(shared, job_of(manifest, trial), manifest.memory_budget, needed)


def temporary_directory(directory: Path) -> Path:
    """The directory for what trials need only while they run."""
    return directory_inside(directory, TEMPORARY)


def clean(directory: Path) -> None:
    """Remove the temporary directory of a run, once no worker uses it."""
    with suppress(OSError):
        remove_inside(directory, TEMPORARY)


def output_of(
    directory: Path, manifest: Manifest, workload: str, variant: Variant, most: int
) -> str:
    """Run a variant once, in a trial that does not count; return the end of its output.

    ``most`` is the bytes of it to keep.
    """
    trial = Trial(workload=workload, variant=variant.name, round=1)
    job = job_of(manifest, trial, variant)
    with request_of(temporary_directory(directory), job) as request:
        return run_trial(request.model_copy(update={"keep": most})).log
