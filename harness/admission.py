"""Memory admission: no trial starts while its peak and those of the running ones exceed a budget.

The ledger is a file in the run's temporary directory, under a file lock, so that it needs no
controller: a claim whose process has died is dropped by whoever reads the ledger next.
"""

import fcntl
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

_POLL = 0.01
"""Seconds between two looks at the ledger."""
_RESERVE = 0.1
"""Share of the available memory that stays free for the harness, builds' page cache and growth."""


def memory_budget() -> int:
    """Bytes that trials may use together: what is available now, less a reserve."""
    return int(psutil.virtual_memory().available * (1 - _RESERVE))


class Ledger:
    """What the lanes of a run have claimed, and the peaks that were observed."""

    def __init__(self, directory: Path, budget: int) -> None:
        """Open the ledger of a run.

        Args:
            directory: the same for all workers of a run.
            budget: bytes that trials may use together.
        """
        self._file = directory / "memory.json"
        self._lock_file = directory / "memory.lock"
        self._budget = budget

    @contextmanager
    def claim(self, workload: str, lane: int, declared: int | None) -> Iterator[None]:
        """Hold the memory that a trial is expected to need, waiting until there is room for it.

        Expected is the highest peak observed for the workload; before the first one, the declared
        limit. A trial that alone exceeds the budget runs alone.

        Args:
            workload: its name.
            lane: the lane that runs the trial; it holds one claim at a time.
            declared: ``trials.memory_limit``, bytes.
        """
        while not self._try(workload, lane, declared):
            time.sleep(_POLL)
        try:
            yield
        finally:
            with self._locked():
                content = self._read()
                content["claims"].pop(str(lane), None)
                self._write(content)

    def observe(self, workload: str, peak: float | None) -> None:
        """Remember the peak of a trial, in bytes."""
        if peak is None:
            return
        with self._locked():
            content = self._read()
            known = content["peaks"].get(workload, 0)
            if peak > known:
                content["peaks"][workload] = peak
                self._write(content)

    def _try(self, workload: str, lane: int, declared: int | None) -> bool:
        with self._locked():
            content = self._read()
            others = {
                key: claim
                for key, claim in content["claims"].items()
                if key != str(lane) and psutil.pid_exists(claim["pid"])
            }
            need = content["peaks"].get(workload, declared or 0)
            if others and need + sum(claim["bytes"] for claim in others.values()) > self._budget:
                return False
            mine = {"pid": psutil.Process().pid, "bytes": need}
            content["claims"] = others | {str(lane): mine}
            self._write(content)
            return True

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._lock_file.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # waits in the kernel: contended by every trial
            yield

    def _read(self) -> dict[str, Any]:
        try:
            content: dict[str, Any] = json.loads(self._file.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):  # new, or cut short when its writer was killed
            return {"claims": {}, "peaks": {}}
        return content

    def _write(self, content: dict[str, Any]) -> None:
        self._file.write_text(json.dumps(content), encoding="utf-8")
