"""Where the centre of a sample of differences lies, with doubt: intervals and tests.

A sample is what pairing leaves: one number for each block (round on a host), usually a difference
of logarithms, so that what all variants of a round share, as drift or a slow host, cancels.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

Sample = NDArray[np.float64]

_ROUNDING = 1e-12
"""Relative spread below which values differ by floating-point rounding only."""
_MIN_CONSTANT = 3
_MIN_TRIMMED = 10
_MIN_SKEWED = 15
_OUTLIER = 6.0
"""Distance from the median, in robust standard deviations, that makes an outlier."""
_MAX_OUTLIERS = 0.15
"""Part of a sample; where more lie far away they are a second mode, not outliers."""
_TRIM = 0.2
"""Part trimmed at each end: Wilcox, Introduction to Robust Estimation, 2012, section 3.3."""
_SKEWED = 2.0
"""Skewness, in its standard errors under normality, from which Hall's correction is used; of the
sample and of what remains without outliers, for a few of these only look like skew."""
_MAD_TO_SD = 1.4826
"""Makes the median absolute deviation estimate a normal distribution's standard deviation."""


@dataclass(frozen=True)
class Estimate:
    """The centre of a population of differences, as a sample shows it."""

    n: int
    centre: float
    error: float
    """Standard error of ``centre``; zero for a constant sample."""
    df: float
    skew: float
    """Skewness that Hall's transformation corrects for; zero for none. The correction may widen an
    interval only: heavy tails look skewed by chance, and would then be covered too rarely."""
    method: str
    """How, and why so, in words."""

    @property
    def doubtful(self) -> bool:
        """Whether the sample is too small for any interval."""
        return self.n < 2 or (self.error == 0 and self.n < _MIN_CONSTANT)  # noqa: PLR2004

    def interval(self, confidence: float) -> tuple[float, float] | None:
        """The two-sided interval, or ``None`` where the sample allows none."""
        if self.doubtful:
            return None
        if self.error == 0:
            return self.centre, self.centre
        t = float(stdtrit(self.df, (1 + confidence) / 2))
        low, high = max(t, self._untransform(t)), min(-t, self._untransform(-t))
        return self.centre - self.error * low, self.centre - self.error * high

    def p_different(self, value: float) -> float:
        """Two-sided p-value of the hypothesis that the centre is ``value``."""
        if self.error == 0 and self.centre == value:
            return 1.0
        return min(1.0, 2 * min(self.p_below(value), self.p_above(value)))

    def p_below(self, value: float) -> float:
        """One-sided p-value: small where the centre is shown to lie below ``value``."""
        if self.doubtful:
            return 1.0
        if self.error == 0:
            return self._p_constant(self.centre < value)
        t = (self.centre - value) / self.error
        return float(stdtr(self.df, max(t, self._transform(t))))

    def p_above(self, value: float) -> float:
        """One-sided p-value: small where the centre is shown to lie above ``value``."""
        if self.doubtful:
            return 1.0
        if self.error == 0:
            return self._p_constant(self.centre > value)
        t = (self.centre - value) / self.error
        return float(stdtr(self.df, -min(t, self._transform(t))))

    def _p_constant(self, holds: bool) -> float:  # noqa: FBT001 - a private shorthand
        """For n equal differences.

        Two draws from one distribution differ by a given non-zero amount with probability 1/4 at
        most, whatever the distribution: that many in a row have 4^-n.
        """
        return 4.0**-self.n if holds else 1.0

    def _transform(self, t: float) -> float:
        """Hall's cubic transformation of a t statistic, monotone.

        Hall, On the removal of skewness by transformation, J. R. Statist. Soc. B 54 (1992).
        """
        if self.skew == 0:
            return t
        g, root = self.skew, math.sqrt(self.n)
        return t + g * t * t / (3 * root) + g * g * t**3 / (27 * self.n) + g / (6 * root)

    def _untransform(self, x: float) -> float:
        if self.skew == 0:
            return x
        g, root = self.skew, math.sqrt(self.n)
        return 3 * root / g * (float(np.cbrt(1 + g * (x - g / (6 * root)) / root)) - 1)


