"""One process at a time measures into a run directory: two would measure its trials twice."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from harness.errors import HarnessError, writing
from harness.files.inside import open_own
from harness.files.locks import take
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
        with ExitStack() as unless_held:
            descriptor = open_own(directory, LOCK)
            unless_held.callback(os.close, descriptor)
            if not take(descriptor):
                holder = os.pread(descriptor, _DIGITS, 0)
                pid = f" (pid {holder.decode()})" if holder.isdigit() else ""
                raise HarnessError(
                    f"another gomatrix is measuring into {directory}{pid}: wait for it, or stop it"
                )
            if os.fstat(descriptor).st_nlink:  # else who held it has removed it since
                unless_held.pop_all()
                return descriptor
