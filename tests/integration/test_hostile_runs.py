"""Mutated run directories through every command that reads one, from a seed that is printed.

CI tries 100. By hand, 2,000 and more, in pieces if need be; ``GOMATRIX_FUZZ_SEED`` repeats a run::

    GOMATRIX_FUZZ=2000 pytest tests/integration/test_hostile_runs.py -s
    GOMATRIX_FUZZ=200 GOMATRIX_FUZZ_FIRST=400 GOMATRIX_FUZZ_SEED=7 pytest … -s

Asked of each case: exit status 0, 1 or 2, no traceback, 10 CPU seconds a command and no waiting for
ever, less than 1 GiB resident, nothing written beside the run and the output, and nothing of what
lies outside shown. ``strace`` watches a part of them: which files were opened, and for what.
"""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1] / "support"
COUNT = int(os.environ.get("GOMATRIX_FUZZ", "100"))
FIRST = int(os.environ.get("GOMATRIX_FUZZ_FIRST", "0"))
SEED = int(os.environ.get("GOMATRIX_FUZZ_SEED", "0")) or secrets.randbelow(1 << 31)
BATCH = 50
WATCHED = int(os.environ.get("GOMATRIX_FUZZ_WATCHED", "8"))
"""Cases under strace, which slows them down."""


