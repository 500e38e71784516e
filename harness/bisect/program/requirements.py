"""Which requirements of go.mod make the change between two neighbouring commits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.analysis.screening.models import Answer, Ask, Back, Culprit, Failed, Outcome, Row, Step
from harness.analysis.screening.search import screen
from harness.bisect.effect import effect_of
from harness.bisect.points import Finding, Point, Span
from harness.bisect.prepare import Setup
from harness.bisect.program.revisions import at_source
from harness.bisect.program.trees import requirements_of, with_versions
from harness.bisect.record import Stage
from harness.bisect.sentences import first_line
from harness.bisect.toggles import finding_of
from harness.errors import HarnessError
from harness.golang.builds.request import BuildRequest
from harness.golang.builds.settle import settle
from harness.matrix.models import QuestionSpec
from harness.report import wording
from harness.text.words import listed

_LIMIT = QuestionSpec().limit
"""Share of the change below which a requirement is ruled out, as a question's suspects are."""
_MOST_FAILURES = 2


@dataclass(frozen=True)
class Blamed:
    """What screening the requirements told."""

    stage: Stage
    findings: tuple[Finding, ...]
    versions: Mapping[str, str]
    """Of the requirements to blame, by path: the version that makes no change."""
    sums: str
    """Lines of go.sum for these versions."""


def screen_requirements(span: Span, setup: Setup) -> Blamed | None:
    """Turn changed requirements back in the newer point, in groups; ``None`` if none changed.

    Raises:
        HarnessError: a go.mod cannot be read.
    """
    search = _Requirements(span, setup)
    return search.run() if search.changed else None


class _Requirements:
    """A search under way."""

    def __init__(self, span: Span, setup: Setup) -> None:
        self._span, self._setup, self._runner = span, setup, setup.runner
        requests = [_request(point, setup) for point in (span.older, span.newer)]
        before, after = (requirements_of(request, setup.cache) for request in requests)
        self.changed = {
            path: before[path] for path in sorted(before.keys() & after.keys())
            if before[path] != after[path]
        }  # fmt: skip
        self._after = after
        sums = requests[0].source.module / "go.sum"
        self._sums = sums.read_text(encoding="utf-8") if sums.is_file() else ""
        self._rows: dict[Back, list[Row]] = {}
        self._failed: dict[Back, str] = {}
        self._failures: dict[Back, int] = {}
        self._points: dict[Back, Point] = {}

    def run(self) -> Blamed:
        """Screen until nothing more is asked."""
        search = screen(list(self.changed), limit=_LIMIT)
        try:
            ask = next(search)
            while True:
                ask = search.send(self._answer(ask))
        except StopIteration as end:
            outcome: Outcome = end.value
        findings = tuple(map(self._finding, outcome.steps))
        paths = [path for culprit in outcome.culprits for path in sorted(culprit.toggles)]
        stage = Stage(
            kind="requirements", title="Requirements", older=self._span.older.name,
            newer=self._span.newer.name, answer=self._told(outcome),
            confirmed=(f"ruled out: {listed(sorted(outcome.ruled_out))}",)
            if outcome.ruled_out else (),
            passed_over=tuple(f"{path}: {why}" for path, why in outcome.open.items()),
        )  # fmt: skip
        return Blamed(stage, findings, {path: self.changed[path] for path in paths}, self._sums)

    def _finding(self, step: Step) -> Finding:
        share = None if step.share is None else step.share.value
        effect = effect_of(self._pairs(step.back))
        return finding_of(
            step.decision, self._name(step.back), share, step.reason, effect, self._span
        )

    def _told(self, outcome: Outcome) -> str:
        if not outcome.culprits:
            return "no requirement of go.mod is shown to make the change"
        return "; ".join(map(self._blame, outcome.culprits))

    def _blame(self, culprit: Culprit) -> str:
        names = [
            f"{path} {self.changed[path]} → {self._after[path]}" for path in sorted(culprit.toggles)
        ]
        together = " together" if culprit.joint and len(names) > 1 else ""
        makes = "make" if len(names) > 1 else "makes"
        share = wording.share(culprit.share.value)
        return f"{listed(names)}{together} {makes} {share} of the change"

    def _name(self, back: Back) -> str:
        return self._points[back].name if back in self._points else ", ".join(sorted(back))

    def _pairs(self, back: Back) -> Sequence[tuple[float, float]]:
        older = self._span.regression
        rows = self._rows.get(back, ())
        return [(row.baseline if older else row.candidate, row.value) for row in rows]

    def _answer(self, ask: Ask) -> Answer:
        """Measure what is missing of the rounds that are asked for."""
        for back in ask.sets:
            if back not in self._rows:
                self._rows[back] = []
                self._setup.say(f"{len(back)} of {len(self.changed)} requirements turned back")
                self._make(back)
        while missing := [
            back for back in ask.sets
            if back not in self._failed and len(self._rows[back]) < ask.rounds
        ]:  # fmt: skip
            self._measure(missing, ask.rounds - min(len(self._rows[back]) for back in missing))
        return {
            back: Failed(self._failed[back]) if back in self._failed
            else self._rows[back][: ask.rounds]
            for back in ask.sets
        }  # fmt: skip

    def _make(self, back: Back) -> None:
        try:
            point = self._points[back] = turned_back(
                self._span.newer, {path: self.changed[path] for path in back}, self._sums,
                self._setup,
            )  # fmt: skip
        except HarnessError as error:
            self._failed[back] = first_line(str(error))
            return
        if problem := self._runner.build(point):
            self._failed[back] = first_line(problem)

    def _measure(self, sets: Sequence[Back], count: int) -> None:
        ends = (self._span.older, self._span.newer)
        points = [self._points[back] for back in sets]
        for found in self._runner.rounds((*ends, *points), count):
            older, newer = (found[end.name].value for end in ends)
            for back, point in zip(sets, points, strict=True):
                own = found[point.name]
                if own.value is None or older is None or newer is None:
                    self._failures[back] = self._failures.get(back, 0) + 1
                    if self._failures[back] >= _MOST_FAILURES:
                        self._failed[back] = first_line(own.problem or "an end failed beside it")
                else:
                    self._rows[back].append(Row(older, newer, own.value))


def turned_back(point: Point, versions: Mapping[str, str], sums: str, setup: Setup) -> Point:
    """A point built with other versions of some modules.

    Raises:
        HarnessError: a version cannot be had, or the packages do not fit together.
    """
    request = _request(point, setup)
    base = with_versions(request, versions, sums, setup.cache)
    words = [f"{path}@{version}" for path, version in sorted(versions.items())]
    return at_source(point, f"{request.build.source}~{'~'.join(words)}", base, setup)


def _request(point: Point, setup: Setup) -> BuildRequest:
    return settle(setup.runner.request_of(point), setup.cache)
