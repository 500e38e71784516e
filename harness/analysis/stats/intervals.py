"""Intervals and tests for the mean of a population of differences.

A sample has one number for each block (round on a host), usually a difference of logarithms, so
that whatever all variants of a round share, such as drift or a slow host, cancels.

Student's t fails if differences are skewed: a sample that by chance misses the long tail has a mean
on the wrong side and little spread. For differences of skewness g the statistic t is reduced to

    |t| / (1 + 4/3·g·|t| / (|t| + 4·√n)) - g / (6·√n)

on the side on which such skew misleads. Near zero this is the first order of Johnson's correction
(J. Am. Statist. Ass. 73, 1978). In the tail, where Johnson's and Hall's corrections fail, it has
the ratio that exponential differences need: at g = 2 their error probability is right within a
fifth, at every level and number of rounds. A few rounds cannot show their own skewness, so each
side is guarded against what the data show and some more, which shrinks as rounds are added.

Rounds may also miss a rare mode altogether. An answer must therefore hold with one more round that
lies some standard deviations away, on the side of the hypothesis.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import scipy
from numpy.typing import NDArray

Sample = NDArray[np.float64]

_ROUNDING = 1e-12
"""Relative spread below which values differ only by floating-point rounding."""
_MIN_CONSTANT = 3
_MIN_TRIMMED = 10
_OUTLIER = 6.0
"""Distance from the median, in robust standard deviations, that makes an outlier."""
_MAX_OUTLIERS = 0.15
"""Part of a sample; more values far away are a second mode, not outliers."""
_MAX_STRAYS = 0.2
"""Part of a sample that may differ from the value of all others."""
_TRIM = 0.2
"""Part trimmed at each end: Wilcox, Introduction to Robust Estimation, 2012, section 3.3."""
_MAD_TO_SD = 1.4826
"""Makes the median absolute deviation estimate a normal distribution's standard deviation."""
_UNSEEN = 50.0
_UNSEEN_POWER = 1.5
_UNSEEN_MOST = 1.4
"""Skewness that n rounds may hide: 50 / n^1.5, and no more than 1.4. Chosen by simulation
(``benchmarks/calibration.py``): the least that holds for exponential noise of one variant."""
_SHOWN = 1.5
"""Weight of the skewness that data show, which is too small in small samples."""
_MOST_SKEW = 4.0
_MISSED = 3.0
"""Distance of the one more round, in standard deviations."""
_MISSED_ROUNDS = 25
"""Rounds from which on that distance shrinks, as 1/n: a mode missed by more rounds is rarer than a
tenth, and moves the mean by less. Both were chosen by simulation (``benchmarks/calibration.py``) as
the least that hold for a mode in a tenth of one variant's trials."""


@dataclass(frozen=True)
class Others:
    """The noise that comparisons with a workload's other variants show.

    A few rounds of one comparison may have missed what the same noise did to the others.
    """

    spread: float
    """Standard deviation of a difference."""
    right: float
    """Skewness to the right; zero or less for none."""
    left: float

    def scaled(self, factor: float) -> "Others":
        """In another unit."""
        return Others(self.spread * factor, self.right, self.left)


@dataclass(frozen=True)
class Guard:
    """Deviations from a normal distribution under which a test must keep its promise."""

    right: float
    """Skewness of the differences to the right."""
    left: float
    missed: float
    """Distance from the mean, in standard deviations, at which one more round may lie."""

    @classmethod
    def of(cls, n: int, skew: float, spread: float = 1.0, others: Others | None = None) -> "Guard":
        """For n differences with a skewness and a standard deviation."""
        unseen = min(_UNSEEN_MOST, _UNSEEN / n**_UNSEEN_POWER)
        right, left = (others.right, others.left) if others else (0.0, 0.0)
        wider = max(1.0, others.spread / spread) if others and spread else 1.0
        return cls(
            right=min(_MOST_SKEW, unseen + _SHOWN * max(0.0, skew, right)),
            left=min(_MOST_SKEW, unseen + _SHOWN * max(0.0, -skew, left)),
            missed=_MISSED * min(1.0, _MISSED_ROUNDS / n) * wider,
        )

    def p(self, t: float, n: int, df: float, skew: float) -> float:
        """One-sided p-value of a statistic t of n differences, for skewness to one side."""
        drawn = shrink(t, skew, n) if t > 0 else t - skew / (6 * math.sqrt(n))
        again = one_more(t, self.missed, n)
        tail = scipy.special.stdtr
        return float(max(tail(df, -drawn), tail(df + 1, -again) if self.missed else 0.0))

    def critical(self, p: float, n: int, df: float, skew: float) -> float:
        """How large t must be for a one-sided p-value."""
        drawn = stretch(-float(scipy.special.stdtrit(df, p)), skew, n)
        if not self.missed:
            return drawn
        return max(drawn, one_less(-float(scipy.special.stdtrit(df + 1, p)), self.missed, n))


