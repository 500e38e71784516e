"""Watching one running program: samples, snapshots, limits, output. One thread, one loop."""

import fcntl
import json
import math
import os
import select
import socket
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import repeat, takewhile
from operator import not_
from pathlib import Path
from typing import Any, NamedTuple, Self

from harness.run.records import ChildProcess
from harness.trial.cgroup import memory_group
from harness.trial.observe import procfs
from harness.trial.observe.gctrace import GCTrace
from harness.trial.observe.observed import Seen, Series
from harness.trial.observe.snapshot import KernelView, Snapshot
from harness.trial.observe.tree import Tree
from harness.trial.process import Supervised, parse_answer

SAMPLE_INTERVAL = 0.010
"""Seconds between two readings of statm, by default; each costs 0.02 ms."""
DISCOVER_INTERVAL = 0.100
"""Seconds between two searches for new children."""
PAUSE_LIMIT = 10
"""Seconds that the probe waits for the harness, and the harness for the probe."""
PIPE_SIZE = 1 << 20
"""Bytes of output that a program may write ahead of the next sample."""
STATM_SIZE = 256
"""Bytes that ``/proc/PID/statm`` has at most."""
LOG_TAIL = 8192
"""Bytes of a program's output that are kept, unless more is asked for."""


@dataclass(frozen=True)
class Program:
    """What to start."""

    supervisor: Path
    binary: Path
    args: Sequence[str]
    env: Mapping[str, str]
    directory: Path
    cpus: Sequence[int]
    records: Path | None = None
    """Where the probe puts the memory profiler's records."""
    probe: bool = True
    """Whether the binary holds the probe."""
    copy: Path | None = None
    """Where a copy of the binary is made to be run in its place."""
    requests: bool = False
    """Whether snapshots will be asked for in mid-run; this costs the program a thread."""


class Limits(NamedTuple):
    """What a program may not pass."""

    timeout: float
    """Seconds until it is killed with outcome ``timeout``."""
    memory: int | None = None
    """Bytes resident in the tree; above it, the outcome is ``memory limit``."""