def estimate(sample: Sample, *, shaped: bool = True) -> Estimate | None:
    """Choose the method that the data allow; ``None`` for an empty or unbounded sample.

    Args:
        sample: one-dimensional differences, one for each block; the order does not matter.
        shaped: whether outliers and skew may choose the method; else it is always Student's t.
    """
    n = sample.size
    if n == 0 or not np.isfinite(sample).all():
        return None
    sample = np.sort(sample)  # sums do not depend on the order of rounds, to the last bit
    largest = max(abs(float(sample[0])), abs(float(sample[-1])))
    if n == 1:
        return Estimate(1, float(sample[0]), 0.0, 0.0, 0.0, "one round only: no interval")
    if largest == 0 or float(sample[-1]) - float(sample[0]) <= _ROUNDING * max(1.0, largest):
        return Estimate(n, float(sample[n // 2]), 0.0, n - 1.0, 0.0, _constant_words(n))
    scaled = sample / largest
    found = _choose(scaled) if shaped else _t(scaled, f"Student's t on {n} paired rounds")
    return Estimate(
        n, found.centre * largest, found.error * largest, found.df, found.skew, found.method
    )


def outliers(sample: Sample) -> NDArray[np.bool_]:
    """Which values lie far from the median, by the median absolute deviation.

    Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993.
    """
    if sample.size == 0:
        return np.zeros(0, dtype=np.bool_)
    deviation = np.abs(sample - _median(sample))
    scale = _MAD_TO_SD * _median(deviation)
    if scale == 0:
        return np.zeros(sample.size, dtype=np.bool_)
    far: NDArray[np.bool_] = deviation > _OUTLIER * scale
    return far


def skewness(sample: Sample) -> float:
    """Third standardised moment; zero for a constant sample."""
    centred = sample - sample.mean()
    cubed = float(np.mean(centred**2)) ** 1.5
    return float(np.mean(centred**3)) / cubed if cubed > 0 else 0.0


def _median(sample: Sample) -> float:
    """As ``np.median``, which takes ten times as long on a handful of values."""
    ordered = np.sort(sample)
    return float(ordered[(sample.size - 1) // 2] + ordered[sample.size // 2]) / 2


def _choose(sample: Sample) -> Estimate:
    n = sample.size
    flags = outliers(sample)
    far = int(flags.sum())
    if n >= _MIN_TRIMMED and flags[0] and flags[-1] and far <= _MAX_OUTLIERS * n:
        return _trimmed(sample, far)  # on one side only they may be skew, and trimming a bias
    skew, body = skewness(sample), skewness(sample[~flags])
    if n >= _MIN_SKEWED and min(abs(skew), abs(body)) > _SKEWED * math.sqrt(6 / n):
        base = _t(sample, "")
        words = f"Student's t with Hall's correction on {n} paired rounds (skewness {skew:.1f})"
        return Estimate(n, base.centre, base.error, base.df, skew, words)
    tied = n - np.unique(sample).size
    if n < _MIN_TRIMMED:
        why = "few rounds: the method with the fewest assumptions that still gives an interval"
    elif far > _MAX_OUTLIERS * n:
        why = "values far apart are too many to be outliers"
    elif far:
        why = "outliers on one side, which trimming would bias"
    elif tied > n / 2:
        why = "many ties, as counts have"
    else:
        why = "no outliers, no marked skew"
    return _t(sample, f"Student's t on {n} paired rounds ({why})")


def _t(sample: Sample, method: str) -> Estimate:
    n = sample.size
    mean = float(sample.sum()) / n
    centred = sample - mean
    error = math.sqrt(float(centred @ centred) / (n - 1) / n)
    return Estimate(n, mean, error, n - 1.0, 0.0, method)


def _trimmed(sample: Sample, far: int) -> Estimate:
    """Tukey and McLaughlin's interval: trimmed mean, winsorised variance, Student's t."""
    n = sample.size
    cut = int(_TRIM * n)
    inner = sample[cut : n - cut]
    winsorised = np.clip(sample, inner[0], inner[-1])
    error = float(winsorised.std(ddof=1)) / ((1 - 2 * cut / n) * math.sqrt(n))
    if error == 0:
        return _t(sample, f"Student's t on {n} paired rounds (most differences are equal)")
    words = f"20 % trimmed mean of {n} paired rounds ({far} outliers on both sides)"
    return Estimate(n, float(inner.mean()), error, inner.size - 1.0, 0.0, words)


def _constant_words(n: int) -> str:
    if n < _MIN_CONSTANT:
        return f"only {n} rounds, all alike: too few to know whether they always are"
    return f"exact: all {n} rounds gave the same, so that there is no spread"
