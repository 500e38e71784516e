"""``gomatrix explain`` as a user runs it, on real toolchains."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from projects import Project
from waiting import wait_until

from harness.cli.schema import json_schema
from harness.explain.budget import OutOfTime
from harness.explain.prepare import Arguments, begin
from harness.explain.record import Explanation
from harness.explain.run import explain
from harness.run.store import Run

pytestmark = pytest.mark.toolchain

SETTING = ("explain", "./go_fixtures/livemap", "--from", "go1.24.3+noswissmap", "--to", "go1.24.3",
           "--seed", "3")  # fmt: skip
PROGRAM = ("--", "-entries=100000")
READING = """\
package main

import (
	"fmt"
	"os"
	"os/exec"
)

func main() {
	if len(os.Args) == 1 {
		return
	}
	for _, name := range []string{os.Args[1], "data/rows.txt"} {
		if _, err := os.Open(name); err != nil {
			fmt.Println(err)
			os.Exit(3)
		}
	}
	if err := exec.Command(os.Args[0]).Run(); err != nil {
		panic(err)
	}
}
"""


@pytest.fixture
def bare(project: Project) -> Project:
    """A module without a matrix."""
    (project.root / "matrix.yaml").unlink()
    return project


def _found(project: Project) -> Explanation:
    data = (project.latest / "explain.json").read_bytes()
    assert list(Draft202012Validator(json_schema("explain")).iter_errors(json.loads(data))) == []
    return Explanation.model_validate_json(data)


def test_an_experiment_is_found_and_its_cure_checked(bare: Project) -> None:
    done = bare.gomatrix(*SETTING, *PROGRAM)
    assert done.returncode == 0, done.stderr
    found = _found(bare)
    assert found.finished
    (change,) = found.changes
    assert change.worse is False  # a map of swiss tables takes less
    (cause,) = found.causes
    kinds = [stage.kind for stage in cause.bisection.stages]
    assert kinds == ["ends", "toggles"]  # nothing is searched that a toggle explains
    suspects = cause.bisection.stages[1].suspects
    assert [(s.toggles, s.verdict) for s in suspects] == [(("swissmap",), "implicated")]
    assert cause.cure is not None
    assert cause.cure.restored
    assert "with swissmap turned back is go1.24.3+noswissmap" in found.headline
    assert found.headline in done.stdout
    page = (bare.latest / "report.html").read_text(encoding="utf-8")
    for title in ("1. What changed", "2. What can be turned on and off", "3. The cure"):
        assert title in page
    told = (bare.latest / "report.md").read_text(encoding="utf-8")
    assert str(bare.root) not in told
    assert "package `./go_fixtures/livemap` of `gomatrix.test/fixtures`, run with `-en" in told
    assert re.search(r"\| livemap \| `rss.peak` \| [\d.]+ MiB \| [\d.]+ MiB \| −", told)
    Run.load(bare.latest)  # any other command can read it
    ids = bare.trials("latest")
    assert len(ids) == len(set(ids)) == found.trials
    compared = bare.gomatrix("compare", "reports/latest", "go1.24.3", "go1.24.3+noswissmap")
    assert compared.returncode == 0


@pytest.mark.soak
def test_where_a_time_is_asked_about_too_toggles_are_built_as_both_versions(
    project: Project,
) -> None:
    project.write(
        "question: {metrics: [wall, rss.peak]}\ngo: [go1.24.3]\nworkloads:\n"
        '  - {name: livemap, package: ./go_fixtures/livemap, args: ["-entries=100000"]}\n'
    )
    ends = ("--from", "go1.24.3+noswissmap", "--to", "go1.24.3")
    project.gomatrix("explain", *ends, "--smallest", "20%", "--seed", "3")
    found = _found(project)
    (change,) = [c for c in found.changes if c.metric == "rss.peak"]
    followed = [c for c in found.causes if c.metric == "rss.peak"]
    if change.same_as is not None:  # the time changed by chance, and was followed first
        followed = list(found.causes)
    cures = [cause.cure for cause in followed if cause.cure is not None]
    assert [cure.restored for cure in cures] == [True]


def test_where_nothing_changed_it_says_how_much_it_would_have_seen(bare: Project) -> None:
    # One metric: of all others, one may seem to move by chance, and would be followed.
    words = ("explain", "go_fixtures/largebuffers", "--from", "go1.24.3+noswissmap", "--to",
             "go1.24.3", "--metric", "rss.peak", "--json")  # fmt: skip
    done = bare.gomatrix(*words, "--", "-retain-mib=96")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [change["effect"]["decision"] for change in found["changes"]] == ["unchanged"]
    assert found["causes"] == []
    told = r"(does not change by 1 % or more .*; a change of [\d.]+ % would have been seen)"
    told += "|less than the 1 % that would count"
    assert re.search(told, found["headline"])


def test_killed_it_goes_on_and_measures_each_trial_once(bare: Project) -> None:
    program = str(Path(sys.executable).with_name("gomatrix"))
    process = subprocess.Popen(
        [program, *SETTING, *PROGRAM], cwd=bare.root, stdout=subprocess.DEVNULL
    )

    try:  # where three rounds decide, it measures eight trials in all
        wait_until(lambda: bare.recorded("*-explain-*") > 4, process=process)
        (trials,) = bare.root.glob("reports/*-explain-*/trials.jsonl")
        process.send_signal(signal.SIGSTOP)
        busy = bare.gomatrix(*SETTING, "--resume", str(trials.parent), *PROGRAM)
        assert busy.returncode == 2
        assert f"is measuring into {trials.parent} (pid {process.pid})" in busy.stderr
    finally:
        process.kill()
        process.wait()
    before = trials.read_bytes()
    other = bare.gomatrix(*SETTING, "--resume", str(trials.parent), "--", "-entries=90000")
    assert other.returncode == 2
    assert "was begun with another args" in other.stderr
    done = bare.gomatrix(*SETTING, "--resume", str(trials.parent), *PROGRAM)
    assert done.returncode == 0, done.stderr
    assert trials.read_bytes().startswith(before[: before.rindex(b"\n")])
    ids = bare.trials("latest")
    assert len(ids) == len(set(ids))
    assert "with swissmap turned back is" in _found(bare).headline


@pytest.mark.soak
def test_killed_again_and_again_it_comes_to_the_same_answer(bare: Project) -> None:
    """From the first comparison over releases and toggles to the cure."""
    words = ["explain", "./go_fixtures/livemap", "--from", "go1.23.9", "--to", "go1.24.3",
             "--seed", "3"]  # fmt: skip
    program = str(Path(sys.executable).with_name("gomatrix"))
    resumed: list[str] = []
    kills = 0
    while True:
        command = [program, *words, *resumed, *PROGRAM]
        process = subprocess.Popen(command, cwd=bare.root, stdout=subprocess.DEVNULL)
        _await_trials(process, bare, 10)
        if process.poll() is not None:
            break
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        kills += 1
        (place,) = bare.root.glob("reports/*-explain-*")
        resumed = ["--resume", str(place)]
    assert process.returncode == 0
    assert kills > 3
    found = _found(bare)
    assert found.finished
    assert "with swissmap turned back is like go1.23.9 again" in found.headline
    assert "the first good release is go1.24.0, after go1.23.12" in found.headline
    ids = bare.trials("latest")
    assert len(ids) == len(set(ids)) == found.trials


def _await_trials(process: subprocess.Popen[bytes], project: Project, count: int) -> None:
    """Wait until so many more trials are recorded, or the process has ended."""
    wanted = project.recorded("*-explain-*") + count
    wait_until(
        lambda: process.poll() is not None or project.recorded("*-explain-*") >= wanted, seconds=900
    )


def test_a_budget_is_kept_and_the_rest_is_done_later(bare: Project) -> None:
    started = time.monotonic()
    done = bare.gomatrix(*SETTING, "--within", "100ms", *PROGRAM)  # a fraction of one build
    assert time.monotonic() - started < 120  # not a measurement: it came to an end
    assert done.returncode == 1, done.stderr
    found = _found(bare)
    assert found.out_of_time
    assert not found.finished
    assert f"out of time while {found.doing}; to continue: gomatrix explain" in done.stdout
    assert "The time budget ended" in (bare.latest / "report.html").read_text(encoding="utf-8")
    again = bare.gomatrix(*SETTING, "--resume", str(bare.latest), *PROGRAM)
    assert again.returncode == 0, again.stderr
    assert _found(bare).finished


@pytest.mark.soak
def test_a_screening_that_is_cut_off_tells_what_it_knew(
    bare: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bare.root)
    arguments = Arguments(
        subject="./go_fixtures/livemap", args=("-entries=100000",), newer="go1.24.3", seed=3,
        older="go1.24.3+noaliastypeparams,nospinbitmutex,noswissmap",
    )  # fmt: skip
    told: list[str] = []

    def say(line: str) -> None:  # the alarm, at a known place
        told.append(line)
        if sum("toggles turned back, round" in line for line in told) > 2:
            raise OutOfTime

    found = explain(begin(arguments, reports=bare.root / "reports", command=(), say=say), None)
    assert found.out_of_time
    (cause,) = found.causes
    stage = cause.bisection.stages[-1]
    assert (stage.kind, stage.stopped) == ("toggles", "the time was up")
    assert {name for s in stage.suspects for name in s.toggles} <= {
        "aliastypeparams", "spinbitmutex", "swissmap"
    }  # fmt: skip
    assert stage.suspects
    page = (bare.latest / "report.html").read_text(encoding="utf-8")
    assert "Stopped there: the time was up" in page
    assert "What may still come: what can be turned on and off" in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["./go_fixtures/short"], "name both versions, as --from go1.23.9 --to go1.24.3"),
        (["./nowhere", "--from", "go1.24.3", "--to", "go1.24.3+noswissmap"],
         "there is no directory nowhere"),
        (["go_fixtures/short/main.go", "--from", "go1.24.3", "--to", "go1.24.3+noswissmap"],
         "go_fixtures/short/main.go is a file; name the directory of its package"),
        (["./go_fixtures/short", "--from", "go1.24.3", "--to", "1.24"], "write go1.24"),
        (["--from", "go1.24.3", "--to", "go1.24.3+noswismap"], "did you mean"),
        (["./go_fixtures/short", "--from", "go1.24.3", "--to", "go1.24.3"],
         "go1.24.3 is both versions; give another one with --from or --to"),
        (["--from", "go1.24.3", "--to", "go1.24.3+noswissmap", "--metric", "rss.peek"],
         "there is no metric 'rss.peek'; did you mean 'rss.peak'"),
        (["./go_fixtures/short", "--within", "soon"], "is not a duration; write it as 500ms"),
        (["./go_fixtures/short", "--within", "9999999999h"], "shorter than a million hours"),
        (["--resume", "go_fixtures"], "is no explanation"),
        (["./go_fixtures/short", "--from", "go1.24.3+asynctimerchan=1", "--to", "go1.24.3"],
         "a setting is written as 'go1.24.3 GODEBUG=…'"),
    ],
)  # fmt: skip
def test_mistakes_end_with_one_message(
    project: Project, arguments: list[str], message: str
) -> None:
    done = project.gomatrix("explain", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(project.root.glob("reports/*-explain-*"))


def test_a_module_that_needs_a_newer_go_than_both_versions_says_so(bare: Project) -> None:
    own = bare.root / "newer"
    own.mkdir()
    (own / "go.mod").write_text("module example.com/newer\n\ngo 1.99\n", encoding="utf-8")
    done = bare.gomatrix("explain", "./newer", "--from", "go1.23.9", "--to", "go1.24.3")
    assert done.returncode == 2
    assert done.stderr == (
        "gomatrix: go.mod asks for go 1.99, newer than go1.24.3; name a newer one\n"
    )


def test_a_library_that_is_named_is_not_taken_for_the_programs_beside_it(bare: Project) -> None:
    (bare.root / "lib").mkdir()
    (bare.root / "go.mod").write_text("module example.com/m\n\ngo 1.21\n", encoding="utf-8")
    (bare.root / "main.go").write_text("package main\n\nfunc main() {}\n", encoding="utf-8")
    (bare.root / "lib" / "lib.go").write_text("package lib\n", encoding="utf-8")
    done = bare.gomatrix("explain", "./lib", "--from", "go1.23.9", "--to", "go1.24.3")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no main package and no benchmark in lib or below it; name" in done.stderr


def test_what_does_not_build_is_told_with_its_place(bare: Project) -> None:
    (bare.root / "go.mod").write_text("module example.com/m\n\ngo 1.21\n", encoding="utf-8")
    (bare.root / "main.go").write_text("package main\n\nfunc main() { no() }\n", encoding="utf-8")
    done = bare.gomatrix("explain", ".", "--from", "go1.23.9", "--to", "go1.24.3")
    assert done.returncode == 2
    assert done.stderr.endswith("does not build: ./main.go:3:15: undefined: no\n"), done.stderr


def test_a_program_finds_the_files_beside_it_and_itself(bare: Project) -> None:
    own = bare.root / "reading"
    (own / "data").mkdir(parents=True)
    (own / "data" / "rows.txt").write_text("a row\n", encoding="utf-8")
    (bare.root / "more.txt").write_text("more\n", encoding="utf-8")
    (own / "go.mod").write_text("module example.com/reading\n\ngo 1.21\n", encoding="utf-8")
    (own / "main.go").write_text(READING, encoding="utf-8")
    arguments = ("--from", "go1.24.3+noswissmap", "--to", "go1.24.3", "--within", "1ms")
    done = bare.gomatrix("explain", "./reading", *arguments, "--", "more.txt")
    assert done.returncode == 1, done.stderr
    workload = yaml.safe_load(_found(bare).request.matrix_text)["workloads"][0]
    assert workload["args"] == ["more.txt"]
    assert workload["files"] == ["more.txt", "reading/data"]


def test_a_flag_that_a_program_does_not_know_is_not_left_out(bare: Project) -> None:
    done = bare.gomatrix(*SETTING, "--", "-entriez=100000")
    assert done.returncode == 2
    assert "status 2: flag provided but not defined: -entriez;" in done.stderr


def test_a_program_that_fails_is_refused_with_the_version_that_it_was_tried_with(
    bare: Project,
) -> None:
    own = bare.root / "failing"
    own.mkdir()
    (own / "go.mod").write_text("module example.com/failing\n\ngo 1.21\n", encoding="utf-8")
    (own / "main.go").write_text('package main\n\nfunc main() { panic("no") }\n', encoding="utf-8")
    done = bare.gomatrix("explain", "./failing", "--from", "go1.23.9", "--to", "go1.24.3")
    assert done.returncode == 2
    assert "gomatrix: failing, tried with go1.24.3: it ended with status 2: panic" in done.stderr
    (own / "main.go").write_text("package main\n\nfunc main() { newer() }\n", encoding="utf-8")
    for tag, body in (("!go1.24", ""), ("go1.24", 'panic("no")')):
        text = f"//go:build {tag}\n\npackage main\n\nfunc newer() {{ {body} }}\n"
        (own / f"{len(body)}.go").write_text(text, encoding="utf-8")
    done = bare.gomatrix("explain", "./failing", "--from", "go1.23.9", "--to", "go1.24.3")
    assert done.returncode == 2
    told = "gomatrix: failing runs with go1.23.9, but with go1.24.3 it ended with status 2: panic"
    assert told in done.stderr
