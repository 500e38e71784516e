"""Which metric of a benchmark to bisect, where none was named: the one that moved most."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from harness.analysis.stats.scale import estimate_of, scale_of
from harness.bisect.compare import EndsEffect, build_ends, is_worse
from harness.bisect.effect import effect_of
from harness.bisect.measure import TrialRunner
from harness.bisect.points import Point
from harness.errors import HarnessError
from harness.metrics.catalogue import matching

ROUNDS = 5
"""Of both ends, before the bisection: its own rounds judge the metric afresh."""

_ERROR = 0.01
"""Error probability of one metric's change: whatever is chosen is tested once more."""

Row = tuple[Mapping[str, float | None], Mapping[str, float | None]]
"""Metrics of the good and of the bad end in one round."""


def choose_among(
    runner: TrialRunner, ends: tuple[Point, Point], patterns: Sequence[str], smallest: float
) -> tuple[str, int]:
    """Measure both ends, the good one first, and choose a metric; see ``choose_metric``.

    Raises:
        HarnessError: an end does not build, or no round has one of both ends.
    """
    build_ends(runner, ends)
    rounds: dict[int, dict[str, Mapping[str, float | None]]] = {}
    for record in runner.records_of(ends, ROUNDS):
        if record.ok or record.partial:
            rounds.setdefault(record.round, {})[record.variant] = record.metrics
    good, bad = (end.name for end in ends)
    rows = [(found[good], found[bad]) for found in rounds.values() if {good, bad} <= set(found)]
    return choose_metric(rows, patterns, smallest)


def choose_metric(rows: Sequence[Row], patterns: Sequence[str], smallest: float) -> tuple[str, int]:
    """The metric that moved most, and of how many.

    Those that are shown to be worse by more than ``smallest`` come first, then all that changed.

    Raises:
        HarnessError: no round has one of both ends.
    """
    found = {
        name: [pair for row in rows if (pair := _pair(row, name)) is not None]
        for name in dict.fromkeys(name for row in rows for name in row[0])
    }
    names = [name for pattern in patterns for name in matching(pattern, found) if found[name]]
    if not names:
        raise HarnessError(
            f"no benchmark gave {' or '.join(patterns)} with both ends; name a metric with --metric"
        )
    ranks = {name: _rank(name, found[name], smallest) for name in dict.fromkeys(names)}
    return max(ranks, key=lambda name: ranks[name]), len(ranks)


def _pair(row: Row, name: str) -> tuple[float, float] | None:
    good, bad = (metrics.get(name) for metrics in row)
    if good is None or bad is None or not math.isfinite(good + bad):
        return None
    return good, bad


def _rank(
    name: str, pairs: Sequence[tuple[float, float]], smallest: float
) -> tuple[bool, bool, float]:
    """Whether it is shown to be worse, whether to differ, and by how much."""
    scale = scale_of(pairs)
    found = estimate_of([scale.difference(pair) for pair in pairs])
    least = scale.bound(smallest)
    shown = found is not None and found.p_different(0.0) <= _ERROR and abs(found.centre) > least
    effect = effect_of(pairs)
    size = abs(math.log(effect.ratio)) if effect.ratio else math.inf if effect.difference else 0.0
    decision: Literal["changed", "undecided"] = "changed" if shown else "undecided"
    return is_worse(name, EndsEffect(decision=decision, **effect.model_dump())), shown, size
