"""Signal dispositions that the harness's own processes must not inherit."""

import signal


def see_children_end() -> None:
    """Restore the default for SIGCHLD if this process was started with it ignored.

    Otherwise the kernel reaps children, and Python takes each for a success: a failed build would
    pass for a build.
    """
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
