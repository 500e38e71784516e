"""Commits of a user's own repository, and requirements of its go.mod, on real toolchains."""

import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from golang_support import get
from projects import Project

from harness.explain.record import Explanation
from harness.golang.cache import default_cache
from harness.run.store import Run

pytestmark = pytest.mark.toolchain

GIT = shutil.which("git") or "git"
GO = "go1.24.3"
OWN = """package main

func main() {
	for range %d {
		keep = append(keep, block())
	}
}

var keep [][]byte

func block() []byte {
	b := make([]byte, 1<<20)
	for i := range b {
		b[i] = 1
	}
	return b
}
"""
MADE = """package %s

func Make() []byte {
	b := make([]byte, %d<<20)
	for i := range b {
		b[i] = 1
	}
	return b
}
"""
USING = """package main

import (
	"example.test/alpha"
	"example.test/beta"
)

func main() {
	println(len(alpha.Make()) + len(beta.Make()))
}
"""


@dataclass(frozen=True)
class Repository:
    """A module in a git repository, and how it is asked about."""

    root: Path
    env: Mapping[str, str]

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=A", "-c", "user.email=a@example.test")
        done = subprocess.run(
            [GIT, *identity, *arguments], cwd=self.root, check=True, capture_output=True, text=True
        )
        return done.stdout

    def commit(self, title: str, **files: str) -> str:
        """Write files, ``_`` for the dot in their names, and commit them."""
        for name, text in files.items():
            (self.root / name.replace("_", ".")).write_text(text, encoding="utf-8")
        self.git("add", "-A")
        self.git("commit", "--quiet", "-m", title)
        return self.git("rev-parse", "HEAD").strip()[:12]

    def explain(self, older: str, newer: str = "HEAD") -> Explanation:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.env.items():
                patch.setenv(name, value)
            done = Project(self.root).gomatrix(
                "explain", "--to", GO, "--from-ref", older, "--to-ref", newer, "--seed", "1"
            )
        assert done.returncode == 0, done.stdout + done.stderr
        found = (self.root / "reports" / "latest" / "explain.json").read_bytes()
        return Explanation.model_validate_json(found)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    root = tmp_path / "app"
    root.mkdir()
    made = Repository(root, {})
    made.git("init", "--quiet", "--initial-branch=main", ".")
    made.commit("begin", go_mod="module example.test/app\n\ngo 1.22\n", main_go=OWN % 40,
                _gitignore="reports\n")  # fmt: skip
    return made


def _stage(found: Explanation, kind: str) -> str:
    (cause,) = found.causes
    return next(s.answer for s in cause.bisection.stages if s.kind == kind)


def test_the_commit_of_a_merged_branch_is_found_and_reverted(repository: Repository) -> None:
    repository.git("checkout", "--quiet", "-b", "feature")
    repository.commit("prepare", main_go=f"// Prepared.\n{OWN % 40}")
    culprit = repository.commit("keep more", main_go=f"// Prepared.\n{OWN % 60}")
    repository.git("checkout", "--quiet", "main")
    repository.commit("meanwhile", other_go="package main\n")
    repository.git("merge", "--quiet", "--no-edit", "feature")
    repository.commit("afterwards", other_go="package main\n\n// Afterwards.\n")
    repository.git("status", "--porcelain")

    found = repository.explain("HEAD~3")

    assert f"the first bad commit is {culprit}, “keep more”" in _stage(found, "revisions")
    (cause,) = found.causes
    assert cause.cure is not None
    assert cause.cure.restored
    assert f"source=HEAD with {culprit} reverted is like" in cause.cure.answer
    assert repository.git("status", "--porcelain", "--branch").splitlines()[1:] == []
    assert repository.git("worktree", "list").count("\n") == 1


def test_what_the_newer_branch_lacks_is_named(repository: Repository) -> None:
    repository.git("checkout", "--quiet", "-b", "feature")
    repository.commit("feature", other_go="package main\n")
    repository.git("checkout", "--quiet", "main")
    saving = repository.commit("keep less", main_go=OWN % 20)

    found = repository.explain("main", "feature")

    answer = _stage(found, "revisions")
    assert answer == f"the change is that {GO} source=feature lacks {saving}, “keep less”"


def test_a_commit_is_not_compared_with_itself(repository: Repository) -> None:
    done = Project(repository.root).gomatrix("explain", "--to", GO, "--from-ref", "main")
    assert done.returncode == 2
    assert "--from-ref main and --to-ref HEAD are the same commit; name another" in done.stderr


