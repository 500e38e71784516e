"""Where the mean of a population of differences lies, with doubt: intervals and tests.

A sample is what pairing leaves: one number for each block (round on a host), usually a difference
of logarithms, so that what all variants of a round share, as drift or a slow host, cancels.

Student's t errs where differences are skewed: a sample that has by chance nothing of the long tail
has a mean on the wrong side and little spread. For differences of skewness g the statistic t is
therefore drawn in to

    |t| / (1 + 4/3·g·|t| / (|t| + 4·√n)) - g / (6·√n)

on the side on which such skew misleads. Near zero that is the first order of Johnson's correction
(J. Am. Statist. Ass. 73, 1978); in the tail, where Johnson's and Hall's fail, it has the ratio that
exponential differences need. At g = 2 it makes the error probability that of exponential ones, for
every level and number of rounds, within a fifth. A few rounds cannot show their own skewness: each
side is guarded against what the data show and a part more, which shrinks as rounds are added.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

Sample = NDArray[np.float64]

_ROUNDING = 1e-12
"""Relative spread below which values differ by floating-point rounding only."""
_MIN_CONSTANT = 3
_MIN_TRIMMED = 10
_OUTLIER = 6.0
"""Distance from the median, in robust standard deviations, that makes an outlier."""
_MAX_OUTLIERS = 0.15
"""Part of a sample; where more lie far away they are a second mode, not outliers."""
_MAX_STRAYS = 0.2
"""Part of a sample that may differ from what all others agree on."""
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
"""Weight of the skewness that data show: that of a small sample is too small."""
_MOST_SKEW = 4.0
_MISSED = 3.0
"""Distance of one more round, in standard deviations, that must not change an answer."""
_MISSED_ROUNDS = 25
"""Rounds from which on that distance shrinks, as 1/n: what is still missed then is rarer than a
mode in a tenth of the trials, and moves the mean by less. Both were chosen by simulation
(``benchmarks/calibration.py``): the least that hold for such a mode of one variant alone."""


@dataclass(frozen=True)
class Beside:
    """What comparisons with a workload's other variants tell of the noise of this one's.

    Few rounds of one comparison may have missed what the same noise did to the others.
    """

    spread: float
    """Standard deviation of a difference."""
    right: float
    """Skewness to the right that they show; zero or less for none."""
    left: float

    def scaled(self, factor: float) -> "Beside":
        """In another unit."""
        return Beside(self.spread * factor, self.right, self.left)


@dataclass(frozen=True)
class Guard:
    """What a test has to hold for, beyond what Student's t takes for granted."""

    right: float
    """Skewness of the differences to the right."""
    left: float
    missed: float
    """Distance from the mean, in standard deviations, at which one more round may lie."""

    @classmethod
    def of(cls, n: int, skew: float, spread: float = 1.0, beside: Beside | None = None) -> "Guard":
        """For n differences.

        Args:
            n: of the differences.
            skew: what they show.
            spread: their standard deviation.
            beside: what others show.
        """
        unseen = min(_UNSEEN_MOST, _UNSEEN / n**_UNSEEN_POWER)
        right, left = (beside.right, beside.left) if beside else (0.0, 0.0)
        wider = max(1.0, beside.spread / spread) if beside and spread else 1.0
        return cls(
            right=min(_MOST_SKEW, unseen + _SHOWN * max(0.0, skew, right)),
            left=min(_MOST_SKEW, unseen + _SHOWN * max(0.0, -skew, left)),
            missed=_MISSED * min(1.0, _MISSED_ROUNDS / n) * wider,
        )

    def p(self, t: float, n: int, df: float, skew: float) -> float:
        """One-sided p-value of a statistic t of n differences, for skewness to one side."""
        drawn = draw_in(t, skew, n) if t > 0 else t - skew / (6 * math.sqrt(n))
        again = one_more(t, self.missed, n)
        return float(max(stdtr(df, -drawn), stdtr(df + 1, -again) if self.missed else 0.0))

    def critical(self, p: float, n: int, df: float, skew: float) -> float:
        """How large t must be for a one-sided p-value."""
        drawn = draw_out(-float(stdtrit(df, p)), skew, n)
        if not self.missed:
            return drawn
        return max(drawn, one_less(-float(stdtrit(df + 1, p)), self.missed, n))


NO_GUARD = Guard(0.0, 0.0, 0.0)


def draw_in(t: float, skew: float, n: int) -> float:
    """A statistic |t| that Student's distribution may judge, of one that skew makes too large."""
    root = math.sqrt(n)
    return t / (1 + 4 / 3 * skew * t / (t + 4 * root)) - skew / (6 * root)


def draw_out(t: float, skew: float, n: int) -> float:
    """The inverse of ``draw_in``: how large |t| must be."""
    root = math.sqrt(n)
    t = max(0.0, t + skew / (6 * root))
    b = t * (1 + 4 / 3 * skew) - 4 * root
    return (b + math.sqrt(b * b + 16 * root * t)) / 2


