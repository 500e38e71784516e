"""The scale on which values are compared. Pure functions.

Values are compared by ratio if all are positive. If any is zero or negative, they are compared by
difference, relative to a typical value of the larger end.
"""

import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

import numpy as np

from harness.analysis.stats.intervals import Estimate, Sample, estimate

_FARTHEST = 1e100
"""Values are cut off there, in units of the scale, so that their squares stay finite."""
Pair = tuple[float, float]


@dataclass(frozen=True)
class Scale:
    """Logarithms, or multiples of a unit."""

    unit: float | None
    """In the metric's own unit; ``None`` for logarithms."""

    def place(self, value: float) -> float:
        """A value on the scale."""
        if self.unit is None:
            return math.log(value)
        return max(-_FARTHEST, min(_FARTHEST, value / self.unit))

    def places(self, values: Sample) -> Sample:
        """Many values on the scale."""
        if self.unit is None:
            return np.log(values)
        return np.clip(values / self.unit, -_FARTHEST, _FARTHEST)

    def difference(self, pair: Pair) -> float:
        """The second value of a pair minus the first, on the scale."""
        return self.place(pair[1]) - self.place(pair[0])

    def bound(self, smallest: float) -> float:
        """The smallest difference that counts."""
        return math.log1p(smallest) if self.unit is None else smallest

    def holds(self, values: Iterable[float]) -> bool:
        """Whether all values have a place on the scale."""
        return self.unit is not None or all(value > 0 for value in values)


LOGARITHMS = Scale(None)


def scale_of(pairs: Sequence[Pair], others: Iterable[float] = ()) -> Scale:
    """The scale that fits two ends and whatever is compared with them."""
    if LOGARITHMS.holds([*(value for pair in pairs for value in pair), *others]):
        return LOGARITHMS
    return Scale(typical_size(pairs))


def typical_size(pairs: Sequence[Pair]) -> float:
    """The larger end's median without sign; its mean if that is zero; else one."""
    largest = max((abs(value) for pair in pairs for value in pair), default=0.0)
    if largest == 0:
        return 1.0
    parts = [[abs(pair[side]) / largest for pair in pairs] for side in (0, 1)]
    typical = largest * (max(map(median, parts)) or max(map(fmean, parts)))
    return typical or sys.float_info.min


def estimate_of(values: Sequence[float]) -> Estimate | None:
    """Estimate the centre of paired differences or contrasts."""
    return estimate(np.asarray(values, dtype=np.float64))
