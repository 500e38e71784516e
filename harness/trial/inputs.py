"""What a program finds when it starts: its standard input, files, and what a command prepared."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from harness.errors import HarnessError
from harness.matrix.models import WorkloadSpec
from harness.matrix.paths import beside
from harness.trial.command import Command
from harness.trial.placeholders import fill
from harness.trial.request import TrialRequest

_MOST_FILES = 10_000
"""Files that a workload's ``files:`` may hold, each trial copies them."""


def prepare(request: TrialRequest, placeholders: Mapping[str, str]) -> str:
    """Copy a workload's files into the trial's directory, and run its setup command there.

    Returns:
        Why the trial cannot begin, with the end of the command's output; empty where it can.
    """
    workload = request.workload
    try:
        for said in workload.files:
            _copy(beside(request.here, said), request.directory)
    except (OSError, HarnessError) as error:
        return str(error)
    if not workload.setup:
        return ""
    words = [fill(word, placeholders) for word in workload.setup]
    environment = request.environment(placeholders)
    with Command(
        request.supervisor, words, request.directory, request.cpus, environment
    ) as command:
        if not command.ended(request.limits.timeout):
            return f"{command.output()}\n{words[0]} ran longer than {request.limits.timeout:g} s"
        return "" if command.status == "ok" else f"{command.output()}\n{words[0]}: {command.status}"


def open_input(
    workload: WorkloadSpec, placeholders: Mapping[str, str], here: Path
) -> IO[bytes] | None:
    """Open a workload's standard input for reading; ``None`` for an empty one.

    Raises:
        OSError: the file cannot be read.
        HarnessError: its path leads nowhere.
    """
    given = workload.stdin
    if given is None:
        return None
    if given.file is not None:
        return beside(here, fill(given.file, placeholders)).open("rb")
    written = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    written.write(fill(given.text or "", placeholders).encode())
    written.seek(0)
    return written


def _copy(source: Path, directory: Path) -> None:
    target = directory / source.name
    if target.exists():
        raise HarnessError(f"files: holds two of the name {source.name!r}; rename one")
    if not source.is_dir():
        shutil.copy2(source, target)
        return
    found = sum(1 for _ in source.rglob("*"))
    if found > _MOST_FILES:
        raise HarnessError(f"{source} holds {found} files; name fewer in files:")
    shutil.copytree(source, target, symlinks=True)
