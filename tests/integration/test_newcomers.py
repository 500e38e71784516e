"""What a newcomer is likely to get wrong, each for real: one message, with cause and remedy."""

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from projects import Project

pytestmark = pytest.mark.toolchain

HELLO = 'package main\n\nfunc main() { println("hello") }\n'
FAILS = 'package main\n\nimport "os"\n\nfunc main() { println("no config.toml"); os.Exit(1) }\n'
ENDLESS = 'package main\n\nimport "time"\n\nfunc main() { time.Sleep(time.Hour) }\n'
GREEDY = """\
package main

import "time"

func main() {
	var kept [][]byte
	for i := 0; i < 200; i++ {
		kept = append(kept, make([]byte, 1<<20))
		for j := range kept[i] {
			kept[i][j] = 1
		}
		time.Sleep(10 * time.Millisecond)
	}
	println(len(kept))
}
"""
LISTENS = """\
package main

import (
	"net"
	"os"
)

func main() {
	_, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		println(err.Error())
		os.Exit(1)
	}
}
"""
SERVER = "{ready: 'tcp://127.0.0.1:{port}', ready_within: 300ms, load: {command: ['true']}}"
HEAD = "go: [go1.24.3]\ntrials: 1\nworkloads:\n"
GOOD = HEAD + "  - {name: hello, package: ./hello}\n"
CLOSED = {
    "GOPROXY": "http://127.0.0.1:9", "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    "PIP_RETRIES": "0", "GOMATRIX_CACHE": "cache", "HOME": "home", "PATH": "/usr/bin:/bin",
}  # fmt: skip
"""Nothing at hand, and nothing answers on the discard port."""
AT_HAND = {"GOPROXY": "off", "PIP_NO_INDEX": "1", "PATH": "/usr/bin:/bin", "TMPDIR": "/tmp"}  # noqa: S108 - writable
"""Only the toolchains that tests have fetched."""


@dataclass(frozen=True)
class Case:
    """A mistake."""

    command: str
    cause: str
    """What the message must hold."""
    remedy: str
    """What it must hold too."""
    matrix: str | None = GOOD
    files: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    within: str = ""
    """A shell command around it, in a mount namespace of its own."""
    trial: bool = False
    """Whether a trial fails, and not the command itself."""
    measured: bool = False
    """Whether there is a run already."""


def workload(text: str) -> str:
    return HEAD + f"  - {{name: hello, {text}}}\n"


