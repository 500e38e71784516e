"""The one error class for mistakes that a user can mend."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class HarnessError(Exception):
    """Something the user can put right; its text is the whole message and needs no traceback.

    The message says what happened, where, and what to do. ``gomatrix`` and pytest print it on one
    line and exit with a status of 2 or above.
    """


_NOT_WRITABLE = {
    errno.EACCES, errno.EDQUOT, errno.EFBIG, errno.ENOSPC, errno.ENOTDIR, errno.EPERM, errno.EROFS
}  # fmt: skip


@contextmanager
def writing(place: Path, otherwise: str) -> Iterator[None]:
    """A full disk, a quota, a missing permission there are the user's to mend.

    Args:
        place: the file or directory.
        otherwise: what to do besides making room or getting the permission.

    Raises:
        HarnessError: instead of an ``OSError``.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _NOT_WRITABLE:
            raise
        what = f" ({error.filename})" if error.filename not in (None, str(place)) else ""
        raise HarnessError(
            f"{place} cannot be written: {error.strerror}{what}; make room or get write "
            f"permission, or {otherwise}"
        ) from None
