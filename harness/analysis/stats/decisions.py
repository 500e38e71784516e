"""Decisions on a sample of paired differences, with one error probability over all looks."""

import math

from harness.analysis.models import Decision
from harness.analysis.stats.intervals import Estimate, Sample, estimate
from harness.analysis.stats.sequential import adjust


def decide(
    differences: Sample, *, margin: float, first: int, last: int, error: float = 0.05
) -> Decision:
    """Decide whether candidate and baseline differ, after any round from ``first`` to ``last``.

    Args:
        differences: log(candidate) - log(baseline), one for each round so far.
        margin: ratios within 1 ± margin count as equivalent.
        first: rounds of the first look.
        last: rounds of the last look.
        error: probability, over all looks together, of ``increase`` or ``decrease`` if nothing
            differs, and of ``equivalent`` if the change is beyond the margin.
    """
    found = estimate(differences)
    if found is None or found.doubtful:
        return "inconclusive"
    adjusted = adjust(found.p_different(0.0), found.n, first, last)
    return decided(found, adjusted, margin, first, last, error)


def decided(
    found: Estimate, adjusted: float, margin: float, first: int, last: int, error: float
) -> Decision:
    """Decide as ``decide`` does, by a p-value that may be corrected for other comparisons too.

    Without spread the answer is exact: a difference inside the margin is still a difference.
    """
    if found.exact and found.centre != 0 and adjusted <= error:
        return "increase" if found.centre > 0 else "decrease"
    if adjust(2 * p_within(found, margin), found.n, first, last) / 2 <= error:
        return "equivalent"
    if adjusted <= error:
        return "increase" if found.centre > 0 else "decrease"
    return "inconclusive"


def p_within(found: Estimate, margin: float) -> float:
    """p-value of two one-sided tests that the centre lies beyond ± margin.

    Schuirmann, J. Pharmacokin. Biopharm. 15 (1987). On the log scale the margins are
    ± log(1 + margin), so that the answer is the same when baseline and candidate swap.
    """
    bound = math.log1p(margin)
    return max(found.p_below(bound), found.p_above(-bound))
