"""One trial: start a program, watch it without disturbing it, and say how it ended."""

import json
import os
import selectors
import signal
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.frozen import Frozen
from harness.measure import metrics, procfs
from harness.measure.snapshot import KernelView, Snapshot
from harness.measure.supervised import Supervised, parse_answer

SAMPLE_INTERVAL = 0.010
"""Seconds between two readings of statm, each of which costs 0.02 ms."""
PAUSE_LIMIT = 10.0
"""Seconds that the probe waits for the harness."""
LOG_TAIL = 8192
"""Bytes of the program's output that are kept."""


class TrialRequest(Frozen):
    """What to run, where, and within which limits."""

    supervisor: Path
    """The binary made from ``supervisor/main.go``."""
    binary: Path
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    """The workload's and the variant's own variables only."""
    cpus: tuple[int, ...] = ()
    gomaxprocs: int = 1
    timeout: float = 60.0
    """Seconds from the start to the end of the process."""
    memory_limit: int | None = None
    """Bytes resident."""
    directory: Path
    """A fresh temporary directory: the program's working directory, HOME and TMPDIR."""
    profile: Path | None = None
    """Where to put the heap profile."""


class TrialResult(Frozen):
    """What came of a trial."""

    outcome: str
    """``ok``, ``exit N``, ``signal NAME``, ``timeout``, ``memory limit`` or ``not started``."""
    metrics: dict[str, float | None]
    notes: dict[str, str] = {}
    """For metrics that are ``None``: why."""
    smaps: dict[str, dict[str, int]] = {}
    """By class of mapping: bytes by kind at the end of main."""
    series: list[tuple[float, int]] = []
    """Seconds since the start, resident bytes."""
    log: str = ""
    """The end of what the program wrote."""
    go_version: str | None = None
    """``runtime.Version()``, as the probe said."""


def run_trial(request: TrialRequest) -> TrialResult:
    """Run one program to its end; whatever it leaves behind is killed.

    Whatever the program does is an outcome, never an exception.
    """
    probe, theirs = socket.socketpair()
    log, output = os.pipe2(os.O_CLOEXEC)
    limit = struct.pack("@ll", int(PAUSE_LIMIT), 0)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
    try:
        supervised = Supervised(
            supervisor=request.supervisor,
            binary=request.binary,
            args=request.args,
            env=environment(request),
            directory=request.directory,
            cpus=request.cpus,
            output=output,
            files=(theirs.fileno(),),
        )
    finally:
        os.close(output)
        theirs.close()
    with probe, os.fdopen(log, "rb", buffering=0) as output_file, supervised:
        return _Watch(request, supervised, probe, output_file.fileno()).run()


def environment(request: TrialRequest) -> dict[str, str]:
    """The program's whole environment: nothing of the caller's reaches it."""
    home = str(request.directory)
    profile = request.profile or ""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": home,
        "TMPDIR": home,
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "GOMAXPROCS": str(request.gomaxprocs),
        **request.env,
        "GOMATRIX_PROBE": f"{Supervised.first_file} -1 {profile}",
    }


