"""Where resident memory sits on both sides of the question, part by part. Pure functions.

The instant is that of the question's metric, as ``rss.settled``; else the last snapshot of a server
under load, the end of main, or the last snapshot in mid-run that both sides have an account of.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from harness.analysis.comparisons import CONFIDENCE
from harness.analysis.models import Account, PartChange
from harness.analysis.samples import Block, Table, Values
from harness.analysis.stats.intervals import estimate
from harness.analysis.stats.sequential import stopped_error
from harness.matrix.models import TrialsSpec
from harness.metrics.account import HEAP, PARTS
from harness.metrics.catalogue import describe
from harness.plan.question import Question
from harness.run.records import TrialRecord

_LOADED = "loaded"
"""A server's snapshot at the end of its load."""
_WHOLE, _REST = "go heap", "remainder"
_MOST = float(1 << 63)
"""Bytes that no process has: a run from elsewhere may hold any number."""


class _Seen(NamedTuple):
    """What a trial says of one instant."""

    account: Mapping[str, int]
    metrics: Mapping[str, float | None]


def account_of(
    table: Table, question: Question, trials: TrialsSpec, *, children: bool = False
) -> Account | None:
    """The account of a workload; ``None`` without a round in which both sides have one.

    ``trials`` has the first and the last look, for which intervals are widened. The account of
    ``children`` is of all of them together; at the end, each at the last snapshot that found it
    alive.
    """
    sides = [question.baseline, *([question.candidate] if question.candidate else [])]
    cells = [table.cells.get(name, {}) for name in sides]
    for at in _instants(cells, question.asked(table.workload)):
        seen = [{b: _seen(trial, at, children) for b, trial in cell.items()} for cell in cells]
        blocks = [b for b in table.blocks if all(b in cell and _has_one(cell[b]) for cell in seen)]
        if blocks:
            break
    else:
        return None
    records = [[cell[block] for block in blocks] for cell in seen]
    columns = _columns(records)
    resident = [_mean(np.sum([*column.values()], axis=0)) for column in columns]
    confidence = 1 - stopped_error(1 - CONFIDENCE, len(blocks), trials.min, trials.max)
    parts = [_change(part, [column[part] for column in columns], confidence) for part in columns[0]]
    order = list(PARTS)
    parts.sort(key=lambda p: (-abs(p.difference or 0.0), order.index(p.part)))
    return Account(
        workload=table.workload, baseline=question.baseline, candidate=question.candidate,
        at=at, n=len(blocks), resident=(resident[0], resident[1] if len(resident) > 1 else None),
        parts=tuple(parts), untouched=_pair(records, "heap.untouched"),
        zero=_pair(records, "heap.zero"), probe=_pair(records, "probe.memory"),
    )  # fmt: skip


def _instants(
    cells: Iterable[Mapping[Block, TrialRecord]], asked: Iterable[str]
) -> dict[str, None]:
    """Snapshots in the order in which they are to be preferred."""
    marks = dict.fromkeys(m for cell in cells for t in cell.values() for m in t.accounts)
    of_metrics = [_instant_of(metric, marks) for metric in asked]
    loaded = [_LOADED] if _LOADED in marks else []
    every = (*of_metrics, *loaded, "", *reversed(marks))
    return dict.fromkeys(at for at in every if at is not None)


def _instant_of(metric: str, marks: Iterable[str]) -> str | None:
    """The snapshot that a metric is of; ``None`` for one of a whole trial, or of no memory."""
    mark = next((m for m in marks if metric.endswith(f".{m}")), None)
    at_end = describe(metric).has_floor and not metric.endswith((".peak", ".avg"))
    return mark or ("" if at_end else None)


def _seen(trial: TrialRecord, at: str, children: bool) -> _Seen:  # noqa: FBT001
    if not children:
        if not at:
            return _Seen(trial.account, trial.metrics)
        return _Seen(trial.accounts.get(at, {}), trial.marks.get(at, {}))
    if at:
        return _Seen(trial.children.get(at, {}), {})
    parts: Counter[str] = Counter()
    for child in trial.processes:
        parts.update(child.account)
    return _Seen(parts, {})


def _has_one(seen: _Seen) -> bool:
    sizes = [*seen.account.values(), seen.metrics.get("rss.end") or 0.0]
    return bool(seen.account) and all(abs(size) < _MOST for size in sizes)


def _columns(records: Sequence[Sequence[_Seen]]) -> list[dict[str, Values]]:
    """By side and part: bytes in each round. All sides have the same parts, in the chart's order.

    A part that is zero everywhere is left out, but for the remainder.
    """
    every = [_parts(trial) for side in records for trial in side]
    if any(parts.get(_WHOLE) for parts in every):  # nothing is known of these parts in some trials
        every = [_without_parts(parts) for parts in every]
    rounds = len(records[0])
    used = [name for name in PARTS if name == _REST or any(p.get(name) for p in every)]
    return [
        {
            name: np.array([p.get(name, 0) for p in every[start : start + rounds]], dtype=float)
            for name in used
        }
        for start in range(0, len(every), rounds)
    ]


def _parts(trial: _Seen) -> dict[str, float]:
    """A trial's account, which adds up to ``rss.end``: what does not is in the remainder."""
    known: dict[str, float] = {n: size for n, size in trial.account.items() if n in PARTS}
    resident = trial.metrics.get("rss.end")
    whole = sum(trial.account.values()) if resident is None else resident
    known[_REST] = whole - sum(size for name, size in known.items() if name != _REST)
    return known


def _without_parts(parts: Mapping[str, float]) -> dict[str, float]:
    rest = {name: size for name, size in parts.items() if name not in HEAP}
    return rest | {_WHOLE: sum(parts.get(name, 0) for name in HEAP)}


def _change(part: str, sides: Sequence[Values], confidence: float) -> PartChange:
    if len(sides) == 1:
        return PartChange(part=part, words=PARTS[part], baseline=_mean(sides[0]), candidate=None,
                          difference=None, ci=None)  # fmt: skip
    before, after = map(_mean, sides)
    return PartChange(
        part=part, words=PARTS[part], baseline=before, candidate=after, difference=after - before,
        ci=_interval(sides[1] - sides[0], confidence),
    )  # fmt: skip


def _interval(differences: Values, confidence: float) -> tuple[float, float] | None:
    """Of their mean: no trimming, and no agreement of most rounds stands in for all of them."""
    found = estimate(differences, plain=True)
    interval = (found.otherwise or found).interval(confidence) if found else None
    return interval if interval and all(map(math.isfinite, interval)) else None


def _pair(records: Sequence[Sequence[_Seen]], metric: str) -> tuple[float | None, float | None]:
    means = [_mean_of(trial.metrics.get(metric) for trial in side) for side in records]
    return means[0], means[1] if len(means) > 1 else None


def _mean_of(values: Iterable[float | None]) -> float | None:
    known = np.array([value for value in values if value is not None and abs(value) < _MOST])
    return _mean(known) if known.size else None


def _mean(values: Values) -> float:
    return float(values.mean())