def run_batch(
    work: Path, first: int, count: int, watch: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Cases in a process of their own; the last result tells of one that ended it."""
    command = [*watch, sys.executable, str(TESTS / "hostile_runs.py"),
               str(SEED), str(first), str(count), str(work)]  # fmt: skip
    env = os.environ | {
        "PYTHONPATH": str(TESTS), "GOMATRIX_CACHE": str(work / "cache"), "HOME": str(work),
        "PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1", "TMPDIR": str(work),
    }  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode != 0:
        lines.append(lines[-1] | {"problems": [f"it ended with {done.returncode}: {done.stderr}"]})
    return [line for line in lines if "problems" in line]


def failures(results: Sequence[dict[str, Any]]) -> str:
    return "\n".join(
        f"case {r.get('case', r.get('begins'))} of seed {SEED}, {r.get('done')}: {r['problems']}"
        for r in results
        if r["problems"]
    )


@pytest.mark.parametrize("first", range(FIRST, FIRST + COUNT, BATCH))
def test_mutated_run_directories_end_every_command_in_order(tmp_path: Path, first: int) -> None:
    print(f"GOMATRIX_FUZZ_SEED={SEED} GOMATRIX_FUZZ_FIRST={first}")  # noqa: T201 - to repeat it
    count = min(BATCH, FIRST + COUNT - first)
    results = run_batch(tmp_path, first, count)
    assert not failures(results)
    assert len(results) == count


BEGINS, ENDS = "/the use of a run begins", "/the use of a run ends"
"""Files that are not there, asked for by ``hostile_runs.py``: only between them lies its use."""
_CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)\) += -?\d+(?:<(.*)>)?")
_WRITES = re.compile(r"O_(WRONLY|RDWR|CREAT|TRUNC)")
_PATH = re.compile(r'(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"((?:[^"\\]|\\.)*)"(?:\.\.\.)?')
_CHANGES = {
    "creat", "unlink", "unlinkat", "rename", "renameat", "renameat2", "mkdir", "mkdirat", "rmdir",
    "symlink", "symlinkat", "link", "linkat", "truncate", "chmod", "fchmodat", "chown", "mknod",
    "mknodat", "execve", "utimensat",
}  # fmt: skip
READABLE = (
    "/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/localtime",
    "/etc/locale.alias", "/etc/fonts", "/etc/mime.types", "/etc/machine-id", "/etc/ssl",
    "/etc/passwd", "/etc/nsswitch.conf", "/proc", "/sys", "/dev/null", "/dev/urandom",
    "/var/cache/fontconfig", sys.prefix, sys.base_prefix, str(TESTS.parents[1]),
)  # fmt: skip


def forbidden(trace: str, work: Path) -> list[str]:
    """The calls that change a file beside the test's own, or open one that is nobody's business."""
    found = []
    watched = False
    for line in trace.splitlines():
        watched = (watched or BEGINS in line) and ENDS not in line
        match = _CALL.match(line)
        if match is None or not watched:
            continue
        call, arguments, opened = match.groups()
        opens = call in {"open", "openat", "openat2"}
        changes = call in _CHANGES or (
            opens and re.search(r"O_(WRONLY|RDWR|CREAT|TRUNC)", arguments)
        )
        paths = _PATH.findall(arguments) if opens or changes else []
        paths = paths[:1] if call == "execve" else paths  # the rest is its arguments
        for directory, name in [*paths, *([("", opened)] if opened and opens else [])]:
            path = os.path.normpath(Path(directory or "/") / name)
            own = Path(path).is_relative_to(work) and "outside" not in Path(path).parts
            own = own and call != "execve"
            harmless = path == "/dev/null" or (call == "execve" and path == sys.executable)
            read = not changes and any(Path(path).is_relative_to(place) for place in READABLE)
            if not (own or harmless or read) or path.endswith("/environ"):
                found.append(line[:300])
    return found


def test_nothing_outside_of_a_run_is_read_or_written(tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        assert os.environ.get("CI") != "true", ".ci/run installs strace"
        pytest.skip("strace is not installed")
    trace = tmp_path / "trace"
    watch = ["strace", "-f", "-qq", "-y", "-s", "4096", "-e", "trace=%file", "-o", str(trace)]
    work = tmp_path / "work"
    work.mkdir()
    results = run_batch(work, FIRST, WATCHED, watch)
    assert not failures(results)
    text = trace.read_text(errors="replace")
    assert text.count(BEGINS) == text.count(ENDS) == WATCHED
    assert "trials.jsonl" in text
    assert forbidden(text, work) == []


def test_the_watch_sees_what_is_forbidden(tmp_path: Path) -> None:
    work = tmp_path / "work"
    run = work / "case-1" / "reports" / "run"
    good = [
        f'openat(AT_FDCWD</x>, "{run}/trials.jsonl", O_RDONLY|O_CLOEXEC) = 5',
        f'12 openat(7<{run}>, "series", O_RDONLY|O_NOFOLLOW) = 5',
        f'openat(AT_FDCWD</x>, "{work}/case-1/out/html", O_WRONLY|O_CREAT, 0666) = 4',
        'openat(AT_FDCWD</x>, "/proc/self/status", O_RDONLY) = 3',
        'stat("/etc/hostname", 0x7ffd) = 0',
    ]
    bad = [
        'openat(AT_FDCWD</x>, "/etc/hostname", O_RDONLY|O_CLOEXEC) = 5',
        f'12 openat(7<{run}>, "../../outside/secret", O_RDONLY) = 5',
        f'openat(AT_FDCWD</x>, "{work}/case-1/outside/secret", O_RDONLY) = -1 ELOOP',
        'mkdir("/usr/x", 0777) = 0',
        'openat(AT_FDCWD</x>, "/proc/self/environ", O_RDONLY) = 5',
        'openat(AT_FDCWD</x>, "/usr/x", O_WRONLY|O_CREAT, 0666) = 4',
        f'execve("{run}/bin/go", ["go"], 0x7 /* 9 vars */) = 0',
        f'rename("{run}/x", "/tmp/y") = 0',
        f'openat(AT_FDCWD</x>, "{run}/link", O_RDONLY) = 5</etc/hostname>',
    ]
    begins, ends = (f'stat("{mark}", 0x7ffd) = -1 ENOENT' for mark in (BEGINS, ENDS))
    assert forbidden("\n".join([begins, *good, ends, *bad]), work) == []
    assert len(forbidden("\n".join([begins, *bad]), work)) == len(bad)