NO_GUARD = Guard(0.0, 0.0, 0.0)


def shrink(t: float, skew: float, n: int) -> float:
    """Reduce a statistic |t| that skew makes too large, for Student's distribution."""
    root = math.sqrt(n)
    return t / (1 + 4 / 3 * skew * t / (t + 4 * root)) - skew / (6 * root)


def stretch(t: float, skew: float, n: int) -> float:
    """The inverse of ``shrink``."""
    root = math.sqrt(n)
    t = max(0.0, t + skew / (6 * root))
    b = t * (1 + 4 / 3 * skew) - 4 * root
    return (b + math.sqrt(b * b + 16 * root * t)) / 2


def one_more(t: float, distance: float, n: int) -> float:
    """The statistic t of n rounds after one more on the side of the hypothesis.

    ``distance`` is how far it lies from the mean of the others, in their standard deviations.
    """
    return (t / math.sqrt(n) - distance / (n + 1)) / _error_after(distance, n)


def one_less(t: float, distance: float, n: int) -> float:
    """The inverse of ``one_more``."""
    return math.sqrt(n) * (t * _error_after(distance, n) + distance / (n + 1))


def _error_after(distance: float, n: int) -> float:
    """Standard error of the mean of n + 1 rounds, in standard deviations of n of them."""
    return math.sqrt((n - 1 + distance**2 * n / (n + 1)) / (n * (n + 1)))


@dataclass(frozen=True)
class Estimate:
    """The mean of a population of differences, as a sample shows it."""

    n: int
    centre: float
    error: float
    """Standard error of ``centre``; zero for a sample without spread."""
    df: float
    guard: Guard
    method: str
    """How, and why so, in words."""
    chance: float = 1.0
    """Without spread: an upper bound on the probability that so many agree by chance."""
    otherwise: "Estimate | None" = None
    """Without spread but with strays: Student's t, which shows more if the strays lie near. Four of
    five agree with a chance of 2 %, however far from zero they all are."""

    @property
    def exact(self) -> bool:
        """Whether the differences agree: there is nothing to estimate."""
        return self.error == 0 and not self.doubtful

    @property
    def doubtful(self) -> bool:
        """Whether the sample is too small for any interval."""
        if self.chance == 0:
            return False
        return self.n < 2 or (self.error == 0 and self.n < _MIN_CONSTANT)  # noqa: PLR2004

    def interval(self, confidence: float) -> tuple[float, float] | None:
        """The two-sided interval; ``None`` if the sample is too small for one."""
        if self.doubtful:
            return None
        if self.error == 0:
            return self.centre, self.centre
        below, above = (
            self.guard.critical((1 - confidence) / 2, self.n, self.df, skew)
            for skew in (self.guard.left, self.guard.right)
        )
        return self.centre - self.error * below, self.centre + self.error * above

    def p_different(self, value: float) -> float:
        """Two-sided p-value of the hypothesis that the mean is ``value``."""
        if self.error == 0 and self.centre == value:
            return 1.0
        return min(1.0, 2 * min(self.p_below(value), self.p_above(value)))

    def p_below(self, value: float) -> float:
        """One-sided p-value: small where the mean is shown to lie below ``value``."""
        own = self._p(value - self.centre, self.guard.right)
        return min(own, self.otherwise.p_below(value)) if self.otherwise else own

    def p_above(self, value: float) -> float:
        """One-sided p-value: small where the mean is shown to lie above ``value``."""
        own = self._p(self.centre - value, self.guard.left)
        return min(own, self.otherwise.p_above(value)) if self.otherwise else own

    def _p(self, distance: float, skew: float) -> float:
        if self.doubtful:
            return 1.0
        if self.error == 0:
            return self.chance if distance > 0 else 1.0
        return self.guard.p(distance / self.error, self.n, self.df, skew)


@np.errstate(over="ignore")  # the largest floats may lie further apart than floats reach
def estimate(
    sample: Sample, *, plain: bool = False, others: Others | None = None, exact: bool = False
) -> Estimate | None:
    """Estimate the mean of differences, one for each block, by the method that the data allow.

    ``plain`` is Student's t in any case, guarded against skew alone; ``exact`` says that the metric
    has no noise by nature, so that one round is enough. ``None`` if the sample is empty, or a value
    is not finite.
    """
    n = sample.size
    if n == 0 or not np.isfinite(sample).all():
        return None
    sample = np.sort(sample)  # the order of rounds does not change the last bit of a sum
    largest = max(abs(float(sample[0])), abs(float(sample[-1])))
    agreed = _agreed(sample, largest, exact=exact)
    alike = float(sample[-1] - sample[0]) <= _ROUNDING * max(1.0, largest)
    if agreed is not None and (agreed.chance == 0 or alike):
        return agreed
    scaled = sample / largest
    others = others and others.scaled(1 / largest)
    choose = not plain and agreed is None
    found = _choose(scaled, others) if choose else _t(scaled, "", others)
    found = replace(found, centre=found.centre * largest, error=found.error * largest)
    if plain:
        found = replace(found, guard=replace(found.guard, missed=0.0))
    return found if agreed is None else replace(agreed, otherwise=found)


