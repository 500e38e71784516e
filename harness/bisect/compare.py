"""Measures points against both ends, round by round, until a sequential test decides."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal, NamedTuple, Protocol

from harness.analysis.stats.scale import Pair, Scale, scale_of, typical_size
from harness.bisect import decide
from harness.bisect.effect import effect_of
from harness.bisect.points import Effect, Finding, Point, State
from harness.errors import HarnessError
from harness.metrics.catalogue import describe

MIN_ROUNDS = 2
MAX_ROUNDS = 60
"""Of one visit to a point; a point that stays doubtful is visited once more at the end."""
_PATIENCE = 6
"""Rounds after which the answer is far enough away to measure two at a time."""
_MAX_FAILURES = 2
"""Trials that may fail before an end cannot be compared, or a point without any value is asked
whether it ever runs to its end."""
_RETRIES = 8
"""Trials that then are to tell that: a mixture of two runtimes may crash in most of its trials."""
_MOST_FAILURES = 16
"""Trials of a point that may fail before it counts as unresolved although others have values."""


@dataclass(frozen=True)
class Measured:
    """The metric of one trial, or why there is none."""

    value: float | None
    problem: str | None = None


class Runner(Protocol):
    """Builds and measures what ``Classifier`` asks for."""

    def build(self, point: Point) -> str | None:
        """Build a point once; returns what went wrong, if anything did."""

    def rounds(self, points: Sequence[Point], count: int) -> Sequence[Mapping[str, Measured]]:
        """Measure new rounds of all the points; values by the points' names."""


class EndsEffect(Effect):
    """How the bad end compares with the good one."""

    decision: Literal["changed", "unchanged", "undecided"] = "undecided"
    size: float = 0.0
    """A typical value of the larger end, in the metric's unit: differences are relative to it."""


class _Row(NamedTuple):
    """One round."""

    good: float
    point: float
    bad: float

    def contrast(self, scale: Scale) -> float:
        """What decides on a point; see ``harness.bisect.decide``."""
        low, middle, high = map(scale.place, self)
        return middle - (low + high) / 2


