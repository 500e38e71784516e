"""The load on a server: a command, or the open-loop generator in ``loadgen/main.go``."""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from harness.matrix.models import LoadSpec
from harness.trial.placeholders import fill
from harness.trial.process import Supervised, parse_answer

_KEPT = 64 << 10
"""Bytes of the load's output that are kept."""


def generator_job(spec: LoadSpec, words: Mapping[str, str], duration: float) -> str:
    """The generator's argument for a load of ``duration`` seconds."""
    return json.dumps(
        {
            "URL": fill(spec.url or "", words),
            "Method": spec.method,
            "Headers": {name: fill(value, words) for name, value in spec.headers.items()},
            "Body": fill(spec.body, words),
            "Rate": spec.rate,
            "Duration": duration,
            "Timeout": spec.request_timeout,
            "MaxInFlight": spec.max_in_flight,
            "MaxFailed": spec.max_failed,
        }
    )


class Load:
    """A load that runs; it is a process tree of its own and no part of the trial's.

    Args:
        supervisor: the binary made from ``supervisor/main.go``.
        command: program and arguments.
        directory: where it runs.
        cpus: on which it runs.
    """

    def __init__(
        self, supervisor: Path, command: Sequence[str], directory: Path, cpus: Sequence[int]
    ) -> None:
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._answers = b""
        self._done = False
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        program = shutil.which(command[0], path=environment.get("PATH")) or command[0]
        try:
            self._supervised = Supervised(
                supervisor=supervisor,
                binary=Path(program) if "/" not in program else directory / program,
                args=command[1:],
                env={**environment, "LANG": "C.UTF-8"},
                directory=directory,
                cpus=cpus,
                output=self._output.fileno(),
                files=(),
            )
        except BaseException:
            self._output.close()
            raise
        os.set_blocking(self._supervised.answers.fileno(), False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._supervised.close()
        self._output.close()

    def ended(self) -> bool:
        """Whether the load has ended, with all that it started."""
        while not self._done:
            try:
                data = os.read(self._supervised.answers.fileno(), 1 << 16)
            except BlockingIOError:
                break
            self._answers += data
            self._done = not data
        return self._done

    def signal(self, number: int) -> None:
        """Send a signal to the load."""
        self._supervised.signal(number)

    @property
    def status(self) -> str:
        """How it ended: ``ok``, or what was wrong."""
        for line in self._answers.splitlines():
            answer = parse_answer(line)
            if answer["event"] == "started" and answer["error"]:
                return str(answer["error"])
            if answer["event"] == "ended":
                if answer["signal"]:
                    return f"signal {answer['signal']}"
                return f"exit {answer['exit']}" if answer["exit"] else "ok"
        return "no answer"

    def output(self) -> str:
        """The end of what it wrote."""
        size = self._output.seek(0, os.SEEK_END)
        self._output.seek(max(0, size - _KEPT))
        return self._output.read().decode("utf-8", "replace")


def parse_report(output: str) -> dict[str, float | None]:
    """Metrics from the generator's report; empty where there is none."""
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
