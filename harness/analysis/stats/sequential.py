"""Repeated looks: how small a p-value must be if the same question is asked after each round.

Lan and DeMets, Discrete sequential boundaries for clinical trials, Biometrika 70 (1983): after the
part t of the rounds, the part f(t) of the error probability is spent, so that all looks together
spend it once. The boundaries are exact for Student's t on paired differences with unknown spread:
W = S/√Q, with S the sum and Q the sum of squares of n differences, is a Markov chain if nothing
differs, because the next difference over √Q is Student's t with n degrees of freedom whatever came
before. One recursion over |W| gives the error probability of all looks together. Boundaries of the
normal distribution would let 5.6 % through instead of 5 %.
"""

import math
from functools import lru_cache

import numpy as np
import scipy
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_EVEN = 0.3
_POWER = 8
"""The spending function, chosen by simulation (``benchmarks/calibration.py``): three tenths, spent
evenly, let large effects stop at the first looks; the rest is kept for the last ones, which then
decide nearly as often as a single look would."""
_LEVELS = (1e-5, 1e-3, 0.01, 0.05, 0.1, 0.5)
"""Error probabilities for which boundaries are computed; others are interpolated."""
_CAUTION = 0.03
"""Weight of the boundary's level in an interval at the first look; at the last one it is 1."""
_LAST_LOOK = 400
"""Rounds from which on boundaries no longer change noticeably."""
_CELL = 0.4
"""Width of the recursion's cells, in standard deviations of one step."""
_FARTHEST = 6.0
"""Standard deviations up to which the recursion goes: a tail of 2e-9."""
_ANGLES = np.linspace(-math.pi / 2, math.pi / 2, 4001)


def adjust(p: float, rounds: int, first: int, last: int) -> float:
    """Correct a two-sided p-value for the looks that were taken before.

    The result is the smallest error probability at which the sequential design stops at this look.
    A decision at one-sided probability e is ``adjust(2 * p, …) / 2 <= e``. Looks are taken from the
    round ``first`` (``trials.min``) to ``last`` (``trials.max``), the same for a fixed design; a
    single round allows no test, so a first look at one round counts as one at two.
    """
    if first >= last or p <= 0 or p >= 1:
        return p
    looks = _boundaries(_LEVELS, first, last)
    nominal = looks[:, min(max(rounds - first, 0), looks.shape[1] - 1)]
    levels = np.array(_LEVELS)
    if p <= nominal[0]:
        return float(p * levels[0] / nominal[0])
    if p >= nominal[-1]:
        fraction = (p - nominal[-1]) / (1 - nominal[-1])
        return float(levels[-1] + (1 - levels[-1]) * fraction)
    return float(np.exp(np.interp(math.log(p), np.log(nominal), np.log(levels))))


def stopped_error(error: float, rounds: int, first: int, last: int) -> float:
    """Error probability for an interval that keeps its coverage although the design may stop.

    A plain interval covers too rarely if large estimates stop the run, by up to three percentage
    points; one at the boundary's own level covers too often. At the first look nothing has been
    selected yet, so a plain interval is right. From look to look it approaches the boundary's level
    as a geometric mean does: a calibrated choice, see ``docs/statistics.md``.
    """
    if first >= last:
        return error
    look = min(max(rounds, first), last) - first
    caution = _CAUTION + (1 - _CAUTION) * look / (last - first)
    looks = _boundaries((error,), first, last)[0]
    nominal = looks[min(look, looks.size - 1)]
    return float(error ** (1 - caution) * nominal**caution)


def spent(part: float) -> float:
    """Part of the error probability that is spent after a part of the rounds."""
    return _EVEN * part + (1 - _EVEN) * part**_POWER


@lru_cache(maxsize=256)
def _boundaries(levels: tuple[float, ...], first: int, last: int) -> Floats:
    """Nominal p-values, levels by looks; later looks are as the last column.

    The chain's state is the probability of cells of |W|, equally wide on the scale of a normal
    deviate. What has crossed a level's boundary leaves that level's column.
    """
    level = np.array(levels)
    start = max(first, 2)
    z = -scipy.special.ndtri(level * spent(start / last) / 2)
    edges = _edges(start)
    outside = np.repeat(2 * scipy.special.ndtr(-edges)[:, None], level.size, axis=1)
    looks = [z] * (start - first + 1)
    for n in range(start + 1, min(last, _LAST_LOOK) + 1):
        nodes = _statistic((edges[1:] + edges[:-1]) / 2, n - 1)
        mass = _inside(outside, edges, z)
        edges = _edges(n)
        outside = _step(_statistic(edges, n), nodes, n - 1) @ mass
        share = level * (spent(n / last) - spent((n - 1) / last))
        z = np.array(
            [np.interp(-math.log(share[i]), -_log(outside[:, i]), edges)
             for i in range(level.size)]
        )  # fmt: skip
        looks.append(z)
    found: Floats = 2 * scipy.special.ndtr(-np.array(looks).T)
    return found


def _edges(n: int) -> Floats:
    """Edges of the cells as normal deviates; a step of the chain shrinks with the rounds."""
    return np.linspace(0.0, _FARTHEST, 1 + math.ceil(_FARTHEST * math.sqrt(n) / _CELL))


def _statistic(z: Floats, n: int) -> Floats:
    """|W| after n rounds whose p-value is that of a normal deviate."""
    t = -scipy.special.stdtrit(n - 1, scipy.special.ndtr(-z))
    found: Floats = t * np.sqrt(n / (n - 1 + t * t))
    return found


def _inside(outside: Floats, edges: Floats, z: Floats) -> Floats:
    """Probabilities of cells up to each level's boundary; cells by levels."""
    beyond = np.array([np.exp(np.interp(z[i], edges, _log(outside[:, i]))) for i in range(z.size)])
    cut = np.where(edges[:, None] < z, outside, beyond)
    return -np.diff(cut, axis=0)


def _step(bounds: Floats, nodes: Floats, n: int) -> Floats:
    """Probability that round n + 1 brings |W| from a node beyond a bound; bounds by nodes.

    With y, the new difference over √Q, as the tangent of an angle φ, W becomes
    (W + y)/√(1 + y²) = √(1 + W²)·sin(φ + arctan W); √n·y is Student's t with n degrees of freedom.
    """
    cdf = scipy.special.stdtr(n, math.sqrt(n) * np.tan(_ANGLES))
    beyond = np.zeros((bounds.size, nodes.size))
    for w in (nodes, -nodes):
        turn = np.arctan(w)
        angle = np.arcsin(np.minimum(bounds[:, None] / np.sqrt(1 + w * w), 1.0))
        beyond += np.interp(math.pi - angle - turn, _ANGLES, cdf)
        beyond -= np.interp(angle - turn, _ANGLES, cdf)
    return beyond


def _log(probability: Floats) -> Floats:
    return np.log(np.maximum(probability, 1e-300))
