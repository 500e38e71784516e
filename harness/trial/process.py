"""A workload under its supervisor: started, told what to do, and reported on."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Self

_FIRST_FILE = 100
"""Descriptors handed to a workload get numbers above those that its own files will have."""


class Supervised:
    """The harness's end of one supervisor. Closing it kills whatever the workload left.

    Args:
        supervisor: the binary made from ``supervisor/main.go``.
        binary: the workload's.
        args: without the program's own name.
        env: the workload's whole environment.
        directory: where the workload runs.
        cpus: on which it runs.
        output: descriptor for what it writes.
        files: descriptors to hand over; they become ``first_file`` and up in the workload.
        cgroup: directory of the one in which the workload is to start, if not in ours.
        copy: where to put a copy of the binary, which is run in its place; its directory is made,
            and removed at the end. How fast code runs depends on which pages of physical
            memory the file's content has in the page cache: identical files differed by up to 45 %
            of CPU time, as long as they were there. With a copy for each run this is noise.
    """

    first_file = _FIRST_FILE

    def __init__(  # noqa: PLR0913, PLR0917 - all that a process needs, each of a kind of its own
        self,
        supervisor: Path,
        binary: Path,
        args: Sequence[str],
        env: Mapping[str, str],
        directory: Path,
        cpus: Sequence[int],
        output: int,
        files: Sequence[int],
        cgroup: Path | None = None,
        copy: Path | None = None,
    ) -> None:
        job = {
            "Parent": os.getpid(),
            "Path": str(binary),
            "Copy": str(copy or ""),
            "Args": [str(binary), *args],
            "Env": [f"{name}={value}" for name, value in sorted(env.items())],
            "Directory": str(directory),
            "CPUs": list(cpus),
            "Cgroup": str(cgroup or ""),
            "Output": output,
            "Files": list(files),
            "FirstFile": _FIRST_FILE,
        }
        self._process = subprocess.Popen(
            [supervisor],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"GOMAXPROCS": "1"},
            pass_fds=(output, *files),
            bufsize=0,
        )
        self._send(json.dumps(job))

    @property
    def pid(self) -> int:
        """The supervisor's own."""
        return self._process.pid

    @property
    def answers(self) -> IO[bytes]:
        """The supervisor's lines, ``started`` and ``ended``; its end is the tree's end."""
        assert self._process.stdout is not None  # noqa: S101 - Popen was asked for a pipe
        return self._process.stdout

    def signal(self, number: int) -> None:
        """Send a signal to the workload, if it still is there."""
        self._send(f"signal {number}")

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
        self._process.stdin.close()  # kills the tree, if it still is there
        self._process.wait()
        self.answers.close()

    def _send(self, line: str) -> None:
        assert self._process.stdin is not None  # noqa: S101 - Popen was asked for a pipe
        with suppress(BrokenPipeError):  # it has ended; its answers say how
            self._process.stdin.write(line.encode() + b"\n")


def parse_answer(line: bytes) -> dict[str, Any]:
    """One line of the supervisor's."""
    answer: dict[str, Any] = json.loads(line)
    return answer
