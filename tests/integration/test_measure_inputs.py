"""What a program finds when it starts: standard input, files, and what a command prepared."""

from pathlib import Path

import pytest
from projects import Project
from trials import trial_request

from harness.matrix.models import WorkloadSpec
from harness.run.store import Run
from harness.trial.trial import TrialResult, run_trial

pytestmark = pytest.mark.toolchain

ROOT = Path(__file__).parents[2]


def shell(
    supervisor: Path, here: Path, script: str, timeout: float = 60.0, **inputs: object
) -> TrialResult:
    """Run a shell's script as a workload with these inputs, beside a matrix file in ``here``."""
    directory = here / "trial"
    directory.mkdir()
    request = trial_request(
        supervisor, Path("/bin/sh"), "-c", script, directory=directory, probe="off", here=here,
        timeout=timeout,
    )  # fmt: skip
    fields = request.workload.model_dump() | inputs
    workload = WorkloadSpec.model_validate(fields)
    return run_trial(request.model_copy(update={"workload": workload}))


def test_standard_input_is_a_text_or_a_file(supervisor: Path, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    text = shell(supervisor, tmp_path / "a", "cat; echo from {here}", stdin="of {here}\nend\n")
    assert text.log == f"of {tmp_path}/a\nend\nfrom {tmp_path}/a\n"
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "in.txt").write_text("{here} stays\n")
    assert shell(supervisor, tmp_path / "b", "cat", stdin={"file": "in.txt"}).log == (
        "{here} stays\n"
    )
    (tmp_path / "c").mkdir()
    assert shell(supervisor, tmp_path / "c", "cat; echo none").log == "none\n"


def test_files_and_setup_are_there_and_are_not_measured(supervisor: Path, tmp_path: Path) -> None:
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "deep" / "one").write_text("1")
    (tmp_path / "two").write_text("2")
    result = shell(
        supervisor, tmp_path, "cat data/deep/one two made; echo $0 >> two",
        files=["data", "./two"], setup=["sh", "-c", "echo 3 > {tmp}/made; sleep 2"],
    )  # fmt: skip
    assert (result.outcome, result.log) == ("ok", "123\n")
    assert (result.metrics["wall"] or 2) < 2
    assert (tmp_path / "two").read_text() == "2", "a trial has a copy"


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"setup": ["sh", "-c", "echo no luck; exit 3"]}, "no luck\n\nsh: exit 3"),
        ({"setup": ["sleep", "60"]}, "sleep ran longer than 1 s"),
        ({"setup": ["/no/such"]}, "no such file"),
        ({"files": ["nothing"]}, "nothing"),
        ({"files": ["x/one", "one"]}, "two of the name 'one'"),
        ({"stdin": {"file": "gone"}}, "stdin: "),
    ],
)
def test_what_cannot_be_prepared_fails_the_trial(
    supervisor: Path, tmp_path: Path, inputs: dict[str, object], said: str
) -> None:
    (tmp_path / "x").mkdir()
    for name in ("x/one", "one"):
        (tmp_path / name).touch()
    timeout = 1.0 if "longer" in said else 60.0
    result = shell(supervisor, tmp_path, "echo ran", timeout, **inputs)
    assert result.outcome == "setup failed"
    assert said in result.log
    assert "ran\n" not in result.log


PROGRAM = """\
package main

import (
	"bufio"
	"os"
)

func main() {
	lines := 0
	for in := bufio.NewScanner(os.Stdin); in.Scan(); lines++ {
	}
	if _, err := os.Stat("made"); err != nil || lines != 3 {
		os.Exit(lines + 10)
	}
}
"""


def test_a_matrix_has_inputs_and_names_the_one_that_is_missing(project: Project) -> None:
    (project.root / "go.mod").write_text("module reader\n\ngo 1.21\n")
    (project.root / "main.go").write_text(PROGRAM)
    (project.root / "lines").write_text("a\nb\nc\n")
    project.write(
        "go: [go1.24.3]\n"
        "workloads: [{name: r, package: ., stdin: {file: lines}, setup: [touch, made]}]\n"
        "trials: 2\n"
    )
    done = project.gomatrix("run", "-n", "0")
    assert done.returncode == 0, done.stdout + done.stderr
    (directory,) = (p for p in (project.root / "reports").iterdir() if not p.is_symlink())
    assert [trial.outcome for trial in Run.load(directory).trials] == ["ok", "ok"]
    project.write(
        "go: [go1.24.3]\nworkloads:\n  - name: r\n    package: .\n    files: [lines, line]\n"
    )
    done = project.gomatrix("plan")
    assert done.returncode == 2
    assert "matrix.yaml:5:20: there is no 'line' beside the matrix file" in done.stderr
