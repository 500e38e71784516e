"""From two points to the commit between them."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from harness.bisect.commits.builds import CommitBuilds, release_named
from harness.bisect.commits.history import Commit, is_test, release_note
from harness.bisect.commits.line import Line, lines_between, place_ends
from harness.bisect.points import Classify, Finding, Span
from harness.bisect.record import Culprit, Stage
from harness.bisect.search import find_commit
from harness.bisect.sentences import first_line
from harness.bisect.source.used import used_files
from harness.errors import HarnessError
from harness.golang.git import run_git
from harness.golang.sources.listing import Cell
from harness.golang.sources.locate import Source
from harness.golang.sources.settled import settled
from harness.golang.toolchains.resolve import Say, Toolchain
from harness.matrix.models import BuildSpec

_TOOLS = (
    *("src/cmd/asm", "src/cmd/compile", "src/cmd/internal", "src/cmd/link"),
    *("src/cmd/go/internal/cfg", "src/cmd/go/internal/load", "src/cmd/go/internal/work"),
    *("src/internal/buildcfg", "src/internal/goexperiment", "src/internal/goversion"),
)
"""What decides how packages are compiled and linked; of the go command, what sets the flags."""


def search_commits(
    repository: Path, span: Span, source: Source, build: BuildSpec, classify: Classify, cache: Path,
    say: Say,
) -> tuple[Stage, list[Finding]]:  # fmt: skip
    """Find the commit that makes the change between two points.

    The stage has no steps yet; findings are in the order of history.

    Raises:
        HarnessError: the repository does not have the ends, or they are one commit.
    """
    older, newer = place_ends(repository, span)
    if older.commit == newer.commit:
        raise HarnessError(f"{span.older.name} and {span.newer.name} are one commit: {older.how}")
    newer_end = span.newer
    build = settled(Cell(source, newer_end.toolchain, newer_end.settings, build), cache)
    packages = _packages(span, source, build, cache)
    settings = tuple(dict.fromkeys((*span.older.settings, *span.newer.settings)))
    places = tuple(p.how for p in (older, newer) if p.name != p.commit)
    for line in lines_between(repository, span, older, newer):
        bases = _bases(repository, line, cache, say)
        builds = CommitBuilds(repository, line.commits, bases, settings, build, cache, say)
        able = (can_matter(commit.files, packages, build) for commit in line.commits)
        relevant = frozenset(position for position, matters in enumerate(able) if matters)
        search = _Search(repository, line, relevant, builds, classify)
        fields = search.run()
        if not search.is_beside:
            break
    stage = Stage(
        kind="commits", title="Commits", older=span.older.name, newer=span.newer.name,
        passed_over=(*places, *search.passed_over()), **fields,
    )  # fmt: skip
    return stage, [finding for _, finding in sorted(search.findings.items())]


def _packages(span: Span, source: Source, build: BuildSpec, cache: Path) -> frozenset[str]:
    """Directories of the standard packages in the workload's binary at both ends."""
    files = frozenset[str]()
    for point in (span.older, span.newer):
        if source.needs_newer(point.toolchain.version, build.go_line) is None:
            files |= used_files(point.toolchain, source, point.settings, build, cache, probe=True)
    return frozenset(str(PurePosixPath(name).parent) for name in files)


def _bases(repository: Path, line: Line, cache: Path, say: Say) -> list[Toolchain]:
    """Toolchains whose tools commits may have: the ends, or the releases that they are made of."""
    bases = []
    for commit, end in zip((line.commits[0], line.commits[-1]), line.ends, strict=True):
        toolchain: Toolchain | None = end.toolchain
        if not (end.toolchain.goroot / "src" / "cmd" / "compile").is_dir():
            toolchain = release_named(repository, commit.hash, cache, say)
        if toolchain is not None and not toolchain.patched:
            bases.append(toolchain)
    return bases


def can_matter(files: Iterable[str], packages: frozenset[str], build: BuildSpec) -> bool:
    """Whether any of these files has a part in a binary of packages such as ``src/runtime``."""
    tools = (*_TOOLS, *(["src/cmd/cgo"] if build.needs_cgo else []))
    paths = [PurePosixPath(name) for name in files if not is_test(name)]
    return any(str(p.parent) in packages or any(map(p.is_relative_to, tools)) for p in paths)


