"""The first-parent history between two points of a bisection."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.bisect.commits.history import Commit, Place, merge_base, path_between, place
from harness.bisect.points import Point, Span, State
from harness.errors import HarnessError

_OF_COMMIT = re.compile(r"(?:git|tools|mixed)-([0-9a-f]{40,64})\b")
"""Names of cache entries that were made from a commit."""


@dataclass(frozen=True)
class Line:
    """First-parent history from one end, or from where both parted, to the other end."""

    commits: list[Commit]
    """Oldest first, starting with the last commit before the line."""
    first: State
    """The state of the first commit, if the change is on this line."""
    last: State
    """The state of the last commit."""
    known: tuple[bool, bool]
    """Whether the first and the last commit are the ends themselves, whose states are known."""
    ends: tuple[Point, Point]
    """The ends that belong to the first and the last commit."""


def place_ends(repository: Path, span: Span) -> tuple[Place, Place]:
    """Find both ends in the history, the older one first.

    Raises:
        HarnessError: the repository does not have them.
    """
    older = _place(repository, span.older, earlier=True)
    return older, _place(repository, span.newer, earlier=False)


def comes_after(repository: Path, one: Point, other: Point) -> bool:
    """Whether one point's commit has the other's in its history, as far as is known."""
    try:
        places = [_place(repository, point, earlier=False) for point in (one, other)]
        return merge_base(repository, places[0].commit, places[1].commit) == places[1].commit
    except HarnessError:
        return False


def lines_between(repository: Path, span: Span, older: Place, newer: Place) -> Iterator[Line]:
    """Lines that the change may be on, the likelier one first.

    If the ends are on branches that parted, that is the line from there to the newer end. If the
    commit where they parted is already like the newer end, the change is on the other branch.
    """
    base = merge_base(repository, older.commit, newer.commit)
    first: State = "good" if span.regression else "bad"
    forth = (older, newer, first, span.last, (span.older, span.newer))
    back = (newer, older, span.last, first, (span.newer, span.older))
    for start, end, before, after, points in (forth, back):
        if base == end.commit:
            continue
        commits = path_between(repository, base, end.commit)
        known = (base == start.commit == commits[0].hash and start.exact, end.exact)
        yield Line(commits, before, after, known, points)


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
