"""Lanes: disjoint sets of CPUs, each of which runs one trial at a time."""

import os
from collections.abc import Iterable


def cut_lanes(available: Iterable[int], cpus: int) -> list[tuple[int, ...]]:
    """Cut CPUs into lanes of ``cpus`` each; at least one lane, smaller if there are too few.

    Args:
        available: CPU numbers that may be used.
        cpus: CPUs of a lane (``trials.cpus``).
    """
    ordered = sorted(available)
    whole = [tuple(ordered[i : i + cpus]) for i in range(0, len(ordered) - cpus + 1, cpus)]
    return whole or [tuple(ordered)]


def available_lanes(cpus: int) -> list[tuple[int, ...]]:
    """The lanes that this process's own CPU affinity allows."""
    return cut_lanes(os.sched_getaffinity(0), cpus)
