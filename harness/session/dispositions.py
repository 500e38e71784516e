"""What the harness's own processes must not inherit."""

import signal


def see_children_end() -> None:
    """Take back that SIGCHLD is ignored, if whoever started this process has left it so.

    The kernel would reap children unseen, and Python take each for one that ended well: a build
    that failed would pass for a build.
    """
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
