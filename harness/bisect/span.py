"""Two points, one before and one after the change."""

from harness.bisect.points import Point, State
from harness.models import Frozen


class Span(Frozen):
    """Where the change is, as far as known."""

    older: Point
    newer: Point
    regression: bool
    """Whether the older point is the good one; else a fix lies between them."""

    @property
    def good(self) -> Point:
        """The good point."""
        return self.older if self.regression else self.newer

    @property
    def bad(self) -> Point:
        """The bad point."""
        return self.newer if self.regression else self.older

    @property
    def last(self) -> State:
        """The state of the newer point; a search looks for the first one like it."""
        return "bad" if self.regression else "good"

    def between(self, older: Point, newer: Point) -> "Span":
        """A part of the span."""
        return self.model_copy(update={"older": older, "newer": newer})

    def describe(self, noun: str) -> str:
        """``the first bad release is go1.24.0, after go1.23.12``."""
        return f"the first {self.last} {noun} is {self.newer.name}, after {self.older.name}"
