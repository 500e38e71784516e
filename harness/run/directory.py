"""The directory of runs: reserve, find, list and prune runs."""

import itertools
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from harness.errors import HarnessError, reading, told, writing
from harness.files.names import file_name
from harness.run.store import SEARCHES, NoRunError, Run, point_latest, read_manifest

_Read = TypeVar("_Read")
Say = Callable[[str], None]
"""Called with one line at a time."""

STAMP = "%Y%m%dT%H%M%SZ"
"""The beginning of a run directory's name, in UTC."""
ELSEWHERE = "name another place with --reports"
"""The remedy where a run directory cannot be written."""


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

    Its name begins with ``now``, in UTC, and ends with ``name``, or a number where that is taken.

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


def is_search(path: Path) -> bool:
    """Whether a run directory is of a bisection or an explanation.

    ``gomatrix run`` cannot continue it, and the verdict on its trials is not what it was for.
    """
    return any((path / name).exists() for name in SEARCHES)


def where_its_answer_is(search: Path) -> str:
    """What to say where the trials of a search are judged as if they were a run's."""
    return (
        f"{search} is of a search: all that it measured is judged here as one run; what it found "
        f"is in {search / 'report.html'}"
    )


def newest_run(reports: Path, matrix: Path, text: str, say: Say) -> Path:
    """The newest run of a matrix file, preferably of its present text.

    Raises:
        HarnessError: there is none.
    """
    found = [
        (manifest.matrix_text == text, manifest.created, path)
        for path, manifest in _readable(_directories(reports), read_manifest, say)
        if "\0" not in manifest.matrix_path
        and Path(manifest.matrix_path).resolve() == matrix.resolve()
        and not is_search(path)
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
    for _, run in _readable(_directories(reports), Run.load, say):
        with suppress(FileNotFoundError):  # removed meanwhile
            found.append(Stored(run.path, run.manifest.created, len(run.trials), _size(run.path)))
    return sorted(found, key=lambda stored: (stored.created, stored.path.name))


def _readable(
    paths: Iterable[Path], read: Callable[[Path], _Read], say: Say
) -> Iterator[tuple[Path, _Read]]:
    for path in paths:
        try:
            yield path, read(path)
        except NoRunError:
            continue
        except HarnessError as error:
            say(f"{path.name} is left out: {' '.join(str(error).split())}")


def prune_runs(
    reports: Path, now: datetime, say: Say, *, keep: int = 0, older_than: timedelta = timedelta()
) -> list[Stored]:
    """Remove runs, oldest first, and point ``latest`` at the newest that is left.

    The newest ``keep`` stay, and so do those younger than ``older_than`` and those that cannot be
    read or removed, of which ``say`` is told. Returns the runs that were removed.
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


def _directories(reports: Path) -> list[Path]:
    with reading(reports):
        entries = sorted(reports.iterdir()) if reports.is_dir() else []
    return [path for path in entries if path.is_dir() and not path.is_symlink()]


def _size(path: Path) -> int:
    states = (file.lstat() for file in path.rglob("*"))
    return sum(state.st_size for state in states if stat.S_ISREG(state.st_mode))
