"""Binary search over ordered candidates, some of which may tell nothing. Pure functions."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TypeVar

from harness.bisect.points import Finding, State

T = TypeVar("T")


@dataclass(frozen=True)
class Bracket:
    """Where the change is: after ``low``, and at ``high`` at the latest."""

    low: int
    """Index of the last candidate that is like the first one."""
    high: int
    """Index of the first candidate that is like the last one, as far as known."""
    undecided: tuple[tuple[int, Finding], ...]
    """Candidates between both that are in neither state, and why."""


def first_change(candidates: Sequence[T], classify: Callable[[T], Finding], last: State) -> Bracket:
    """Find the first candidate after the change.

    A candidate that is unresolved or doubtful is passed over, as ``git bisect skip`` does, and the
    next nearest is tried. When only such ones are left, each doubtful one is tried once more, which
    measures it further; if it stays doubtful, it is part of the answer. Both ends of the candidates
    are not tried: the last one is in state ``last``, and the first one in the other.
    """
    low, high = 0, len(candidates) - 1
    passed: dict[int, Finding] = {}

    def halve(among: Sequence[int]) -> int:
        nonlocal low, high
        index = min(among, key=lambda index: (abs(2 * index - low - high), index))
        finding = classify(candidates[index])
        if finding.state not in ("good", "bad"):
            passed[index] = finding
        elif finding.state == last:
            high = index
        else:
            low = index
        return index

    while untried := [i for i in range(low + 1, high) if i not in passed]:
        halve(untried)
    doubtful = {i for i, finding in passed.items() if finding.state == "doubtful"}
    while again := [i for i in doubtful if low < i < high]:
        doubtful.remove(halve(again))
    left = tuple((i, finding) for i, finding in sorted(passed.items()) if low < i < high)
    return Bracket(low, high, left)


def find_commit(
    count: int, relevant: AbstractSet[int], measure: Callable[[int], Finding], last: State
) -> tuple[int, int]:
    """Find the first commit after the change, and the last one before it; commits are positions.

    Those that can matter are halved. Then the parent of what was found is measured too, which may
    be one that cannot: if the change lies there after all, the commits between are halved as well.
    The two are neighbours unless all between them tell nothing.
    """
    line = [0, *sorted(p for p in relevant if 0 < p < count - 1), count - 1]
    found = first_change(line, measure, last)
    low, high = line[found.low], line[found.high]
    if high - low > 1:
        state = measure(high - 1).state
        if state == last:
            high -= 1
        elif state in ("good", "bad"):
            low = high - 1
    rest = range(low, high + 1)
    found = first_change(rest, measure, last)
    return rest[found.low], rest[found.high]
