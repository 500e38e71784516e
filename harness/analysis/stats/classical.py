"""Two classical tests, without ``scipy.stats``, whose import takes longer than most commands.

scipy imports ``scipy.special`` at its first use, which a run of one round has none of.
"""

import math
from functools import lru_cache

import numpy as np
import scipy
from numpy.typing import NDArray

from harness.analysis.stats.intervals import Sample


def kendall(values: Sample) -> tuple[float, float]:
    """Kendall's tau-b of values with their order, and its two-sided p-value.

    The p-value is exact without ties; with ties it is that of the normal approximation.
    """
    n = values.size
    later = np.sign(values[None, :] - values[:, None])[np.triu_indices(n, 1)]
    pairs, score = later.size, float(later.sum())
    _, counts = np.unique(values, return_counts=True)
    tied = float((counts * (counts - 1)).sum()) / 2
    if tied == pairs:
        return 0.0, 1.0
    tau = score / math.sqrt(pairs * (pairs - tied))
    if not tied:
        fewest = int((pairs - abs(score)) / 2)
        return tau, min(1.0, 2 * float(_inversions(n)[: fewest + 1].sum()))
    variance = (
        n * (n - 1) * (2 * n + 5) - float((counts * (counts - 1) * (2 * counts + 5)).sum())
    ) / 18
    return tau, 2 * float(scipy.special.ndtr(-abs(score) / math.sqrt(variance)))


@lru_cache(maxsize=64)
def _inversions(n: int) -> NDArray[np.float64]:
    """Probability of each number of inversions in a random order of n values."""
    found = np.ones(1)
    for k in range(2, n + 1):
        found = np.convolve(found, np.full(k, 1 / k))
    return found


def welch(x: Sample, y: Sample) -> float:
    """Two-sided p-value that two samples have one mean; their spreads may differ."""
    errors = float(x.var(ddof=1)) / x.size, float(y.var(ddof=1)) / y.size
    total = sum(errors)
    difference = abs(float(x.mean() - y.mean()))
    if total == 0:
        return float(difference == 0)
    df = total**2 / (errors[0] ** 2 / (x.size - 1) + errors[1] ** 2 / (y.size - 1))
    return 2 * float(scipy.special.stdtr(df, -difference / math.sqrt(total)))
