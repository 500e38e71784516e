"""The commit of the user's own repository that makes the change between two points."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from harness.bisect.commits.history import Commit, commit_of, merge_base, path_between
from harness.bisect.points import Classify, Finding, Point, Span, State
from harness.bisect.prepare import Setup
from harness.bisect.record import Culprit, Stage
from harness.bisect.search import find_commit
from harness.bisect.sentences import first_line
from harness.errors import HarnessError
from harness.golang.git import run_git
from harness.golang.sources.revisions import base_of, top_of
from harness.matrix.models.sources import is_path
from harness.matrix.names import variant_name

_MERGES = 8
"""Merges that are followed into the branch that they bring, one in the other."""
_BESIDE = frozenset({".md", ".txt", ".yml", ".yaml", ".gitignore", ".gitattributes"})
"""Suffixes or names of files that are no part of a program, unless it embeds them."""


@dataclass(frozen=True)
class Found:
    """Two neighbouring commits, and the points in which they were measured."""

    stage: Stage
    before: Point | None = None
    after: Point | None = None
    commit: str = ""
    """The one that makes the change, or whose lack does."""
    lacking: bool = False
    """Whether the newer point lacks it."""
    findings: tuple[Finding, ...] = ()


def search_revisions(span: Span, setup: Setup, classify: Classify) -> Found | None:
    """Find the commit; ``None`` if both points are of one source, or of a directory.

    Raises:
        HarnessError: the commits have no common history.
    """
    older, newer = (setup.runner.variant_of(p).made_with.source for p in (span.older, span.newer))
    if older == newer or not older or not newer or is_path(older) or is_path(newer):
        return None
    search = _Search(span, setup, classify)
    return search.run(older, newer)


@dataclass(frozen=True)
class _Pair:
    """Two commits with the change between them."""

    before: Commit
    """Like the older point."""
    after: Commit
    """Like the newer point."""
    back: bool
    """Whether history goes from ``after`` to ``before``."""
    why: str | None = None
    """Why they are not neighbours."""

    @property
    def culprit(self) -> Commit:
        """The one that makes the change, or whose lack does."""
        return self.before if self.back else self.after


@dataclass
class _Search:
    """A search under way."""

    span: Span
    setup: Setup
    classify: Classify
    points: dict[str, Point] = field(default_factory=dict)
    """By commit."""
    findings: dict[str, Finding] = field(default_factory=dict)
    """By commit, in the order in which they were measured."""
    commits: int = 0

    @cached_property
    def repository(self) -> Path:
        """The user's."""
        return top_of(self.setup.matrix.path.resolve().parent)

    def run(self, older: str, newer: str) -> Found:
        """Search between two refs."""
        start, end = (commit_of(self.repository, ref) for ref in (older, newer))
        first: State = "good" if self.span.last == "bad" else "bad"
        for commit, point, state in (
            (start, self.span.older, first), (end, self.span.newer, self.span.last),
        ):  # fmt: skip
            self.points[commit] = point
            self.findings[commit] = Finding(point=point.name, state=state)
        return self._answer(self._narrow(start, end, 0))

    def _narrow(self, start: str, end: str, depth: int) -> "_Pair":
        """The last commit like ``start`` and the first like ``end``, which are in other states."""
        repository = self.repository
        base = merge_base(repository, start, end)
        state = self._measure(base).state
        other = self.findings[end].state
        back = state == other  # only the side of the older one has the change
        line = path_between(repository, base, start if back else end)
        line = line[::-1] if back else line
        self.commits += len(line) - 1
        relevant = frozenset(n for n, commit in enumerate(line) if _can_matter(commit))
        low, high = find_commit(len(line), relevant, lambda n: self._measure(line[n].hash), other)
        if high - low > 1:
            why = f"the {high - low - 1} commits between could not be measured"
            return _Pair(line[low], line[high], back=back, why=why)
        pair = _Pair(line[low], line[high], back=back)
        merged = run_git(repository, "rev-list", "--parents", "-n1", pair.culprit.hash).split()[2:]
        if merged and depth < _MERGES and not back and self._measure(merged[0]).state == other:
            return self._narrow(pair.before.hash, merged[0], depth + 1)
        return pair

    def _measure(self, commit: str) -> Finding:
        known = self.findings.get(commit)
        if known is not None and known.state != "doubtful":
            return known
        try:
            found = self.classify(self._point(commit))
        except HarnessError as error:
            found = Finding(point=commit[:12], state="unresolved", reason=str(error))
        self.findings[commit] = found
        return found

    def _point(self, commit: str) -> Point:
        if commit not in self.points:
            setup = self.setup
            base = base_of(commit, setup.matrix.path.parent, setup.cache)
            self.points[commit] = at_source(self.span.newer, commit[:12], base, setup)
        return self.points[commit]

    def _answer(self, pair: "_Pair") -> Found:
        before, after, culprit = pair.before, pair.after, pair.culprit
        fields: dict[str, Any] = {
            "kind": "revisions", "title": "Commits of the program", "older": self.span.older.name,
            "newer": self.span.newer.name, "passed_over": tuple(self._passed_over()),
        }  # fmt: skip
        findings = tuple(self.findings.values())
        if pair.why is not None:
            answer = f"the change lies between {before.short} and {after.short}"
            return Found(Stage(answer=answer, stopped=pair.why, **fields), findings=findings)
        states = [self.findings[commit.hash].state for commit in (before, after)]
        show = ("show", "--format=", "--stat=100", "--diff-merges=first-parent", culprit.hash)
        told = Culprit(
            commit=culprit.hash, title=culprit.title, author=culprit.author, date=culprit.date,
            stat=run_git(self.repository, *show).strip("\n"),
        )  # fmt: skip
        answer = f"the first {states[1]} commit is {after.short}, “{after.title}”"
        confirmed = f"{before.short}, its parent, is {states[0]}"
        if pair.back:
            newer = self.span.newer.name
            answer = f"the change is that {newer} lacks {culprit.short}, “{culprit.title}”"
            confirmed = (
                f"{culprit.short} is {states[0]}, and {after.short}, its parent, {states[1]}"
            )
        stage = Stage(
            answer=answer, culprit=told, confirmed=(confirmed,),
            again=(shlex.join(["git", "show", culprit.hash]),), **fields,
        )  # fmt: skip
        points = self._point(before.hash), self._point(after.hash)
        return Found(stage, *points, culprit.hash, pair.back, findings)

    def _passed_over(self) -> Iterator[str]:
        yield f"{len(self.findings)} of {self.commits + 1} commits were measured"
        for commit, found in self.findings.items():
            if found.state not in ("good", "bad"):
                yield f"{commit[:12]}: {found.state}, {first_line(found.reason)}"


def at_source(point: Point, source: str, base: Path, setup: Setup) -> Point:
    """A point built from another source, whose text the runner then knows.

    ``base`` stands for the matrix file's directory in it.

    Raises:
        HarnessError: the workload is not there.
    """
    setup.runner.sources[source] = setup.locate(base)
    variant = setup.runner.variant_of(point)
    name = variant_name(point.toolchain.name, point.settings, {"source": source})
    build = variant.build.model_copy(update={"source": source})
    return point.model_copy(update={"name": name, "build": build, "env": variant.env})


def _can_matter(commit: Commit) -> bool:
    """Whether a commit may change the program: it changes more than tests and texts."""
    paths = map(PurePosixPath, commit.files)
    return any(
        path.suffix not in _BESIDE and path.name not in _BESIDE
        and not path.stem.endswith("_test") and ".github" not in path.parts
        for path in paths
    )  # fmt: skip
