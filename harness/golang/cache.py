"""The cache directory. An entry is complete or absent, even if a process is killed.

Layout: ``KIND/KEY`` holds an entry; beside it ``.KEY.lock`` is its lock, and ``.KEY~…`` a directory
in which it is being made or from which it is being removed. The kind ``go-build`` is different:
each of its entries is a build cache that the go command keeps in order by itself.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import platformdirs

from harness.errors import HarnessError, remedy
from harness.files.inside import write_inside
from harness.files.locks import hold_lock, try_lock
from harness.models import Frozen

_IN_USE = ".in-use"


class Entry(Frozen):
    """An entry of the cache."""

    kind: str
    key: str
    path: Path
    size: int
    """Bytes on disk."""
    used: datetime
    """When it was last used."""


def default_cache() -> Path:
    """The user's cache directory, or ``$GOMATRIX_CACHE``."""
    override = os.environ.get("GOMATRIX_CACHE")
    return Path(override).absolute() if override else platformdirs.user_cache_path("gomatrix")


def obtain(cache: Path, kind: str, key: str, fill: Callable[[Path], None]) -> tuple[Path, bool]:
    """Return the directory of an entry, and whether it was there; else have ``fill`` make it.

    Processes that ask for the same entry at once wait for the first; ``fill`` works in a temporary
    directory that becomes the entry by a rename when it returns. What a killed process left of an
    earlier attempt is removed first. A key holds no ``~`` and no ``/``.

    Raises:
        HarnessError: the cache directory cannot be written.
    """
    entry = cache / kind / key
    if _touch(entry):
        return entry, True
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        with in_use(cache), hold_lock(entry.parent / f".{key}.lock"):
            if _touch(entry):
                return entry, True
            _remove_unfinished(entry.parent, f".{key}~")
            temporary = Path(tempfile.mkdtemp(prefix=f".{key}~", dir=entry.parent))
            try:
                fill(temporary)
                temporary.rename(entry)
            except BaseException:
                shutil.rmtree(temporary, ignore_errors=True)
                raise
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        raise HarnessError(
            f"the cache directory {cache} cannot be written ({place}{error.strerror}); "
            f"{remedy(error)}, or set GOMATRIX_CACHE to one that can"
        ) from None
    return entry, False


@contextmanager
def in_use(cache: Path) -> Iterator[None]:
    """Keep ``prune`` from removing binaries that a run needs."""
    cache.mkdir(parents=True, exist_ok=True)
    with hold_lock(cache / _IN_USE, shared=True):
        yield


def list_entries(cache: Path) -> list[Entry]:
    """List complete entries, least recently used first; none where there is no cache yet."""
    found = []
    for kind in _directories(cache) if cache.is_dir() else []:
        for path in _directories(kind):
            with suppress(FileNotFoundError):  # removed meanwhile
                used = datetime.fromtimestamp(path.stat().st_mtime, UTC)
                if not path.name.startswith("."):
                    found.append(
                        Entry(kind=kind.name, key=path.name, path=path, size=_size(path), used=used)
                    )
    return sorted(found, key=lambda entry: (entry.used, entry.kind, entry.key))


def prune(
    cache: Path, *, older_than: timedelta | None = None, max_size: int | None = None
) -> list[Entry]:
    """Remove entries and leftovers of killed processes; return the entries.

    Entries go that were not used for ``older_than``; then the least recently used, until no more
    than ``max_size`` bytes are left. With neither limit all go.

    Raises:
        HarnessError: a run is using the cache, or something is just being put there.
    """
    if not cache.is_dir():
        return []
    with try_lock(cache / _IN_USE) as held:
        if not held:
            raise HarnessError(f"a run is using the cache {cache}; prune it when the run has ended")
        for kind in _directories(cache):
            _remove_unfinished(kind)
        entries = list_entries(cache)
        total = sum(entry.size for entry in entries)
        now = datetime.now(UTC)
        removed = []
        for entry in entries:
            too_old = older_than is not None and now - entry.used > older_than
            too_much = max_size is not None and total > max_size
            neither = older_than is None and max_size is None
            if too_old or too_much or neither:
                _remove(entry.path)
                total -= entry.size
                removed.append(entry)
        return removed


def remember(path: Path, data: str | bytes) -> None:
    """Write a small file into the cache; all writers write the same, so it needs no lock."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_inside(path.parent, path.name, data)


def copy_writable(source: Path, destination: Path) -> None:
    """Copy a directory out of Go's module cache, which is read-only."""
    shutil.copytree(source, destination, symlinks=True)
    for path in (destination, *destination.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | 0o200)


def _remove(entry: Path) -> None:
    """Remove an entry; it is renamed first, so that nobody sees part of it."""
    doomed = Path(tempfile.mkdtemp(prefix=f".{entry.name}~", dir=entry.parent))
    entry.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def _remove_unfinished(kind: Path, prefix: str = ".") -> None:
    for path in _directories(kind):
        if path.name.startswith(prefix) and "~" in path.name:
            shutil.rmtree(path, ignore_errors=True)


def _directories(path: Path) -> list[Path]:
    return [p for p in path.iterdir() if p.is_dir() and not p.is_symlink()]


def _touch(entry: Path) -> bool:
    """Mark an entry as used; return whether it exists."""
    try:
        os.utime(entry)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except PermissionError:  # another user's cache, shared read-only
        pass
    return True


def _size(path: Path) -> int:
    size = 0
    for file in path.rglob("*"):
        with suppress(FileNotFoundError):  # removed meanwhile
            size += file.lstat().st_blocks * 512  # units of 512 bytes (stat(2))
    return size
