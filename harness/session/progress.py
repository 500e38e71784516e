"""Progress of a run, in lines for a terminal or a log."""

import time
from collections import Counter
from collections.abc import Collection, Iterable

from harness.plan.plan import Plan, Trial
from harness.run.records import TrialRecord

_SILENCE = 15.0
"""Seconds after which a line is shown although no round has ended."""


class Progress:
    """Counts the trials of one run as they finish."""

    def __init__(self, plan: Plan, trials: Iterable[Trial]) -> None:
        """Count the ``trials`` of a plan that will run."""
        planned = list(trials)
        self._rounds = plan.count
        self._coming = {trial.id: trial for trial in planned}
        self._left = Counter(t.block for t in planned)
        coming = Counter(workload for workload, _ in self._left)
        self._ended = Counter({w: plan.count - n for w, n in coming.items()})
        """Rounds that have ended, by workload, in earlier invocations too."""
        self._done = 0
        self._started = self._spoke = time.monotonic()

    @property
    def expected(self) -> int:
        """Trials that have run, or will."""
        return len(self._coming) + self._done

    def leave_out(self, ids: Collection[str]) -> None:
        """Expect some trials no more; one that is running may still come."""
        for trial in (self._coming.pop(i, None) for i in ids):
            if trial is not None:
                self._left[trial.workload, trial.round] -= 1

    def replace(self, old: Collection[Trial], new: Collection[Trial]) -> None:
        """Expect the trials of a new round in place of those of a lost one."""
        self.leave_out([trial.id for trial in old])
        self._coming |= {trial.id: trial for trial in new}
        self._left.update(trial.block for trial in new)

    def note(self, record: TrialRecord) -> str | None:
        """Count a trial; gives a line if a round has ended or the last line is long ago."""
        self._done += 1
        block = record.block
        if self._coming.pop(record.id, None) is not None:
            self._left[block] -= 1
            self._ended[record.workload] += self._left[block] == 0
        now = time.monotonic()
        if self._left[block] > 0 and now - self._spoke < _SILENCE:
            return None
        self._spoke = now
        left = (now - self._started) / self._done * len(self._coming)
        what = "round" if self._left[block] <= 0 else f"{record.variant}, round"
        place = self._ended[record.workload] + (self._left[block] > 0)
        return (
            f"{record.workload}: {what} {place} of {self._rounds}; "
            f"{self._done} of {self.expected} trials, {_duration(left)} left"
        )


def _duration(seconds: float) -> str:
    if seconds < 90:  # noqa: PLR2004 - a minute and a half reads better in seconds
        return f"about {seconds:.0f} s"
    return f"about {seconds / 60:.0f} min"
