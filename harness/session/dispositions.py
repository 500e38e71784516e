"""Signal dispositions of the harness's own processes."""

import os
import signal
import stat
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn


def see_children_end() -> None:
    """Restore the default for SIGCHLD if this process was started with it ignored.

    Otherwise the kernel reaps children, and Python takes each for a success: a failed build would
    pass for a build.
    """
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def stop_as_for_ctrl_c() -> None:
    """Take SIGTERM, and SIGHUP unless it is ignored (``nohup``), for Ctrl-C.

    A run whose terminal is closed, or whose connection breaks, is judged and leaves nothing behind.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_DFL:
        return
    terminals = {found.st_rdev for descriptor, found in _open_files() if os.isatty(descriptor)}

    def hang_up(_signal: int, _frame: FrameType | None) -> NoReturn:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # kernel and shell send one each
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor, found in _open_files():
            if stat.S_ISCHR(found.st_mode) and found.st_rdev in terminals:
                os.dup2(null, descriptor)  # each write to a terminal that has gone is an error
        raise KeyboardInterrupt

    signal.signal(signal.SIGHUP, hang_up)


def _open_files() -> list[tuple[int, os.stat_result]]:
    """This process's descriptors, and what they are."""
    found = []
    for path in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # that of the directory itself is closed by now
            found.append((int(path.name), os.fstat(int(path.name))))
    return found
