"""Screens what can be turned back in the newer point: makes sets of it, and measures them."""

from collections.abc import Callable, Sequence

from harness.analysis.screening.models import Answer, Ask, Back, Failed, Outcome, Row, Step
from harness.analysis.screening.search import screen
from harness.bisect.effect import effect_of
from harness.bisect.points import Finding, Point, Span
from harness.bisect.prepare import Setup
from harness.bisect.sentences import first_line
from harness.bisect.toggles import finding_of
from harness.errors import HarnessError

_MOST_FAILURES = 2
"""Trials of a point that may fail before it counts as one that cannot be measured."""

Make = Callable[[Back], Point]
"""Makes the newer point with a set turned back.

Raises:
    HarnessError: it cannot be made.
"""


class Turning:
    """Screenings between two points, one after the other; a point that both need is shared."""

    def __init__(self, span: Span, setup: Setup, scale: Callable[[Row], Row] = lambda r: r) -> None:
        """Take two points; ``scale`` is what the search sees of a round."""
        self._span, self._setup, self._scale = span, setup, scale
        self._rows: dict[str, list[Row]] = {}
        self._failures: dict[str, list[str]] = {}
        self._failed: dict[str, str] = {}
        """By name of the point, as the two above."""

    def screened(
        self, things: Sequence[str], make: Make, noun: str, limit: float
    ) -> tuple[Outcome, list[Finding]]:
        """Search the things that explain the change.

        Args:
            things: their keys.
            make: makes a set of them.
            noun: what they are called, for messages.
            limit: share of the change below which one is ruled out.

        Returns:
            What was found, and the sets that were measured.
        """
        made: dict[Back, Point] = {}
        unmade: dict[Back, str] = {}
        search = screen(list(things), limit=limit)
        try:
            ask = next(search)
            while True:
                for back in (b for b in ask.sets if b not in made and b not in unmade):
                    try:
                        made[back] = point = make(back)
                    except HarnessError as error:
                        unmade[back] = first_line(str(error))
                        continue
                    if point.name not in self._rows:
                        self._setup.say(f"{len(back)} of {len(things)} {noun} turned back")
                    self._begin(point)
                ask = search.send(self._answer(ask, made, unmade))
        except StopIteration as end:
            outcome: Outcome = end.value
        return outcome, [self._finding(step, made.get(step.back)) for step in outcome.steps]

    def _begin(self, point: Point) -> None:
        if problem := self._setup.runner.build(point):
            self._failed[point.name] = first_line(problem)
        self._rows.setdefault(point.name, [])

    def _answer(self, ask: Ask, made: dict[Back, Point], unmade: dict[Back, str]) -> Answer:
        """Measure what is missing of the rounds that are asked for."""
        points = {back: made[back] for back in ask.sets if back in made}
        while missing := [
            point for point in points.values()
            if point.name not in self._failed and len(self._rows[point.name]) < ask.rounds
        ]:  # fmt: skip
            fewest = min(len(self._rows[point.name]) for point in missing)
            self._measure(missing, ask.rounds - fewest)
        failed = {back: Failed(unmade[back]) for back in ask.sets if back in unmade}
        return failed | {
            back: Failed(self._failed[point.name])
            if point.name in self._failed
            else [self._scale(row) for row in self._rows[point.name][: ask.rounds]]
            for back, point in points.items()
        }

    def _measure(self, points: Sequence[Point], count: int) -> None:
        ends = (self._span.older, self._span.newer)
        for found in self._setup.runner.rounds((*ends, *points), count):
            older, newer = (found[end.name].value for end in ends)
            for point in points:
                own = found[point.name]
                if own.value is None or older is None or newer is None:
                    failures = self._failures.setdefault(point.name, [])
                    failures.append(own.problem or "an end failed beside it")
                    if len(failures) >= _MOST_FAILURES:
                        self._failed[point.name] = first_line(failures[-1])
                else:
                    self._rows[point.name].append(Row(older, newer, own.value))

    def _finding(self, step: Step, point: Point | None) -> Finding:
        """What turning a set back told."""
        name = point.name if point else ", ".join(sorted(step.back))
        rows = self._rows.get(name, [])
        share = None if step.share is None else step.share.value
        pairs = [(r.baseline if self._span.regression else r.candidate, r.value) for r in rows]
        return finding_of(step.decision, name, share, step.reason, effect_of(pairs), self._span)