def one_more(t: float, distance: float, n: int) -> float:
    """The statistic after one more round on the side of the hypothesis.

    Args:
        t: the statistic of n rounds.
        distance: of the next one from their mean, in their standard deviations.
        n: rounds.
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
    """Of a sample without spread: the probability at most that so many agree by chance."""
    otherwise: "Estimate | None" = None
    """Of a sample that agrees but for strays: by Student's t, which shows more where the strays lie
    near. That four of five agree has a chance of 2 %, however far from zero all of them are."""

    @property
    def exact(self) -> bool:
        """Whether the differences agree, so that there is nothing to estimate."""
        return self.error == 0 and not self.doubtful

    @property
    def doubtful(self) -> bool:
        """Whether the sample is too small for any interval."""
        if self.chance == 0:
            return False
        return self.n < 2 or (self.error == 0 and self.n < _MIN_CONSTANT)  # noqa: PLR2004

    def interval(self, confidence: float) -> tuple[float, float] | None:
        """The two-sided interval, or ``None`` where the sample allows none."""
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


def estimate(
    sample: Sample, *, plain: bool = False, beside: Beside | None = None, exact: bool = False
) -> Estimate | None:
    """Choose the method that the data allow; ``None`` for an empty or unbounded sample.

    Args:
        sample: one-dimensional differences, one for each block; the order does not matter.
        plain: whether the method is Student's t in any case, guarded against skew alone.
        beside: what comparisons with other variants tell of the noise.
        exact: whether the metric has no noise by nature, so that one round tells all.
    """
    n = sample.size
    if n == 0 or not np.isfinite(sample).all():
        return None
    sample = np.sort(sample)  # sums do not depend on the order of rounds, to the last bit
    largest = max(abs(float(sample[0])), abs(float(sample[-1])))
    agreed = _agreed(sample, largest, exact=exact)
    alike = float(sample[-1] - sample[0]) <= _ROUNDING * max(1.0, largest)
    if agreed is not None and (agreed.chance == 0 or alike):
        return agreed
    scaled = sample / largest
    beside = beside and beside.scaled(1 / largest)
    choose = not plain and agreed is None
    found = _choose(scaled, beside) if choose else _t(scaled, "", beside)
    found = replace(found, centre=found.centre * largest, error=found.error * largest)
    if plain:
        found = replace(found, guard=replace(found.guard, missed=0.0))
    return found if agreed is None else replace(agreed, otherwise=found)


def outliers(sample: Sample) -> NDArray[np.bool_]:
    """Which values lie far from the median, by the median absolute deviation.

    Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993.
    """
    if sample.size == 0:
        return np.zeros(0, dtype=np.bool_)
    deviation = np.abs(sample - median(sample))
    scale = _MAD_TO_SD * median(deviation)
    if scale == 0:
        return np.zeros(sample.size, dtype=np.bool_)
    far: NDArray[np.bool_] = deviation > _OUTLIER * scale
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
    """As ``np.median``, which takes ten times as long on a handful of values."""
    ordered = np.sort(sample)
    return float(ordered[(sample.size - 1) // 2] + ordered[sample.size // 2]) / 2


def _agreed(ordered: Sample, largest: float, *, exact: bool) -> Estimate | None:
    """What all rounds agree on, but for a few strays.

    Two draws of any one distribution differ by a given amount other than zero with probability 1/4
    at most: that n - k of n do by chance has n over k times 4^-(n - k), at most.
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
        words = f"only {n} rounds, all alike: too few to know whether they always are"
    elif strays:
        words = f"exact: {n - strays} of {n} rounds gave the same; {strays} strayed"
    else:
        words = f"exact: all {n} rounds gave the same, so that there is no spread"
    return Estimate(n, middle, 0.0, n - 1.0, NO_GUARD, words, chance)


def _choose(sample: Sample, beside: Beside | None) -> Estimate:
    n = sample.size
    flags = outliers(sample)
    far = int(flags.sum())
    if n >= _MIN_TRIMMED and flags[0] and flags[-1] and far <= _MAX_OUTLIERS * n:
        return _trimmed(sample, far, beside)  # on one side only they may be skew: a bias
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
    return _t(sample, why, beside)


def _t(sample: Sample, why: str, beside: Beside | None) -> Estimate:
    n = sample.size
    mean = float(sample.sum()) / n
    centred = sample - mean
    spread = math.sqrt(float(centred @ centred) / (n - 1))
    if beside is not None:  # of n alike by chance, the others' spread counts as that of one round
        spread = max(spread, beside.spread / math.sqrt(n - 1))
    guard = Guard.of(n, skewness(sample), spread, beside)
    return Estimate(n, mean, spread / math.sqrt(n), n - 1.0, guard, _words(n, guard, why))


def _words(n: int, guard: Guard, why: str) -> str:
    skew = max(guard.left, guard.right)
    reason = f" ({why})" if why else ""
    return f"Student's t on {n} paired rounds{reason}, widened for skewness up to {skew:.1f}"


def _trimmed(sample: Sample, far: int, beside: Beside | None) -> Estimate:
    """Tukey and McLaughlin's interval: trimmed mean, winsorised variance, Student's t."""
    n = sample.size
    cut = int(_TRIM * n)
    inner = sample[cut : n - cut]
    winsorised = np.clip(sample, inner[0], inner[-1])
    error = float(winsorised.std(ddof=1)) / ((1 - 2 * cut / n) * math.sqrt(n))
    if error == 0:
        return _t(sample, "most differences are equal", beside)
    guard = Guard.of(n, skewness(winsorised), error * math.sqrt(n), beside)
    words = f"20 % trimmed mean of {n} paired rounds ({far} outliers on both sides)"
    return Estimate(n, float(inner.mean()), error, inner.size - 1.0, guard, words)
