"""The stopping rule, applied whenever a round completes: which trials are not needed any more."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from harness.errors import HarnessError
from harness.plan.plan import Trial
from harness.run.records import Manifest, TrialRecord
from harness.run.store import Run
from harness.session.execute import TEMPORARY, temporary_directory

_Block = tuple[str, int]
"""Workload and round."""


def is_decided(directory: Path, workload: str) -> bool:
    """Whether a workload of a run needs no more trials; asked by workers that have one at hand."""
    return Path(directory, TEMPORARY, _mark(workload)).exists()


def _mark(workload: str) -> str:
    return "decided-" + hashlib.sha256(workload.encode(errors="surrogatepass")).hexdigest()[:32]


class Stopping:
    """Applies the stopping rule to the records of one run."""

    def __init__(
        self, directory: Path, manifest: Manifest, trials: Iterable[Trial], done: list[TrialRecord]
    ) -> None:
        """Begin with the records of a resumed run, if any.

        Args:
            directory: the run directory.
            manifest: its manifest.
            trials: those that will run.
            done: records that the run has.
        """
        self._directory = directory
        self._manifest = manifest
        self._planned = tuple(trials)
        self._left = Counter(_block(trial) for trial in self._planned)
        self._records = list(done)
        if not self._fixed:  # load what the first look needs before trials run, not beside them
            import_module("scipy.special")
            import_module("harness.analysis.stopping")
        self.unneeded: set[str] = set()
        """Ids of trials that need not run any more."""

    def note(self, record: TrialRecord) -> None:
        """Add a finished trial; after a complete round, ask whether more are needed."""
        self._records.append(record)
        block = _block(record)
        self._left[block] -= 1
        if self._left[block] > 0 or self._fixed:
            return
        from harness.analysis.stopping import undecided  # noqa: PLC0415 - imports numpy and scipy

        waiting = undecided(self._so_far())
        if record.workload not in waiting:
            self.unneeded |= {t.id for t in self._planned if t.workload == record.workload}
            with suppress(OSError, HarnessError):  # then workers run what they have
                (temporary_directory(self._directory) / _mark(record.workload)).touch()

    @property
    def _fixed(self) -> bool:
        """Whether the number of rounds is fixed."""
        limits = self._manifest.matrix.trials
        return limits.min == limits.max

    def _so_far(self) -> Run:
        """The run without incomplete rounds."""
        complete = [r for r in self._records if self._left[_block(r)] <= 0]
        return Run(self._directory, self._manifest, tuple(complete))


def _block(trial: Trial | TrialRecord) -> _Block:
    return trial.workload, trial.round