CASES = {
    "no go.mod": Case(
        "gomatrix init", "there is no go.mod in", "go mod init", matrix=None, files={"go.mod": ""}
    ),
    "no matrix": Case("gomatrix run", "matrix.yaml", "gomatrix init writes one", matrix=None),
    "wrong package path": Case(
        "gomatrix run", r"matrix.yaml:4:28: there is no directory './helo'",
        "did you mean './hello'", workload("package: ./helo"),
    ),
    "package is not main": Case(
        "gomatrix run", "package './lib' is package lib, not package main", "a directory that has",
        workload("package: ./lib"), {"lib/lib.go": "package lib\n"},
    ),
    "unknown version": Case(
        "gomatrix run", "no provider has go1.24.99", "the nearest available: go1.24",
        GOOD.replace("go1.24.3", "go1.24.99"),
    ),
    "version without go": Case(
        "gomatrix run", "'1.24.3' is not a Go toolchain name", "write go1.24.3",
        GOOD.replace("go1.24.3", "1.24.3"),
    ),
    "nothing can be reached": Case(
        "gomatrix run", "the package index cannot be reached", "gomatrix doctor",
        environment=CLOSED,
    ),
    "no disk for the cache": Case(
        "gomatrix run", "has no room for go1.24.3: it takes 350 MiB", "or set GOMATRIX_CACHE",
        environment={"GOMATRIX_CACHE": "small"}, within="mount -t tmpfs -o size=256k none small",
        files={"small/x": ""},
    ),
    "no disk for the run": Case(
        "gomatrix run", "No space left on device", "make room", files={"reports/x": ""},
        within="mount -t tmpfs -o size=4k none reports",
    ),
    "reports cannot be written": Case(
        "gomatrix run", "Read-only file system", "--reports", files={"reports/x": ""},
        within="mount -t tmpfs -o ro none reports",
    ),
    "the cache cannot be written": Case(
        "gomatrix run", "the cache directory", "set GOMATRIX_CACHE", files={"file": ""},
        environment={"GOMATRIX_CACHE": "file/cache"},
    ),
    "init cannot write": Case(
        "gomatrix init", "Read-only file system", "mount the file system for writing", matrix=None,
        within="mount --bind . . && mount -o remount,ro,bind . && cd .",
        environment=AT_HAND,
    ),
    "unknown experiment": Case(
        "gomatrix run", "no toolchain of this matrix knows the experiment setting 'noswismap'",
        "did you mean 'noswissmap'?", GOOD + "experiments: [[], [noswismap]]\n",
    ),
    "unknown key": Case(
        "gomatrix run", "matrix.yaml:5:1: unknown key 'experiment'", "did you mean 'experiments'",
        GOOD + "experiment: [[]]\n",
    ),
    "duplicate key": Case(
        "gomatrix run", "duplicate key 'trials'", "first given in line 2", GOOD + "trials: 2\n"
    ),
    "wrong type": Case(
        "gomatrix run", "'many' is not a whole number", "matrix.yaml:2:9",
        GOOD.replace("trials: 1", "trials: many"),
    ),
    "not YAML": Case("gomatrix run", "is not valid YAML", "matrix.yaml:6:1", GOOD + "a: [\n"),
    "empty file": Case(
        "gomatrix run", "the file is empty", "it needs at least go and workloads", ""
    ),
    "go.mod newer than all toolchains": Case(
        "gomatrix run", "its go.mod asks for go 1.99", "add a newer Go",
        files={"go.mod": "module m\n\ngo 1.99\n"},
    ),
    "init for a go.mod from the future": Case(
        "gomatrix init", "the module asks for go1.99", "lower the go line", matrix=None,
        files={"go.mod": "module m\n\ngo 1.99\n"},
    ),
    "baseline not in the matrix": Case(
        "gomatrix run", "there is no variant 'go1.23.9' in this matrix", "did you mean",
        GOOD + "question: {baseline: go1.23.9}\n",
    ),
    "unknown metric": Case(
        "gomatrix run", "there is no metric 'rss.peek'", "did you mean 'rss.peak'?",
        GOOD + "question: {metrics: [rss.peek]}\n",
    ),
    "gate on an unknown workload": Case(
        "gomatrix run", "there is no workload 'helo'", "did you mean 'hello'?",
        GOOD + "gates: [{metric: rss.peak, max_increase: 5%, workload: helo}]\n",
    ),
    "resuming another matrix's run": Case(
        "sed -i s/hello,/hallo,/ matrix.yaml && gomatrix run --resume",
        "cannot be resumed: it was made from other inputs", "start a new run", measured=True,
    ),
    "a run file that cannot be written": Case(
        "gomatrix run -n 1 --run-file /proc/x", "/proc/x cannot be written", "name another file"
    ),
    "nothing to resume": Case("gomatrix run --resume", "reports/latest", "gomatrix run"),
    "a corrupt manifest": Case(
        "gomatrix verdict run", "run.json:1: is cut short", "measure again",
        files={"run/run.json": "{"},
    ),
    "corrupt trials": Case(
        "cd reports/latest && echo '{}' >> trials.jsonl && gomatrix verdict .",
        "trials.jsonl:2: was not written by this version", "remove the line", measured=True,
    ),
    "not a run directory": Case(
        "gomatrix report hello", "hello is not a run directory", "gomatrix runs list"
    ),
    "lanes that are no number": Case("gomatrix run -n many", "'many'", "neither a number nor auto"),
    "an unknown workload selected": Case(
        "gomatrix run -k nothing", "no trial matches 'nothing'", "workloads: hello"
    ),
    "a shard that is none": Case("gomatrix run --shard 3/2", "'3/2' is not a shard", "1/4"),
    "a missing profile": Case(
        "gomatrix run", "there is no profile", "write pgo: off",
        GOOD + "build: {pgo: cpu.pprof}\n", trial=True,
    ),
    "a patch that does not apply": Case(
        "gomatrix run", "does not apply", "fix.diff", GOOD.replace("[go1.24.3]",
        "{go: go1.24.3, patch: fix.diff}"),
        {"fix.diff": "--- a/src/runtime/malloc.go\n+++ b/src/runtime/malloc.go\n"
         "@@ -1,1 +1,1 @@\n-no such line\n+x\n"},
    ),
    "a variant that was not measured": Case(
        "gomatrix compare reports/latest go1.24.4 go1.24.3",
        "there is no variant 'go1.24.4'", "did you mean 'go1.24.3'?", measured=True,
    ),
    "an unknown command": Case("gomatrix rnu", "No such command 'rnu'", "did you mean 'run'?"),
}  # fmt: skip

