"""Decide on one sample alone, as the analysis does on each comparison."""

from harness.analysis.comparisons import decided
from harness.analysis.models import Decision
from harness.analysis.stats.intervals import Sample, estimate
from harness.analysis.stats.sequential import adjust


def decide(
    differences: Sample, *, margin: float, first: int, last: int, error: float = 0.05
) -> Decision:
    """Decide after any round from ``first`` to ``last``; differences are of logarithms."""
    found = estimate(differences)
    if found is None or found.doubtful:
        return "inconclusive"
    adjusted = adjust(found.p_different(0.0), found.n, first, last)
    return decided(found, adjusted, margin, first, last, error)
