"""The search in a line of commits."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet

from harness.bisect.points import Finding, State
from harness.bisect.search import first_change, nearest_to_middle

Measure = Callable[[int], Finding]
"""Builds and measures the commit at a position; asked again, it answers the same."""


def find_commit(
    count: int, relevant: AbstractSet[int], measure: Measure, last: State
) -> tuple[int, int]:
    """Find the first commit after the change.

    Those that can matter are halved. Then its parent is measured too, which may be one that cannot:
    if the change lies there after all, the commits between are halved as well.

    Args:
        count: commits in the line; the first one is like one end and the last one like the other.
        relevant: positions of commits that can matter.
        measure: builds and measures.
        last: the state of the last commit.

    Returns:
        Positions of the last commit before the change and of the first one after it; they are
        neighbours unless all between them tell nothing.
    """
    line = [0, *sorted(p for p in relevant if 0 < p < count - 1), count - 1]
    found = first_change(line, measure, last)
    rest = range(line[found.low], line[found.high] + 1)
    parent = len(rest) - 2

    def choose(low: int, high: int, untried: Sequence[int]) -> int:
        return parent if parent in untried else nearest_to_middle(low, high, untried)

    found = first_change(rest, measure, last, choose)
    return rest[found.low], rest[found.high]
