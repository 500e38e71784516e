"""Judge a run in a process of its own.

Analysis and drawing load and keep hundreds of megabytes, which the process that controls a run
should not. They also take a second to import and to begin, which the process does before the first
trial, beside what is planned and built, and never while trials run.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.analysis.models import Verdict

_VERDICT_BYTES, _VERDICT_VALUES = 256 << 20, 20_000_000
"""What is read of a verdict at most; it was written by this very process's child."""
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
"""Waiting threads of two OpenBLAS take 0.2 s of CPU; analysis has no large matrices."""


class Judging:
    """A process that gets ready, and writes the verdict of a run and then its reports when told."""

    def __init__(self) -> None:
        """Start it: in a group of its own, as a run that is stopped by Ctrl-C is judged too."""
        self._directory: Path | None = None
        self._ready = False
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "harness.session.judge"], env=os.environ | _ONE_THREAD,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0,
        )  # fmt: skip

    @property
    def running(self) -> bool:
        """Whether it has not ended: the kernel may kill what waits when memory runs out."""
        return self._process.poll() is None

    def wait_until_ready(self) -> None:
        """Return once it does nothing but wait; called before trials begin."""
        if not self._ready:
            self._said()
            self._ready = True

    def judge(self, directory: Path) -> None:
        """Tell it the run directory, once."""
        self._directory = directory
        with suppress(BrokenPipeError), _pipe(self._process.stdin) as told:  # if it has ended
            told.write(os.fsencode(directory))
        self._process.stdin = None

    def verdict(self) -> "Verdict":
        """Wait for the verdict.

        Raises:
            HarnessError: there is none; the message ends with what the process said.
        """
        from harness.analysis.models import Verdict  # noqa: PLC0415 - the process starts before these are imported
        from harness.files.document import parse_model  # noqa: PLC0415 - as above
        from harness.files.inside import read_inside  # noqa: PLC0415 - as above
        from harness.run.store import VERDICT  # noqa: PLC0415 - as above

        assert self._directory is not None  # noqa: S101 - judge() comes first
        self.wait_until_ready()
        if not self._said():
            self._wait("judged")
        data = read_inside(self._directory, VERDICT, _VERDICT_BYTES)
        place = str(self._directory / VERDICT)
        return parse_model(Verdict, data, place, values=_VERDICT_VALUES)

    def finish(self) -> None:
        """Wait for the reports.

        Raises:
            HarnessError: they could not be written.
        """
        self._wait("reported")

    def close(self) -> None:
        """End it: there is nothing to judge, or nobody waits any more."""
        self._process.kill()
        self._process.communicate()

    def _said(self) -> bytes:
        """Its next line; none if it has ended."""
        with self._ended_too():
            return _pipe(self._process.stdout).readline()

    def _wait(self, what: str) -> None:
        with self._ended_too():
            _, said = self._process.communicate()
        if self._process.returncode != 0:
            raise HarnessError(
                f"{self._directory} was measured but could not be {what}; "
                f"gomatrix report {self._directory} tries again: "
                f"{said.decode(errors='replace').strip()}"
            )

    @contextmanager
    def _ended_too(self) -> Iterator[None]:
        """End it when the user does not wait any more."""
        try:
            yield
        except KeyboardInterrupt:
            self.close()
            raise


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # noqa: S101 - all three are pipes
    return stream