def test_commits_and_directories_are_an_axis_of_a_matrix(repository: Repository) -> None:
    other = repository.root.parent / "other"
    shutil.copytree(repository.root, other)
    (other / "main.go").write_text(OWN % 20, encoding="utf-8")
    repository.commit("keep more", main_go=OWN % 60)
    project = Project(repository.root)
    project.write(
        f"go: [{GO}]\nsource: [{{ref: HEAD~1}}, HEAD, {{path: ../other}}]\n"
        f"question: {{baseline: {GO} source=HEAD~1, candidate: {GO} source=HEAD}}\n"
        "workloads: [{name: app, package: .}]\ntrials: 3\n"
    )
    done = project.gomatrix("run", "-n", "0")
    assert done.returncode == 0, done.stdout + done.stderr
    run = Run.load(project.latest)
    peaks = {
        t.variant.partition("source=")[2]: (t.metrics["rss.peak"] or 0.0) / (1 << 20)
        for t in run.trials
    }
    assert peaks["../other"] < peaks["HEAD~1"] - 15 < peaks["HEAD"] - 30
    told = project.gomatrix("plan").stdout
    assert "3 cached, 0 to do" in told  # a commit is exported once


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere", ":2:10: the repository"),
        ("{path: ../nowhere}", ":2:10: there is no directory '../nowhere' beside the matrix file"),
        ("{ref: main, path: .}", ":2:10: a source is given by either ref or path"),
        ("main, main", ":2:16: 'main' is listed twice"),
        ("-rf", ":2:10:"),
    ],
)
def test_a_mistake_in_a_source_is_told_with_its_place(
    repository: Repository, source: str, message: str
) -> None:
    project = Project(repository.root)
    project.write(f"go: [{GO}]\nsource: [{source}]\nworkloads: [{{name: app, package: .}}]\n")
    done = project.gomatrix("plan")
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.soak
def test_of_updated_requirements_the_one_to_blame_is_named(
    repository: Repository, tmp_path: Path
) -> None:
    proxy = tmp_path / "proxy"
    for name, version, size in (
        ("alpha", "v1.0.0", 20), ("alpha", "v1.1.0", 20),
        ("beta", "v1.0.0", 20), ("beta", "v1.2.0", 45),
    ):  # fmt: skip
        _publish(proxy, name, version, MADE % (name, size))
    env = {"GOPROXY": proxy.as_uri(), "GONOSUMDB": "example.test", "GONOSUMCHECK": "1",
           "GOFLAGS": "-mod=mod"}  # fmt: skip
    own = Repository(repository.root, env)
    _require(own, "v1.0.0", "v1.0.0")
    own.commit("use modules", main_go=USING)
    _require(own, "v1.1.0", "v1.2.0")
    culprit = own.commit("update dependencies")
    own.commit("afterwards", main_go=f"// Afterwards.\n{USING}")

    found = own.explain("HEAD~2")

    assert culprit in _stage(found, "revisions")
    assert _stage(found, "requirements").startswith("example.test/beta v1.0.0 → v1.2.0 makes ")
    (cause,) = found.causes
    (ruled_out,) = next(s.confirmed for s in cause.bisection.stages if s.kind == "requirements")
    assert ruled_out == "ruled out: example.test/alpha"
    assert cause.cure is not None
    assert "with example.test/beta at v1.0.0 is like" in cause.cure.answer


def _publish(proxy: Path, name: str, version: str, text: str) -> None:
    """Put a version of a module into a file tree that serves as a module proxy."""
    place = proxy / "example.test" / name / "@v"
    place.mkdir(parents=True, exist_ok=True)
    mod = f"module example.test/{name}\n\ngo 1.22\n"
    (place / f"{version}.mod").write_text(mod, encoding="utf-8")
    (place / f"{version}.info").write_text(json.dumps({"Version": version}), encoding="utf-8")
    with zipfile.ZipFile(place / f"{version}.zip", "w") as archive:
        head = f"example.test/{name}@{version}"
        archive.writestr(f"{head}/go.mod", mod)
        archive.writestr(f"{head}/{name}.go", text)


def _require(own: Repository, alpha: str, beta: str) -> None:
    """Write a go.mod with these versions, and the go.sum that belongs to it."""
    lines = f"require (\n\texample.test/alpha {alpha}\n\texample.test/beta {beta}\n)\n"
    (own.root / "go.mod").write_text(f"module example.test/app\n\ngo 1.22\n\n{lines}")
    (own.root / "main.go").write_text(USING, encoding="utf-8")
    subprocess.run(
        [get(GO, default_cache()).go, "mod", "tidy"], cwd=own.root, check=True, capture_output=True,
        env={**os.environ, **own.env, "GOTOOLCHAIN": "local"},
    )  # fmt: skip
