"""What a report reads from a run directory beside the run itself."""

import json
from pathlib import Path

from harness.report.pprof import Stack, parse_heap
from harness.run import Run, TrialRecord


def inside(run: Run, name: str | None) -> Path | None:
    """A file of the run directory; ``None`` for one that is not there or leads out of it."""
    if not name:
        return None
    root = run.path.resolve()
    path = (root / name).resolve()
    return path if path.is_relative_to(root) and path.is_file() else None


def read_series(run: Run, trial: TrialRecord) -> list[tuple[float, float]]:
    """Memory over time: seconds since the start and resident bytes; empty where unknown."""
    path = inside(run, trial.series)
    if path is None:
        return []
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        points = zip(data["seconds"], data["rss"], strict=True)
        return [(float(seconds), float(rss)) for seconds, rss in points]
    except (ValueError, KeyError, TypeError):  # cut short when its writer was killed
        return []


def read_heap(run: Run, trial: TrialRecord, kind: str = "inuse_space") -> dict[Stack, float] | None:
    """Heap bytes by stack, root first; ``None`` where there is no readable profile.

    A profile without a single sample is one too: nothing was live.
    """
    path = inside(run, trial.profile)
    if path is None:
        return None
    try:
        return parse_heap(path.read_bytes(), kind)
    except ValueError:
        return None
