"""Measures points against both ends, round by round, until a sequential test decides."""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from harness.bisect import decide
from harness.bisect.findings import Finding, Point
from harness.errors import HarnessError

MIN_ROUNDS = 2
MAX_ROUNDS = 60
"""Of one visit to a point; a point that stays doubtful is visited once more at the end."""
_PATIENCE = 6
"""Rounds after which the answer is far enough away to measure two at a time."""
_MAX_FAILURES = 2
"""Trials of a point that may fail before it counts as unresolved."""


class Outcome(Protocol):
    """Of one trial."""

    @property
    def value(self) -> float | None:
        """The metric's; ``None`` for a trial that failed."""

    @property
    def problem(self) -> str | None:
        """How it failed."""


class Laboratory(Protocol):
    """Builds and measures; ``Bench`` decides what."""

    def build(self, point: Point) -> str | None:
        """Make a point's binary, once; what went wrong, if it did not work."""

    def rounds(self, points: Sequence[Point], count: int) -> Sequence[Mapping[str, Outcome]]:
        """Measure that many rounds of all the points, by name; asked again, it measures anew."""


@dataclass(frozen=True)
class Change:
    """Of two points measured against each other."""

    decision: Literal["changed", "unchanged", "undecided"]
    ratio: float | None
    ci: tuple[float, float] | None
    """At 95 %, for one look."""
    rounds: int


class Bench:
    """Two ends that differ, and points to be sorted between them."""

    def __init__(self, laboratory: Laboratory, good: Point, bad: Point, smallest: float) -> None:
        """Take two ends; nothing is measured yet.

        Args:
            laboratory: builds and measures.
            good: one end.
            bad: the other.
            smallest: relative changes within ± this are none.
        """
        self._laboratory = laboratory
        self._good, self._bad = good, bad
        self._smallest = smallest
        self._differences: list[float] = []
        self._logarithmic = True
        self._spread = decide.Spread(0.0, 0)
        self._contrasts: dict[str, list[float]] = {}
        self._ratios: dict[str, list[float]] = {}
        self._failures: dict[str, int] = {}
        self.change = Change("undecided", None, None, 0)
        """Of both ends, once they have been compared."""
        self.findings: dict[str, Finding] = {}
        """By name, in the order in which points were first asked about."""

    def compare_ends(self) -> Change:
        """Whether the ends differ; this must be asked first.

        Raises:
            HarnessError: an end does not build, or its program fails.
        """
        pair = (self._good, self._bad)
        for point in pair:
            problem = self._laboratory.build(point)
            if problem:
                raise HarnessError(f"{point.name} does not build, so there is no end to go from:\n"
                                   f"{problem}")  # fmt: skip
        failures = 0
        values: list[tuple[float, float]] = []
        decision = None
        while decision is None and len(values) < decide.LAST_LOOK:
            count = decide.FIRST_LOOK if not values else 2
            for found in self._laboratory.rounds(pair, count):
                good, bad = (found[point.name].value for point in pair)
                if good is None or bad is None:
                    failures += 1
                    if failures > _MAX_FAILURES:
                        raise HarnessError(_explain_failure(found))
                else:
                    values.append((good, bad))
            self._logarithmic = all(min(row) > 0 for row in values)
            self._differences = [self._scale(bad) - self._scale(good) for good, bad in values]
            decision = decide.change(self._differences, self._tolerance(values))
        self._spread = decide.spread_of_ends(self._differences)
        effect = self._effect(self._differences)
        self.change = Change(decision or "undecided", *effect, len(values))
        return self.change

    def judge(self, point: Point) -> Finding:
        """Sort a point to one end; see ``harness.bisect.findings.Judge``."""
        known = self.findings.get(point.name)
        if known is not None and known.state != "doubtful":
            return known
        self.findings[point.name] = found = self._visit(point)
        return found

    def _visit(self, point: Point) -> Finding:
        problem = self._laboratory.build(point)
        if problem:
            return Finding(point=point.name, state="unresolved", reason=problem)
        contrasts = self._contrasts.setdefault(point.name, [])
        ratios = self._ratios.setdefault(point.name, [])
        gap = sum(self._differences) / len(self._differences)
        asked = failures = 0
        while asked < MAX_ROUNDS:
            count = MIN_ROUNDS if not contrasts or len(contrasts) >= _PATIENCE else 1
            asked += count
            for found in self._laboratory.rounds((self._good, self._bad, point), count):
                mine = found[point.name]
                if mine.value is None:
                    failures += 1
                    if failures >= _MAX_FAILURES:
                        return self._finding(point, "unresolved", mine.problem)
                good, bad = found[self._good.name].value, found[self._bad.name].value
                if mine.value is None or good is None or bad is None:
                    continue
                low, middle, high = (self._scale(value) for value in (good, mine.value, bad))
                contrasts.append(middle - (low + high) / 2)
                ratios.append(middle - low)
            side = decide.side(contrasts, gap, self._spread) if contrasts else None
            if side is not None:
                self._spread = self._spread.joined(contrasts)
                return self._finding(point, side, None)
        reason = f"after {len(contrasts)} rounds it is like neither end, or too noisy to tell"
        return self._finding(point, "doubtful", reason)

    def _finding(
        self, point: Point, state: Literal["good", "bad", "doubtful", "unresolved"],
        reason: str | None,
    ) -> Finding:  # fmt: skip
        ratios = self._ratios[point.name]
        ratio, ci = self._effect(ratios)
        return Finding(
            point=point.name, state=state, ratio=ratio, ci=ci, rounds=len(ratios), reason=reason
        )

    def _scale(self, value: float) -> float:
        return math.log(max(value, sys.float_info.min)) if self._logarithmic else value

    def _tolerance(self, values: Sequence[tuple[float, float]]) -> float:
        if self._logarithmic:
            return math.log1p(self._smallest)
        return self._smallest * max(abs(value) for row in values for value in row)

    def _effect(
        self, differences: Sequence[float]
    ) -> tuple[float | None, tuple[float, float] | None]:
        """As ratios; none where the metric has none."""
        found = decide.estimate_of(differences)
        if found is None or not self._logarithmic:
            return None, None
        interval = found.interval(0.95)
        return math.exp(found.centre), interval and (math.exp(interval[0]), math.exp(interval[1]))


def _explain_failure(found: Mapping[str, Outcome]) -> str:
    problems = [f"{name}: {outcome.problem}" for name, outcome in found.items() if outcome.problem]
    return "an end does not run to its own end, so there is nothing to compare: " + "; ".join(
        problems
    )
