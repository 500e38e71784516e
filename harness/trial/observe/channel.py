"""The channel to the probe: it announces pauses and reports, and is asked for snapshots.

``harness/golang/probe/probe.go`` describes the messages.
"""

import json
import os
import socket
import struct
from collections.abc import Callable, Mapping
from typing import Any

from harness.trial.observe.snapshot import Snapshot
from harness.trial.process import LineBuffer

PAUSE_LIMIT = 10
"""Seconds that the probe waits for the harness, and the harness for the probe."""


class ProbeChannel:
    """One socket to the probe.

    Attributes:
        theirs: the probe's end; the caller closes it.
        snapshot: the last one, without the runtime's report until that has come.
        profile_error: why there is no heap profile; empty where one was written, ``None`` while
            nothing was said.
        closed: whether the program has closed its end.
    """

    def __init__(
        self, on_pause: Callable[["ProbeChannel", Mapping[str, int]], Snapshot]
    ) -> None:  # fmt: skip
        """Open a pair of sockets.

        Args:
            on_pause: called while the program waits, with what the probe says of the process; takes
                a snapshot, and calls ``resume``.
        """
        self._on_pause = on_pause
        self._lines = LineBuffer()
        self.snapshot: Snapshot | None = None
        self.profile_error: str | None = None
        self.closed = False
        self._socket, self.theirs = socket.socketpair()
        limit = struct.pack("@ll", PAUSE_LIMIT, 0)
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            self.theirs.setsockopt(socket.SOL_SOCKET, option, limit)

    def fileno(self) -> int:
        """The descriptor to poll."""
        return self._socket.fileno()

    def read(self) -> None:
        """Read messages; waits for one."""
        try:
            data = os.read(self.fileno(), 1 << 16)
        except ConnectionResetError:
            data = b""
        self.closed = not data
        for line in self._lines.feed(data):
            try:
                message = json.loads(line)
            except ValueError:  # truncated by the program's death
                continue
            self._receive(message)

    def ask(self, command: bytes) -> bool:
        """Ask for a snapshot (``s``), one after a collection (``g``), or a profile (``p``).

        Returns:
            Whether somebody may answer.
        """
        self.snapshot = self.profile_error = None
        return self._send(command)

    def resume(self) -> None:
        """Let the program go on after a pause."""
        self._send(b"\n")

    def reported(self) -> bool:
        """Whether the snapshot is there with the runtime's report."""
        return self.snapshot is not None and self.snapshot.version is not None

    def close(self) -> None:
        """Close the harness's end."""
        self._socket.close()

    def _receive(self, message: Mapping[str, Any]) -> None:
        match message["event"]:
            case "pause":
                self.snapshot = self._on_pause(self, message)
            case "runtime" if self.snapshot is not None:
                self.snapshot = self.snapshot.with_runtime(message)
            case "profile":
                self.profile_error = str(message["error"])

    def _send(self, data: bytes) -> bool:
        try:
            return self._socket.send(data, socket.MSG_NOSIGNAL) > 0
        except OSError:  # the program has gone, or has no probe
            return False
