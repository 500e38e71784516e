"""What a report reads from a run directory beside the run itself."""

from harness.errors import HarnessError
from harness.files.inside import read_inside
from harness.report.pprof import Stack, parse_heap
from harness.run import Run, TrialRecord
from harness.run import read_series as stored_series

_PROFILE_BYTES = 16 << 20
"""What is read of a compressed profile at most."""


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
    if not trial.profile:
        return None
    try:
        return parse_heap(read_inside(run.path, trial.profile, _PROFILE_BYTES), kind)
    except (ValueError, HarnessError):
        return None
