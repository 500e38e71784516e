"""The channel to the probe: it announces pauses and reports, and is asked for snapshots.

``harness/golang/probe/probe.go`` describes the messages.
"""

import json
import os
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from harness.trial.observe.snapshot import Snapshot
from harness.trial.process import LineBuffer

PAUSE_LIMIT = 10
"""Seconds that the probe waits for the harness, and the harness for the probe."""


class ProbeChannel:
    """One socket to the probe; the caller closes the probe's end, ``theirs``."""

    def __init__(
        self, on_pause: Callable[["ProbeChannel", Mapping[str, int], Sequence[int]], Snapshot]
    ) -> None:  # fmt: skip
        """While the program waits, ``on_pause`` takes a snapshot, and calls ``resume``.

        It is told what the probe has counted, and where the runtime's records of spans are.
        """
        self._on_pause = on_pause
        self._lines = LineBuffer()
        self.snapshot: Snapshot | None = None
        """The last one, without the runtime's report until that has come."""
        self.profile_error: str | None = None
        """Why there is no heap profile; empty where there is one, ``None`` as long as unknown."""
        self.closed = False
        """Whether the program has closed its end."""
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
            if message["event"] == "pause":
                spans = message.pop("spans", ())
                self.snapshot = self._on_pause(self, message, spans)
            elif message["event"] == "profile":
                self.profile_error = str(message["error"])
            elif message["event"] == "runtime" and self.snapshot is not None:
                self.snapshot = replace(
                    self.snapshot,
                    version=message["version"],
                    runtime=message["metrics"],
                    histograms=message["histograms"],
                )

    def ask(self, command: bytes) -> bool:
        """Ask for a snapshot (``s``; ``g`` after a collection) or a profile (``p``)."""
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

    def _send(self, data: bytes) -> bool:
        try:
            return self._socket.send(data, socket.MSG_NOSIGNAL) > 0
        except OSError:  # the program has gone, or has no probe
            return False
