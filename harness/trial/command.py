"""A command of the user's beside the program: a server's load, or what comes before a trial."""

import os
import select
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.trial.process import Answer, Ended, Job, Started, Supervised

_KEPT = 64 << 10
"""Bytes of its output to keep."""


class Command(Supervised):
    """A running command: a process tree of its own, not part of the trial's."""

    def __init__(
        self,
        supervisor: Path,
        words: Sequence[str],
        directory: Path,
        cpus: Sequence[int],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start a command in a directory, on ``cpus``; by default with the caller's PATH and HOME.

        A command without a slash is looked up in its PATH.
        """
        self.status = "no answer"
        """How it ended: ``ok``, or what was wrong."""
        if environment is None:
            caller = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
            environment = caller | {"LANG": "C.UTF-8"}
        program = shutil.which(words[0], path=environment.get("PATH")) or words[0]
        job = Job(
            path=Path(program) if "/" not in program else directory / program,
            args=tuple(words),
            env=tuple(f"{name}={value}" for name, value in environment.items()),
            directory=directory,
            cpus=tuple(cpus),
        )
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        super().__init__(supervisor, job, self._take_answer, output=self._output.fileno())
        self._poll = select.poll()
        self._poll.register(self, select.POLLIN)

    def close(self) -> None:
        """Kill what still runs, and drop its output."""
        super().close()
        self._output.close()

    def ended(self, seconds: float = 0.0) -> bool:
        """Whether the command has ended within ``seconds``, and all that it started."""
        deadline = time.monotonic() + seconds
        while not self.closed and self._poll.poll(max(0.0, deadline - time.monotonic()) * 1e3):
            self.read()
        return self.closed

    def output(self) -> str:
        """The end of its output."""
        size = self._output.seek(0, os.SEEK_END)
        self._output.seek(max(0, size - _KEPT))
        return self._output.read().decode("utf-8", "replace")

    def _take_answer(self, answer: Answer) -> None:
        if isinstance(answer, Started):
            self.status = answer.error or self.status
        elif isinstance(answer, Ended) and answer.signal:
            self.status = f"signal {answer.signal}"
        elif isinstance(answer, Ended):
            self.status = f"exit {answer.exit}" if answer.exit else "ok"
