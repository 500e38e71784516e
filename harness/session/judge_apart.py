"""Judge a run in a process of its own.

Analysis and drawing load and keep hundreds of megabytes, which the process that controls a run
should not, and take a second to import, which it need not.
"""

import subprocess
import sys
from pathlib import Path

from harness.analysis.models import Verdict
from harness.errors import HarnessError
from harness.files.document import parse_model
from harness.files.inside import read_inside
from harness.run.store import VERDICT

_VERDICT_BYTES, _VERDICT_VALUES = 256 << 20, 20_000_000
"""What is read of a verdict at most; it was written by this very process's child."""


class Judging:
    """A process that writes the verdict of a run, and then its reports."""

    def __init__(self, directory: Path) -> None:
        """Start it."""
        self._directory = directory
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "harness.session.judge", str(directory)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def verdict(self) -> Verdict:
        """Wait for the verdict.

        Raises:
            HarnessError: there is none; the message ends with what the process said.
        """
        assert self._process.stdout is not None  # noqa: S101 - a pipe
        if not self._process.stdout.readline():  # which it writes after the verdict
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

    def _wait(self, what: str) -> None:
        _, said = self._process.communicate()
        if self._process.returncode != 0:
            raise HarnessError(
                f"{self._directory} was measured but could not be {what}; "
                f"gomatrix report {self._directory} tries again: {said.strip()}"
            )
