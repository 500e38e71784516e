"""Binary search over ordered candidates, some of which may tell nothing. Pure functions."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from harness.bisect.points import Finding, State

T = TypeVar("T")

Choose = Callable[[int, int, Sequence[int]], int]
"""Chooses which of the untried indices between two to try next."""


@dataclass(frozen=True)
class Bracket:
    """Where the change is: after ``low``, and at ``high`` at the latest."""

    low: int
    """Index of the last candidate that is like the first one."""
    high: int
    """Index of the first candidate that is like the last one, as far as known."""
    undecided: tuple[tuple[int, Finding], ...]
    """Candidates between both that told nothing, and why; none if both are neighbours."""


def nearest_to_middle(low: int, high: int, untried: Sequence[int]) -> int:
    """Halve what is left."""
    return min(untried, key=lambda index: (abs(2 * index - low - high), index))


def first_change(
    candidates: Sequence[T],
    classify: Callable[[T], Finding],
    last: State,
    choose: Choose = nearest_to_middle,
) -> Bracket:
    """Find the first candidate after the change.

    A candidate that is unresolved or doubtful is passed over, as ``git bisect skip`` does, and the
    next nearest is tried. When only such ones are left, each doubtful one is tried once more, which
    measures it further; if it stays doubtful, it is part of the answer.

    Args:
        candidates: in order, including both ends, which are not tried.
        classify: tries a candidate.
        last: the state of the last candidate; the first one's is the other.
        choose: which candidate to try next.
    """
    low, high = 0, len(candidates) - 1
    passed: dict[int, Finding] = {}
    while untried := [i for i in range(low + 1, high) if i not in passed]:
        index = choose(low, high, untried)
        low, high = _narrow(low, high, index, classify(candidates[index]), last, passed)
    for index in _doubtful_between(low, high, passed):
        if low < index < high:
            finding = classify(candidates[index])
            low, high = _narrow(low, high, index, finding, last, passed)
    left = tuple((i, finding) for i, finding in sorted(passed.items()) if low < i < high)
    return Bracket(low, high, left)


def _narrow(
    low: int, high: int, index: int, finding: Finding, last: State, passed: dict[int, Finding]
) -> tuple[int, int]:
    if finding.state not in ("good", "bad"):
        passed[index] = finding
        return low, high
    return (low, index) if finding.state == last else (index, high)


def _doubtful_between(low: int, high: int, passed: dict[int, Finding]) -> Iterator[int]:
    inside = [i for i in passed if low < i < high and passed[i].state == "doubtful"]
    yield from sorted(inside, key=lambda index: (abs(2 * index - low - high), index))
