"""From two points to the commit between them."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from harness.bisect.commits.answer import CommitsAnswer
from harness.bisect.commits.history import Commit, diff_stat
from harness.bisect.commits.line import Line, lines_between, place_ends
from harness.bisect.commits.notes import release_note
from harness.bisect.commits.points import Made, Workshop
from harness.bisect.commits.released import release_named
from harness.bisect.commits.relevance import packages_of, relevant
from harness.bisect.commits.search import Hunt
from harness.bisect.points import Finding, Judge
from harness.bisect.record import Culprit
from harness.bisect.span import Span
from harness.errors import HarnessError
from harness.golang.sources.locate import Source
from harness.golang.toolchains.resolve import Say, Toolchain
from harness.matrix.models import BuildSpec


def search_commits(
    repository: Path, span: Span, source: Source, build: BuildSpec, judge: Judge, cache: Path,
    say: Say,
) -> CommitsAnswer:  # fmt: skip
    """Find the commit that makes the change between two points.

    Args:
        repository: a directory of Go's source repository.
        span: where the change is: toolchains that are releases or were made from a commit.
        source: the workload.
        build: build settings.
        judge: measures points against both ends.
        cache: the harness's cache directory.
        say: told of toolchains that are built.

    Raises:
        HarnessError: the repository does not have the ends, or they are one commit.
    """
    older, newer = place_ends(repository, span)
    if older.commit == newer.commit:
        raise HarnessError(f"{span.older.name} and {span.newer.name} are one commit: {older.how}")
    packages = _packages(span, source, build, cache)
    settings = tuple(dict.fromkeys((*span.older.settings, *span.newer.settings)))
    answer = None
    for line in lines_between(repository, span, older, newer):
        bases = _bases(repository, line, cache, say)
        workshop = Workshop(repository, line.commits, bases, settings, build, cache, say)
        positions = relevant(line.commits, packages, build)
        hunt = Hunt(line.commits, positions, workshop, judge, line.first, line.last)
        answer = _follow(repository, line, hunt, workshop)
        facts = {
            "places": tuple(p.how for p in (older, newer) if p.name != p.commit),
            "commits": len(line.commits) - 1,
            "relevant": len(positions - {0}),
        }
        answer = answer.model_copy(update=facts)
        if not _is_beside(hunt, line):
            break
    if answer is None:
        raise AssertionError("two commits have at least one line between them")
    return answer


def _packages(span: Span, source: Source, build: BuildSpec, cache: Path) -> frozenset[str]:
    """The standard packages of the workload at both ends."""
    packages = frozenset[str]()
    for point in (span.older, span.newer):
        if source.needs_newer(point.toolchain.version) is None:
            packages |= packages_of(source, point.toolchain, point.settings, build, cache)
    return packages


def _bases(repository: Path, line: Line, cache: Path, say: Say) -> dict[int, Toolchain]:
    """True builds that are there already: the ends, or releases that an end has the tools of."""
    bases = {}
    for position, end in zip((0, len(line.commits) - 1), line.ends, strict=True):
        toolchain: Toolchain | None = end.toolchain
        if not (end.toolchain.goroot / "src" / "cmd" / "compile").is_dir():
            toolchain = release_named(repository, line.commits[position].hash, cache, say)
        if toolchain is not None:
            bases[position] = toolchain
    return bases


def _is_beside(hunt: Hunt, line: Line) -> bool:
    """Whether the first commit of a line is like its last one, so that the change is not on it."""
    return any(p == 0 and f.state == line.last for p, f in hunt.findings.values())


def _follow(repository: Path, line: Line, hunt: Hunt, workshop: Workshop) -> CommitsAnswer:
    last = len(line.commits) - 1
    for position, known, state in zip((0, last), line.known, (line.first, line.last), strict=True):
        if known:
            hunt.assume(position, state)
        elif (finding := hunt.look(position)).state != state:
            why = _not_between(line.commits[position], finding, before=position == 0)
            return _answer(repository, line, hunt, workshop, (0, last), why)
    low, high = hunt.run()
    stopped: str | None = None
    if hunt.astray:
        stopped = "true builds show the line's first and last commit on the same side"
    elif high - low > 1:
        count = high - low
        stopped = f"the {count - 1} commits between could not be measured: it is one of {count}"
    return _answer(repository, line, hunt, workshop, (low, high), stopped)


def _not_between(commit: Commit, finding: Finding, *, before: bool) -> str:
    if finding.state in ("doubtful", "unresolved"):
        return f"{commit.short} cannot be measured: {finding.reason}"
    where = "before it" if before else "after it"
    return (
        f"{commit.short} is {finding.state}, so the change is {where}, on a branch that the "
        "repository does not have"
    )


def _answer(
    repository: Path, line: Line, hunt: Hunt, workshop: Workshop, bracket: tuple[int, int],
    stopped: str | None,
) -> CommitsAnswer:  # fmt: skip
    low, high = (line.commits[position] for position in bracket)
    asked = sorted(hunt.findings.values(), key=lambda pair: pair[0])
    sentence = f"the change lies after {low.short} and at {high.short} at the latest"
    culprit = None
    if stopped is None:
        sentence = f"the first {line.last} commit is {high.short}, “{high.title}”"
        newest = line.commits[-1].hash
        culprit = Culprit(
            commit=high.hash, title=high.title, author=high.author, date=high.date,
            stat=diff_stat(repository, high.hash), note=release_note(repository, high, newest),
        )  # fmt: skip
    return CommitsAnswer(
        older=low.hash,
        newer=high.hash,
        answer=sentence,
        culprit=culprit,
        stopped=stopped,
        confirmed=tuple(_confirmed(hunt, line, bracket)) if culprit else (),
        findings=tuple(finding for _, finding in asked),
        passed_over=tuple(_passed_over(hunt, line.commits)),
        measured=len({p for p, f in asked if f.rounds or f.state != "unresolved"}),
        true_builds=workshop.true_builds,
        mixed_builds=workshop.mixtures,
        seconds=round(workshop.seconds, 1),
        again=(shlex.join(["git", "-C", str(repository), "show", high.hash]),) if culprit else (),
    )


def _confirmed(hunt: Hunt, line: Line, bracket: tuple[int, int]) -> list[str]:
    low, high = bracket
    after, before = line.commits[high].short, line.commits[low].short
    return [
        f"{after} is {line.last} {_with(hunt.shown.get(high))}",
        f"{before}, its first parent, is {line.first} {_with(hunt.shown.get(low))}",
    ]


def _with(shown: tuple[Made, Finding] | None) -> str:
    if shown is None:
        return "as an end of the search"
    made, _ = shown
    if made.how == "true":
        return "when it is built by its own source"
    return f"with the tools of {made.base}, whose sources are the same in it"


def _passed_over(hunt: Hunt, commits: Sequence[Commit]) -> list[str]:
    return [
        f"{commits[position].short} “{commits[position].title}”: {finding.state}, {_line(finding)}"
        for position, finding in sorted(hunt.passed.items())
    ]


def _line(finding: Finding) -> str:
    lines = [line.strip() for line in (finding.reason or "").splitlines() if line.strip()]
    return lines[0] if lines else "no reason known"
