"""What a report reads from a run directory beside the run itself."""

from harness.errors import HarnessError, MissingError
from harness.files.inside import read_inside
from harness.profiles.pprof import COMPRESSED, Stack, parse_heap
from harness.run.records import TrialRecord
from harness.run.series import read_series as stored_series
from harness.run.store import Run


def read_series(run: Run, trial: TrialRecord) -> list[tuple[float, float]]:
    """Memory over time: seconds since the start and resident bytes; empty where unknown."""
    try:
        return stored_series(run.path, trial.series) if trial.series else []
    except HarnessError:  # cut short when its writer was killed, or not the run's own
        return []


def read_heap(run: Run, trial: TrialRecord, kind: str = "inuse_space") -> dict[Stack, float] | None:
    """Heap bytes by stack, root first; ``None`` where there is no readable profile.

    A profile without a single sample is one too: nothing was live.
    """
    try:
        return load_heap(run, trial, kind)
    except HarnessError:
        return None


def load_heap(run: Run, trial: TrialRecord, kind: str = "inuse_space") -> dict[Stack, float] | None:
    """Like ``read_heap``, where it matters that there is one which cannot be read.

    Raises:
        HarnessError: the profile is damaged, or beyond a limit.
    """
    if not trial.profile:
        return None
    try:
        return parse_heap(read_inside(run.path, trial.profile, COMPRESSED), kind)
    except MissingError:
        return None
    except ValueError as error:
        raise HarnessError(f"{trial.profile}: {error}") from None
