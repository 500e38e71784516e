"""Memory admission: a trial waits while its peak and those of running trials exceed a budget.

The ledger is a file in the run's temporary directory, under a lock, so that it needs no controller:
whoever reads it next drops the claims of processes that have died.
"""

import json
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.files.locks import hold_lock
from harness.session.controlgroups import MEMBERSHIP, ROOT, control_groups

_POLL = 0.01
"""Seconds between two attempts to claim memory."""
_LIMITS = ("memory.max", "memory.high", "memory.limit_in_bytes")
_USED = ("memory.current", "memory.usage_in_bytes")
_RESERVE = 0.1
"""Share of the available memory that is left to the harness, page cache and growth."""


def memory_budget() -> int:
    """Bytes that trials may use together: those available now, less a reserve."""
    return int(available_memory() * (1 - _RESERVE))


def available_memory() -> int:
    """Bytes that are free or can be reclaimed, on this machine and in our control groups."""
    import psutil  # noqa: PLC0415 - a worker, which claims memory, does not ask for this

    return int(min(psutil.virtual_memory().available, memory_room()))


def memory_room(proc: Path = MEMBERSHIP, root: Path = ROOT) -> float:
    """Bytes left within the limits of this process's control groups; infinite without a limit.

    Limits are ``memory.max`` and ``memory.high`` (version 2: beyond the latter the kernel reclaims
    pages, so that resident sizes are no longer the program's own) and ``memory.limit_in_bytes``
    (version 1). Page cache does not count as used: the kernel gives it up for a program.
    """
    rooms = (_room(group) for group in control_groups("memory", proc, root))
    return max(0.0, min(rooms, default=math.inf))


def _room(group: Path) -> float:
    limits = [_bytes(group / name) for name in _LIMITS]
    used = next((u for u in (_bytes(group / name) for name in _USED) if u is not None), 0)
    known = [limit for limit in limits if limit is not None]
    if not known:
        return math.inf
    return min(known) - max(0, used - _reclaimable(group))


def _bytes(path: Path) -> int | None:
    """A size; ``None`` where there is no such file, or no limit (``max``)."""
    try:
        return int(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _reclaimable(group: Path) -> int:
    """Bytes of page cache in the group and its children."""
    try:
        words = (group / "memory.stat").read_text(encoding="utf-8").split()
    except OSError:
        return 0
    counts = dict(zip(words[::2], words[1::2], strict=False))
    prefix = "total_" if "total_inactive_file" in counts else ""  # version 1 has both
    found = [counts.get(f"{prefix}{kind}", "") for kind in ("inactive_file", "active_file")]
    return sum(int(count) for count in found if count.isdecimal())


class Ledger:
    """The claims of a run's lanes, and the peaks that were observed.

    Args:
        directory: the same for all workers of a run.
        budget: bytes that trials may use together.
    """

    def __init__(self, directory: Path, budget: int) -> None:
        self._file = directory / "memory.json"
        self._lock = directory / "memory.lock"
        self._budget = budget

    @contextmanager
    def claim(self, workload: str, lane: int, declared: int | None) -> Iterator[None]:
        """Claim the memory that a trial is expected to need, waiting until there is room.

        That is the highest peak observed for the workload; before the first, ``declared`` bytes
        (``trials.memory_limit``). A trial that exceeds the budget by itself runs alone. A lane
        holds one claim at a time.
        """
        while not self._try(workload, lane, declared):
            time.sleep(_POLL)
        try:
            yield
        finally:
            with hold_lock(self._lock):
                content = self._read()
                content["claims"].pop(str(lane), None)
                self._write(content)

    def observe(self, workload: str, peak: float | None) -> None:
        """Record the peak of a trial, in bytes."""
        if peak is None:
            return
        with hold_lock(self._lock):
            content = self._read()
            known = content["peaks"].get(workload, 0)
            if peak > known:
                content["peaks"][workload] = peak
                self._write(content)

    def _try(self, workload: str, lane: int, declared: int | None) -> bool:
        with hold_lock(self._lock):
            content = self._read()
            others = {
                key: claim
                for key, claim in content["claims"].items()
                if key != str(lane) and Path("/proc", str(claim["pid"])).exists()
            }
            need = content["peaks"].get(workload, declared or 0)
            if others and need + sum(claim["bytes"] for claim in others.values()) > self._budget:
                return False
            mine = {"pid": os.getpid(), "bytes": need}
            content["claims"] = others | {str(lane): mine}
            self._write(content)
            return True

    def _read(self) -> dict[str, Any]:
        try:
            content: dict[str, Any] = json.loads(self._file.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):  # new, or truncated when its writer was killed
            return {"claims": {}, "peaks": {}}
        return content

    def _write(self, content: dict[str, Any]) -> None:
        self._file.write_text(json.dumps(content), encoding="utf-8")
