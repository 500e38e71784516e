"""Workers and controllers that die, on real processes."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from projects import Project
from waiting import wait_until

from harness.run.store import Run

pytestmark = pytest.mark.toolchain

PROGRAM = """\
package main

import (
	"os"
	"os/exec"
	"time"
)

func main() {
	if len(os.Args) > 1 {
		exec.Command(os.Args[1], "30").Start() // a child that is left behind
	}
	time.Sleep(60 * time.Millisecond)
}
"""

MATRIX = """\
go: [go1.24.3]
experiments: [[], [noswissmap]]
workloads: [{name: sleeper, package: ./sleeper, args: [ARGS]}]
trials: ROUNDS
"""


@pytest.fixture
def sleeper(project: Project) -> Callable[[int, str], Project]:
    """A project of ``rounds`` rounds of two variants of a program that sleeps a little."""

    def make(rounds: int, arguments: str = "") -> Project:
        (project.root / "go.mod").write_text("module sleeper\n\ngo 1.21\n")
        (project.root / "sleeper").mkdir()
        (project.root / "sleeper" / "main.go").write_text(PROGRAM)
        matrix = MATRIX.replace("ROUNDS", str(rounds)).replace("ARGS", arguments)
        project.write(matrix)
        return project

    return make


def _heed_interrupts() -> None:
    """A shell's background job has SIGINT ignored, and so would all that these tests start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def started(project: Project, *arguments: str) -> Iterator[psutil.Popen]:
    command = [str(Path(sys.executable).with_name("gomatrix")), "run", "-n", "2", *arguments]
    with (project.root / "output.txt").open("wb") as output:
        process = psutil.Popen(
            command, cwd=project.root, stdout=output, stderr=subprocess.STDOUT,
            env=dict(os.environ), preexec_fn=_heed_interrupts, process_group=0,
        )  # fmt: skip
    try:
        yield process
    finally:
        if process.is_running():
            process.kill()
        process.wait()


def run_directory(project: Project) -> Path:
    (directory,) = (p for p in (project.root / "reports").iterdir() if not p.is_symlink())
    return directory


def finished(project: Project) -> list[str]:
    """The trials in the one run of a project, so far."""
    return [f"{variant}-r{number}" for _, variant, number in project.trials("2*")]


def wait_for_trials(project: Project, count: int) -> None:
    wait_until(lambda: len(finished(project)) >= count)


def workers(controller: psutil.Popen) -> list[psutil.Process]:
    """The controller's Python children, one for each lane."""
    return _python(controller, judging=False)


def both_workers(controller: psutil.Popen) -> list[psutil.Process]:
    """Also where one was killed just now: another takes its place."""
    found: list[psutil.Process] = []

    def both() -> bool:
        found[:] = workers(controller)
        return len(found) == 2

    wait_until(both)
    return found


def judges(controller: psutil.Popen) -> list[psutil.Process]:
    """The child that waits for the run's end, to judge it."""
    return _python(controller, judging=True)


def _python(controller: psutil.Popen, *, judging: bool) -> list[psutil.Process]:
    found = []
    for process in controller.children():
        with suppress(psutil.ZombieProcess, psutil.NoSuchProcess):
            judge = "harness.session.judge" in process.cmdline()
            if "python" in process.name() and judge == judging:
                found.append(process)
    return found


