"""Mutated matrix files: a plan, or one kind of message; within time and memory; nothing else read.

They are the same files each time. By hand, more of another seed:
``GOMATRIX_FUZZ=2000 GOMATRIX_FUZZ_SEED=$RANDOM pytest FILE``.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fuzzed_matrices import LIMITS, MARK, ROOT, mutated
from services import missing

from harness.golang.cache import default_cache
from harness.golang.toolchains.installed import module_cache
from harness.golang.toolchains.resolve import resolve
from harness.matrix.load import load

COUNT = int(os.environ.get("GOMATRIX_FUZZ", "100"))
SEED = int(os.environ.get("GOMATRIX_FUZZ_SEED", "1"))
OFFLINE = {"PIP_NO_INDEX": "1", "GOPROXY": "off", "GIT_ALLOW_PROTOCOL": "file"}
WRITING = (
    "open,openat,creat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,"
    "mkdir,mkdirat,rmdir,truncate,chmod,fchmodat,execve"
)


@dataclass(frozen=True)
class Call:
    """A system call that names a path."""

    line: str
    name: str
    paths: list[str]

    @property
    def writes(self) -> bool:
        opened = self.name in ("open", "openat")
        flags = ("O_WRONLY", "O_RDWR", "O_CREAT")
        changes = ("creat", "rename", "link", "unlink", "mkdir", "rmdir", "truncate", "chmod")
        return (
            any(f in self.line for f in flags) if opened else any(c in self.name for c in changes)
        )


def calls_since_mark(trace: Path) -> Iterator[Call]:
    """One by one: a trace of thousands of files does not fit into memory."""
    with trace.open(errors="replace") as lines:
        assert any(MARK in line for line in lines)
        for line in lines:
            name = re.match(r"(?:\d+ +)?(\w+)\(", line)
            paths = [path for path in re.findall(r'"((?:[^"\\]|\\.)*)"', line) if path]
            if name and paths:
                yield Call(line, name[1], paths[:1] if name[1] == "execve" else paths)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    directory = tmp_path_factory.mktemp("fuzz")
    (directory / "go.mod").write_text("module example.com/fuzz\n\ngo 1.23\n")
    for package in ("go_fixtures/largebuffers", "jsondecode"):
        (directory / package).mkdir(parents=True)
        (directory / package / "main.go").write_text("package main\n\nfunc main() {}\n")
    paths = [directory / f"{number:04}.yaml" for number in range(COUNT)]
    for number, path in enumerate(paths):
        path.write_bytes(mutated(SEED, number))
    return paths


def take(action: str, files: list[Path]) -> Iterator[Call]:
    """Let another process take each file, and check what it says; its calls that name paths."""
    print(f"GOMATRIX_FUZZ={COUNT} GOMATRIX_FUZZ_SEED={SEED} makes these files again")  # noqa: T201 - on failure
    directory = files[0].parent
    strace = shutil.which("strace")
    if strace is None:
        missing("strace is not installed")
    calls = "%file" if action == "read" else WRITING
    done = subprocess.run(
        [strace, "-f", "--seccomp-bpf", "-qq", "-s", "5000", "-e", f"trace={calls}",
         "-o", directory / "trace", sys.executable,
         ROOT / "tests" / "support" / "fuzzed_matrices.py", action, *files],
        cwd=directory, env=os.environ | OFFLINE | {"TMPDIR": str(directory)}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"seed {SEED}, after {lines[-1:]}: {done.stderr[-2000:]}"
    said = [line for line in lines if "said" in line]
    assert len(said) == len(files)
    for entry in said:
        assert entry["seconds"] < LIMITS[action], f"seed {SEED}: {entry}"
        check(entry, placed=action == "read")
    return calls_since_mark(directory / "trace")


def check(entry: dict[str, Any], *, placed: bool) -> None:
    """A plan, or messages, one a line, with their places."""
    name, said = entry["file"], entry["said"]
    what = f"seed {SEED}: {name}: {said}"
    assert not said.startswith("FAULT"), what
    for line in [] if said == "ok" else said.splitlines():
        assert line.isprintable(), what
        assert len(line) < 5000, what
        place = line.removeprefix(name)
        assert not placed or re.match(r":\d+:\d+: \S|: and \d+ more$", place), what


def test_mutated_matrix_files_give_a_plan_or_a_message_with_its_place(files: list[Path]) -> None:
    own = (str(files[0].parent), sys.prefix, sys.base_prefix, str(ROOT), ".")
    for call in take("read", files):
        assert not call.writes, f"seed {SEED}: {call.line}"
        assert all(p.startswith(own) for p in call.paths), f"seed {SEED}: {call.line}"


@pytest.mark.toolchain
def test_planning_mutated_matrix_files_writes_nothing_elsewhere(files: list[Path]) -> None:
    resolve(load(ROOT / "matrix.yaml").spec.go, default_cache(), print)  # it is offline from now on
    sample = files[:: max(1, COUNT // max(10, COUNT // 40))]
    modules = str(module_cache())  # where the go command keeps modules, of a published one too
    own = (str(files[0].parent), str(default_cache()), modules, "/dev/", "/proc/self/")
    for call in take("plan", sample):
        if call.name == "execve":
            # each hostile word that names a program names id, or lies where the matrix does
            assert Path(call.paths[0]).name != "id", f"seed {SEED}: {call.line}"
            assert not call.paths[0].startswith((own[0], ".")), f"seed {SEED}: {call.line}"
        elif call.writes:
            absolute = [path for path in call.paths if path.startswith("/")]
            # the go command counts its own starts in the user's configuration
            counters = [path for path in absolute if "/go/telemetry/" in path]
            above = [p for p in absolute if call.name.startswith("mkdir") and modules.startswith(p)]
            harmless = {*counters, *above}
            outside = [p for p in absolute if p not in harmless and not p.startswith(own)]
            assert not outside, f"seed {SEED}: {call.line}"