FAILED_TRIALS = {
    "compile error": ("package: ./broken", "undefined: missing", "fix the program"),
    "workload exits 1": ("package: ./fails", "no config.toml", "see args: and env:"),
    "port taken": (
        'package: ./listens, args: ["127.0.0.1:PORT"]', "address already in use",
        "use {port} in args:",
    ),
    "no such benchmark": (
        "benchmark: {package: ./lib, run: BenchmarkNone}", "no benchmark",
        "benchmark.run matches none",
    ),
    "readiness never reached": (
        f"package: ./endless, server: {SERVER}",
        "not ready", "server.ready_within (0.3 s): check that it listens there",
    ),
    "timeout": (
        "package: ./endless", "timeout", "it ran longer than trials.timeout (3 s): raise it"
    ),
    "memory limit": (
        "package: ./greedy", "memory limit", "exceeded trials.memory_limit: raise it"
    ),
}  # fmt: skip
"""Workloads of one run, each with the cause and the remedy that it must name."""
PROGRAMS = {
    "broken/main.go": "package main\n\nfunc main() { missing() }\n", "fails/main.go": FAILS,
    "listens/main.go": LISTENS, "lib/lib.go": "package lib\n", "lib/lib_test.go": "package lib\n",
    "endless/main.go": ENDLESS, "greedy/main.go": GREEDY,
}  # fmt: skip


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def can_mount() -> bool:
    unshare = shutil.which("unshare")
    return (
        unshare is not None and subprocess.run([unshare, "-m", "true"], check=False).returncode == 0
    )


def write(root: Path, case: Case, port: int = 0) -> Project:
    files = {"go.mod": "module m\n\ngo 1.24\n", "hello/main.go": HELLO} | case.files
    if case.matrix is not None:
        files["matrix.yaml"] = case.matrix.replace("PORT", str(port))
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    if not files["go.mod"]:
        (root / "go.mod").unlink()
    return Project(root)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A run of what is right; there is a toolchain at hand from then on."""
    project = write(tmp_path_factory.mktemp("measured"), Case("", "", ""))
    done = project.gomatrix("run", "-n", "0")
    assert done.returncode == 0, done.stdout + done.stderr
    return project


@pytest.mark.parametrize("name", CASES)
def test_one_message_names_cause_and_remedy(
    name: str, measured: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[name]
    if case.within and not can_mount():
        pytest.skip("this user may not mount")
    for variable, value in case.environment.items():
        monkeypatch.setenv(variable, value)
    if case.measured:
        shutil.copytree(measured.root, tmp_path, symlinks=True, dirs_exist_ok=True)
    project = write(tmp_path, case)
    line = f"{case.within} && {case.command}" if case.within else case.command
    done = project.shell(f"exec unshare -m bash -c {json.dumps(line)}" if case.within else line)

    said = done.stdout + done.stderr
    assert done.returncode != 0, said
    assert "Traceback" not in said
    assert "INTERNALERROR" not in said
    assert case.cause in said, said
    assert case.remedy in said, said
    if not case.trial:
        heads = ("gomatrix:", "ERROR:", "Error:")
        assert sum(line.startswith(heads) for line in done.stderr.splitlines()) == 1, said


def test_each_failed_trial_names_cause_and_remedy(tmp_path: Path) -> None:
    lines = (
        f"  - {{name: {name.replace(' ', '-')}, {text}}}\n"
        for name, (text, _, _) in FAILED_TRIALS.items()
    )
    limits = "trials: {min: 1, max: 1, timeout: 3s, memory_limit: 40MiB}"
    matrix = HEAD.replace("trials: 1", limits) + "".join(lines)
    with taken_port() as port:
        done = write(tmp_path, Case("", "", "", matrix, PROGRAMS), port).gomatrix("run")

    said = done.stdout + done.stderr
    assert done.returncode != 0, said
    assert "Traceback" not in said
    for name, (_, cause, remedy) in FAILED_TRIALS.items():
        (block,) = re.findall(
            rf"_ {name.replace(' ', '-')}\[.*?\] _+\n(.*?)\n_", said + "\n_", re.DOTALL
        )
        assert cause in block, said
        assert remedy in block, said


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 20
