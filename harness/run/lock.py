"""One process at a time measures into a run directory: two would measure its trials twice."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.errors import HarnessError, writing
from harness.files.inside import open_own
from harness.run.directory import ELSEWHERE

LOCK = "run.lock"
"""There while a run is measured, with the id of the process that does it."""
_DIGITS = 20


@contextmanager
def measuring_into(directory: Path) -> Iterator[None]:
    """Hold a run directory; when this process dies, the kernel frees it.

    Raises:
        HarnessError: another process holds it, or it cannot be written.
    """
    with writing(directory, ELSEWHERE):
        descriptor = _held(directory)
    try:
        with writing(directory, ELSEWHERE):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        with suppress(OSError):  # the run is removed
            (directory / LOCK).unlink()
        os.close(descriptor)


def _held(directory: Path) -> int:
    while True:
        descriptor = open_own(directory, LOCK)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_nlink:  # else who held it has removed it since
                return descriptor
        except BlockingIOError:
            holder = os.pread(descriptor, _DIGITS, 0)
            os.close(descriptor)
            pid = f" (pid {holder.decode()})" if holder.isdigit() else ""
            raise HarnessError(
                f"another gomatrix is measuring into {directory}{pid}: wait for it, or stop it"
            ) from None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
