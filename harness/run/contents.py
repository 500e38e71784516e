"""Read the files of a run's trials: series and heap profiles."""

from collections.abc import Sequence

from harness.errors import HarnessError, MissingError
from harness.files.inside import read_inside
from harness.files.unpack import Allowance
from harness.profiles.pprof import COMPRESSED, Profile, Stack, parse_profile, whole_run
from harness.run.records import TrialRecord
from harness.run.series import read_series
from harness.run.store import Run

Heap = dict[Stack, float]
"""Bytes or objects by stack, root first."""

_POINTS, _BYTES = 4_000_000, 128 << 20
"""Most that is read of all series together."""


class Reading:
    """Reads the files of a run's trials, up to a limit on all of them together."""

    def __init__(self, run: Run) -> None:
        """Begin with nothing read."""
        self._run = run
        self._series = Allowance(numbers=_POINTS, size=_BYTES)
        self._profiles = whole_run()

    def series(self, trial: TrialRecord) -> list[tuple[float, float]]:
        """Memory over time: seconds since the start and resident bytes; empty where unknown."""
        if not trial.series or self._series.spent:
            return []
        try:
            return read_series(self._run.path, trial.series, self._series)
        except HarnessError:  # truncated when its writer was killed, or outside the run
            return []

    def heaps(self, trial: TrialRecord, kinds: Sequence[str]) -> dict[str, Heap] | None:
        """Bytes or objects by stack, root first, of those kinds of sample that a profile has.

        ``None`` where there is no profile. One without a single sample is one too: nothing was
        live.

        Raises:
            HarnessError: the profile is damaged, beyond a limit, or without the first kind.
        """
        profile = self.profile(trial)
        if profile is None:
            return None
        try:
            profile.column(kinds[0])
            return {kind: profile.by_stack(kind) for kind in kinds if kind in profile.kinds}
        except ValueError as error:
            raise HarnessError(f"{trial.profile}: {error}") from None

    def profile(self, trial: TrialRecord) -> Profile | None:
        """The whole heap profile of a trial; ``None`` where there is none.

        Raises:
            HarnessError: it is damaged, or beyond a limit.
        """
        if not trial.profile:
            return None
        try:
            data = read_inside(self._run.path, trial.profile, COMPRESSED)
            return parse_profile(data, self._profiles)
        except MissingError:
            return None
        except ValueError as error:
            raise HarnessError(f"{trial.profile}: {error}") from None
