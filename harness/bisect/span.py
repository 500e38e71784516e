"""Two points, one on either side of the change, and the words for it."""

from harness.bisect.points import Finding, Point, State
from harness.models import Frozen


class Span(Frozen):
    """Where the change is, as far as known."""

    older: Point
    newer: Point
    regression: bool
    """Whether the older one is the good one; else something was mended between them."""

    @property
    def good(self) -> Point:
        """The point that is as it should be."""
        return self.older if self.regression else self.newer

    @property
    def bad(self) -> Point:
        """The other."""
        return self.newer if self.regression else self.older

    @property
    def last(self) -> State:
        """The state of the newer end: what a search looks for the first of."""
        return "bad" if self.regression else "good"

    def between(self, older: Point, newer: Point) -> "Span":
        """A part of it."""
        return self.model_copy(update={"older": older, "newer": newer})

    def describe(self, noun: str) -> str:
        """``the first bad release is go1.24.0, after go1.23.12``."""
        return f"the first {self.last} {noun} is {self.newer.name}, after {self.older.name}"


def undecided(between: list[Finding]) -> str | None:
    """Why a search could not pin the change down; ``None`` if it could."""
    if not between:
        return None
    names = [f"{f.point} ({_first_line(f.reason)})" for f in between]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""  # noqa: PLR2004 - enough to read
    return f"what lies between told nothing: {', '.join(names[:3])}{more}"


def _first_line(text: str | None) -> str:
    return (text or "no reason known").splitlines()[0]
