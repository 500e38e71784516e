"""Which requirements of go.mod make the change between two neighbouring commits."""

from collections.abc import Mapping
from dataclasses import dataclass

from harness.analysis.screening.models import Back, Culprit, Outcome
from harness.bisect.points import Finding, Point, Span
from harness.bisect.prepare import Setup
from harness.bisect.program.revisions import at_source
from harness.bisect.program.trees import requirements_of, with_versions
from harness.bisect.record import Stage
from harness.bisect.turning import Turning
from harness.golang.builds.request import BuildRequest
from harness.golang.builds.settle import settle
from harness.matrix.models import QuestionSpec
from harness.report import wording
from harness.text.words import listed

_LIMIT = QuestionSpec().limit
"""Share of the change below which a requirement is ruled out, as a question's suspects are."""


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
        self._span, self._setup = span, setup
        requests = [_request(point, setup) for point in (span.older, span.newer)]
        before, after = (requirements_of(request, setup.cache) for request in requests)
        self.changed = {
            path: before[path] for path in sorted(before.keys() & after.keys())
            if before[path] != after[path]
        }  # fmt: skip
        self._after = after
        sums = requests[0].source.module / "go.sum"
        self._sums = sums.read_text(encoding="utf-8") if sums.is_file() else ""

    def run(self) -> Blamed:
        """Screen until nothing more is asked."""
        outcome, findings = Turning(self._span, self._setup).screened(
            list(self.changed), self._turned_back, "requirements", _LIMIT
        )
        paths = [path for culprit in outcome.culprits for path in sorted(culprit.toggles)]
        stage = Stage(
            kind="requirements", title="Requirements", older=self._span.older.name,
            newer=self._span.newer.name, answer=self._told(outcome),
            confirmed=(f"ruled out: {listed(sorted(outcome.ruled_out))}",)
            if outcome.ruled_out else (),
            passed_over=tuple(f"{path}: {why}" for path, why in outcome.open.items()),
        )  # fmt: skip
        return Blamed(
            stage, tuple(findings), {path: self.changed[path] for path in paths}, self._sums
        )

    def _turned_back(self, back: Back) -> Point:
        versions = {path: self.changed[path] for path in back}
        return turned_back(self._span.newer, versions, self._sums, self._setup)

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
        return f"{listed(names)}{together} {makes} {wording.of_change(culprit.share.value)}"


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
