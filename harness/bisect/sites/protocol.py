"""The protocol of golang.org/x/tools/cmd/bisect: patterns, and reports of what they select. Pure.

As ``internal/bisect`` in Go's source describes it.
"""

import re
from collections.abc import Collection, Iterable, Iterator

from harness.bisect.record import Frame

QUIET = "q"
"""Before a pattern: report nothing."""
EVERY = "vy"
"""Pattern that selects every place, and reports it in words."""
NONE = "vn"
"""Pattern that turns every place off, and reports it in words."""
_DIGITS, _FEWEST_DIGITS = 16, 5
"""Hexadecimal digits of a hash, and of the shortest end of one that is used in a pattern."""
_MARKER = re.compile(r" ?\[bisect-match 0x([0-9a-f]{1,16})\]")
_FRAME = re.compile(r"\t(.+):(\d+)")
_LINE = re.compile(r"(.+?):(\d+):\d+(?::.*|\s*\[DISABLED\])?")
_PACKAGE = re.compile(r"# (\S+)")


def pattern(chosen: Iterable[int], known: Collection[int]) -> str:
    """Select the chosen ones of the known places: ``x3f0+x2a1``.

    With as many digits as tell them apart, and at least so many that others are hardly selected.
    """
    enough = range(_FEWEST_DIGITS, _DIGITS + 1)
    digits = next(n for n in enough if len(_ends(known, n)) == len(set(known)))
    return "+".join(f"x{place % 16**digits:0{digits}x}" for place in sorted(chosen))


def _ends(places: Collection[int], digits: int) -> set[int]:
    return {place % 16**digits for place in places}


def stacks(output: str) -> dict[int, tuple[Frame, ...]]:
    """The call stacks that a program reported, by hash, the innermost call first."""
    found: dict[int, list[Frame]] = {}
    function = ""
    for place, words in _reports(output.splitlines()):
        frames = found.setdefault(place, [])
        at = _FRAME.fullmatch(words)
        if at is None:
            function = words.removesuffix("()")
        elif Frame(function=function, file=at[1], line=int(at[2])) not in frames:
            frames.append(Frame(function=function, file=at[1], line=int(at[2])))
    return {place: tuple(frames) for place, frames in found.items() if frames}


def lines(output: str) -> dict[int, tuple[str, tuple[Frame, ...]]]:
    """The source lines that a compiler reported, by hash, each with its package.

    Calls in whose place they stand, where a function was inlined, follow from the inside out.
    """
    found: dict[int, tuple[str, tuple[Frame, ...]]] = {}
    package = ""
    for text in output.splitlines():
        if head := _PACKAGE.fullmatch(text):
            package = head[1]
        for place, words in _reports([text]):
            inlined = [_LINE.fullmatch(part) for part in words.split("; ")]
            frames = [Frame(file=at[1], line=int(at[2])) for at in reversed(inlined) if at]
            if frames:
                found[place] = package, tuple(frames)
    return found


def _reports(texts: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Lines with a marker: the hash in it, and the line without it."""
    for text in texts:
        marker = _MARKER.search(text)
        if marker is not None:
            yield int(marker[1], 16), text[: marker.start()] + text[marker.end() :]
