"""``gomatrix bisect`` as a user runs it, on real toolchains."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from golang_support import get
from projects import FIXTURES, Project
from waiting import wait_until

from harness.bisect.record import Bisection
from harness.bisect.source.patch import unified_diff
from harness.golang.cache import default_cache
from harness.run.store import Run

pytestmark = pytest.mark.toolchain

GIT = shutil.which("git") or "git"
MATRIX = """\
go: [go1.24.3, {go: go1.24.3, name: again}]
workloads:
  - {name: live-map, package: ./go_fixtures/livemap, args: ["-entries=100000"]}
"""
SETTING = ("bisect", "--good", "go1.24.3", "--bad", "go1.24.3+noswissmap", "--seed", "3")


@pytest.fixture
def maps(project: Project) -> Project:
    project.write(MATRIX)
    return project


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str]:
    """A bisection between two ends that are the same, and what it printed."""
    root = tmp_path_factory.mktemp("unchanged")
    shutil.copytree(FIXTURES, root / "go_fixtures")
    project = Project(root)
    project.write(MATRIX)
    done = project.gomatrix("bisect", "--good", "go1.24.3", "--bad", "again", "--json")
    assert done.returncode == 0, done.stderr
    return project, done.stdout


@pytest.fixture
def unchanged(original: tuple[Project, str], tmp_path: Path) -> Project:
    """A copy of it."""
    return Project(shutil.copytree(original[0].root, tmp_path / "copy", symlinks=True))


def _found(project: Project) -> Bisection:
    return Bisection.model_validate_json((project.latest / "bisect.json").read_bytes())


def _write_other_repository(path: Path) -> None:
    """A repository without any Go."""
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.test")
    for command in (["init", "--quiet", "."], ["commit", "--quiet", "--allow-empty", "-m", "one"]):
        path.mkdir(exist_ok=True)
        subprocess.run([GIT, *identity, *command], cwd=path, check=True)


@pytest.mark.soak
def test_the_experiment_is_found_and_told(maps: Project) -> None:
    _write_other_repository(maps.root / "other")
    done = maps.gomatrix(*SETTING, "--repo", "other")
    assert done.returncode == 0, done.stderr
    found = _found(maps)
    assert found.finished
    assert found.changed
    toggles = next(s for s in found.stages if s.kind == "toggles")
    assert [(s.toggles, s.verdict) for s in toggles.suspects] == [(("swissmap",), "implicated")]
    assert "swissmap" in found.headline
    assert found.headline in done.stdout
    commits = next(s for s in found.stages if s.kind == "commits")
    assert commits.answer == "the commits were not searched"
    assert "fetch its tag (git fetch origin tag go1.24.3)" in str(commits.stopped)
    page = (maps.latest / "report.html").read_text(encoding="utf-8")
    assert "go1.24.3+noswissmap" in page
    assert "<svg" in page
    run = Run.load(maps.latest)  # any other command can read it
    assert {trial.outcome for trial in run.trials} == {"ok"}
    compared = maps.gomatrix("compare", "reports/latest", "go1.24.3+noswissmap", "go1.24.3")
    assert compared.returncode == 0
    assert "rss.peak" in compared.stdout


@pytest.mark.soak
def test_a_killed_bisection_goes_on_and_measures_each_trial_once(maps: Project) -> None:
    program = str(Path(sys.executable).with_name("gomatrix"))
    process = subprocess.Popen([program, *SETTING], cwd=maps.root, stdout=subprocess.DEVNULL)
    wait_until(lambda: maps.recorded("*-bisect-*") > 2, process=process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    (trials,) = maps.root.glob("reports/*-bisect-*/trials.jsonl")
    before = trials.read_bytes()
    with trials.open("ab") as file:
        file.write(b'{"schema": 1, "workl')  # a line cut short
    done = maps.gomatrix("bisect", "--resume", str(trials.parent))
    assert done.returncode == 0, done.stderr
    assert trials.read_bytes().startswith(before)
    ids = maps.trials("latest")
    assert len(ids) == len(set(ids)) == _found(maps).trials
    again = maps.gomatrix("bisect", "--resume", str(trials.parent))
    assert again.returncode == 0
    assert maps.trials("latest") == ids


def test_where_nothing_differs_nothing_is_searched(original: tuple[Project, str]) -> None:
    found = json.loads(original[1])
    assert found["changed"] is False
    assert [stage["kind"] for stage in found["stages"]] == ["ends"]
    assert "nothing to search for" in found["headline"]


BENCHMARK = """package ring

import (
	"container/ring"
	"testing"
)

