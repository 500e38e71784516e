"""A time budget: when it is spent, what runs is killed, and the main thread stops."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

_AGAIN = 0.2
"""Seconds after which what was started meanwhile is killed too."""


class OutOfTime(BaseException):
    """The time budget is spent. Like ``KeyboardInterrupt``, no handler of errors may stop it."""


@contextmanager
def within(seconds: float | None) -> Iterator[None]:
    """Raise ``OutOfTime`` in the main thread, which must be the caller, after some seconds.

    All processes that this one has started are killed, so that nothing waits for them.
    """
    if seconds is None:
        yield
        return
    over = threading.Event()

    def watch() -> None:
        if over.wait(seconds):
            return
        main = threading.main_thread().ident
        assert main is not None  # noqa: S101 - it runs
        signal.pthread_kill(main, signal.SIGALRM)
        while not over.wait(_AGAIN):
            _kill_children()

    def stop(_number: int, _frame: object) -> None:
        _kill_children()
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, stop)
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        signal.signal(signal.SIGALRM, before)


def _kill_children() -> None:
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            child.kill()
