"""The stopping rule, applied whenever a round completes: which trials are not needed any more."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import HarnessError
from harness.plan.plan import Trial
from harness.run.records import Manifest, TrialRecord
from harness.session.execute import TEMPORARY, temporary_directory

if TYPE_CHECKING:
    from harness.analysis.stopping import Looks

_GIVEN_UP_AFTER = 2
"""Trials of a cell, if they are its first ones and all fail in the same way."""


def is_decided(directory: Path, workload: str) -> bool:
    """Whether a workload of a run needs no more trials; asked by workers that have one at hand."""
    return Path(directory, TEMPORARY, _mark("decided", workload)).exists()


def is_given_up(directory: Path, trial: Trial) -> bool:
    """The same of a cell whose trials fail."""
    mark = _mark("given-up", trial.workload, trial.variant)
    return Path(directory, TEMPORARY, mark).exists()


def _mark(kind: str, *names: str) -> str:
    text = "\0".join(names).encode(errors="surrogatepass")
    return f"{kind}-{hashlib.sha256(text).hexdigest()[:32]}"


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
        self._left: dict[tuple[str, int], set[str]] = defaultdict(set)
        for trial in self._planned:
            self._left[trial.block].add(trial.id)
        self._of_cell: dict[tuple[str, str], list[TrialRecord]] = defaultdict(list)
        self._open: dict[tuple[str, int], list[TrialRecord]] = defaultdict(list)
        """By block: its records, until it is complete and part of the looks."""
        for record in done:
            self._keep(record)
        self._looks = None if self._fixed else _looks(manifest)
        self.unneeded: set[str] = set()
        """Ids of trials that need not run any more."""

    def replace(self, trials: Iterable[Trial]) -> None:
        """Expect trials of a new round; that in whose place it comes stays incomplete."""
        new = tuple(trials)
        self._planned += new
        for trial in new:
            self._left[trial.block].add(trial.id)

    def note(self, record: TrialRecord) -> tuple[Trial, ...]:
        """Add a finished trial; after a complete round, ask whether more are needed.

        Returns:
            Trials that will not run because those of their cell fail.
        """
        self._keep(record)
        self._left[record.block].discard(record.id)
        given_up = self._give_up(record)
        if self._looks is not None and not self._left[record.block]:
            self._ask(self._looks, record)
        return given_up

    def _keep(self, record: TrialRecord) -> None:
        self._of_cell[record.workload, record.variant].append(record)
        self._open[record.block].append(record)

    def _give_up(self, record: TrialRecord) -> tuple[Trial, ...]:
        """Leave the rest of a cell whose first trials failed in the same way."""
        if record.ok or record.partial or record.outcome == "lost":
            return ()
        cell = (record.workload, record.variant)
        first = self._of_cell[cell]
        if len(first) < _GIVEN_UP_AFTER or any(r.outcome != record.outcome for r in first):
            return ()
        ran = {r.id for r in first} | self.unneeded
        rest = tuple(
            t for t in self._planned if (t.workload, t.variant) == cell and t.id not in ran
        )
        for trial in rest:
            self._left[trial.block].discard(trial.id)
        self.unneeded |= {trial.id for trial in rest}
        self._tell(_mark("given-up", *cell))
        return rest

    def _tell(self, mark: str) -> None:
        with suppress(OSError, HarnessError):  # then workers run what they have
            (temporary_directory(self._directory) / mark).touch()

    def _ask(self, looks: "Looks", record: TrialRecord) -> None:
        for block in [block for block in self._open if not self._left[block]]:
            looks.add(self._open.pop(block))
        if looks.decided(record.workload):
            self.unneeded |= {t.id for t in self._planned if t.workload == record.workload}
            self._tell(_mark("decided", record.workload))

    @property
    def _fixed(self) -> bool:
        """Whether the number of rounds is fixed."""
        limits = self._manifest.matrix.trials
        return limits.min == limits.max


def _looks(manifest: Manifest) -> "Looks":
    """Load what the first look needs before trials run, not beside them."""
    from harness.analysis.stopping import Looks  # noqa: PLC0415 - imports numpy

    import_module("scipy.special")
    return Looks(manifest)
