"""Read and parse ``/proc/PID``.

Parsers skip what they cannot read, as a text may be truncated; readers give nothing for a process
that has gone. Sizes are in bytes, times in seconds. Formats: ``proc_pid_status(5)`` and its
siblings, and ``Documentation/filesystems/proc.rst`` in the Linux source.
"""

import ctypes
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")
TICK = 1 / os.sysconf("SC_CLK_TCK")
STATM_SIZE = 256
"""Bytes that ``/proc/PID/statm`` has at most."""
_KCMP_VM = 1  # linux/kcmp.h

_STATUS = re.compile(rb"^(\w+):[ \t]+(\d+)( kB)?[ \t]*$", re.MULTILINE)
_HEADER = re.compile(
    rb"^([0-9a-f]+)-([0-9a-f]+) ([r-][w-][x-][ps]) [0-9a-f]+ [0-9a-f]+:[0-9a-f]+ (\d+)"
    rb"(?: +(.*))?$"
)
_FIELD = re.compile(rb"^(\w+): +(\d+) kB$")


@dataclass(frozen=True)
class Mapping:
    """One mapping of a process's address space."""

    start: int
    end: int
    permissions: str
    inode: int
    name: str
    """The file, or a word in brackets; empty for anonymous memory."""
    fields: dict[str, int] = field(default_factory=dict)
    """Bytes by the kernel's own field name: ``Rss``, ``Pss``, ``AnonHugePages``…"""

    @property
    def size(self) -> int:
        """Bytes of address space."""
        return self.end - self.start


@dataclass(frozen=True)
class Stat:
    """Fields of ``/proc/PID/stat``."""

    state: str
    parent: int
    minor_faults: int
    major_faults: int
    user: float
    """Seconds of CPU, all threads."""
    system: float
    """Seconds of CPU, all threads."""
    start: int
    """Clock ticks since boot: with the process id it identifies a process."""


def parse_status(text: bytes) -> dict[str, int]:
    """Parse the numbers of ``/proc/PID/status`` by field name; kB become bytes."""
    return {
        match[1].decode(): int(match[2]) * (1024 if match[3] else 1)
        for match in _STATUS.finditer(text)
    }


def parse_statm(text: bytes) -> int | None:
    """Parse resident bytes of ``/proc/PID/statm``; ``None`` for a truncated text."""
    fields = text.split(None, 2)
    whole = len(fields) == 3 and fields[1].isdigit()  # noqa: PLR2004 - else the second may be truncated
    return int(fields[1]) * PAGE if whole else None


def read_statm(descriptor: int) -> int | None:
    """Read resident bytes from an open ``/proc/PID/statm``; ``None`` if the process has gone."""
    try:
        return parse_statm(os.pread(descriptor, STATM_SIZE, 0))
    except OSError:
        return None


def parse_stat(text: bytes) -> Stat | None:
    """Parse ``/proc/PID/stat``; the command in it may contain spaces and brackets."""
    fields = text[text.rfind(b")") + 1 :].split()
    try:
        parent, minor, major, user, system, start = (int(fields[i]) for i in (1, 7, 9, 11, 12, 19))
    except (IndexError, ValueError):
        return None
    return Stat(fields[0].decode("ascii", "replace"), parent, minor, major,
                user * TICK, system * TICK, start)  # fmt: skip


def parse_smaps(text: bytes) -> list[Mapping]:
    """Parse the mappings of ``/proc/PID/smaps``, in order of address."""
    found: list[Mapping] = []
    for line in text.splitlines():
        if match := _FIELD.match(line):
            if found:
                found[-1].fields[match[1].decode()] = int(match[2]) * 1024
        elif match := _HEADER.match(line):
            start, end, inode = int(match[1], 16), int(match[2], 16), int(match[4])
            name = os.fsdecode(match[5] or b"")
            found.append(Mapping(start, end, match[3].decode(), inode, name))
    return found


def read(*path: int | str) -> bytes:
    """Read a file below ``/proc``; empty if the process has gone or may not be read."""
    try:  # without pathlib, which takes twice as long: it is called while a program is measured
        with open("/".join(map(str, ("/proc", *path))), "rb", buffering=0) as file:  # noqa: PTH123
            return file.read()
    except OSError:
        return b""


def newest_process() -> bytes:
    """Return the id of the system's newest process or thread (``proc_loadavg(5)``)."""
    return read("loadavg").rpartition(b" ")[2]


def read_self(name: str) -> str:
    """Read ``/proc/self/NAME``; empty if there is none."""
    return read("self", name).decode("utf-8", "replace")


def share_memory(pid: int, other: int) -> bool:
    """Return whether two processes share an address space; false if the kernel does not say."""
    # kcmp(2); its number is from the kernel's system call tables
    number = {"x86_64": 312}.get(os.uname().machine, 272)
    order: int = ctypes.CDLL(None).syscall(number, pid, other, _KCMP_VM, 0, 0)
    return order == 0


def executable(pid: int) -> str:
    """Return the file that a process runs; empty if it has gone."""
    try:
        return str(Path(f"/proc/{pid}/exe").readlink())
    except OSError:
        return ""


def open_files(pid: int) -> int | None:
    """Count the files that a process has open."""
    try:
        return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return None
