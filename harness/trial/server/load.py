"""The load on a server: a command, or the open-loop generator in ``loadgen/main.go``."""

import json
import os
import select
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.matrix.models import LoadSpec
from harness.trial.placeholders import fill
from harness.trial.process import Answer, Ended, Job, Started, Supervised

_KEPT = 64 << 10
"""Bytes of the load's output to keep."""


def generator_job(spec: LoadSpec, placeholders: Mapping[str, str], duration: float) -> str:
    """Return the generator's argument for a load of ``duration`` seconds."""
    own = {
        "url": fill(spec.url or "", placeholders),
        "headers": {name: fill(value, placeholders) for name, value in spec.headers.items()},
        "body": fill(spec.body, placeholders),
        "duration": duration,
    }
    return json.dumps(spec.model_dump(exclude={"command"}) | own)


class Load(Supervised):
    """A running load: a process tree of its own, not part of the trial's."""

    def __init__(
        self, supervisor: Path, command: Sequence[str], directory: Path, cpus: Sequence[int]
    ) -> None:
        """Start a command on ``cpus``."""
        self.status = "no answer"
        """How it ended: ``ok``, or what was wrong."""
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        program = shutil.which(command[0], path=environment.get("PATH")) or command[0]
        job = Job(
            path=Path(program) if "/" not in program else directory / program,
            args=tuple(command),
            env=(*(f"{name}={value}" for name, value in environment.items()), "LANG=C.UTF-8"),
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

    def ended(self) -> bool:
        """Whether the load has ended, and all that it started."""
        while not self.closed and self._poll.poll(0):
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


def parse_report(output: str) -> dict[str, float | None]:
    """Parse the generator's report into metrics; empty if there is none."""
    try:
        report: dict[str, Any] = json.loads(output.splitlines()[-1])
        found: dict[str, float | None] = {
            "requests": report["answered"],
            "requests.failed": report["failed"],
            "requests.rate": report["answered"] / report["seconds"],
        }
        return found | {f"latency.{name}": value for name, value in report["latency"].items()}
    except (IndexError, KeyError, TypeError, ValueError, ZeroDivisionError):
        return {}
