"""What the harness was started with, and what a trial has of it."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from trials import trial_request
from waiting import wait_until

from harness.trial.process import Job
from harness.trial.trial import run_trial

pytestmark = pytest.mark.toolchain

ROOT = Path(__file__).parents[2]
ODD = ROOT / "tests" / "support" / "inherited.py"
NOBODY = 65534

Start = Callable[[int], tuple[dict[str, Any], dict[str, str], list[str]]]


@pytest.fixture
def start_oddly(supervisor: Path) -> Iterator[Start]:
    """Start a program from an odd process: the answer, what it has by name, its descriptors."""

    def start(user: int) -> tuple[dict[str, Any], dict[str, str], list[str]]:
        copy = place / "supervisor"
        copy.write_bytes(supervisor.read_bytes())
        copy.chmod(0o755)
        command = [sys.executable, str(ODD), str(copy), str(place), str(user)]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        first, *lines = done.stdout.splitlines()
        pairs = [line.partition(":") for line in lines]
        seen = {name.strip(): value.strip() for name, _, value in reversed(pairs)}
        limits = {line[:26].strip(): line[26:].split()[0] for line in lines if line[:4] == "Max "}
        return (
            json.loads(first),
            seen | limits,
            [v.strip() for n, _, v in pairs if n == "descriptor"],
        )

    # pytest's own directories, and perhaps $TMPDIR, are closed to other users
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        place = Path(directory)
        place.chmod(0o777)
        yield start


def test_what_the_caller_hands_down_does_not_reach_a_trial(start_oddly: Start) -> None:
    answer, seen, descriptors = start_oddly(0)
    assert int(seen["SigIgn"], 16) == int(seen["SigBlk"], 16) == 0
    expected = {
        "Max cpu time": "unlimited", "Max file size": "unlimited", "Max data size": "unlimited",
        "Max stack size": str(8 << 20), "Max core file size": "0", "Max resident set": "unlimited",
        "Max open files": "1024", "Max locked memory": str(8 << 20),
        "personality": "00000000", "coredump_filter": "00000033", "THP_enabled": "1",
        "umask": "0022", "policy": "0", "timerslack_ns": "50000", "terminal": "no", "placed": "",
    }  # fmt: skip
    assert {name: seen.get(name, value) for name, value in expected.items()} == expected
    assert descriptors == ["0", "1", "2", "3"], "the last is that of the directory that ls reads"
    assert seen["io"] in ("", "none: prio 0")
    inherited = answer["inherited"]
    assert inherited.pop("limit as", "") in ("", f"{64 << 30} of {64 << 30}")
    for name in ("nice", "oom_score_adj"):  # not everybody may undo these
        assert seen[name] == inherited.get(name, "0")
    assert inherited.keys() <= {"nice", "oom_score_adj", "limit nofile", "limit memlock"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_what_a_user_may_not_undo_is_told(start_oddly: Start) -> None:
    answer, seen, _ = start_oddly(NOBODY)
    nice = str(min(19, os.nice(0) + 7))  # of this process, and what start_oddly adds
    assert (seen["nice"], answer["inherited"]["nice"]) == (nice, nice)
    assert answer["inherited"]["limit as"] == f"{64 << 30} of {64 << 30}"
    assert (int(seen["SigIgn"], 16), seen["umask"], seen["policy"]) == (0, "0022", "0")


def test_a_trials_record_holds_what_it_inherited(supervisor: Path, tmp_path: Path) -> None:
    request = trial_request(supervisor, Path("/bin/true"), directory=tmp_path, probe="off")
    found = run_trial(request)
    assert found.outcome == "ok"
    assert not found.inherited.keys() & {"scheduling policy", "personality", "no huge pages"}


def test_an_answer_that_nobody_reads_leaves_no_process(supervisor: Path, tmp_path: Path) -> None:
    answers, full = os.pipe()
    os.set_blocking(full, False)
    with suppress(BlockingIOError):
        while os.write(full, b"x" * 4096):
            pass
    os.set_blocking(full, True)
    output = tmp_path / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [supervisor], stdin=subprocess.PIPE, stdout=full, pass_fds=[file.fileno()]
        )
        script = "sleep 300 & echo $!; wait"
        job = Job(
            parent=os.getpid(), path=Path("/bin/sh"), args=("sh", "-c", script), env=(),
            directory=tmp_path, output=file.fileno(),
        )  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(job.model_dump_json().encode() + b"\n")
        process.stdin.flush()
    wait_until(lambda: output.read_text().endswith("\n"))
    child = psutil.Process(int(output.read_text()))
    for end in (full, answers):  # the harness dies while the supervisor says "started"
        os.close(end)
    process.stdin.close()
    process.wait(30)
    assert not child.is_running()
