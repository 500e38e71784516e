"""Workers that a run starts on its own machine, and what is said when they end."""

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psutil
import pytest
from waiting import wait_until

from harness.cluster import members as module
from harness.cluster.local import LocalWorkers
from harness.cluster.members import Members
from harness.errors import HarnessError

SAID = "one\n\x1b[31mno room on disk\n\n"


@pytest.fixture
def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalWorkers]:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nprintf '{SAID}' >&2\nexec sleep \"100${{7#local-}}\"\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    made = LocalWorkers("tls://here:1")
    for number in (1, 2):
        made.start(number, tmp_path, tmp_path / "dask.yaml", [*os.sched_getaffinity(0)])
    wait_until(lambda: len(sleeping()) == 2)
    yield made
    made.close()


def sleeping() -> dict[str, psutil.Process]:
    """The workers by ``1`` and ``2``."""
    found = {}
    for process in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):  # another test's, which has ended
            match process.cmdline():
                case ["sleep", "1001" | "1002" as seconds]:
                    found[seconds[-1]] = process
    return found


def test_the_end_of_a_worker_is_told_once_and_that_of_the_last_ends_the_run(
    workers: LocalWorkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOOK", 0.0)
    client = SimpleNamespace(
        status="running", sync=lambda *_, **__: {"workers": {}},
        scheduler=SimpleNamespace(address="tls://here:1", identity=None),
    )  # fmt: skip
    told: list[str] = []
    there = Members(cast("Any", client), {}, (), told.append, workers)
    processes = sleeping()
    there.look()
    assert told == []

    processes["1"].terminate()
    wait_until(lambda: bool(there.look() or told))
    there.look()
    assert told == ["the worker local-1 ended (SIGTERM): \\x1b[31mno room on disk"]

    processes["2"].kill()
    with pytest.raises(HarnessError, match=r"local-2 ended \(SIGKILL.*go on with --resume$"):
        wait_until(lambda: bool(there.look()))
    there.close()


def test_a_signal_without_a_name_is_told_by_its_number(workers: LocalWorkers) -> None:
    told: list[str] = []
    sleeping()["1"].send_signal(40)

    def ended() -> bool:
        told.extend(workers.ended())
        return bool(told)

    wait_until(ended)
    assert told == [r"the worker local-1 ended (40): \x1b[31mno room on disk"]


def test_workers_are_ended_with_the_run(workers: LocalWorkers) -> None:
    assert len(sleeping()) == 2
    workers.close()
    assert sleeping() == {}
    assert len(workers.ended()) == 2
