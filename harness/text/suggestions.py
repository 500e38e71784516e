"""Suggest valid words for a wrong one."""

import heapq
from collections.abc import Collection

_ALL, _FEW = 12, 5
"""List all valid words up to 12; of more, the 5 nearest."""


def closest(word: str, *pools: Collection[str]) -> str | None:
    """The most similar of the first pool that holds a similar word, if any does."""
    import difflib  # noqa: PLC0415 - few commands meet a wrong word

    found = (difflib.get_close_matches(word, pool, n=1) for pool in pools)
    return next((close[0] for close in found if close), None)


def did_you_mean(word: str, valid: Collection[str]) -> str:
    """The end of an error about an unknown word: the most similar valid word, or all of them."""
    close = closest(word, valid)
    if close:
        return f"; did you mean {close!r}?"
    if len(valid) <= _ALL:
        return f"; valid here: {', '.join(valid)}" if valid else ""
    import difflib  # noqa: PLC0415 - as above

    matcher = difflib.SequenceMatcher(b=word)

    def likeness(name: str) -> float:
        matcher.set_seq1(name)
        return matcher.quick_ratio()

    nearest = heapq.nlargest(_FEW, valid, likeness)
    return f"; the nearest of {len(valid)} valid ones: {', '.join(nearest)}"
