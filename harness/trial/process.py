"""A workload under its supervisor: what it is told to start, and what it answers.

``supervisor/`` has the other side of each model here; a test compares them.
"""

import os
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, TypeAdapter

from harness.models import Frozen


class Job(Frozen):
    """The first line that a supervisor reads: one program to start."""

    parent: int = 0
    """The harness's process id."""
    path: Path
    """The binary."""
    copy_to: Path | None = None
    """Where to put a copy of the binary, which is run in its place; its directory is made, and
    removed at the end. How fast code runs depends on which pages of physical memory hold the file:
    identical files differed by up to 45 % of CPU time, as long as they were in the page cache. With
    a copy for each run this is noise."""
    args: tuple[str, ...]
    """With the program's own name."""
    env: tuple[str, ...]
    """The whole environment, as ``NAME=VALUE``."""
    directory: Path
    """The working directory."""
    cpus: tuple[int, ...] = ()
    """CPUs to run on; empty for any."""
    cgroup: Path | None = None
    """Directory of the control group to start in; none for the supervisor's own."""
    input: int = -1
    """Descriptor for standard input; -1 for an empty one."""
    output: int = -1
    """Descriptor for standard output and standard error."""
    files: tuple[int, ...] = ()
    """Descriptors to hand over; they become ``first_file`` and up in the program."""
    first_file: int = 100
    """Higher than the descriptors that the program's own files will have."""


class Usage(Frozen):
    """Resources that ended processes used, as ``wait4(2)`` says."""

    utime: int
    """Nanoseconds."""
    stime: int
    """Nanoseconds."""
    maxrss: int
    """Bytes."""
    minflt: int
    majflt: int
    nvcsw: int
    nivcsw: int


class Started(Frozen):
    """The supervisor's first answer."""

    event: Literal["started"]
    pid: int
    monotonic: int
    """Nanoseconds, just before the start."""
    error: str
    """Why the program was not started; empty where it was."""
    inherited: dict[str, str] | None
    """What the program has of the harness's own process, since it could not be set: by name."""


class Ended(Frozen):
    """The supervisor's last answer."""

    event: Literal["ended"]
    monotonic: int
    """Nanoseconds."""
    exit: int
    """-1 where a signal ended the program."""
    signal: int
    """0 where none did."""
    usage: Usage
    """Of the program, and of the children that it waited for."""
    orphans: Usage
    """Of the other processes of its tree."""
    left: int
    """Processes that had to be killed after the program's end."""


class PagesRequest(Frozen):
    """What ``Supervised.pages`` asks for."""

    pid: int
    ranges: tuple[tuple[int, int], ...]
    """Addresses of the Go heap: start and end, in whole pages."""
    spans: tuple[int, ...] = ()
    """Where the runtime's records of spans are, as the probe says; empty where that is unknown."""
    most: int
    """Bytes that are read at most."""
    at_rest: bool = False
    """Whether the look ends where the process runs on meanwhile."""
    path: str = ""
    """Where to write the state of each page, for ``harness.profiles.pages``; empty for nowhere."""


class Pages(Frozen):
    """The supervisor's answer: bytes of the Go heap's pages."""

    event: Literal["pages"]
    error: str
    """Why nothing is known; empty where it is."""
    resident: int
    zero: int
    """Of these, pages that hold only zeros."""
    shared: int
    """Pages that map the kernel's shared page of zeros, and are not resident."""
    divided: bool
    """Whether what follows is known; what is left of ``resident`` is free."""
    held: int
    """Bytes of objects, resident or not."""
    objects: int
    """What of these is resident."""
    unused: int
    """Beside objects, in spans that hold objects."""
    manual: int
    """In spans of stacks and of the collector's buffers."""


Answer = Started | Ended | Pages
_ANSWER: TypeAdapter[Answer] = TypeAdapter(Annotated[Answer, Field(discriminator="event")])


class LineBuffer:
    """Puts lines together from data that comes in pieces."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Add a piece; gives the lines that are complete."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        return lines


class Supervised:
    """The harness's end of one supervisor. Closing it kills whatever the workload left.

    Attributes:
        closed: whether the supervisor has ended, and all that the workload started.
    """

    def __init__(
        self,
        supervisor: Path,
        job: Job,
        on_answer: Callable[[Answer], None],
        *,
        output: int,
        files: Sequence[int] = (),
        given: int = -1,
    ) -> None:
        """Start a program.

        Args:
            supervisor: the binary made from ``supervisor/``.
            job: what to start.
            on_answer: called by ``read``.
            output: as ``Job.output``.
            files: as ``Job.files``.
            given: as ``Job.input``.
        """
        self._on_answer = on_answer
        self._lines = LineBuffer()
        self.closed = False
        self._process = subprocess.Popen(
            [supervisor],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"GOMAXPROCS": "1"},
            pass_fds=(output, *files, *([given] if given >= 0 else ())),
            bufsize=0,
        )
        own = {"parent": os.getpid(), "input": given, "output": output, "files": tuple(files)}
        self._send(job.model_copy(update=own).model_dump_json())

    @property
    def pid(self) -> int:
        """The supervisor's own."""
        return self._process.pid

    def fileno(self) -> int:
        """The descriptor to poll for answers."""
        assert self._process.stdout is not None  # noqa: S101 - Popen was asked for a pipe
        return self._process.stdout.fileno()

    def read(self) -> None:
        """Read answers; waits for one, or for the end."""
        data = os.read(self.fileno(), 1 << 16)
        self.closed = not data
        for line in self._lines.feed(data):
            self._on_answer(_ANSWER.validate_json(line))

    def signal(self, number: int) -> None:
        """Send a signal to the workload, if it is still there."""
        self._send(f"signal {number}")

    def ask_pages(self, request: PagesRequest) -> None:
        """Ask what the pages of a process hold; the answer is a ``Pages``."""
        self._send(f"pages {request.model_dump_json()}")

    def kill(self) -> None:
        """Kill the workload and everything that it started."""
        self._send("kill")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill what still runs, and wait for the supervisor's own end."""
        assert self._process.stdin is not None  # noqa: S101 - Popen was asked for a pipe
        assert self._process.stdout is not None  # noqa: S101 - as above
        self._process.stdin.close()  # kills the tree, if it is still there
        self._process.wait()
        self._process.stdout.close()

    def _send(self, line: str) -> None:
        assert self._process.stdin is not None  # noqa: S101 - Popen was asked for a pipe
        with suppress(BrokenPipeError):  # it has ended; its answers tell how
            self._process.stdin.write(line.encode() + b"\n")
