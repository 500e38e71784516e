"""Delta debugging: a smallest set of changes that still has the effect.

First by binary search: changes are made one after the other in a fixed order, and the one with
which the effect comes is found and kept. This is repeated with the changes before it, until what is
kept has the effect by itself. For m changes out of n that matter, and effects that do not come and
go, this takes about m · log2(n) questions. The rest is minimised by ddmin (Zeller and Hildebrandt,
"Simplifying and Isolating Failure-Inducing Input", 2002), which does not need that assumption.
"""

import itertools
from collections.abc import Callable, Hashable, Sequence
from collections.abc import Set as AbstractSet
from typing import Literal, TypeVar

from harness.bisect.search import nearest_to_middle

Answer = Literal["yes", "no", "unresolved"]
T = TypeVar("T", bound=Hashable)
Ask = Callable[[frozenset[T]], Answer]
"""Tells whether a set of changes has the effect, always with the same answer."""


def halve(
    blocks: Sequence[frozenset[T]],
    ask: Ask[T],
    close: Callable[[AbstractSet[T]], frozenset[T]],
) -> frozenset[T]:
    """Find a small set of changes that has the effect, which all of them together have.

    Args:
        blocks: all changes, in blocks that belong together; no block needs a later one.
        ask: answers questions.
        close: adds to a set what it needs.
    """
    kept: frozenset[T] = frozenset()
    high = len(blocks)
    while True:
        low, high = _step(blocks, kept, high, ask, close)
        kept |= frozenset[T]().union(*blocks[low:high])
        high = low
        if high == 0 or ask(close(kept)) == "yes":
            return close(kept)


def _step(
    blocks: Sequence[frozenset[T]],
    kept: frozenset[T],
    high: int,
    ask: Ask[T],
    close: Callable[[AbstractSet[T]], frozenset[T]],
) -> tuple[int, int]:
    """Between which blocks the effect comes: not with ``low`` of them, but with ``high``."""
    low = 0
    unresolved: set[int] = set()
    while cuts := [n for n in range(low + 1, high) if n not in unresolved]:
        cut = nearest_to_middle(low, high, cuts)
        answer = ask(close(kept.union(*blocks[:cut])))
        if answer == "yes":
            high = cut
        elif answer == "no":
            low = cut
        else:
            unresolved.add(cut)
    return low, high


def ddmin(changes: Sequence[T], ask: Ask[T]) -> list[T]:
    """Minimise changes that have the effect, until none can be left out alone."""
    left = list(changes)
    parts = 2
    while len(left) > 1:
        chunks = _cut(left, parts)
        reduced = next((chunk for chunk in chunks if ask(frozenset(chunk)) == "yes"), None)
        if reduced is not None:
            left, parts = reduced, 2
            continue
        rests = ([c for c in left if c not in set(chunk)] for chunk in chunks)
        reduced = next((rest for rest in rests if rest and ask(frozenset(rest)) == "yes"), None)
        if reduced is not None:
            left, parts = reduced, max(parts - 1, 2)
        elif parts < len(left):
            parts = min(2 * parts, len(left))
        else:
            break
    return left


def _cut(changes: Sequence[T], parts: int) -> list[list[T]]:
    """Parts of nearly equal length."""
    ends = [len(changes) * n // parts for n in range(parts + 1)]
    return [list(changes[a:b]) for a, b in itertools.pairwise(ends)]
