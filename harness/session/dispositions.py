"""Signal dispositions of the harness's own processes."""

import os
import signal
import stat
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

_STANDARD = (0, 1, 2)


def see_children_end() -> None:
    """Restore the default for SIGCHLD if this process was started with it ignored.

    Otherwise the kernel reaps children, and Python takes each for a success: a failed build would
    pass for a build.
    """
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def stop_as_for_ctrl_c() -> None:
    """Take SIGTERM, and SIGHUP where it is not ignored (``nohup``), for Ctrl-C.

    A run whose terminal is closed, or whose connection breaks, is judged and leaves nothing behind.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return
    terminals = {number for number in map(_terminal, _STANDARD) if number is not None}

    def hang_up(_signal: int, _frame: FrameType | None) -> NoReturn:
        _silence(terminals)
        raise KeyboardInterrupt

    signal.signal(signal.SIGHUP, hang_up)


def _terminal(descriptor: int) -> int | None:
    """The number of the terminal that a descriptor stands for, if it does."""
    with suppress(OSError):
        if os.isatty(descriptor):
            return os.fstat(descriptor).st_rdev
    return None


def _silence(terminals: set[int]) -> None:
    """Lead to nowhere what is open on terminals that have gone: each write would be an error."""
    null = os.open(os.devnull, os.O_RDWR)
    for path in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found = os.fstat(int(path.name))
            if stat.S_ISCHR(found.st_mode) and found.st_rdev in terminals:
                os.dup2(null, int(path.name))