func BenchmarkLen(b *testing.B) {
	r := ring.New(4)
	b.ReportAllocs()
	for i := 0; i < b.N; i++ {
		r.Len()
	}
}
"""


@pytest.mark.soak
def test_allocations_where_there_were_none_are_bisected_to_the_function(project: Project) -> None:
    """A count that is zero on one side: there is no ratio, and no noise."""
    module = project.root / "ring"
    module.mkdir()
    (module / "go.mod").write_text("module example.test/ring\n\ngo 1.21\n", encoding="utf-8")
    (module / "ring_test.go").write_text(BENCHMARK, encoding="utf-8")
    (project.root / "kept.diff").write_text(_ring_that_allocates(), encoding="utf-8")
    project.write(
        "go: [go1.24.3, {go: go1.24.3, patch: kept.diff}]\n"
        "workloads:\n"
        "  - {name: ring, benchmark: {package: ./ring, run: Len, time: 1000x}}\n"
    )
    done = project.gomatrix("bisect", "--good", "go1.24.3", "--bad", "go1.24.3~kept",
                            "--metric", "BenchmarkLen allocs/op", "--seed", "1")  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = _found(project)
    assert "is 1 higher (exact in" in found.headline
    assert "container/ring.(*Ring).Len" in found.headline
    steps = [step.finding for stage in found.stages for step in stage.steps]
    assert {finding.ratio for finding in steps} == {None}
    assert {finding.difference for finding in steps if finding.rounds} == {0.0, 1.0}
    assert '<td class="n" title="1">+1</td>' in (project.latest / "report.html").read_text(
        encoding="utf-8"
    )


def _ring_that_allocates() -> str:
    path = get("go1.24.3", default_cache()).goroot / "src/container/ring/ring.go"
    old = path.read_text(encoding="utf-8")
    new = old.replace("\tn := 0\n", "\tkept = make([]byte, 64)\n\tn := 0\n")
    new += "\nvar kept []byte\n"
    name = "src/container/ring/ring.go"
    return unified_diff({name: old}, {name: new})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--good", "go1.24.3"], "no question to take the bad end from; give --bad"),
        (["--good", "again", "--bad", "again"], "both the good and the bad end"),
        (["--good", "go1.24.3", "--bad", "again", "--workload", "live-mop"], "'live-map'?"),
        (["--good", "go1.24.3", "--bad", "again", "--metric", "rss.peek"], "'rss.peak'?"),
        (["--good", "go1.24.3", "--bad", "go1.24.3+noswisstable"], "no + 'swisstable'"),
        (["--good", "go1.24.3", "--bad", "abc123"], "a commit needs --repo"),
    ],
)
def test_mistakes_end_with_one_message(maps: Project, arguments: list[str], message: str) -> None:
    done = maps.gomatrix("bisect", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(maps.root.glob("reports/*bisect*"))


def test_a_resumed_bisection_executes_nothing_that_its_directory_names(
    unchanged: Project,
) -> None:
    """It may come from elsewhere, with a matrix, toolchains and helpers of its own."""
    maps = unchanged
    mark, evil = maps.root / "executed", maps.root / "evil"
    evil.write_text(f"#!/bin/sh\ntouch {mark}\n")
    evil.chmod(0o755)
    run, lines = maps.latest, (maps.latest / "trials.jsonl").read_text().splitlines()
    (run / "trials.jsonl").write_text(lines[0] + "\n")  # so that something is left to measure
    manifest = json.loads((run / "run.json").read_text())
    manifest |= {"supervisor": str(evil), "load_generator": str(evil)}
    for record in manifest["builds"]:
        record["binary"] = str(evil)
    for variant in manifest["plan"]["variants"]:
        variant["env"] = {"LD_PRELOAD": str(evil)}
    (run / "run.json").write_text(json.dumps(manifest))
    done = maps.gomatrix("bisect", "--resume", str(run))
    assert (done.returncode, mark.exists()) == (0, False), done.stderr
    assert str(evil) not in (run / "run.json").read_text()
    record = json.loads((run / "bisect.json").read_text())
    record["request"]["repository"] = str(maps.root)
    (run / "bisect.json").write_text(json.dumps(record))
    done = maps.gomatrix("bisect", "--resume", str(run))
    assert done.returncode == 2
    assert "give it again, with --repo" in done.stderr


def test_a_changed_matrix_cannot_be_resumed(unchanged: Project) -> None:
    unchanged.write(MATRIX.replace("100000", "100001"))
    done = unchanged.gomatrix("bisect", "--resume", "reports/latest")
    assert done.returncode == 2
    assert "was changed since" in done.stderr
