"""The hosts of a run in tables: what each did, and what its rounds alone show. Pure functions."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.analysis.models import Comparison, HostChange, HostResult, Verdict
from harness.plan.question import Question
from harness.run.host import Host
from harness.run.hosts import described, host_names
from harness.run.store import Run

MOST = 24
"""Tables of one page; ``verdict.json`` has the rest."""
WIDTH = 120
"""Of the strip in which intervals are drawn, in pixels."""
_EDGE = 6


@dataclass(frozen=True)
class Strip:
    """An interval as it is drawn: pixels from the left."""

    zero: float
    centre: float
    ends: tuple[float, float] | None


@dataclass(frozen=True)
class Row:
    """A host, or all of them together."""

    name: str
    rounds: int
    lost: int
    failed: int
    change: Comparison | HostChange | None
    """Of one metric; ``None`` where the question has no candidate."""
    spread: float | None = None
    strip: Strip | None = None


@dataclass(frozen=True)
class Table:
    """The hosts that measured one workload, for one metric."""

    workload: str
    metric: str
    rows: tuple[Row, ...]
    together: Row
    unseen: int
    """Rounds that were lost before any of their trials was recorded."""

    @property
    def title(self) -> str:
        """Workload and metric."""
        return ", ".join(filter(None, (self.workload, self.metric)))


@dataclass(frozen=True)
class Hosts:
    """What the page says of a run of several hosts."""

    tables: tuple[Table, ...]
    more: int
    """Tables that are left out."""
    kinds: tuple[tuple[str, Host], ...]
    """Name and description."""


def hosts_of(run: Run, verdict: Verdict, question: Question) -> Hosts | None:
    """What there is to say; ``None`` for a run of one host."""
    if not verdict.hosts:
        return None
    by_workload: dict[str, list[HostResult]] = {}
    for result in verdict.hosts:
        by_workload.setdefault(result.workload, []).append(result)
    asked = (question.baseline, question.candidate)
    joint = {(c.workload, c.metric): c for c in verdict.comparisons
             if c.primary and (c.baseline, c.candidate) == asked}  # fmt: skip
    tables = [
        _table(workload, metric, results, joint.get((workload, metric)), _unseen(run, workload))
        for workload, results in by_workload.items()
        for metric in ([change.metric for change in results[0].changes] or [""])
    ]
    measured = {result.host for result in verdict.hosts}
    names = host_names(run)
    kinds = tuple((names[h], host) for h, host in described(run.manifest).items() if h in measured)
    return Hosts(tuple(tables[:MOST]), max(0, len(tables) - MOST), kinds)


def _unseen(run: Run, workload: str) -> int:
    known = {trial.round for trial in run.trials if trial.workload == workload}
    return len(set(run.manifest.plan.left.get(workload, ())) - known)


def _table(
    workload: str, metric: str, results: Sequence[HostResult], joint: Comparison | None, unseen: int
) -> Table:
    changes = {
        result.host: change for result in results for change in result.changes
        if change.metric == metric
    }  # fmt: skip
    strips = _strips([*changes.values(), *([joint] if joint else [])])
    rows = tuple(
        Row(
            result.name, result.rounds, result.lost, result.failed, change,
            change.spread if change else None, next(strips) if change else None,
        )
        for result in results
        for change in (changes.get(result.host),)
    )  # fmt: skip
    together = Row(
        "all hosts", sum(row.rounds for row in rows), sum(row.lost for row in rows),
        sum(row.failed for row in rows), joint, None, next(strips) if joint else None,
    )  # fmt: skip
    return Table(workload, metric, rows, together, unseen)


def _strips(changes: Sequence[Comparison | HostChange]) -> Iterator[Strip | None]:
    """Each change on one common scale: of logarithms where all have ratios."""
    logarithmic = all(change.ratio is not None for change in changes)
    sizes = [_on_scale(change, logarithmic=logarithmic) for change in changes]
    shown: list[float] = [
        0.0,
        *(x for centre, ends in sizes for x in (centre, *(ends or ())) if x is not None),
    ]
    low = min(shown)
    scale = (WIDTH - 2 * _EDGE) / ((max(shown) - low) or 1.0)

    def place(value: float) -> float:
        return round(_EDGE + scale * (value - low), 1)

    for centre, ends in sizes:
        drawn = (place(ends[0]), place(ends[1])) if ends else None
        yield None if centre is None else Strip(place(0.0), place(centre), drawn)


def _on_scale(
    change: Comparison | HostChange, *, logarithmic: bool
) -> tuple[float | None, tuple[float, float] | None]:
    if not logarithmic:
        return change.difference, change.difference_ci
    centre = math.log(change.ratio) if change.ratio else None
    if change.ci is None or min(change.ci) <= 0:
        return centre, None
    return centre, (math.log(change.ci[0]), math.log(change.ci[1]))
