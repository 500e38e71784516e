"""How two points compare, for people: a ratio if there is one, and the difference."""

import math
from collections.abc import Sequence

from harness.analysis.pairing import to_ratio
from harness.analysis.stats.intervals import Estimate
from harness.analysis.stats.scale import LOGARITHMS, Pair, estimate_of
from harness.bisect.points import Effect

_CONFIDENCE = 0.95


def effect_of(pairs: Sequence[Pair]) -> Effect:
    """Compare second values with first ones, with 95 % intervals for one look."""
    size = max((abs(value) for pair in pairs for value in pair), default=0.0) or 1.0
    plain = estimate_of([second / size - first / size for first, second in pairs])
    difference = _finite(plain.centre * size) if plain else None
    ends = _interval(plain)
    span = ends and (_finite(ends[0] * size), _finite(ends[1] * size))
    span = span if span and None not in span else None
    logs = None
    if LOGARITHMS.holds(value for pair in pairs for value in pair):
        logs = estimate_of([LOGARITHMS.difference(pair) for pair in pairs])
    ends = _interval(logs)
    return Effect(
        ratio=to_ratio(logs.centre) if logs else None,
        ci=ends and (to_ratio(ends[0]), to_ratio(ends[1])),
        difference=difference, difference_ci=span, rounds=len(pairs),
    )  # fmt: skip


def _interval(found: Estimate | None) -> Pair | None:
    return found.interval(_CONFIDENCE) if found else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
