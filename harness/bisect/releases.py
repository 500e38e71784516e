"""The search among releases."""

from collections.abc import Callable, Sequence

from harness.bisect.compare import Classifier
from harness.bisect.points import Finding, Point, Span
from harness.bisect.search import first_change
from harness.bisect.sentences import of_undecided
from harness.errors import HarnessError
from harness.golang.versions import GoVersion


def between(versions: Sequence[str], older: str, newer: str) -> list[str]:
    """The final releases between two, in order, without both."""
    low, high = GoVersion.parse(older), GoVersion.parse(newer)
    parsed = {GoVersion.parse(version): version for version in versions}
    return [parsed[v] for v in sorted(parsed) if v.released and low < v < high]


def first_of_each_minor(versions: Sequence[str], release: str) -> list[str]:
    """Where each minor version after that of a release begins: most changes arrive there."""
    first: dict[int, str] = {}
    for version in versions:
        first.setdefault(GoVersion.parse(version).minor, version)
    return [version for minor, version in first.items() if minor > GoVersion.parse(release).minor]


def search_releases(
    span: Span, versions: Sequence[str], classifier: Classifier, point_of: Callable[[str], Point]
) -> tuple[Span, list[Finding], str | None]:
    """Halve the releases between both ends; ``point_of`` fetches one, or raises ``HarnessError``.

    Returns the span that is left; the findings in order of version; and why it is not narrower, if
    releases in it could not be decided.
    """
    points = {span.older.name: span.older, span.newer.name: span.newer}
    found: dict[str, Finding] = {}

    def classify(name: str) -> Finding:
        try:
            point = points.setdefault(name, point_of(name))
        except HarnessError as error:
            finding = Finding(point=name, state="unresolved", reason=str(error))
        else:
            finding = classifier.classify(point)
        found[name] = finding
        return finding

    line = [span.older.name, *versions, span.newer.name]
    bracket = first_change(line, classify, span.last)
    ends = {"older": points[line[bracket.low]], "newer": points[line[bracket.high]]}
    why = of_undecided([finding for _, finding in bracket.undecided])
    return span.model_copy(update=ends), [found[name] for name in versions if name in found], why
