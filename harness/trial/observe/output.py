"""A program's output: a pipe; the last bytes are kept."""

import fcntl
import os
from contextlib import suppress

from harness.trial.observe.gctrace import GCTrace

PIPE_SIZE = 1 << 20
"""Bytes of output that a program may write between two reads without being blocked."""
LOG_TAIL = 8192
"""Bytes of a program's output that are kept by default."""
_CHUNK = 1 << 16


class OutputTail:
    """Keeps the end of what a program writes to ``writer``, which the caller closes."""

    def __init__(self, keep: int = LOG_TAIL, trace: GCTrace | None = None) -> None:
        """Open a pipe; ``trace`` takes the collector's lines out of the output."""
        self._keep = keep
        self._trace = trace
        self._tail = b""
        self.closed = False
        """Whether the program, and all that it started, has closed its side."""
        self._reader, self.writer = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._reader, False)
        with suppress(OSError):  # above the user's limit; the pipe keeps its 64 KiB
            fcntl.fcntl(self._reader, fcntl.F_SETPIPE_SZ, PIPE_SIZE)

    def fileno(self) -> int:
        """The descriptor to poll."""
        return self._reader

    @property
    def text(self) -> str:
        """The end of the output so far."""
        held = self._trace.held if self._trace else b""
        return (self._tail + held).decode("utf-8", "replace")

    def read(self) -> None:
        """Read what the pipe holds, without waiting."""
        with suppress(BlockingIOError):
            for _ in range(PIPE_SIZE // _CHUNK):
                data = os.read(self._reader, _CHUNK)
                if not data:
                    self.closed = True
                    return
                own = self._trace.feed(data) if self._trace else data
                self._tail = (self._tail + own)[-self._keep :]

    def end_trace(self) -> None:
        """Stop counting collections: the probe causes those that follow."""
        if self._trace and self._trace.counting:
            self.read()
            self._trace.counting = False

    def close(self) -> None:
        """Close the reading side."""
        os.close(self._reader)
