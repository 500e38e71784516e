"""Which of two means a sample has, if their distance is known and the scatter is not."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.analysis.stats.intervals import Sample


@dataclass(frozen=True)
class Spread:
    """What earlier rounds tell of the scatter of contrasts around their mean."""

    squares: float
    """Sum of squared deviations."""
    df: int
    """Degrees of freedom of that sum."""

    def joined(self, contrasts: Sequence[float] | Sample) -> "Spread":
        """With the scatter of further contrasts."""
        values = np.asarray(contrasts, dtype=np.float64)
        if values.size < 2:  # noqa: PLR2004 - one value has no scatter
            return self
        deviations = values - values.mean()
        return Spread(self.squares + float(deviations @ deviations), self.df + values.size - 1)


def log_odds(contrasts: Sequence[float] | Sample, gap: float, spread: Spread) -> float:
    """Logarithm of how much likelier the contrasts are around ``gap / 2`` than ``-gap / 2``.

    Of Wald's sequential probability ratio test (Sequential Analysis, 1947); the unknown variance is
    integrated out with Jeffreys' prior, so that few rounds count for less.
    """
    values = np.asarray(contrasts, dtype=np.float64)
    low, high = (
        spread.squares + float(((values - mean) ** 2).sum()) for mean in (-gap / 2, gap / 2)
    )
    if low == high:
        return 0.0
    if min(low, high) <= 0:  # without any scatter
        return math.inf if high < low else -math.inf
    return (spread.df + values.size) / 2 * math.log(low / high)
