"""History, relevance, fit and the search among commits, without a toolchain."""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest
from bisecting import point

from harness.bisect.commits.compatible import Fit, Parts, fit
from harness.bisect.commits.history import Commit, merge_base, parent_of, path_between, place
from harness.bisect.commits.line import comes_after, lines_between, place_ends
from harness.bisect.commits.notes import release_note
from harness.bisect.commits.points import Base, Made, Workshop
from harness.bisect.commits.relevance import can_matter
from harness.bisect.commits.search import Hunt
from harness.bisect.points import Finding, Point, State
from harness.bisect.span import Span
from harness.errors import HarnessError
from harness.matrix.models import BuildSpec

GIT = shutil.which("git") or "git"
GOVERSION = "src/internal/goversion/goversion.go"
LAYOUT = "src/internal/abi/type.go"
FUNCTIONS = "src/cmd/compile/internal/typecheck/_builtin/runtime.go"


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
        assert (found.commit, found.exact, found.release) == (commit, True, "go1.24.3")

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
        assert [commit.title for commit in path] == ["main", "merge"]
        assert path[1].files == ("b c.go", "d")
        assert parent_of(repository.path, path[1].hash) == path[0].hash

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


def parts(**texts: str) -> Parts:
    named = {"layout": LAYOUT, "functions": FUNCTIONS, "tool": "src/cmd/compile/main.go"}
    files = {named[key]: text for key, text in texts.items()}
    return Parts({name: str(hash(text)) for name, text in files.items()}, files.__getitem__)


class TestFit:
    base = parts(layout="package abi\ntype T struct{}\n", functions="func a()\n", tool="x")

    def test_equal_sources_are_the_same(self) -> None:
        assert fit(self.base, self.base) == "same"

    @pytest.mark.parametrize(
        ("layout", "functions", "expected"),
        [
            ("package abi\ntype T struct{}\n", "func a()\n", "near"),  # the tool alone differs
            ("package abi\n\n// A T.\ntype T struct{} // why\n", "func a()\n", "near"),
            ("package abi\ntype T struct{}\nfunc F() {\n\tx()\n}\n", "func a()\n", "near"),
            ("package abi\ntype T struct{ a int }\n", "func a()\n", "far"),
            ("package abi\ntype T struct{}\n", "func a()\nfunc b()\n", "near"),
            ("package abi\ntype T struct{}\n", "func a(int)\n", "far"),
            ("package abi\ntype T struct{}\n", "", "far"),
        ],
    )
    def test_what_compiler_and_runtime_share_decides(
        self, layout: str, functions: str, expected: Fit
    ) -> None:
        assert fit(self.base, parts(layout=layout, functions=functions, tool="y")) == expected

    def test_a_file_that_one_side_lacks_is_a_difference(self) -> None:
        assert fit(self.base, parts(functions="func a()\n", tool="x")) == "far"


@dataclass
class Bench:
    """A workshop and a judge over numbered commits."""

    count: int
    step: int
    """The first commit that is bad."""
    near: bool = True
    """Whether the tools of each true build fit every library."""
    misled: frozenset[int] = frozenset()
    """Commits that are good with other tools, whatever they are with their own."""
    failing: frozenset[int] = frozenset()
    """Commits that do not run with other tools."""
    broken: frozenset[int] = frozenset()
    """Commits that do not build by themselves."""
    true_builds: list[int] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def best(self, position: int, *, near: bool) -> tuple[Base, Fit] | None:
        if position in self.true_builds or not (near and self.near):
            return None
        base = Base(point("base").toolchain, "base", Parts({}, str), 0, released=True)
        return base, "near"

    def release(self, _: int) -> Base | None:
        return None

    def mixed(self, position: int, base: Base, how: Fit) -> Made:
        return Made(point(f"{position}~on-{base.label}"), how, base.label)

    def true(self, position: int) -> Made:
        if position in self.broken:
            raise HarnessError("it does not build")
        self.true_builds.append(position)
        return Made(point(f"{position}"), "true", str(position))

    def judge(self, asked: Point) -> Finding:
        position = int(asked.name.partition("~")[0])
        self.asked.append(asked.name)
        is_mixed = "~" in asked.name
        state: State = "bad" if position >= self.step else "good"
        if is_mixed and position in self.misled:
            state = "good"
        if is_mixed and position in self.failing:
            state = "unresolved"
        return Finding(point=asked.name, state=state, rounds=2)

    def hunt(self, relevant: frozenset[int] | None = None) -> Hunt:
        line = [
            Commit(hash=f"{n:040}", title=f"change {n}", author="A", date="2024")
            for n in range(self.count)
        ]
        every = frozenset(range(self.count))
        found = Hunt(line, every if relevant is None else relevant, cast("Workshop", self),
                     self.judge, "good", "bad")  # fmt: skip
        found.assume(0, "good")
        found.assume(self.count - 1, "bad")
        return found


class TestHunt:
    @pytest.mark.parametrize("step", [1, 2, 31, 62, 63])
    def test_mixtures_lead_and_true_builds_confirm(self, step: int) -> None:
        bench = Bench(count=64, step=step)
        assert bench.hunt().run() == (step - 1, step)
        assert set(bench.true_builds) <= {step - 1, step}
        assert len(bench.asked) <= 6 + 3

    def test_without_tools_that_fit_every_build_is_a_true_one(self) -> None:
        bench = Bench(count=64, step=40, near=False)
        assert bench.hunt().run() == (39, 40)
        assert not any("~" in name for name in bench.asked)
        assert len(bench.asked) <= 6

    def test_a_mixture_that_fails_is_asked_again_as_a_true_build(self) -> None:
        bench = Bench(count=64, step=40, failing=frozenset(range(64)))
        assert bench.hunt().run() == (39, 40)
        assert {39, 40} <= set(bench.true_builds)

    def test_a_change_of_the_tools_hides_from_mixtures_and_is_found_all_the_same(self) -> None:
        bench = Bench(count=64, step=20, misled=frozenset(range(64)))
        hunt = bench.hunt()
        assert hunt.run() == (19, 20)
        assert {19, 20} <= hunt.shown.keys()
        assert len(bench.true_builds) <= 6 + 3  # after the first contradiction, none is believed

    def test_commits_that_do_not_build_are_passed_over_and_told(self) -> None:
        bench = Bench(count=16, step=8, near=False, broken=frozenset({7, 8}))
        hunt = bench.hunt()
        assert hunt.run() == (6, 9)
        assert sorted(hunt.passed) == [7, 8]
        assert hunt.passed[7].reason == "it does not build"

    def test_what_cannot_matter_is_not_asked_about(self) -> None:
        bench = Bench(count=64, step=40)
        assert bench.hunt(frozenset({10, 20, 40, 50})).run() == (39, 40)
        assert {name.partition("~")[0] for name in bench.asked} <= {"10", "20", "39", "40", "50"}

    def test_unless_the_answer_lies_among_it(self) -> None:
        bench = Bench(count=64, step=33)
        assert bench.hunt(frozenset({10, 20, 40, 50})).run() == (32, 33)

    def test_ends_that_true_builds_show_on_one_side_end_the_search(self) -> None:
        bench = Bench(count=8, step=0)
        hunt = bench.hunt()
        hunt.assume(0, "bad")
        hunt.run()
        assert hunt.astray


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
