"""From two commits to the one between them, in a repository made from a real GOROOT."""

import json
import math
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from golang_support import NEW, get, write_module
from projects import Project

from harness.golang.cache import default_cache

pytestmark = [pytest.mark.toolchain, pytest.mark.soak]
GIT = shutil.which("git") or "git"
RING = "src/container/ring/ring.go"
_GENERATED = ("zbootstrap.go", "zcgo.go", "zdefaultcc.go", "zversion.go")
_SLOWER = """
var kept = make([]byte, 6<<20)

func init() {
	for i := range kept {
		kept[i] = 1
	}
}
"""
"""Adds about a tenth to what the program below keeps in memory."""
_PROGRAM = """package main

import "container/ring"

func main() {
	r := ring.New(48 << 4)
	for n := r.Len(); n > 0; n-- {
		buffer := make([]byte, 64<<10)
		for i := range buffer {
			buffer[i] = 1
		}
		r.Value = buffer
		r = r.Next()
	}
	if r.Len() == 0 {
		println("empty")
	}
}
"""
_KINDS = [
    *("doc", "runtime", "test", "ring", "http", "ring", "doc", "runtime", "test", "ring"),
    *("broken", "mended", "ring", "doc", "runtime", "worse", "test", "ring", "http", "runtime"),
    *("doc", "ring", "better", "runtime", "test", "ring", "doc", "runtime", "ring"),
]
"""What each commit after the first one does."""
_FILES = {"doc": "doc/notes.txt", "test": "src/container/ring/ring_test.go",
          "runtime": "src/runtime/malloc.go", "http": "src/net/http/server.go"}  # fmt: skip
WORSE, BETTER, BROKEN = (1 + _KINDS.index(kind) for kind in ("worse", "better", "broken"))
LAST_BAD = BETTER - 1


class History:
    """The repository, and the hash of each of its commits."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.commits: list[str] = []

    def git(self, *arguments: str) -> str:
        return subprocess.run(
            [GIT, "-c", "user.name=A. Gopher", "-c", "user.email=a@example.test", "-c", "gc.auto=0",
             *arguments], cwd=self.path, check=True, capture_output=True, text=True,
        ).stdout.strip()  # fmt: skip

    def commit(self, message: str, *files: str) -> None:
        self.git("add", "--", *(files or (".",)))
        self.git("commit", "--quiet", f"--message={message}")
        self.commits.append(self.git("rev-parse", "HEAD"))

    def append(self, name: str, text: str) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(text)


def _without_tests(_: str, names: list[str]) -> list[str]:
    return [n for n in names if n == "testdata" or n.endswith(("_test.go", *_GENERATED))]


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    goroot = get(NEW, default_cache()).goroot
    made = History(tmp_path_factory.mktemp("repository"))
    shutil.copytree(goroot / "src", made.path / "src", ignore=_without_tests)
    for name in ("VERSION", "go.env"):
        shutil.copy(goroot / name, made.path / name)
    made.git("init", "--quiet")
    made.commit("all: the release")
    ring = (made.path / RING).read_text(encoding="utf-8")
    for number, kind in enumerate(_KINDS, 1):
        note = f"\n// Change {number}.\n"
        if kind in ("mended", "better"):
            (made.path / RING).write_text(ring + note, encoding="utf-8")
        elif kind == "broken":
            made.append(RING, "\nfunc broken( {\n")
        elif kind == "worse":
            made.append(RING, _SLOWER)
        elif kind == "test":
            made.append(_FILES[kind], f"package ring\n{note}" if number == 3 else note)
        else:
            made.append(_FILES.get(kind, RING), note)
        made.commit(f"container/ring: {kind} {number}", _FILES.get(kind, RING))
    return made


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = tmp_path_factory.mktemp("project")
    write_module(root / "ring", {"main.go": _PROGRAM})
    made = Project(root)
    made.write(
        f"go: [{NEW}]\nworkloads:\n  - {{name: ring, package: ./ring}}\ntrials: {{timeout: 60s}}\n"
        'probe: "off"  # of each commit half as much is compiled\n'
    )
    return made


def bisect(project: Project, history: History, good: int, bad: int) -> dict[str, Any]:
    """The stage of the commits, as ``bisect.json`` has it."""
    done = project.gomatrix(
        "bisect", "--repo", str(history.path), "--good", history.commits[good],
        "--bad", history.commits[bad], "--workload", "ring", "--metric", "rss.peak",
        "--seed", "1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads((project.latest / "bisect.json").read_text(encoding="utf-8"))
    assert found["changed"], found["headline"]
    stage: dict[str, Any] = next(s for s in found["stages"] if s["kind"] == "commits")
    return stage


def test_it_names_the_commit_and_what_it_passed_over(project: Project, history: History) -> None:
    stage = bisect(project, history, good=0, bad=LAST_BAD)
    assert stage["stopped"] is None
    assert stage["culprit"]["commit"] == history.commits[WORSE]
    assert stage["culprit"]["title"] == f"container/ring: worse {WORSE}"
    assert "ring.go" in stage["culprit"]["stat"]
    assert len(stage["steps"]) <= math.log2(LAST_BAD) + 3
    told = "\n".join(stage["passed_over"])
    assert f"{history.commits[BROKEN][:12]} “container/ring: broken {BROKEN}”: unresolved" in told
    cannot_matter = sum(kind in ("doc", "test", "http") for kind in _KINDS[:LAST_BAD])
    assert f"{LAST_BAD - cannot_matter} of the {LAST_BAD} commits" in told
    assert "4 were measured, and 0 toolchains built from source" in told
    before, after = history.commits[WORSE - 1][:12], history.commits[WORSE][:12]
    how = f"with the tools of {NEW}, whose sources are identical"
    assert stage["confirmed"] == [
        f"{after} is bad {how}",
        f"{before}, its first parent, is good {how}",
    ]


def test_asked_for_the_fix_it_names_the_commit_that_mends(
    project: Project, history: History
) -> None:
    stage = bisect(project, history, good=len(_KINDS), bad=LAST_BAD)
    assert stage["culprit"]["commit"] == history.commits[BETTER]
    assert stage["answer"].startswith(f"the first good commit is {history.commits[BETTER][:12]}")
