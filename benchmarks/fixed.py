"""What an invocation costs beside its trials, as ratios to what cannot be done without.

    python benchmarks/fixed.py [--rounds 5]

One warm trial of a program that does nothing with ``-n 2``, against ``pytest -n 2`` with an empty
test; ``plan`` and ``runs list``, against importing click, pydantic and PyYAML; and of the default
matrix with everything built, the seconds from the start to the first trial and from the last trial
to the end, part by part. All are taken in turn in each round; medians are printed. Exits with 1
when a limit is exceeded. Run it alone on the machine.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from project import project

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
MATRIX = """\
go: [go1.24.3]
workloads: [{name: nothing, package: ./program}]
trials: 1
"""
TRIAL_LIMIT = 1.6
"""CPU and wall of one warm trial, by those of an empty test."""
COMMAND_LIMIT = 2.5
"""CPU of a small command, by that of its imports."""
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
"""With it each process would compile every module anew, which no user's does."""
FIRST_LIMIT, LAST_LIMIT = 2.0, 2.5
"""Seconds before the first trial and after the last one."""
BEFORE = ("plan and workers", "builds looked up", "all ready")
WRITTEN = ("trials.jsonl", "verdict.json", "report.html")
AFTER = ("last record", "verdict", "report", "end")
"""The parts of both; those after the last trial end when a file of ``WRITTEN`` was written."""


class Cost(NamedTuple):
    """What a command took."""

    cpu: float
    """Seconds, of all its processes that were waited for."""
    wall: float
    """Seconds."""


class Edges(NamedTuple):
    """Seconds of a run beside its trials, by ``BEFORE`` and ``AFTER``."""

    before: tuple[float, ...]
    after: tuple[float, ...]


def main() -> int:
    """Print all figures beside their limits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds: int = parser.parse_args().rounds
    costs: dict[str, list[Cost]] = defaultdict(list)
    edges: list[Edges] = []
    with project("func main() {}", MATRIX) as root, tempfile.TemporaryDirectory() as scratch:
        (root / "test_empty.py").write_text("def test_empty() -> None: ...\n", encoding="utf-8")
        commands: dict[str, Sequence[str | Path]] = {
            "empty test": (BIN / "pytest", "-q", "-n", "2", "test_empty.py"),
            "one trial": (BIN / "gomatrix", "run", "-n", "2"),
            "imports": (sys.executable, "-c", "import click, pydantic, yaml"),
            "plan": (BIN / "gomatrix", "plan"),
            "runs list": (BIN / "gomatrix", "runs", "list"),
        }
        for command in commands.values():  # builds, and Python's own caches of bytecode
            _cost(command, root)
        _edges(Path(scratch))
        for _ in range(rounds):
            shutil.rmtree(root / "reports")
            for name, command in commands.items():
                costs[name].append(_cost(command, root))
            edges.append(_edges(Path(scratch)))
    return _report(costs, edges)


def _cost(command: Sequence[str | Path], directory: Path) -> Cost:
    started = time.perf_counter()
    with subprocess.Popen(
        command, cwd=directory, env=ENVIRONMENT, stdout=subprocess.DEVNULL
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}: exit status {process.returncode}")
    return Cost(usage.ru_utime + usage.ru_stime, wall)


def _edges(scratch: Path) -> Edges:
    """What the project's own matrix takes beside its trials."""
    reports = scratch / "reports"
    shutil.rmtree(reports, ignore_errors=True)
    command: list[str | Path] = [
        BIN / "gomatrix", "run", ROOT / "matrix.yaml", "--reports", reports,
    ]  # fmt: skip
    started = time.time()
    subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL)
    ended = time.time()
    run = reports / "latest"
    lines = (run / "trials.jsonl").read_text(encoding="utf-8").splitlines()
    trials = [json.loads(line) for line in lines]
    first = min(trial["started"] for trial in trials)
    last = max(trial["started"] + (trial["metrics"]["wall"] or 0.0) for trial in trials)
    made = json.loads((run / "run.json").read_text(encoding="utf-8"))["created"]
    before = (started, datetime.fromisoformat(made).timestamp(), _written(run / "run.json"), first)
    after = (last, *(_written(run / name) for name in WRITTEN), ended)
    return Edges(*(tuple(b - a for a, b in pairwise(marks)) for marks in (before, after)))


def _written(path: Path) -> float:
    return path.stat().st_mtime


def _report(costs: dict[str, list[Cost]], edges: Sequence[Edges]) -> int:
    cpu = {name: statistics.median(cost.cpu for cost in found) for name, found in costs.items()}
    wall = {name: statistics.median(cost.wall for cost in found) for name, found in costs.items()}
    for name in costs:
        print(f"{name:12}{cpu[name]:8.2f} s CPU{wall[name]:8.2f} s wall")
    for names, kind in ((BEFORE, "before"), (AFTER, "after")):
        parts = zip(*(getattr(edge, kind) for edge in edges), strict=True)
        told = zip(names, map(statistics.median, parts), strict=True)
        print(f"{kind} the trials, s: {', '.join(f'{n} {s:.2f}' for n, s in told)}")
    figures = {
        "one trial / empty test, CPU": (cpu["one trial"] / cpu["empty test"], TRIAL_LIMIT),
        "one trial / empty test, wall": (wall["one trial"] / wall["empty test"], TRIAL_LIMIT),
        "plan / imports, CPU": (cpu["plan"] / cpu["imports"], COMMAND_LIMIT),
        "runs list / imports, CPU": (cpu["runs list"] / cpu["imports"], COMMAND_LIMIT),
        "start to first trial, s": (statistics.median(sum(e.before) for e in edges), FIRST_LIMIT),
        "last trial to end, s": (statistics.median(sum(e.after) for e in edges), LAST_LIMIT),
    }
    for name, (value, limit) in figures.items():
        print(f"{name:30}{value:8.2f}   limit {limit}{'' if value <= limit else '   EXCEEDED'}")
    return int(any(value > limit for value, limit in figures.values()))


if __name__ == "__main__":
    sys.exit(main())
