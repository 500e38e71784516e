"""The interval of a share: of the ratio of two means, both uncertain.

Fieller, Some problems in interval estimation, J. R. Statist. Soc. B 16 (1954): the set of all
shares s that a one-sample test of ``part - s * change`` does not exclude.
"""

import math

import numpy as np

from harness.analysis.stats.intervals import Estimate, Sample

_MIN_ROUNDS = 3


def fieller(
    part: Sample, change: Sample, around: Estimate | None, confidence: float
) -> tuple[float, float] | None:
    """Interval of mean(part) / mean(change); ``None`` if it is unbounded or unknown.

    ``around`` is of ``part`` minus its share of ``change``; its guard against skew is used.
    """
    n = change.size
    if n < _MIN_ROUNDS or around is None:
        return None
    skew = max(around.guard.right, around.guard.left)
    t2 = around.guard.critical((1 - confidence) / 2, n, n - 1, skew) ** 2 / n
    x, y = float(part.mean()), float(change.mean())
    (xx, xy), (_, yy) = np.cov(part, change)
    a, b, c = y * y - t2 * yy, x * y - t2 * xy, x * x - t2 * xx
    inner = b * b - a * c
    if a <= 0 or inner < -1e-9 * b * b:
        return None
    root = math.sqrt(max(inner, 0.0))
    return (b - root) / a, (b + root) / a
