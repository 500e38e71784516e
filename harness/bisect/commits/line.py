"""The line of commits between two points of a bisection."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.bisect.commits.history import (
    Commit,
    Place,
    commit_at,
    merge_base,
    parent_of,
    path_between,
    place,
)
from harness.bisect.points import Point, State
from harness.bisect.span import Span
from harness.errors import HarnessError

_OF_COMMIT = re.compile(r"(?:git|tools|mixed)-([0-9a-f]{40,64})\b")
"""Names of the cache's entries that were made of a commit."""


@dataclass(frozen=True)
class Line:
    """First-parent history from one end, or from where both parted, to the other."""

    commits: list[Commit]
    """Oldest first; the first one is the last before the line."""
    first: State
    """Of the first commit, if the change is on this line."""
    last: State
    """Of the last commit."""
    known: tuple[bool, bool]
    """Whether its first and its last commit are the ends themselves, whose states are known."""
    ends: tuple[Point, Point]
    """As they belong to the first and the last commit."""


def place_ends(repository: Path, span: Span) -> tuple[Place, Place]:
    """Find both ends in the history, the older one first.

    Raises:
        HarnessError: the repository does not have them.
    """
    return (
        _place(repository, span.older, earlier=True),
        _place(repository, span.newer, earlier=False),
    )


def comes_after(repository: Path, one: Point, other: Point) -> bool:
    """Whether a point's commit has another's in its history, as far as the repository knows."""
    try:
        places = [_place(repository, point, earlier=False) for point in (one, other)]
        return merge_base(repository, places[0].commit, places[1].commit) == places[1].commit
    except HarnessError:
        return False


def lines_between(repository: Path, span: Span, older: Place, newer: Place) -> Iterator[Line]:
    """The line that the change is on if it came with the newer end, then any other that it may be.

    Where the ends are on branches that have parted, that is from there to the newer end; and, if
    the commit where they parted is like the newer end already, from there to the older one.
    """
    base = merge_base(repository, older.commit, newer.commit)
    first: State = "good" if span.regression else "bad"
    forth = (span.older, span.newer)
    if base != newer.commit:
        known = (base == older.commit and older.exact, newer.exact)
        commits = _history(repository, base, newer.commit)
        known = (known[0] and commits[0].hash == base, known[1])
        yield Line(commits, first, span.last, known, forth)
    if base != older.commit:
        known = (base == newer.commit and newer.exact, older.exact)
        commits = _history(repository, base, older.commit)
        known = (known[0] and commits[0].hash == base, known[1])
        yield Line(commits, span.last, first, known, (forth[1], forth[0]))


def _history(repository: Path, start: str, end: str) -> list[Commit]:
    commits = path_between(repository, start, end)
    return [commit_at(repository, parent_of(repository, commits[0].hash)), *commits]


def _place(repository: Path, point: Point, *, earlier: bool) -> Place:
    toolchain = point.toolchain
    made = _OF_COMMIT.match(toolchain.goroot.parent.name)
    name = made[1] if made else toolchain.version
    if made is None and not toolchain.version.startswith("go1."):
        raise HarnessError(
            f"{point.name} is neither a release nor built from a commit, so {repository} cannot "
            "tell where it is in the history; name a commit instead"
        )
    found = place(repository, name, earlier=earlier)
    return found.model_copy(update={"exact": found.exact and not toolchain.patched})
