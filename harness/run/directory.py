"""The directory of runs: reserve, find, list and prune runs."""

import itertools
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from harness.errors import HarnessError, reading, told, writing
from harness.files.names import file_name
from harness.run.records import Manifest
from harness.run.store import NoRunError, Run, point_latest, read_manifest

Say = Callable[[str], None]
"""Called with one line at a time."""

STAMP = "%Y%m%dT%H%M%SZ"
"""The beginning of a run directory's name, in UTC."""
ELSEWHERE = "name another place with --reports"
"""The remedy where a run directory cannot be written."""
_BISECTION = "bisect.json"
"""The file that only a bisection's directory has."""


@dataclass(frozen=True)
class Stored:
    """A summary of a run directory."""

    path: Path
    created: datetime
    trials: int
    """Finished trials."""
    size: int
    """Bytes on disk."""


def reserve(reports: Path, name: str, now: datetime) -> Path:
    """Create a run directory that is unique, even among runs that start in the same second.

    Args:
        reports: the directory of runs; created if it does not exist.
        name: the end of the directory's name; a number follows where that is taken.
        now: the time, in UTC.

    Raises:
        HarnessError: it cannot be created.
    """
    first = reports / f"{now:{STAMP}}-{file_name(name)}"
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


def newest_run(reports: Path, matrix: Path, text: str, say: Say) -> Path:
    """The newest run of a matrix file, preferably of its present text.

    Raises:
        HarnessError: there is none.
    """
    found = [
        (manifest.matrix_text == text, manifest.created, path)
        for path, manifest in _manifests(reports, say)
        if "\0" not in manifest.matrix_path
        and Path(manifest.matrix_path).resolve() == matrix.resolve()
        and not (path / _BISECTION).exists()
    ]
    if not found:
        raise HarnessError(
            f"{reports} has no run of {matrix} to go on with; name another directory, as "
            f"--resume {reports / 'latest'}, or start a run with gomatrix run"
        )
    return max(found)[2]


def list_runs(reports: Path, say: Say) -> list[Stored]:
    """List the runs in a directory, oldest first; ``say`` is told of those that cannot be read."""
    found = []
    for run in readable_runs(_directories(reports), say):
        with suppress(FileNotFoundError):  # removed meanwhile
            found.append(Stored(run.path, run.manifest.created, len(run.trials), _size(run.path)))
    return sorted(found, key=lambda stored: (stored.created, stored.path.name))


def readable_runs(paths: Iterable[Path], say: Say) -> Iterator[Run]:
    """Read the runs in directories; ``say`` is told of those that cannot be read."""
    for path in paths:
        try:
            yield Run.load(path)
        except NoRunError:
            continue
        except HarnessError as error:
            say(_left_out(path, error))


def prune_runs(
    reports: Path, now: datetime, say: Say, *, keep: int = 0, older_than: timedelta = timedelta()
) -> list[Stored]:
    """Remove runs, oldest first, and point ``latest`` at the newest that is left.

    Args:
        reports: the directory of runs.
        now: the time, to compute ages.
        say: told of each run that cannot be read or removed; it is kept.
        keep: how many of the newest to keep, whatever their age.
        older_than: remove only runs of at least this age.

    Returns:
        The runs that were removed.
    """
    runs = list_runs(reports, say)
    old = []
    for run in runs[: max(0, len(runs) - keep)]:
        if now - run.created < older_than:
            continue
        try:
            shutil.rmtree(run.path)
            old.append(run)
        except OSError as error:
            say(f"{run.path.name} is not removed: {told(error)}")
    left = [run for run in runs if run not in old]
    with writing(reports, "remove runs by hand"):
        if old and left:
            point_latest(left[-1].path)
        elif old and (reports / "latest").is_symlink():
            (reports / "latest").unlink()
    return old


def _manifests(reports: Path, say: Say) -> Iterator[tuple[Path, Manifest]]:
    for path in _directories(reports):
        try:
            yield path, read_manifest(path)
        except NoRunError:
            continue
        except HarnessError as error:
            say(_left_out(path, error))


def _left_out(path: Path, error: HarnessError) -> str:
    return f"{path.name} is left out: {' '.join(str(error).split())}"


def _directories(reports: Path) -> list[Path]:
    with reading(reports):
        entries = sorted(reports.iterdir()) if reports.is_dir() else []
    return [path for path in entries if path.is_dir() and not path.is_symlink()]


def _size(path: Path) -> int:
    states = (file.lstat() for file in path.rglob("*"))
    return sum(state.st_size for state in states if stat.S_ISREG(state.st_mode))
