"""Which end a point is like, and whether the ends differ at all: sequential tests. Pure functions.

A round measures both ends and the point, back to back in random order. What the round's trials have
in common, such as drift, cancels in the contrast ``point - (good + bad) / 2``, whose mean is minus
half the gap between the ends for a point that is like the good one, and plus half for the other.
"""

import math
from collections.abc import Sequence
from typing import Literal

from harness.analysis.stats.likelihood import Spread, log_odds
from harness.analysis.stats.scale import estimate_of
from harness.analysis.stats.sequential import adjust

ERROR_OF_ENDS = 0.01
"""Error probability of saying that the ends differ where they do not."""
ERROR_OF_POINT = 0.0005
"""Error probability of one point's decision: forty of them and the ends stay within 5 %, even where
the gap itself is known so badly that a point's error is doubled (simulated: it is 1.8 times that at
the worst)."""
FIRST_LOOK = 3
"""Rounds of the ends before the first look: below it no interval is worth its name."""
LAST_LOOK = 80
"""Rounds of the ends, at most."""
_EQUIVALENCE = 0.05
_CONTRAST_VARIANCE = 0.75
"""Of a contrast, in the variance of a difference of two trials: (1 + 1/4 + 1/4) / 2."""


def spread_of_ends(differences: Sequence[float]) -> Spread:
    """The scatter of a contrast, from the paired differences bad - good."""
    plain = Spread(0.0, 0).joined(differences)
    return Spread(plain.squares * _CONTRAST_VARIANCE, plain.df)


def side(
    contrasts: Sequence[float], gap: float, spread: Spread, error: float = ERROR_OF_POINT
) -> Literal["good", "bad"] | None:
    """The end that a point is like, or ``None`` where further rounds must tell.

    A sequential probability ratio test (Wald, Sequential Analysis, 1947) of the two means; the
    unknown variance is integrated out with Jeffreys' prior, so that few rounds count for less.
    ``gap`` is bad - good of the ends, in the unit of the contrasts; ``spread`` is that of other
    points; ``error`` is the probability of naming the wrong end.
    """
    odds = log_odds(contrasts, gap, spread)
    if abs(odds) < math.log((1 - error) / error):
        return None
    return "bad" if odds > 0 else "good"


def change(differences: Sequence[float], bound: float) -> Literal["changed", "unchanged"] | None:
    """Whether two variants differ by more than the bound; ``None`` where further rounds must tell.

    Looked at after each round from ``FIRST_LOOK`` on, with the correction for repeated looks.
    """
    found = estimate_of(differences)
    rounds = len(differences)
    if found is None or found.doubtful or rounds < FIRST_LOOK:
        return None
    beyond = max(found.p_below(bound), found.p_above(-bound))
    if adjust(2 * beyond, rounds, FIRST_LOOK, LAST_LOOK) / 2 <= _EQUIVALENCE:
        return "unchanged"
    different = adjust(found.p_different(0.0), rounds, FIRST_LOOK, LAST_LOOK) <= ERROR_OF_ENDS
    if different and abs(found.centre) > bound:  # a smaller one counts for nothing, however sure
        return "changed"
    return None