class Classifier:
    """Tells which of two ends a point is like."""

    def __init__(
        self, runner: Runner, good: Point, bad: Point, smallest: float,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:  # fmt: skip
        """Take two ends, and the smallest relative change that counts.

        ``say`` is told where the comparison of both ends takes long.
        """
        self.good, self.bad = good, bad
        self._runner, self._smallest, self._say = runner, smallest, say
        self._ends: list[Pair] = []
        self._rows: dict[str, list[_Row]] = {}
        self._sorted: list[str] = []
        """Points whose scatter counts for those classified after them."""
        self.effect = EndsEffect()
        """How the ends compare, once ``compare_ends`` was called."""
        self.findings: dict[str, Finding] = {}
        """By name, in the order in which points were first asked about."""

    def compare_ends(self) -> EndsEffect:
        """Find out whether the ends differ; to be called first.

        Raises:
            HarnessError: an end does not build, or its program fails.
        """
        pair = (self.good, self.bad)
        build_ends(self._runner, pair)
        failures, decision, told = 0, None, _PATIENCE
        while decision is None and len(self._ends) < decide.LAST_LOOK:
            count = min(2, decide.LAST_LOOK - len(self._ends)) if self._ends else decide.FIRST_LOOK
            for found in self._rounds(pair, count):
                good, bad = (found[point.name].value for point in pair)
                if good is None or bad is None:
                    failures += 1
                    if failures > _MAX_FAILURES:
                        problems = [f"{n}: {m.problem}" for n, m in found.items() if m.problem]
                        why = "an end has no value, so nothing can be compared"
                        raise HarnessError(f"{why}: {'; '.join(problems)}")
                else:
                    self._ends.append((good, bad))
            scale = scale_of(self._ends)
            differences = [scale.difference(row) for row in self._ends]
            decision = decide.change(differences, scale.bound(self._smallest))
            count = len(self._ends)
            if decision is None and count >= told * 2:
                told = count
                self._say(f"not decided after {count} rounds of both, {decide.LAST_LOOK} at most")
        effect = effect_of(self._ends).model_dump()
        size = typical_size(self._ends)
        self.effect = EndsEffect(decision=decision or "undecided", size=size, **effect)
        return self.effect

    def classify(self, point: Point) -> Finding:
        """Tell which end a point is like; see ``harness.bisect.points.Classify``."""
        known = self.findings.get(point.name)
        if known is not None and known.state != "doubtful":
            return known
        self.findings[point.name] = found = self._visit(point)
        return found

    def _visit(self, point: Point) -> Finding:
        if problem := self._runner.build(point):
            return Finding(point=point.name, state="unresolved", reason=problem)
        rows = self._rows.setdefault(point.name, [])
        problems: list[str] = []
        asked = 0
        while asked < MAX_ROUNDS:
            count = MIN_ROUNDS if not rows or len(rows) >= _PATIENCE else 1
            asked += count
            for found in self._rounds((self.good, self.bad, point), count):
                mine, problem = found[point.name].value, found[point.name].problem
                if mine is None:
                    problems.append(problem or "")
                good, bad = (found[end.name].value for end in (self.good, self.bad))
                if mine is not None and good is not None and bad is not None:
                    rows.append(_Row(good, mine, bad))
            if self._is_given_up(point, problems, some=bool(rows)):
                return self._finding(point, "unresolved", problems[-1], len(problems))
            side = self._side(rows)
            if side is not None:
                self._sorted.append(point.name)
                return self._finding(point, side, None, len(problems))
        reason = f"after {len(rows)} rounds it is like neither end, or too noisy to tell"
        return self._finding(point, "doubtful", reason, len(problems))

    def _is_given_up(self, point: Point, problems: list[str], *, some: bool) -> bool:
        """Whether a point fails too often; ``some``: it has a value."""
        if some or len(problems) < _MAX_FAILURES:
            return len(problems) >= _MOST_FAILURES
        if not problems[-1].startswith(("exit", "signal")):
            return True
        tried = [found[point.name] for found in self._rounds((point,), _RETRIES)]
        problems += [one.problem or "" for one in tried if one.value is None]
        return all(one.value is None for one in tried) or len(problems) >= _MOST_FAILURES

    def _rounds(self, points: Sequence[Point], count: int) -> Iterator[dict[str, Measured]]:
        for found in self._runner.rounds(points, count):
            yield {name: _comparable(measured) for name, measured in found.items()}

    def _side(self, rows: Sequence[_Row]) -> Literal["good", "bad"] | None:
        """The end that a point is like, on a scale that has a place for it and both ends."""
        if not rows:
            return None
        scale = scale_of(self._ends, chain.from_iterable(rows))
        differences = [scale.difference(pair) for pair in self._ends]
        spread = decide.spread_of_ends(differences)
        for name in self._sorted:
            known = self._rows[name]
            if scale.holds(chain.from_iterable(known)):
                spread = spread.joined([row.contrast(scale) for row in known])
        gap = sum(differences) / len(differences)
        return decide.side([row.contrast(scale) for row in rows], gap, spread)

    def _finding(self, point: Point, state: State, reason: str | None, failed: int = 0) -> Finding:
        pairs = [(row.good, row.point) for row in self._rows[point.name]]
        effect = effect_of(pairs).model_dump()
        return Finding(point=point.name, state=state, reason=reason, failed=failed, **effect)


def _comparable(found: Measured) -> Measured:
    if found.value is None or math.isfinite(found.value):
        return found
    return Measured(None, f"its value is {found.value}, which cannot be compared")


def build_ends(runner: Runner, ends: Sequence[Point]) -> None:
    """Build both ends.

    Raises:
        HarnessError: one does not build.
    """
    for point in ends:
        if problem := runner.build(point):
            raise HarnessError(f"{point.name} does not build, so it cannot be an end:\n{problem}")


def is_worse(metric: str, effect: EndsEffect) -> bool:
    """Whether the bad end is shown to be worse; or to differ, if neither direction is worse."""
    if effect.decision != "changed":
        return False
    direction = describe(metric).direction
    if effect.sign == 0 or direction == "neutral":
        return True
    return (effect.sign > 0) == (direction == "lower is better")
