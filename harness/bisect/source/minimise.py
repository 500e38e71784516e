"""Delta debugging: a smallest set of changes that still has the effect.

First by binary search: changes are made one after the other in a fixed order, and the one with
which the effect comes is found and kept. This is repeated with the changes before it, until what is
kept has the effect by itself. For m changes out of n that matter, and effects that do not come and
go, this takes about m · log2(n) questions. The rest is minimised by ddmin (Zeller and Hildebrandt,
"Simplifying and Isolating Failure-Inducing Input", 2002), which does not need that assumption.
"""

import itertools
from collections.abc import Callable, Hashable, Sequence
from typing import Literal, TypeVar

Answer = Literal["yes", "no", "unresolved"]
T = TypeVar("T", bound=Hashable)
Ask = Callable[[frozenset[T]], Answer]
"""Tells whether a set of changes has the effect, always with the same answer."""


def halve(blocks: Sequence[frozenset[T]], ask: Ask[T]) -> frozenset[T]:
    """Find a small set of changes that has the effect, which all of them together have.

    Blocks hold changes that belong together, and none needs a later one. The larger a block is, the
    more likely it has what is looked for. A set that tells nothing lacks something, as one without
    the effect does: what it takes to make it run is found in the same way.
    """
    sizes = [0, *itertools.accumulate(map(len, blocks))]
    kept: frozenset[T] = frozenset()
    high = len(blocks)
    while True:
        low = 0
        while high - low > 1:
            half = (sizes[low] + sizes[high]) / 2
            middle = min(range(low + 1, high), key=lambda count: abs(sizes[count] - half))
            if ask(kept.union(*blocks[:middle])) == "yes":
                high = middle
            else:
                low = middle
        high -= 1
        kept |= blocks[high]
        if high == 0 or ask(kept) == "yes":
            return kept


def ddmin(changes: Sequence[T], ask: Ask[T]) -> list[T]:
    """Minimise changes that have the effect, until none can be left out alone.

    Ever smaller chunks are left out. The original also asks whether a chunk alone has the effect,
    which after a binary search it hardly ever has.
    """
    left = list(changes)
    size = max(1, len(left) // 8)
    while True:
        before = len(left)
        for chunk in [left[n : n + size] for n in range(0, before, size)]:
            rest = [change for change in left if change not in chunk]
            if rest and ask(frozenset(rest)) == "yes":
                left = rest
        if size == 1 and len(left) == before:
            return left
        size = max(1, size // 2)