class Watch:
    """A program from its start until nothing of it is left.

    Args:
        program: what to start.
        limits: what ends it.
        keep: bytes at the end of its output to keep.
        sample_every: seconds between two samples.
        trace: takes the collector's lines out of the output.
    """

    def __init__(
        self,
        program: Program,
        limits: Limits,
        keep: int = LOG_TAIL,
        sample_every: float = SAMPLE_INTERVAL,
        trace: GCTrace | None = None,
    ) -> None:
        self.seen = Seen()
        self.tree: Tree | None = None
        self._memory_limit = limits.memory or math.inf
        self._sample_every = sample_every
        self._keep = keep
        self._trace = trace
        self._log = b""
        self._buffers: dict[int, bytes] = {}
        self._answer: Snapshot | str | None = None
        """What came on the request socket: a snapshot, or what became of a profile."""
        self._statm: int | None = None
        self._running = True
        self._log_waits = False
        """Whether the output has been read since the last sample, and can wait for the next."""
        self._poll = select.poll()  # cheaper than selectors, a hundred times a second
        self._calls: dict[int, Callable[[], None]] = {}
        self._exit, exit_theirs = _pair()
        self._requests, requests_theirs = _pair()
        self._output, output_theirs = os.pipe2(os.O_CLOEXEC)
        _enlarge(self._output)
        os.set_blocking(self._output, False)
        self._group = memory_group(limits.memory) if limits.memory else None
        files = [exit_theirs, requests_theirs][: program.probe * (1 + program.requests)]
        try:
            self._supervised = Supervised(
                supervisor=program.supervisor,
                binary=program.binary,
                args=program.args,
                env={**program.env, **_probe_variable(program)},
                directory=program.directory,
                cpus=program.cpus,
                output=output_theirs,
                files=[file.fileno() for file in files],
                cgroup=self._group.path if self._group else None,
                copy=program.copy,
            )
        except BaseException:
            self._close()
            raise
        finally:
            os.close(output_theirs)
            exit_theirs.close()
            requests_theirs.close()
        self._on(self._supervised.answers.fileno(), self._read_answers)
        self._on(self._exit.fileno(), self._read_exit)
        self._on(self._requests.fileno(), self._read_requests)
        self._on(self._output, self._read_log)
        self._created = self._next_sample = self._next_discovery = time.monotonic()
        self._deadline = self._next_sample + limits.timeout

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._supervised.close()
        self._close()

    def running(self) -> bool:
        """Whether the program, or something that it left, still runs."""
        return self._running

    @property
    def log(self) -> str:
        """The end of the program's output so far."""
        log = self._log + (self._trace.held if self._trace else b"")
        return log.decode("utf-8", "replace")

    @property
    def children(self) -> list[ChildProcess]:
        """The processes that the program started, as far as they were seen."""
        return self.tree.report() if self.tree else []

    @property
    def child_series(self) -> list[Series]:
        """The samples of each of them."""
        return self.tree.series() if self.tree else []

    @property
    def elapsed(self) -> float:
        """Seconds since the start of the program, or of the wait for it."""
        return time.monotonic() - (self.seen.started or self._created)

    def run(self, until: Callable[[], bool] | None = None, seconds: float | None = None) -> bool:
        """Watch until the program has ended, ``until`` holds, or time is up.

        Returns:
            Whether ``until`` held.
        """
        limit = math.inf if seconds is None else time.monotonic() + seconds
        while self._running:
            if until and until():
                return True
            now = time.monotonic()
            if now >= limit:
                return False
            if now >= self._deadline:
                self.give_up("timeout")
            if now >= self._next_sample:
                self._next_sample = max(self._next_sample + self._sample_every, now)
                self._sample(now)
            due = min(self._deadline, limit)
            if until is None:
                self._sample_alone(min(due, self._next_discovery) - now)
            wait = min(self._next_sample, due) - time.monotonic()
            self._hear(self._poll.poll(wait * 1e3 if wait > 0 else 0))
        self._read_rest()
        return until is not None and until()

    def give_up(self, fault: str) -> None:
        """Kill the program; ``fault`` is its outcome, if it has none yet."""
        self.seen.fault = self.seen.fault or fault
        self._deadline = math.inf
        self._supervised.kill()

    def signal(self, number: int) -> None:
        """Send a signal to the program."""
        self._supervised.signal(number)

    def snapshot(self, *, collect: bool = False) -> Snapshot | None:
        """A snapshot now; ``None`` if the program does not answer.

        Args:
            collect: collect the program's garbage first.
        """
        answer = self._ask(b"g" if collect else b"s")
        return answer if isinstance(answer, Snapshot) else None

    def outside(self) -> Snapshot | None:
        """What the kernel alone says now, of a program that has no probe or does not answer it."""
        stat = procfs.parse_stat(procfs.read(self.seen.pid, "stat") or b"")
        if not self.running() or stat is None:
            return None
        pause = {
            "monotonic": time.monotonic_ns(),
            "utime": round(stat.user * 1e9),
            "stime": round(stat.system * 1e9),
            "minflt": stat.minor_faults,
            "majflt": stat.major_faults,
        }
        kernel = KernelView.read(self.seen.pid)
        return Snapshot(kernel, pause, children_pss=self._children_pss())

    def save_profile(self) -> None:
        """Have the program write its memory profiler's records, after a collection."""
        answer = self._ask(b"p")
        self.seen.profile_error = answer if isinstance(answer, str) else "no answer"

    def _ask(self, command: bytes) -> Snapshot | str | None:
        self._answer = None
        if command != b"s":
            self._end_trace()
        try:
            self._requests.send(command, socket.MSG_NOSIGNAL)
        except OSError:  # it has gone
            return None

        def answered() -> bool:
            answer = self._answer
            return answer is not None and (isinstance(answer, str) or answer.version is not None)

        return self._answer if self.run(answered, PAUSE_LIMIT) else None

    def _sample(self, now: float) -> None:
        if self._log_waits:
            self._on(self._output, self._read_log)
            self._log_waits = False
        if self.tree is None or self.seen.ended:
            return
        if now >= self._next_discovery:
            self.tree.discover()
            self._next_discovery = now + DISCOVER_INTERVAL
        rss = self._sample_main(now)
        if self.tree.has_children:
            rss += self.tree.sample(now - self.seen.started)
            self.seen.tree_series.append((now - self.seen.started, rss))
        if rss > self._memory_limit:
            self.give_up("memory limit")

    def _sample_alone(self, seconds: float) -> None:
        """Sample the program, if there is nothing else to look at, until somebody speaks.

        After 10 ms of sleep a processor has forgotten this program, and each step of it costs ten
        times what it does elsewhere; so this loop has none of the interpreter's.
        """
        busy = self._log_waits or self.seen.ended or self._memory_limit < math.inf
        if busy or self._statm is None or self.tree is None or self.tree.has_children:
            return
        count = int(seconds / self._sample_every)
        found: list[tuple[object, float, bytes]] = []
        waits = takewhile(not_, map(self._poll.poll, repeat(self._sample_every * 1e3, count)))
        texts = map(os.pread, repeat(self._statm), repeat(STATM_SIZE), repeat(0))
        with suppress(OSError):  # it has gone
            found.extend(zip(waits, iter(time.monotonic, None), texts, strict=False))
        for _, now, text in found:
            self._keep_sample(now, procfs.parse_statm(text))
            self._next_sample = now + self._sample_every

    def _sample_main(self, now: float) -> int:
        if self._statm is None:
            return 0
        try:
            rss = procfs.parse_statm(os.pread(self._statm, STATM_SIZE, 0))
        except OSError:  # it has gone
            self._stop_sampling()
            return 0
        self._keep_sample(now, rss)
        return rss or 0

    def _keep_sample(self, now: float, rss: int | None) -> None:
        if rss:  # a zombie has no memory
            self.seen.series.append((now - self.seen.started, rss))

    def _read_answers(self) -> None:
        for line in self._lines(self._supervised.answers.fileno()):
            answer = parse_answer(line)
            if answer["event"] == "ended":
                self.seen.ended = answer
                if self._group and self._group.exceeded():
                    self.seen.fault = self.seen.fault or "memory limit"
            elif answer["error"]:
                self.seen.fault = "not started"
                self._log = answer["error"].encode()
            else:
                self.seen.inherited = answer["inherited"] or {}
                self._begin(answer["pid"], answer["monotonic"] / 1e9)

    def _begin(self, pid: int, started: float) -> None:
        self.seen.pid, self.seen.started = pid, started
        self.tree = Tree(self._supervised.pid, pid)
        try:
            self._statm = os.open(f"/proc/{pid}/statm", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:  # it has gone
            return
        self._sample_main(time.monotonic())

    def _read_exit(self) -> None:
        for message in self._messages(self._exit):
            if message["event"] == "pause":
                self._end_trace()
                self.seen.end = self._take(self._exit, message)
                self._end_series(self.seen.end)
            elif message["event"] == "runtime" and self.seen.end:
                self.seen.end = self.seen.end.with_runtime(message)
            elif message["event"] == "profile" and self.seen.profile_error is None:
                self.seen.profile_error = message["error"]

    def _read_requests(self) -> None:
        for message in self._messages(self._requests):
            if message["event"] == "pause":
                self._answer = self._take(self._requests, message)
            elif message["event"] == "runtime" and isinstance(self._answer, Snapshot):
                self._answer = self._answer.with_runtime(message)
            elif message["event"] == "profile":
                self._answer = str(message["error"])

    def _take(self, channel: socket.socket, pause: Mapping[str, int]) -> Snapshot:
        """Read the kernel's view while the program waits, then let it go on."""
        if not self.seen.pid:  # a short program may be done before we heard of its start
            self._read_answers()
        kernel = KernelView.read(self.seen.pid)
        with suppress(OSError):  # it has gone; what was read still counts
            channel.send(b"\n", socket.MSG_NOSIGNAL)
        return Snapshot(kernel, pause, children_pss=self._children_pss())

    def _children_pss(self) -> int:
        if self.tree is None:
            return 0
        self.tree.discover()
        return self.tree.read_shares()

    def _end_trace(self) -> None:
        """Count no more collections: those that follow are the probe's doing."""
        if self._trace and self._trace.counting:
            self._read_log()
            self._trace.counting = False

    def _end_series(self, snapshot: Snapshot) -> None:
        """End the series with the snapshot: what follows is the probe's own doing."""
        self._stop_sampling()
        rss = procfs.parse_status(snapshot.kernel.status or b"").get("VmRSS")
        if rss:
            at = snapshot.pause["monotonic"] / 1e9 - self.seen.started
            self.seen.series = [s for s in self.seen.series if s[0] < at] + [(at, rss)]

    def _messages(self, channel: socket.socket) -> list[dict[str, Any]]:
        messages = []
        for line in self._lines(channel.fileno()):
            try:
                messages.append(json.loads(line))
            except ValueError:  # cut short by the program's death
                continue
        return messages

    def _lines(self, descriptor: int) -> list[bytes]:
        try:
            data = os.read(descriptor, 1 << 16)
        except ConnectionResetError:
            data = b""
        if not data:
            self._off(descriptor)
            self._running &= descriptor != self._supervised.answers.fileno()
        *lines, self._buffers[descriptor] = (self._buffers.get(descriptor, b"") + data).split(b"\n")
        return lines

    def _read_log(self) -> None:
        """Take what the program wrote; once between two samples, not at each line that it writes.

        A silent program costs nothing here.
        """
        if self._output in self._calls:
            self._off(self._output)
        self._log_waits = True
        with suppress(BlockingIOError):
            for _ in range(PIPE_SIZE >> 16):
                data = os.read(self._output, 1 << 16)
                if not data:  # closed
                    self._log_waits = False
                    return
                own = self._trace.feed(data) if self._trace else data
                self._log = (self._log + own)[-self._keep :]

    def _read_rest(self) -> None:
        """Read what the dead have left."""
        while ready := self._poll.poll(0):
            self._hear(ready)
        self._read_log()

    def _on(self, descriptor: int, call: Callable[[], None]) -> None:
        self._poll.register(descriptor, select.POLLIN)
        self._calls[descriptor] = call

    def _hear(self, ready: Sequence[tuple[int, int]]) -> None:
        """Read from whoever speaks; reading one may end what there was to hear of another."""
        for descriptor, _ in ready:
            if call := self._calls.get(descriptor):
                call()

    def _off(self, descriptor: int) -> None:
        self._poll.unregister(descriptor)
        del self._calls[descriptor]

    def _stop_sampling(self) -> None:
        if self._statm is not None:
            os.close(self._statm)
            self._statm = None

    def _close(self) -> None:
        self._stop_sampling()
        if self.tree:
            self.tree.close()
        if self._group:
            self._group.close()
        self._exit.close()
        self._requests.close()
        os.close(self._output)


def _pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of a channel; the second is the probe's, and never makes it wait for ever."""
    ours, theirs = socket.socketpair()
    limit = struct.pack("@ll", PAUSE_LIMIT, 0)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
    return ours, theirs


def _probe_variable(program: Program) -> dict[str, str]:
    """What the probe is told, which it removes from the environment at once."""
    if not program.probe:
        return {}
    requests = Supervised.first_file + 1 if program.requests else -1
    return {"GOMATRIX_PROBE": f"{Supervised.first_file} {requests} {program.records or ''}"}


def _enlarge(pipe: int) -> None:
    """Give a pipe room, so that a program that writes much need not wait for the harness."""
    with suppress(OSError):  # above the user's allowance; the pipe keeps its usual 64 KiB
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
