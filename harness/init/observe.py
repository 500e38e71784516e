"""Run a program for some seconds, as a trial would, and see what it does."""

import os
import select
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from harness.models import Frozen
from harness.trial.observe import procfs
from harness.trial.observe.output import LOG_TAIL
from harness.trial.observe.tree import children
from harness.trial.process import Answer, Ended, Job, Started, Supervised

_LISTEN = "0A"  # TCP_LISTEN of include/net/tcp_states.h
_EVERY = 0.05
_SETTLED = 0.5
"""Seconds that a program listens before it is asked: it may open further ports."""
_ANSWERS_WITHIN = 2.0
_READ = "0 0x0 "
"""How ``/proc/PID/task/TID/syscall`` begins in ``read(0, …)`` on amd64."""


class Seen(Frozen):
    """What a program did."""

    exit: int | None = None
    """Its exit status, -1 where a signal ended it; ``None`` if it still ran at the end."""
    seconds: float
    cpu: float = 0.0
    """Seconds, of the program with its children; 0 if it still ran."""
    peak: int = 0
    """Bytes: its largest resident set; 0 if it still ran."""
    ports: tuple[int, ...] = ()
    """TCP ports that it listened on, in order."""
    answers: dict[str, int] = {}
    """Status by path, of requests to the first port; none where it does not speak HTTP."""
    reads_input: bool = False
    """Whether it waits for its standard input."""
    log: str = ""
    """The end of its output."""


def observe(
    supervisor: Path, binary: Path, args: Sequence[str], environment: Mapping[str, str],
    directory: Path, *, seconds: float, paths: Iterable[str] = (),
) -> Seen:  # fmt: skip
    """Run a program until it ends, listens or ``seconds`` have passed; then nothing is left of it.

    A program that listens is asked for ``paths`` over HTTP. Its standard input stays open, and
    nothing is written to it.
    """
    answers: list[Answer] = []
    given, kept_open = os.pipe()
    with tempfile.TemporaryFile() as output:
        job = Job(
            path=binary, args=(str(binary), *args), directory=directory,
            env=tuple(f"{name}={value}" for name, value in environment.items()),
        )  # fmt: skip
        try:
            with Supervised(
                supervisor, job, answers.append, output=output.fileno(), given=given
            ) as program:
                seen = _watch(program, answers, seconds, paths)
        finally:
            os.close(given)
            os.close(kept_open)
        output.seek(max(0, output.seek(0, os.SEEK_END) - LOG_TAIL))
        log = output.read().decode("utf-8", "replace").replace(str(binary), binary.name)
        return seen.model_copy(update={"log": log})


def _watch(
    program: Supervised, answers: list[Answer], seconds: float, paths: Iterable[str]
) -> Seen:
    poll = select.poll()
    poll.register(program, select.POLLIN)
    began = time.monotonic()
    ports: tuple[int, ...] = ()
    while (passed := time.monotonic() - began) < seconds and not program.closed:
        if poll.poll(_EVERY * 1e3):
            program.read()
        now = listening(_tree(program.pid))
        if now and now == ports:
            break
        if now != ports:
            ports = now
            poll.poll(_SETTLED * 1e3)
    ended = next((answer for answer in answers if isinstance(answer, Ended)), None)
    if ended is not None:
        usage, orphans = ended.usage, ended.orphans
        cpu = (usage.utime + usage.stime + orphans.utime + orphans.stime) / 1e9
        peak = max(usage.maxrss, orphans.maxrss)
        return Seen(exit=ended.exit, seconds=passed, cpu=cpu, peak=peak, ports=ports)
    started = next((answer for answer in answers if isinstance(answer, Started)), None)
    if started is not None and started.error:
        return Seen(exit=-1, seconds=passed, log=started.error)
    pids = list(_tree(program.pid))
    return Seen(
        seconds=passed, ports=ports, answers=_ask(ports[0], paths) if ports else {},
        cpu=sum(s.user + s.system for s in map(_stat, pids) if s),
        reads_input=any(map(_reads_input, pids)),
    )  # fmt: skip


def listening(pids: Iterable[int]) -> tuple[int, ...]:
    """TCP ports that processes listen on, in order."""
    found = set()
    for pid in pids:
        own = set()
        with suppress(OSError):
            for entry in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    own.add(str(entry.readlink()))
        for table in ("tcp", "tcp6"):
            for line in procfs.read(pid, "net", table).decode("ascii", "replace").splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN and f"socket:[{fields[9]}]" in own:
                    found.add(int(fields[1].rpartition(":")[2], 16))
    return tuple(sorted(found))


def _tree(pid: int) -> Iterator[int]:
    """A supervisor's descendants."""
    for child in children(pid):
        yield child
        yield from _tree(child)


def _stat(pid: int) -> procfs.Stat | None:
    return procfs.parse_stat(procfs.read(pid, "stat"))


def _reads_input(pid: int) -> bool:
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            if procfs.read(pid, "task", task.name, "syscall").startswith(_READ.encode()):
                return True
    return False


def _ask(port: int, paths: Iterable[str]) -> dict[str, int]:
    """The status of a request for each path; nothing where the server does not speak HTTP."""
    found = {}
    for path in dict.fromkeys(paths):
        url = f"http://127.0.0.1:{port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=_ANSWERS_WITHIN) as answer:
                found[path] = int(answer.status)
        except urllib.error.HTTPError as error:
            found[path] = error.code
        except (OSError, ValueError):
            continue
    return found