@dataclass
class _Search:
    """The search in one line."""

    repository: Path
    line: Line
    relevant: frozenset[int]
    builds: CommitBuilds
    classify: Classify
    findings: dict[int, Finding] = field(default_factory=dict)
    """By position."""

    @property
    def is_beside(self) -> bool:
        """Whether the first commit is like the last one, so that the change is not on this line."""
        return 0 in self.findings and self.findings[0].state == self.line.last

    def run(self) -> dict[str, Any]:
        """Measure the ends where they are no known points, and search between them.

        Returns the fields of a stage.
        """
        line, last = self.line, len(self.line.commits) - 1
        for position, known, state in zip((0, last), line.known, (line.first, line.last),
                                          strict=True):  # fmt: skip
            if not known and (finding := self._measure(position)).state != state:
                why = _not_between(line.commits[position], finding, before=position == 0)
                return self._answer(0, last, why)
        low, high = find_commit(last + 1, self.relevant, self._measure, line.last)
        stopped = None
        if high - low > 1:
            count = high - low
            stopped = f"the {count - 1} commits between could not be measured: it is one of {count}"
        return self._answer(low, high, stopped)

    def _measure(self, position: int) -> Finding:
        known = self.findings.get(position)
        if known is not None and known.state != "doubtful":
            return known
        try:
            found = self.classify(self.builds.get(position))
        except HarnessError as error:
            name = f"git-{self.line.commits[position].short}"
            found = Finding(point=name, state="unresolved", reason=str(error))
        self.findings[position] = found
        return found

    def _answer(self, low: int, high: int, stopped: str | None) -> dict[str, Any]:
        line, repository = self.line, self.repository
        before, after = line.commits[low], line.commits[high]
        if stopped is not None:
            answer = f"the change lies after {before.short} and at {after.short} at the latest"
            return {"answer": answer, "stopped": stopped}
        show = ("show", "--format=", "--stat=100", "--diff-merges=first-parent", after.hash)
        culprit = Culprit(
            commit=after.hash, title=after.title, author=after.author, date=after.date,
            stat=run_git(repository, *show).strip("\n"),
            note=release_note(repository, after, line.commits[-1].hash),
        )  # fmt: skip
        return {
            "answer": f"the first {line.last} commit is {after.short}, “{after.title}”",
            "culprit": culprit,
            "confirmed": (
                f"{after.short} is {line.last} {self._how(high)}",
                f"{before.short}, its first parent, is {line.first} {self._how(low)}",
            ),
            "again": (shlex.join(["git", "-C", str(repository), "show", after.hash]),),
        }

    def _how(self, position: int) -> str:
        if position not in self.findings:
            return "as one end of the search"
        tools = self.builds.tools_of.get(position)
        if tools is None:
            return "built from its own source"
        return f"with the tools of {tools}, whose sources are identical"

    def passed_over(self) -> list[str]:
        """What was left out, and which commits could not be decided."""
        commits = self.line.commits
        measured = sum(f.rounds > 0 or f.state != "unresolved" for f in self.findings.values())
        effort = (
            f"{len(self.relevant - {0})} of the {len(commits) - 1} commits between can change the "
            f"workload's binary; {measured} were measured, and {self.builds.count} toolchains "
            "built from source"
        )
        undecided = [
            f"{commit.short} “{commit.title}”: {found.state}, {first_line(found.reason)}"
            for commit, found in ((commits[n], f) for n, f in sorted(self.findings.items()))
            if found.state not in ("good", "bad")
        ]
        return [effort, *undecided]


def _not_between(commit: Commit, finding: Finding, *, before: bool) -> str:
    if finding.state in ("doubtful", "unresolved"):
        return f"{commit.short} cannot be measured: {finding.reason}"
    where = "before it" if before else "after it"
    return (
        f"{commit.short} is {finding.state}, so the change is {where}, on a branch that the "
        "repository does not have"
    )
