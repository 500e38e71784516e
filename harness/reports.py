"""The directory of runs: what is there, and what may go."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from harness.errors import HarnessError
from harness.run import MANIFEST, Manifest, point_latest, read_manifest, read_trials


@dataclass(frozen=True)
class Stored:
    """A run directory, summed up."""

    path: Path
    created: datetime
    trials: int
    """Finished trials."""
    size: int
    """Bytes on disk."""


def list_runs(reports: Path) -> list[Stored]:
    """Every run in a directory, oldest first; whatever else lies there is left out."""
    return sorted(
        (
            Stored(path, manifest.created, len(read_trials(path)), _size(path))
            for path, manifest in _manifests(reports)
        ),
        key=lambda stored: stored.created,
    )


def prune_runs(
    reports: Path, now: datetime, *, keep: int = 0, older_than: timedelta = timedelta()
) -> list[Stored]:
    """Remove runs, oldest first, and point ``latest`` at the newest that is left.

    Args:
        reports: the directory of runs.
        now: the time to count age from.
        keep: how many of the newest stay, whatever their age.
        older_than: only runs of at least this age go.

    Returns:
        The runs that were removed.
    """
    runs = list_runs(reports)
    old = [r for r in runs[: max(0, len(runs) - keep)] if now - r.created >= older_than]
    for run in old:
        shutil.rmtree(run.path)
    left = [run for run in runs if run not in old]
    if old and left:
        point_latest(left[-1].path)
    elif old:
        (reports / "latest").unlink(missing_ok=True)
    return old


def _manifests(reports: Path) -> Iterator[tuple[Path, Manifest]]:
    for path in sorted(reports.iterdir()) if reports.is_dir() else ():
        if (path / MANIFEST).is_file() and not path.is_symlink():
            try:
                yield path, read_manifest(path)
            except HarnessError:
                continue


def _size(path: Path) -> int:
    return sum(file.lstat().st_size for file in path.rglob("*") if file.is_file())
