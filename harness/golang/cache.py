"""The cache directory: an entry is complete or absent, whoever asks and whenever one is killed."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import platformdirs
from filelock import FileLock


def default_cache() -> Path:
    """The user's cache directory, or ``$GOMATRIX_CACHE``."""
    override = os.environ.get("GOMATRIX_CACHE")
    return Path(override).absolute() if override else platformdirs.user_cache_path("gomatrix")


def obtain(cache: Path, kind: str, key: str, fill: Callable[[Path], None]) -> tuple[Path, bool]:
    """The directory of an entry, made by ``fill`` if it is not there yet.

    Processes that ask for the same entry at once wait for the first; ``fill`` works in a temporary
    directory that becomes the entry by a rename when it returns.

    Args:
        cache: the cache directory.
        kind: the kind of entry, a directory of its own.
        key: names the entry within its kind.
        fill: makes the content in the directory it is given; what it raises is passed on.

    Returns:
        The entry, and whether it was there already.
    """
    entry = cache / kind / key
    if entry.is_dir():
        return entry, True
    entry.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(entry.parent / f".{key}.lock"):
        if entry.is_dir():
            return entry, True
        temporary = Path(tempfile.mkdtemp(prefix=f".{key}.", dir=entry.parent))
        try:
            fill(temporary)
            temporary.rename(entry)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    return entry, False