def left_behind(project: Project) -> list[psutil.Process]:
    """Processes that work below the project's directory."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(project.root / "reports"):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def assert_clean(project: Project) -> None:
    wait_until(lambda: not left_behind(project), 60)
    assert not (run_directory(project) / "tmp").exists()


def test_killed_workers_lose_nothing(sleeper: Callable[..., Project]) -> None:
    project = sleeper(30, '"sleep"')
    with started(project) as controller:
        for kill in range(8):  # beyond four for each worker pytest-xdist gives up
            wait_for_trials(project, 4 * (kill + 1))
            both_workers(controller)[kill % 2].kill()
        (judge,) = judges(controller)
        judge.kill()
        assert controller.wait(120) == 0, (project.root / "output.txt").read_text()
    assert Counter(finished(project)) == Counter(
        f"{variant}-r{number}"
        for variant in ("go1.24.3", "go1.24.3+noswissmap")
        for number in range(1, 31)
    )
    assert "its worker died; running it again" in (project.root / "output.txt").read_text()
    assert_clean(project)


def test_a_killed_controller_resumes_with_what_it_has(sleeper: Callable[..., Project]) -> None:
    project = sleeper(8)
    for kill in range(3):
        with started(project, *(["--resume", str(run_directory(project))] if kill else [])) as c:
            wait_for_trials(project, 3 * (kill + 1))
            c.kill()
        if kill % 2 == 0:  # as if the last line had been cut short
            file = run_directory(project) / "trials.jsonl"
            file.write_bytes(file.read_bytes()[:-30])
    with started(project, "--resume", str(run_directory(project))) as controller:
        assert controller.wait(120) == 0, (project.root / "output.txt").read_text()
    assert Counter(finished(project)) == Counter(
        f"{variant}-r{number}"
        for variant in ("go1.24.3", "go1.24.3+noswissmap")
        for number in range(1, 9)
    )
    assert_clean(project)


def test_a_stopped_run_is_clean_and_resumes(sleeper: Callable[..., Project]) -> None:
    project = sleeper(20, '"sleep"')
    for number, arguments in ((signal.SIGINT, []), (signal.SIGTERM, ["--resume"])):
        before = len(finished(project))
        with started(project, *arguments) as controller:
            wait_for_trials(project, before + 4)
            controller.send_signal(number)
            assert controller.wait(120) == 2
        assert_clean(project)
        verdict = run_directory(project) / "verdict.json"
        assert verdict.exists()
        verdict.unlink()
        directory = run_directory(project).relative_to(project.root)
        last = (project.root / "output.txt").read_text().splitlines()[-1]
        assert last == f"interrupted; to continue: gomatrix run matrix.yaml --resume {directory}"
        assert len(finished(project)) < 40
    with started(project, "--resume") as controller:
        assert controller.wait(120) == 0
    assert len(set(finished(project))) == len(finished(project)) == 40


def _own_terminal() -> None:
    _heed_interrupts()
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.mark.parametrize(
    "command",
    [["gomatrix", "run"], pytest.param(["pytest", "matrix.yaml"], marks=pytest.mark.soak)],
)
def test_a_run_whose_terminal_is_closed_is_clean_and_resumes(
    sleeper: Callable[..., Project], command: list[str]
) -> None:
    project = sleeper(20, '"sleep"')
    ours, its = os.openpty()
    program = Path(sys.executable).with_name(command[0])
    with psutil.Popen(
        [program, *command[1:], "-n", "2"], cwd=project.root, start_new_session=True,
        stdin=its, stdout=its, stderr=its, preexec_fn=_own_terminal,
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")},
    ) as controller:  # fmt: skip
        os.close(its)
        wait_for_trials(project, 4)
        os.close(ours)
        while controller.poll() is None:  # shells send one more
            with suppress(psutil.NoSuchProcess):
                controller.send_signal(signal.SIGHUP)
            time.sleep(0.1)
        assert controller.wait(120) == 2
    assert_clean(project)
    assert (run_directory(project) / "verdict.json").exists()
    assert (run_directory(project) / "report.html").exists()
    assert len(finished(project)) < 40
    with started(project, "--resume") as controller:
        assert controller.wait(120) == 0
    assert len(set(finished(project))) == len(finished(project)) == 40


def test_a_run_is_not_resumed_while_it_runs(sleeper: Callable[..., Project]) -> None:
    project = sleeper(40, '"sleep"')
    with started(project) as controller:
        wait_for_trials(project, 2)
        controller.suspend()  # it is not at its end before it was tried
        for lanes in ("0", "2"):
            done = project.gomatrix("run", "-n", lanes, "--resume")
            assert done.returncode == 4
            told = f"is measuring into {run_directory(project)} (pid {controller.pid}): wait for it"
            assert told in done.stdout + done.stderr
        controller.resume()
        assert controller.wait(120) == 0, (project.root / "output.txt").read_text()
    assert len(set(finished(project))) == len(finished(project)) == 80
    assert_clean(project)


SLOW = """\
package main

import "os"

