"""Which trials of a running run are still due: the stopping rule, applied as rounds complete."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from harness.plan.plan import Trial
from harness.run.records import Manifest, TrialRecord
from harness.run.store import Run

_Block = tuple[str, int]
"""Workload and round."""


class Stopping:
    """Keeps the records of one run, and looks at them after each complete round."""

    def __init__(
        self, directory: Path, manifest: Manifest, trials: Iterable[Trial], done: list[TrialRecord]
    ) -> None:
        """Watch over a run.

        Args:
            directory: the run directory.
            manifest: its manifest.
            trials: those that are to run.
            done: what a resumed run has already.
        """
        self._directory = directory
        self._manifest = manifest
        self._planned = tuple(trials)
        self._left = Counter(_block(trial) for trial in self._planned)
        self._records = list(done)
        self.undue: set[str] = set()
        """Trials, by id, that need not run any more."""

    def note(self, record: TrialRecord) -> None:
        """Take in a finished trial; after a complete round, ask whether more are needed."""
        self._records.append(record)
        block = _block(record)
        self._left[block] -= 1
        limits = self._manifest.matrix.trials
        if self._left[block] > 0 or limits.min == limits.max:
            return
        from harness.analysis.stopping import undecided  # noqa: PLC0415 - imports numpy and scipy

        waiting = undecided(self._so_far())
        if record.workload not in waiting:
            self.undue |= {t.id for t in self._planned if t.workload == record.workload}

    def _so_far(self) -> Run:
        """The run without the rounds of which some trials are still to come."""
        complete = [r for r in self._records if self._left[_block(r)] <= 0]
        return Run(self._directory, self._manifest, tuple(complete))


def _block(trial: Trial | TrialRecord) -> _Block:
    return trial.workload, trial.round
