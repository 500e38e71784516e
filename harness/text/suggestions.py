"""The nearest valid word to one that is not."""

import difflib
from collections.abc import Collection


def closest(word: str, *pools: Collection[str]) -> str | None:
    """The most similar of the first pool that holds a similar word, if any does."""
    found = (difflib.get_close_matches(word, pool, n=1) for pool in pools)
    return next((close[0] for close in found if close), None)


def did_you_mean(word: str, valid: Collection[str]) -> str:
    """The end of an error about an unknown word: the most similar valid one, or all of them."""
    close = closest(word, valid)
    if close:
        return f"; did you mean {close!r}?"
    return f"; valid here: {', '.join(valid)}" if valid else ""