def outliers(sample: Sample) -> NDArray[np.bool_]:
    """Which values lie far from the median, by the median absolute deviation.

    Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993.
    """
    deviation = np.abs(sample - median(sample))
    scale = _MAD_TO_SD * median(deviation)
    far: NDArray[np.bool_] = (deviation > _OUTLIER * scale) & (scale > 0)
    return far


def skewness(sample: Sample) -> float:
    """Third standardised moment, for a sample's size; zero for a constant sample or one of two."""
    n = sample.size
    centred = sample - float(sample.sum()) / n
    squares = centred * centred
    cubed: float = (float(squares.sum()) / n) ** 1.5
    if n <= 2 or cubed == 0:  # noqa: PLR2004 - two values are symmetric
        return 0.0
    third = float((squares * centred).sum()) / n / cubed
    return third * math.sqrt(n * (n - 1)) / (n - 2)


def median(sample: Sample) -> float:
    """As ``np.median``, ten times as fast on a handful of values."""
    ordered = np.sort(sample)
    return float(ordered[(sample.size - 1) // 2] + ordered[sample.size // 2]) / 2


def _agreed(ordered: Sample, largest: float, *, exact: bool) -> Estimate | None:
    """The value on which all rounds but a few strays agree; ``None`` if they do not.

    Two draws from any one distribution differ by a given amount other than zero with probability
    1/4 at most, so n - k of n do by chance with probability C(n, k)·4^-(n - k) at most.
    """
    n = ordered.size
    middle = float(ordered[n // 2])
    same = np.abs(ordered - middle) <= _ROUNDING * max(1.0, largest)
    strays = n - int(same.sum())
    if n > 1 and strays > _MAX_STRAYS * n:
        return None
    chance = 0.0 if exact else min(1.0, math.comb(n, strays) / 4 ** (n - strays))
    if exact:
        words = f"exact: no noise by nature, {n - strays} of {n} rounds agree"
    elif n == 1:
        words = "one round only: no interval"
    elif n < _MIN_CONSTANT:
        words = f"only {n} rounds, all alike: too few to tell whether they always are"
    elif strays:
        words = f"exact: {n - strays} of {n} rounds gave the same value; {strays} strayed"
    else:
        words = f"exact: all {n} rounds gave the same value"
    return Estimate(n, middle, 0.0, n - 1.0, NO_GUARD, words, chance)


def _choose(sample: Sample, others: Others | None) -> Estimate:
    n = sample.size
    flags = outliers(sample)
    far = int(flags.sum())
    if n >= _MIN_TRIMMED and flags[0] and flags[-1] and far <= _MAX_OUTLIERS * n:
        return _trimmed(sample, far, others)  # outliers on one side may be skew: a bias
    tied = n - np.unique(sample).size
    if n < _MIN_TRIMMED:
        why = "few rounds"
    elif far > _MAX_OUTLIERS * n:
        why = "values far apart are too many to be outliers"
    elif far:
        why = "outliers on one side, which trimming would bias"
    elif tied > n / 2:
        why = "many ties, as counts have"
    else:
        why = "no outliers"
    return _t(sample, why, others)


def _t(sample: Sample, why: str, others: Others | None) -> Estimate:
    n = sample.size
    mean = float(sample.sum()) / n
    centred = sample - mean
    spread = math.sqrt(float(centred @ centred) / (n - 1))
    if others is not None:  # n values may be alike by chance: their spread counts as one round's
        spread = max(spread, others.spread / math.sqrt(n - 1))
    guard = Guard.of(n, skewness(sample), spread, others)
    return Estimate(n, mean, spread / math.sqrt(n), n - 1.0, guard, _words(n, guard, why))


def _words(n: int, guard: Guard, why: str) -> str:
    skew = max(guard.left, guard.right)
    reason = f" ({why})" if why else ""
    wider = f"widened for skewness up to {skew:.1f} and for a rare mode"
    return f"Student's t on {n} paired rounds{reason}, {wider}"


def _trimmed(sample: Sample, far: int, others: Others | None) -> Estimate:
    """Tukey and McLaughlin's interval: trimmed mean, winsorised variance, Student's t."""
    n = sample.size
    cut = int(_TRIM * n)
    inner = sample[cut : n - cut]
    winsorised = np.clip(sample, inner[0], inner[-1])
    error = float(winsorised.std(ddof=1)) / ((1 - 2 * cut / n) * math.sqrt(n))
    if error == 0:
        return _t(sample, "most differences are equal", others)
    guard = Guard.of(n, skewness(winsorised), error * math.sqrt(n), others)
    words = f"20 % trimmed mean of {n} paired rounds ({far} outliers on both sides)"
    return Estimate(n, float(inner.mean()), error, inner.size - 1.0, guard, words)
