"""Waits for what other processes do."""

import subprocess
import time
from collections.abc import Callable


def wait_until(
    condition: Callable[[], bool],
    seconds: float = 240,
    process: subprocess.Popen[bytes] | subprocess.Popen[str] | None = None,
) -> None:
    """Return once a condition holds; fails after ``seconds``, or when ``process`` ends before.

    By default long enough for what compiles a standard library beside another test that does.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert process is None or process.poll() is None, "it ended before"
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