class _Watch:
    """The state of one trial while it runs."""

    def __init__(
        self, request: TrialRequest, supervised: Supervised, probe: socket.socket, log: int
    ) -> None:
        self._request = request
        self._supervised = supervised
        self._probe = probe
        self._selector = selectors.DefaultSelector()
        self._watch(supervised.answers.fileno(), self._on_answer)
        self._watch(probe.fileno(), self._on_probe)
        self._watch(log, self._on_log)
        self._log = log
        self._buffers: dict[int, bytes] = {}
        self._tail = b""
        self._pid = 0
        self._statm: int | None = None
        self._started = time.monotonic()
        self._series: list[tuple[float, int]] = []
        self._snapshot: Snapshot | None = None
        self._ended: dict[str, Any] | None = None
        self._fault = ""
        """Why the harness itself ended the trial."""
        self._done = False

    def run(self) -> TrialResult:
        try:
            self._loop()
            self._read_rest(self._probe.fileno(), self._on_probe)
            self._read_rest(self._log, self._on_log)
        finally:
            self._selector.close()
            self._close_statm()
        return self._result()

    def _loop(self) -> None:
        next_sample = time.monotonic()
        deadline = next_sample + self._request.timeout
        while not self._done:
            now = time.monotonic()
            if now >= next_sample:
                self._sample(now)
                next_sample = max(next_sample + SAMPLE_INTERVAL, now)
            if now >= deadline and not self._fault:
                self._give_up("timeout")
            for key, _ in self._selector.select(max(0.0, next_sample - now)):
                key.data()

    def _sample(self, now: float) -> None:
        if self._statm is None:
            return
        try:
            rss = procfs.parse_statm(os.pread(self._statm, 256, 0))
        except OSError:  # it has gone
            self._close_statm()
            return
        if not rss:  # a zombie has no memory
            return
        self._series.append((now - self._started, rss))
        if self._request.memory_limit and rss > self._request.memory_limit and not self._fault:
            self._give_up("memory limit")

    def _give_up(self, fault: str) -> None:
        self._fault = fault
        self._supervised.kill()

    def _on_answer(self) -> None:
        for line in self._lines(self._supervised.answers.fileno()):
            answer = parse_answer(line)
            if answer["event"] == "ended":
                self._ended = answer
            elif answer["error"]:
                self._fault = "not started"
                self._tail = answer["error"].encode()
            else:
                self._pid = answer["pid"]
                self._started = answer["monotonic"] / 1e9
                try:
                    self._statm = os.open(f"/proc/{self._pid}/statm", os.O_RDONLY)
                except OSError:  # it has gone
                    continue
                self._sample(time.monotonic())
        self._done = self._supervised.answers.fileno() not in self._selector.get_map()

    def _on_probe(self) -> None:
        for line in self._lines(self._probe.fileno()):
            try:
                message = json.loads(line)
            except ValueError:  # cut short by the program's death
                continue
            if message["event"] == "pause":
                kernel = KernelView.read(self._pid)
                try:
                    self._probe.send(b"\n", socket.MSG_NOSIGNAL)
                except OSError:  # it has gone
                    continue
                self._snapshot = Snapshot(kernel, message)
                self._last_sample()
            elif message["event"] == "runtime" and self._snapshot:
                self._snapshot = self._snapshot.with_runtime(message)

    def _last_sample(self) -> None:
        """End the series with the snapshot: what follows is the probe's own doing."""
        assert self._snapshot is not None  # noqa: S101 - set by the caller
        self._close_statm()
        rss = procfs.parse_status(self._snapshot.kernel.status or b"").get("VmRSS")
        if rss:
            at = self._snapshot.pause["monotonic"] / 1e9 - self._started
            self._series = [s for s in self._series if s[0] < at] + [(at, rss)]

    def _on_log(self) -> None:
        data = self._receive(self._log)
        self._tail = (self._tail + data)[-LOG_TAIL:]

    def _lines(self, descriptor: int) -> list[bytes]:
        data = self._buffers.get(descriptor, b"") + self._receive(descriptor)
        *lines, self._buffers[descriptor] = data.split(b"\n")
        return lines

    def _receive(self, descriptor: int) -> bytes:
        try:
            data = os.read(descriptor, 1 << 16)
        except ConnectionResetError:
            data = b""
        if not data:
            self._selector.unregister(descriptor)
        return data

    def _read_rest(self, descriptor: int, read: Callable[[], None]) -> None:
        """Read what is left, without waiting: a survivor may still hold the other end."""
        os.set_blocking(descriptor, False)
        while descriptor in self._selector.get_map():
            try:
                read()
            except BlockingIOError:
                return

    def _watch(self, descriptor: int, call: Callable[[], None]) -> None:
        self._selector.register(descriptor, selectors.EVENT_READ, call)

    def _close_statm(self) -> None:
        if self._statm is not None:
            os.close(self._statm)
            self._statm = None

    def _result(self) -> TrialResult:
        found, notes = metrics.end_metrics(self._snapshot, self._started, self._series)
        return TrialResult(
            outcome=self._fault or outcome_of(self._ended),
            metrics=found,
            notes=notes,
            smaps=metrics.classes(self._snapshot, str(self._request.binary.resolve())),
            series=self._series,
            log=self._tail.decode("utf-8", "replace"),
            go_version=self._snapshot.version if self._snapshot else None,
        )


def outcome_of(ended: dict[str, Any] | None) -> str:
    """The outcome that a supervisor's last answer stands for."""
    if ended is None:
        return "lost"  # somebody killed the supervisor
    if ended["signal"]:
        return f"signal {signal_name(ended['signal'])}"
    return f"exit {ended['exit']}" if ended["exit"] else "ok"


def signal_name(number: int) -> str:
    """As ``SIGSEGV``; the number itself for one without a name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
