"""Lanes: disjoint sets of CPUs, each of which runs one trial at a time."""

import math
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.files.locks import try_lock
from harness.session.controlgroups import MEMBERSHIP, ROOT, control_groups

_POLL = 0.005
"""Seconds between two attempts to claim a lane."""


def cut_lanes(
    available: Iterable[int], cpus: int, quota: float = math.inf
) -> list[tuple[int, ...]]:
    """Divide CPUs into lanes of ``cpus`` each; at least one lane, smaller if there are too few.

    Args:
        available: numbers of the CPUs that may be used.
        cpus: CPUs of a lane (``trials.cpus``).
        quota: CPU time that may be used, in CPUs; more lanes would throttle each other.
    """
    ordered = sorted(available)
    usable = ordered[: max(1, int(min(len(ordered), quota)))]
    whole = [tuple(usable[i : i + cpus]) for i in range(0, len(usable) - cpus + 1, cpus)]
    return whole or [tuple(ordered[:cpus])]


def available_lanes(cpus: int, most: int | None = None) -> list[tuple[int, ...]]:
    """The lanes that this process's CPU affinity and control groups allow, ``most`` at most."""
    return cut_lanes(os.sched_getaffinity(0), cpus, cpu_quota())[:most]


def cpu_quota(proc: Path = MEMBERSHIP, root: Path = ROOT) -> float:
    """CPU time that this process's control groups allow, in CPUs; infinite without a limit.

    The tightest limit of all groups holds: ``cpu.max`` (version 2), ``cpu.cfs_quota_us`` (1).
    """
    groups = control_groups("cpu", proc, root)
    return min((q for group in groups for q in _quotas(group)), default=math.inf)


def _quotas(group: Path) -> Iterator[float]:
    try:
        limit, period = (group / "cpu.max").read_text(encoding="utf-8").split()
        if limit != "max":
            yield int(limit) / int(period)
    except (OSError, ValueError):
        pass  # another version, or no such controller
    try:
        quota = int((group / "cpu.cfs_quota_us").read_text(encoding="utf-8"))
        if quota > 0:
            yield quota / int((group / "cpu.cfs_period_us").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        pass


@contextmanager
def claim_lane(directory: Path, lanes: int) -> Iterator[int]:
    """Hold one of a run's lanes, waiting until one is free.

    The claim is a lock, so that the lane of a worker that dies is free at once, and no two workers
    share one, however many there are.

    Yields:
        The lane's number, from 0.
    """
    while True:
        for number in range(lanes):
            with try_lock(directory / f"lane-{number}.lock") as held:
                if held:
                    yield number
                    return
        time.sleep(_POLL)
