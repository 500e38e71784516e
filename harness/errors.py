"""The error class for what a user can mend, and what to say of an ``OSError``."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class HarnessError(Exception):
    """Something the user can put right; its text is the whole message and needs no traceback.

    The message says what happened, where, and what to do. ``gomatrix`` and pytest print it on one
    line and exit with a status of 2 or above.
    """


class MissingError(HarnessError):
    """There is no such file."""


_PERMISSION = "get permission"
_REMEDIES = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room within your quota",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EACCES: _PERMISSION,
    errno.EPERM: _PERMISSION,
    errno.EROFS: "mount the file system for writing",
    errno.ENAMETOOLONG: "use shorter names, or a place with a shorter path",
    errno.ENOENT: "see whether something has removed it",
    errno.ENOTDIR: "move the file away that is where a directory should be",
    errno.EEXIST: "move away what is there",
    errno.ENOTEMPTY: "move away what is there",
    errno.EISDIR: "move the directory away that is where a file should be",
    errno.ELOOP: "put a file or directory where the symbolic link is",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.ENFILE: "close programs, for the system has too many files open",
    errno.ENOMEM: "free memory",
    errno.EIO: "see the kernel's log (dmesg), for the disk or its driver failed",
    errno.ESTALE: "mount the network file system again",
    errno.EBUSY: "wait until nothing else uses it",
    errno.ETXTBSY: "wait until nothing else uses it",
    errno.ENXIO: "put a regular file there",
    errno.ENODEV: "put a regular file there",
    errno.EXDEV: "use a place on the same file system",
    errno.ENOEXEC: "see whether it was made for this machine",
}


def remedy(error: OSError) -> str:
    """What to do about it."""
    return _REMEDIES.get(error.errno or 0, "see what the system says of it")


def told(error: OSError) -> str:
    """Say in one line what happened, where, and what to do."""
    place = f"{error.filename}: " if error.filename else ""
    return f"{place}{error.strerror or error}; {remedy(error)}"


@contextmanager
def writing(place: Path, otherwise: str) -> Iterator[None]:
    """Turn an ``OSError`` about a place, as a full disk, into a message that says what to do.

    ``otherwise`` is what else the user can do.

    Raises:
        HarnessError: instead of an ``OSError``.
    """
    try:
        yield
    except OSError as error:
        raise HarnessError(f"{_said(error, place, 'written')}, or {otherwise}") from None


@contextmanager
def reading(place: Path) -> Iterator[None]:
    """Turn an ``OSError`` about a file to read into a message that says what to do.

    Raises:
        HarnessError: instead of an ``OSError``.
    """
    try:
        yield
    except OSError as error:
        raise HarnessError(_said(error, place, "read")) from None


def _said(error: OSError, place: Path, done: str) -> str:
    what = f" ({error.filename})" if error.filename not in (None, str(place)) else ""
    return f"{place} cannot be {done}: {error.strerror or error}{what}; {remedy(error)}"
