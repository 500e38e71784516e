"""History, relevance, tools and the search among commits, without a toolchain."""

import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from bisecting import point

from harness.bisect.commits.builds import sources_at_commit, sources_in_goroot
from harness.bisect.commits.history import (
    Commit,
    merge_base,
    path_between,
    place,
    release_note,
)
from harness.bisect.commits.line import comes_after, lines_between, place_ends
from harness.bisect.commits.stage import can_matter
from harness.bisect.points import Finding, Span, State
from harness.bisect.search import find_commit
from harness.errors import HarnessError
from harness.matrix.models import BuildSpec

GIT = shutil.which("git") or "git"
GOVERSION = "src/internal/goversion/goversion.go"


class Repository:
    """A small repository with the files that say where a Go tree is in its history."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.git("init", "--quiet", "--initial-branch=master")

    def git(self, *arguments: str) -> str:
        return subprocess.run(
            [GIT, "-c", "user.name=A", "-c", "user.email=a@example.test", *arguments],
            cwd=self.path, check=True, capture_output=True, text=True,
        ).stdout.strip()  # fmt: skip

    def commit(self, message: str, files: Mapping[str, str]) -> str:
        for name, text in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", f"--message={message}")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def develop(minor: int) -> dict[str, str]:
    return {GOVERSION: f"package goversion\n\nconst Version = {minor}\n"}


class TestPlacing:
    def test_a_release_is_its_tag(self, repository: Repository) -> None:
        commit = repository.commit("one", {"VERSION": "go1.24.3\n"})
        repository.git("tag", "go1.24.3")
        repository.commit("two", {"VERSION": "go1.24.4\n"})
        found = place(repository.path, "go1.24.3", earlier=True)
        assert (found.commit, found.exact) == (commit, True)

    def test_without_a_tag_it_is_the_commit_that_writes_version(
        self, repository: Repository
    ) -> None:
        repository.commit("zero", {"VERSION": "go1.24.2\ntime 1\n"})
        commit = repository.commit("one", {"VERSION": "go1.24.3\ntime 2\n"})
        repository.commit("two", {"VERSION": "go1.24.4\ntime 3\n"})
        found = place(repository.path, "go1.24.3", earlier=True)
        assert (found.commit, found.exact) == (commit, True)

    def test_on_a_main_line_it_lies_between_two_commits(self, repository: Repository) -> None:
        repository.commit("open 1.23", develop(23))
        promoted = repository.commit("promote", {"api/go1.23.txt": "x\n"})
        last = repository.commit("freeze", {"a": "b"})
        repository.commit("open 1.24", develop(24))
        head = repository.commit("work", {"a": "c"})
        ends = [place(repository.path, "go1.23.9", earlier=e) for e in (True, False)]
        assert [end.commit for end in ends] == [promoted, last]
        assert not any(end.exact for end in ends)
        assert "promotes the API of 1.23" in ends[0].how
        assert "opens the development of 1.24" in ends[1].how
        assert place(repository.path, "go1.24.1", earlier=False).commit == head

    def test_what_is_not_there_is_named_with_a_remedy(self, repository: Repository) -> None:
        repository.commit("open 1.23", develop(23))
        with pytest.raises(HarnessError, match=r"neither go1\.26\.1 nor .*git fetch origin tag"):
            place(repository.path, "go1.26.1", earlier=True)
        with pytest.raises(HarnessError, match="no commit, branch or tag 'nowhere'"):
            place(repository.path, "nowhere", earlier=True)


class TestLine:
    def test_merged_work_is_one_commit_with_all_its_files(self, repository: Repository) -> None:
        start = repository.commit("start", {"a": "1"})
        repository.git("checkout", "--quiet", "-b", "side")
        repository.commit("side one", {"b c.go": "1"})
        repository.commit("side two", {"d": "2"})
        repository.git("checkout", "--quiet", "master")
        repository.commit("main", {"a": "2"})
        repository.git("merge", "--quiet", "--no-ff", "--message=merge", "side")
        path = path_between(repository.path, start, "master")
        assert [commit.title for commit in path] == ["start", "main", "merge"]
        assert path[2].files == ("b c.go", "d")

    def test_histories_without_a_common_commit_are_refused(self, repository: Repository) -> None:
        one = repository.commit("one", {"a": "1"})
        repository.git("checkout", "--quiet", "--orphan", "other")
        two = repository.commit("two", {"a": "2"})
        with pytest.raises(HarnessError, match="no common history"):
            merge_base(repository.path, one, two)

    def test_releases_of_two_branches_are_searched_from_where_they_parted(
        self, repository: Repository
    ) -> None:
        parted = repository.commit("parted", {"a": "1"})
        repository.git("checkout", "--quiet", "-b", "release-branch.go1.23")
        repository.commit("go1.23.1", {"VERSION": "go1.23.1\n"})
        repository.git("tag", "go1.23.1")
        repository.git("checkout", "--quiet", "master")
        new = repository.commit("main", {"a": "2"})
        repository.git("tag", "go1.24.0")
        span = Span(older=point("go1.23.1", "go1.23.1"), newer=point("go1.24.0", "go1.24.0"),
                    regression=True)  # fmt: skip
        older, newer = place_ends(repository.path, span)
        forth, back = lines_between(repository.path, span, older, newer)
        assert [c.hash for c in forth.commits] == [parted, new]
        assert (forth.first, forth.last, forth.known) == ("good", "bad", (False, True))
        assert [c.title for c in back.commits] == ["parted", "go1.23.1"]
        assert (back.first, back.last, back.known) == ("bad", "good", (False, True))

    def test_a_release_on_one_branch_with_another_has_one_line(
        self, repository: Repository
    ) -> None:
        for patch in (3, 4):
            repository.commit(f"go1.24.{patch}", {"VERSION": f"go1.24.{patch}\n"})
            repository.git("tag", f"go1.24.{patch}")
        bad, good = point("bad", "go1.24.3"), point("good", "go1.24.4")
        span = Span(older=bad, newer=good, regression=False)
        (line,) = lines_between(repository.path, span, *place_ends(repository.path, span))
        assert (line.first, line.last, line.known) == ("bad", "good", (True, True))
        assert comes_after(repository.path, good, bad)
        assert not comes_after(repository.path, bad, good)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("src/runtime/malloc.go", True),
        ("src/runtime/asm_amd64.s", True),
        ("src/runtime/malloc_test.go", False),
        ("src/runtime/testdata/x.go", False),
        ("src/runtime/cgo/x.go", False),  # another package, which this program does not have
        ("src/net/http/server.go", False),
        ("src/cmd/compile/internal/ssa/rewrite.go", True),
        ("src/cmd/link/internal/ld/lib.go", True),
        ("src/cmd/go/internal/modload/load.go", False),
        ("src/cmd/go/internal/work/gc.go", True),
        ("src/cmd/cgo/main.go", False),
        ("src/internal/goexperiment/flags.go", True),
        ("doc/next/x.md", False),
        ("test/fixedbugs/x.go", False),
        ("api/go1.24.txt", False),
    ],
)
def test_what_can_matter(name: str, expected: bool) -> None:  # noqa: FBT001 - a case
    assert can_matter(["README.md", name], frozenset({"src/runtime"}), BuildSpec()) is expected


def test_cgo_matters_where_it_is_used() -> None:
    assert can_matter(["src/cmd/cgo/main.go"], frozenset(), BuildSpec(cgo=True))


COMPILER = "src/cmd/compile/main.go"


@pytest.mark.parametrize(
    ("name", "same"),
    [
        (COMPILER, False),
        ("src/internal/buildcfg/cfg.go", False),
        ("src/cmd/compile/main_test.go", True),
        ("src/cmd/compile/testdata/x.go", True),
        ("src/cmd/compile/README.md", True),
        ("src/cmd/vet/main.go", True),
        ("src/runtime/malloc.go", True),
    ],
)
def test_a_commit_can_have_tools_of_the_same_sources(
    repository: Repository, tmp_path_factory: pytest.TempPathFactory, name: str, *, same: bool
) -> None:
    files = {COMPILER: "package main\n", "src/cmd/go/main.go": "package main\n", name: "one\n"}
    first = repository.commit("one", files)
    second = repository.commit("two", {name: "two\n"})
    goroot = tmp_path_factory.mktemp("goroot")
    for path, text in (files | {"src/cmd/go/zdefaultcc.go": "generated\n"}).items():
        (goroot / path).parent.mkdir(parents=True, exist_ok=True)
        (goroot / path).write_text(text, encoding="utf-8")
    tools = sources_in_goroot(goroot, repository.path)
    assert tools == sources_at_commit(repository.path, first)
    assert (tools == sources_at_commit(repository.path, second)) is same


def commits_from(
    step: int, broken: frozenset[int] = frozenset()
) -> tuple[Callable[[int], Finding], list[int]]:
    """Commits that are bad from one on, some of which do not build; and which were measured."""
    measured: list[int] = []

    def measure(position: int) -> Finding:
        if position not in measured:
            measured.append(position)
        state: State = "bad" if position >= step else "good"
        return Finding(point=f"{position}", state="unresolved" if position in broken else state)

    return measure, measured


class TestFindCommit:
    @pytest.mark.parametrize("step", [1, 2, 31, 62, 63])
    def test_the_first_bad_commit_is_found_by_halving(self, step: int) -> None:
        measure, measured = commits_from(step)
        assert find_commit(64, frozenset(range(64)), measure, "bad") == (step - 1, step)
        assert len(measured) <= 7

    def test_commits_that_do_not_build_are_passed_over(self) -> None:
        measure, measured = commits_from(8, broken=frozenset({7, 8}))
        assert find_commit(16, frozenset(range(16)), measure, "bad") == (6, 9)
        assert {7, 8} <= set(measured)

    def test_of_those_that_cannot_matter_the_parent_alone_is_measured(self) -> None:
        measure, measured = commits_from(40)
        assert find_commit(64, frozenset({10, 20, 40, 50}), measure, "bad") == (39, 40)
        assert set(measured) <= {10, 20, 39, 40, 50}
        assert 39 in measured

    def test_unless_the_answer_lies_among_them(self) -> None:
        measure, measured = commits_from(33)
        assert find_commit(64, frozenset({10, 20, 40, 50}), measure, "bad") == (32, 33)
        assert len(measured) <= 3 + 1 + 5

    def test_a_parent_that_does_not_build_is_part_of_the_answer(self) -> None:
        measure, _ = commits_from(40, broken=frozenset({39}))
        low, high = find_commit(64, frozenset({20, 40, 50}), measure, "bad")
        assert (low, high) == (38, 40)


class TestNotes:
    def test_a_note_that_names_the_change_is_found_in_a_later_commit(
        self, repository: Repository
    ) -> None:
        digest = repository.commit(
            "runtime: x\n\nFixes #123.\n\nReviewed-on: https://review.example.test/c/go/+/456",
            {"a": "b"},
        )
        commit = Commit(hash=digest, title="runtime: x", author="A", date="2024", files=("a",))
        assert release_note(repository.path, commit, "HEAD") is None
        repository.commit("notes", {"doc/next/7-runtime.md": "# Runtime\n<!-- CL 4567 -->Other\n"})
        assert release_note(repository.path, commit, "HEAD") is None
        repository.commit("notes", {"doc/next/6.md": "It is [faster](/x). <!-- CL 456 -->\n"})
        assert release_note(repository.path, commit, "HEAD") == "It is faster."

    def test_a_note_in_the_commit_itself_comes_first(self, repository: Repository) -> None:
        digest = repository.commit("runtime: x", {"doc/next/1.md": "The `runtime`\nis faster.\n"})
        commit = Commit(hash=digest, title="runtime: x", author="A", date="2024",
                        files=("doc/next/1.md",))  # fmt: skip
        assert release_note(repository.path, commit, "HEAD") == "The runtime is faster."
