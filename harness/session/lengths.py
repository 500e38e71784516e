"""How long trials take, according to those before."""

import statistics
from collections.abc import Iterable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from harness.errors import HarnessError
from harness.golang.durations import note, recall
from harness.matrix.models import MatrixSpec, WorkloadSpec

if TYPE_CHECKING:
    from harness.run.records import TrialRecord


class Start(NamedTuple):
    """Where and when a trial began, and how long its program ran."""

    workload: str
    host: str
    lane: int
    started: float
    wall: float | None = None
    """Seconds."""

    @classmethod
    def of(cls, record: "TrialRecord") -> Self:
        """That of a trial's record."""
        wall = record.metrics.get("wall")
        return cls(record.workload, record.host, record.lane, record.started, wall)


def seconds_per_trial(starts: Iterable[Start]) -> dict[str, float]:
    """By workload: the median time from the start of a trial to that of the next on its lane.

    It includes everything that belongs to a trial, not only the program's own time, which stands
    for it where no trial followed another.
    """
    lanes: dict[tuple[str, int], list[Start]] = {}
    for start in starts:
        if start.started:
            lanes.setdefault((start.host, start.lane), []).append(start)
    gaps: dict[str, list[float]] = {}
    walls: dict[str, list[float]] = {}
    for lane in lanes.values():
        ordered = sorted(lane, key=lambda start: start.started)
        for start, following in pairwise(ordered):
            gaps.setdefault(start.workload, []).append(following.started - start.started)
        for start in ordered:
            if start.wall is not None:
                walls.setdefault(start.workload, []).append(start.wall)
    found = walls | gaps
    return {workload: round(statistics.median(seconds), 3) for workload, seconds in found.items()}


def note_trials(starts: Iterable[Start], spec: MatrixSpec, cache: Path) -> None:
    """Keep how long trials took, if the cache can be written."""
    seconds = seconds_per_trial(starts)
    with suppress(OSError, HarnessError):
        for workload in spec.workloads:
            if workload.name in seconds:
                note_trial(workload, seconds[workload.name], cache)


def note_trial(workload: WorkloadSpec, seconds: float, cache: Path) -> None:
    """Keep how long one took.

    Raises:
        OSError: the cache cannot be written.
    """
    note(cache, _thing(workload), "", seconds)


def expected_seconds(workload: WorkloadSpec, cache: Path) -> float | None:
    """Seconds of a trial as it took last time; ``None`` if there was none."""
    took = recall(cache, _thing(workload)).get("")
    return took.last if took else None


def _thing(workload: WorkloadSpec) -> list[str]:
    return ["trial", repr(workload)]
