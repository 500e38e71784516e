"""Mutated run directories through every command that reads one.

CI tries the same 100 always. By hand, 2,000 and more of another seed, in pieces if need be::

    GOMATRIX_FUZZ=2000 GOMATRIX_FUZZ_SEED=$RANDOM pytest tests/integration/test_hostile_runs.py -s
    GOMATRIX_FUZZ=200 GOMATRIX_FUZZ_FIRST=400 GOMATRIX_FUZZ_SEED=7 pytest … -s

Asked of each case: exit status 0, 1 or 2, no traceback, 10 CPU seconds a command and no waiting for
ever, less than 1 GiB resident, nothing written beside the run and the output, and nothing of what
lies outside shown. ``strace`` watches each of them: which files were opened, and for what. A filter
in the kernel (``--seccomp-bpf``) keeps it to the calls that matter, so that it costs a fifth more.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hostile_runs import BEGINS, ENDS
from services import missing

pytestmark = pytest.mark.soak

TESTS = Path(__file__).parents[1] / "support"
COUNT = int(os.environ.get("GOMATRIX_FUZZ", "100"))
FIRST = int(os.environ.get("GOMATRIX_FUZZ_FIRST", "0"))
SEED = int(os.environ.get("GOMATRIX_FUZZ_SEED", "1"))
BATCH = 50


def run_batch(
    work: Path, first: int, count: int, watch: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Cases in a process of their own; the last result tells of one that ended it."""
    command = [*watch, sys.executable, str(TESTS / "hostile_runs.py"),
               str(SEED), str(first), str(count), str(work)]  # fmt: skip
    env = os.environ | {
        "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parents[1]}", "HOME": str(work),
        "GOMATRIX_CACHE": str(work / "cache"), "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1", "TMPDIR": str(work),
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


_CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)(?:\) += -?\d+(?:<(.*)>)?| <unfinished \.\.\.>$)")
_PATH = re.compile(r'(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"((?:[^"\\]|\\.)*)"(?:\.\.\.)?')
_OPENS = {"open", "openat", "openat2"}
_CHANGES = {
    "creat", "unlink", "unlinkat", "rename", "renameat", "renameat2", "mkdir", "mkdirat", "rmdir",
    "symlink", "symlinkat", "link", "linkat", "truncate", "chmod", "fchmodat", "chown", "lchown",
    "fchownat", "mknod", "mknodat", "execve", "execveat", "utimensat", "setxattr", "lsetxattr",
}  # fmt: skip
_WATCH = ("strace", "-f", "--seccomp-bpf", "-qq", "-y", "-s", "4096",
          "-e", "trace=" + ",".join(sorted(_OPENS | _CHANGES | {"connect"})))  # fmt: skip
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
        if BEGINS in line or ENDS in line:
            watched = BEGINS in line
            continue
        match = _CALL.match(line)
        if match is None or not watched:
            continue
        call, arguments, opened = match.groups()
        opens = call in _OPENS
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
        if call == "connect":
            found.append(line[:300])
    return found


@pytest.mark.parametrize("first", range(FIRST, FIRST + COUNT, BATCH))
def test_mutated_run_directories_end_every_command_in_order(tmp_path: Path, first: int) -> None:
    """And nothing outside of them is read or written."""
    print(f"GOMATRIX_FUZZ_SEED={SEED} GOMATRIX_FUZZ_FIRST={first}")  # noqa: T201 - to repeat it
    count = min(BATCH, FIRST + COUNT - first)
    trace, work = tmp_path / "trace", tmp_path / "work"
    work.mkdir()
    watched = shutil.which("strace") is not None
    results = run_batch(work, first, count, [*_WATCH, "-o", str(trace)] if watched else [])
    assert not failures(results)
    assert len(results) == count
    if not watched:
        missing("strace is not installed: all ended in order, but nothing watched the files")
    text = trace.read_text(errors="replace")
    assert text.count(BEGINS) == text.count(ENDS) == count
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
        '12 openat(AT_FDCWD</x>, "/etc/hostname", O_RDONLY <unfinished ...>',
        "connect(5<socket:[1]>, {sa_family=AF_INET, sin_port=htons(80)}, 16) = 0",
    ]
    begins, ends = (
        f'openat(AT_FDCWD</x>, "{mark}", O_RDONLY) = -1 ENOENT' for mark in (BEGINS, ENDS)
    )
    assert forbidden("\n".join([begins, *good, ends, *bad]), work) == []
    assert len(forbidden("\n".join([begins, *bad]), work)) == len(bad)
