"""The directory of runs: what is there, and what may go."""

import itertools
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from harness.errors import HarnessError, writing
from harness.run import MANIFEST, Manifest, point_latest, read_manifest, read_trials

STAMP = "%Y%m%dT%H%M%SZ"
"""How the name of a run directory begins: in UTC."""
ELSEWHERE = "name another place with --reports"
"""What to do where a run directory cannot be written."""
_BISECTION = "bisect.json"
"""What a bisection's directory holds beside a run's files."""


@dataclass(frozen=True)
class Stored:
    """A run directory, summed up."""

    path: Path
    created: datetime
    trials: int
    """Finished trials."""
    size: int
    """Bytes on disk."""


def reserve(reports: Path, name: str, now: datetime) -> Path:
    """Make a directory that is no other run's, not even of one that starts in the same second.

    Args:
        reports: the directory of runs; made if it is not there.
        name: what the name is to end with, or, where that is taken, to go on with.
        now: the time, in UTC.

    Raises:
        HarnessError: it cannot be made.
    """
    first = reports / f"{now:{STAMP}}-{name}"
    with writing(first, ELSEWHERE):
        reports.mkdir(parents=True, exist_ok=True)
        for number in itertools.count(1):
            path = first if number == 1 else first.with_name(f"{first.name}-{number}")
            try:
                path.mkdir()
            except FileExistsError:
                continue
            return path
    raise AssertionError("numbers do not end")


def newest_run(reports: Path, matrix: Path, text: str) -> Path:
    """The newest run of a matrix file; one of the file as it is now before any other.

    Args:
        reports: the directory of runs.
        matrix: the matrix file.
        text: what is in it.

    Raises:
        HarnessError: there is none.
    """
    found = [
        (manifest.matrix_text == text, manifest.created, path)
        for path, manifest in _manifests(reports)
        if Path(manifest.matrix_path).resolve() == matrix.resolve()
        and not (path / _BISECTION).exists()
    ]
    if not found:
        raise HarnessError(
            f"{reports} has no run of {matrix} to go on with; name another directory, as "
            f"--resume {reports / 'latest'}, or start a run with gomatrix run"
        )
    return max(found)[2]


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