func main() {
	var x, y = len(os.Args), os.Getpid()
STATEMENTS
	println(x, y)
}
"""
"""A program that takes a minute to compile."""


def _compiles(controller: psutil.Popen) -> bool:
    with suppress(psutil.NoSuchProcess):  # one has ended meanwhile
        return any("compile" in p.name() for p in controller.children(recursive=True))
    return False


def test_a_run_stopped_in_its_builds_resumes(sleeper: Callable[..., Project]) -> None:
    """As Ctrl-C does it: the signal goes to all processes, and so to compilers too."""
    project = sleeper(1)
    program = project.root / "sleeper" / "main.go"
    steps = "\n".join(f"\tif x > y*{n} {{ x, y = y+{n}, x*y }}" for n in range(40_000))
    program.write_text(SLOW.replace("STATEMENTS", steps))
    with started(project) as controller:
        wait_until(lambda: _compiles(controller))
        os.killpg(controller.pid, signal.SIGINT)
        assert controller.wait(120) == 2
    output = (project.root / "output.txt").read_text()
    directory = run_directory(project).relative_to(project.root)
    command = f"gomatrix run matrix.yaml --resume {directory}"
    assert output.splitlines()[-1] == f"interrupted; to continue: {command}"
    assert "failed to build" not in output
    program.write_text(PROGRAM)

    done = project.shell(command)

    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(finished(project)) == ["go1.24.3+noswissmap-r1", "go1.24.3-r1"]
    assert_clean(project)


def test_names_of_280_characters_lose_no_sample(sleeper: Callable[..., Project]) -> None:
    project = sleeper(1)
    long = "x" * 280
    values = f"env: {{A: [{long}, {long}y]}}\n"
    project.write((project.root / "matrix.yaml").read_text() + values)
    done = project.gomatrix("run", "-n", "0")
    assert done.returncode == 0, done.stdout + done.stderr
    found = Run.load(run_directory(project))
    assert len({trial.series for trial in found.trials}) == len(found.trials) == 4
    assert all(trial.series and (found.path / trial.series).is_file() for trial in found.trials)


def test_resume_after_a_selection_measures_whole_rounds_of_the_same_matrix(
    sleeper: Callable[..., Project],
) -> None:
    project = sleeper(3)
    assert project.gomatrix("run", "-n", "0", "-k", "noswissmap").returncode == 0
    done = project.gomatrix("run", "-n", "0", "--resume")
    assert done.returncode == 0, done.stdout + done.stderr
    assert Counter(finished(project)) == Counter(
        [f"go1.24.3+noswissmap-r{number}" for number in range(1, 7)]
        + [f"go1.24.3-r{number}" for number in range(4, 7)]
    )
    verdict = json.loads((run_directory(project) / "verdict.json").read_text())
    assert {c["n"] for c in verdict["comparisons"] if c["metric"] == "wall"} == {3}
    # ... and of the same matrix alone
    project.write((project.root / "matrix.yaml").read_text().replace("trials: 3", "trials: 4"))
    done = project.gomatrix("run", "-n", "0", "--resume")
    assert done.returncode >= 2
    assert "matrix.trials.min was 3 and is 4" in done.stdout + done.stderr


def test_shards_merge_into_the_whole(sleeper: Callable[..., Project]) -> None:
    project = sleeper(2)
    for shard in ("1/2", "2/2"):
        place = f"shard{shard[0]}"
        done = project.gomatrix("run", "-n", "0", "--shard", shard, "--reports", place)
        assert done.returncode == 0, done.stdout
    done = project.gomatrix("merge", "shard1/latest", "shard2/latest", "-o", "reports/2whole")
    assert done.returncode == 0, done.stdout + done.stderr
    assert Counter(finished(project)) == Counter(
        f"{variant}-r{number}"
        for variant in ("go1.24.3", "go1.24.3+noswissmap")
        for number in range(1, 3)
    )
    assert (project.root / "reports" / "2whole" / "report.html").exists()


COUNTING = """\
package main

import (
	"fmt"
	"os"
	"time"
)

// Main takes the next free number: the last of three rounds of two is slow, what follows endless.
// The first of each round waits for the second to begin, so that no worker is ahead of the other.
func main() {
	for number := 1; number <= 6; number++ {
		if os.Mkdir(fmt.Sprint(os.Args[1], number), 0o700) == nil {
			for number%2 == 1 {
				if _, err := os.Stat(fmt.Sprint(os.Args[1], number+1)); err == nil {
					break
				}
				time.Sleep(time.Millisecond)
			}
			time.Sleep(time.Duration(number/6) * time.Second)
			return
		}
	}
	time.Sleep(time.Hour)
}
"""


def test_the_trial_of_a_decided_workload_is_ended(project: Project) -> None:
    """While the sixth trial runs, the other worker begins the seventh."""
    (project.root / "go.mod").write_text("module counting\n\ngo 1.21\n")
    (project.root / "counting").mkdir()
    (project.root / "counting" / "main.go").write_text(COUNTING)
    project.write(
        "go: [go1.24.3]\nexperiments: [[], [noswissmap]]\n"
        "question: {baseline: go1.24.3+noswissmap, candidate: go1.24.3, metrics: [binary.size]}\n"
        f"workloads: [{{name: counting, package: ./counting, args: [{project.root}/run-]}}]\n"
        "trials: {min: 3, max: 9, timeout: 60s}\n"
    )
    done = project.pytest("matrix.yaml", "-n", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(finished(project)) == 6
    assert "6 passed in" in done.stdout
    assert_clean(project)
