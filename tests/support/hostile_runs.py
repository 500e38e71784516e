"""Run directories as a stranger may send them, and every command that reads one.

``python tests/support/hostile_runs.py SEED FIRST COUNT DIRECTORY`` tries cases in a process of its
own and prints a line of JSON for each: what was wrong, CPU seconds, the largest resident set.
"""

import faulthandler
import json
import os
import random
import shutil
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from profiles import field as pb
from profiles import profile, varint
from run_mutations import mutate
from synthetic import ORIGIN, make_run

from harness.analysis.conclusion import conclude
from harness.bisect.prepare import read_bisection
from harness.cli import main
from harness.errors import HarnessError
from harness.plan.suspects import Suspected
from harness.run.directory import newest_run
from harness.run.lock import measuring_into
from harness.run.resume import continued
from harness.run.series import write_series
from harness.run.store import (
    MANIFEST,
    SCREENING,
    Run,
    append_trial,
    read_manifest,
    read_trials,
    write_json,
)
from harness.session.execute import clean, temporary_directory
from harness.session.resuming import rounds_to_leave

BEGINS, ENDS = "/the use of a run begins", "/the use of a run ends"
"""Files that are not there, asked for before and after each use of a run."""
SECRET = "the secret of somebody else"  # noqa: S105 - a mark to look for
SECONDS, HANG, BYTES = 10.0, 90.0, 1 << 30
"""CPU seconds of a command, wall seconds on a busy machine, resident bytes: at most."""
MATRIX: dict[str, object] = ORIGIN | {
    "go": ["go1.23.9", "go1.24.3"],
    "experiments": [[], ["noswissmap"]],
    "env": {"GOGC": ["100", "50"]},
    "workloads": [{"name": "large", "package": "./large"}, {"name": "small", "package": "./small"}],
    "trials": {"min": 3, "max": 4},
    "gates": [{"metric": "rss.peak", "max_increase": "5%"}],
    "question": {"baseline": "go1.23.9 GOGC=100", "candidate": "go1.24.3 GOGC=100"},
}


def store(path: Path, *, seed: int = 1) -> None:
    """A run directory with everything that a run has."""

    def measure(workload: str, variant: str, number: int) -> dict[str, float | None]:
        size = 1e8 * (1.5 if variant.startswith("go1.24.3") and workload == "large" else 1.0)
        return {"rss.peak": size + number * seed, "rss.end": size, "heap.live": size / 2,
                "runtime.mapped": size * 0.8, "unseen": size * 0.2, "allocs.objects": 0.0,
                "cpu.user": 1.0 + number / 9, "wall": 2.0, "swap": None}  # fmt: skip

    run = make_run(measure, MATRIX, path=path)
    path.mkdir(parents=True)
    write_json(path / MANIFEST, run.manifest)
    stacks = [(pb(1, varint(2) + varint(1)), 10**8), (pb(1, 1), 500)]
    for trial in run.trials:
        stem = f"{trial.workload}-{trial.variant}-{trial.round}"
        write_series(path, f"series/{stem}.json", [(i / 10, 10**6 * i) for i in range(20)])
        (path / "profiles").mkdir(exist_ok=True)
        (path / "profiles" / f"{stem}.pb.gz").write_bytes(profile(stacks))
        append_trial(path, trial.model_copy(update={
            "series": f"series/{stem}.json", "profile": f"profiles/{stem}.pb.gz",
            "smaps": {"go heap": {"size": 1 << 30, "rss": 1 << 20}},
            "account": {"live": 1 << 26, "text": 1 << 20, "remainder": -(1 << 12)},
            "marks": {"1s": {"rss.end": 1e6}}, "accounts": {"1s": {"live": 1 << 19}},
            "children": {"1s": {"go heap": 1 << 18}},
            "runtime": {"/gc/cycles/total:gc-cycles": 4.0},
        }))  # fmt: skip
    if seed % 2:
        screen(path, run)
    write_json(path / "verdict.json", conclude(Run.load(path)))
    (path / "bisect.json").write_text(json.dumps(BISECTION))


def screen(path: Path, run: Run) -> None:
    """Have suspects screened: the run's own trials serve for those of the run within the run."""
    sides = ("go1.23.9 GOGC=100", "go1.24.3 GOGC=100")
    back = "go1.24.3+noswissmap GOGC=100"
    plan = run.manifest.plan
    own = plan.model_copy(update={
        "variants": tuple(v for v in plan.variants if v.name in {*sides, back}),
        "cells": tuple(c for c in plan.cells if c.variant in {*sides, back}),
        "turned_back": {back: ("swissmap", "timers=1")},
    })  # fmt: skip
    suspects = (
        Suspected(kind="experiment", name="swissmap", back="noswissmap"),
        Suspected(kind="godebug", name="timers", back="1", counted=True),
        Suspected(kind="gcflags", name="loopvar", back="all=-d=x"),
    )
    asked = plan.model_copy(update={"suspects": suspects, "varied": sides[1]})
    write_json(path / MANIFEST, run.manifest.model_copy(update={"plan": asked}))
    within = path / SCREENING
    within.mkdir()
    write_json(within / MANIFEST, run.manifest.model_copy(update={"plan": own}))
    for trial in run.trials:
        if trial.variant in {*sides, back}:
            append_trial(within, trial)


BISECTION: dict[str, Any] = {
    "schema": 1, "unit": "bytes", "direction": "regression", "headline": "it is found",
    "request": {"matrix": "matrix.yaml", "matrix_text": "", "workload": "large",
                "metric": "rss.peak", "good": "go1.23.9", "bad": "go1.24.3", "seed": 1},
    "stages": [],
}  # fmt: skip


def commands(number: int, run: Path, good: Path, out: Path) -> list[list[str]]:
    """Command lines over a hostile run; of the three that draw all charts, one each third case."""
    pages = [
        ["report", str(run), "-o", str(out / "page")],
        ["merge", str(run), str(good), "-o", str(out / "merged")],
        ["merge", str(run), "-o", str(out / "alone")],
    ]
    variants = ["go1.24.3 GOGC=100", "go1.23.9 GOGC=100"]
    return [
        ["verdict", str(run)],
        ["verdict", str(run), "--json", "--margin", "5%"],
        *(["report", str(run), "--format", style, "-o", str(out / style)]
          for style in ("md", "json", "csv", "benchfmt", "junit")),
        ["report", str(run), str(good), "-o", str(out / "history")],
        ["compare", str(run), *variants],
        ["compare", str(run), *variants, "--json"],
        ["profile", str(run), "large", *variants],
        ["runs", "list", "--reports", str(run.parent)],
        ["runs", "prune", "--keep", "99", "--reports", str(run.parent)],
        *([] if number % 3 else [pages[number // 3 % 3]]),
    ]  # fmt: skip


def functions(run: Path, good: Path) -> dict[str, Callable[[], object]]:
    """What commands that measure do with a stored run before they measure."""
    manifest = read_manifest(good)

    def say(line: str) -> None:
        assert "\n" not in line

    def resume() -> None:
        found = Run.load(run)
        continued(found.manifest, manifest)
        rounds_to_leave(found, "host-1")
        with measuring_into(run):
            clean(run)
            temporary_directory(run)
            append_trial(run, found.trials[0] if found.trials else Run.load(good).trials[0])
            read_trials(run)
            clean(run)

    return {
        "resume": resume,
        "newest": lambda: newest_run(run.parent, Path("matrix.yaml"), "", say),
        "bisect": lambda: read_bisection(run),
    }


def problems(number: int, run: Path, good: Path, out: Path) -> list[str]:
    """What was not as it should be."""
    found = []
    for words in commands(number, run, good, out):
        name = " ".join(words[:1] + [w for w in words[1:] if not w.startswith("/")])
        found += [f"{name}: {problem}" for problem in _timed(partial(_command, words))]
    for name, function in functions(run, good).items():
        found += [f"{name}: {problem}" for problem in _timed(partial(_function, function))]
    return found


def _timed(use: Callable[[], str | None]) -> list[str]:
    """The problem of one use, and whether it took too long; one that hangs ends the process."""
    began = time.process_time()
    faulthandler.dump_traceback_later(HANG, exit=True)
    problem = use()
    faulthandler.cancel_dump_traceback_later()
    spent = time.process_time() - began
    slow = f"{spent:.1f} s of CPU" if spent > SECONDS else None
    return [text for text in (problem, slow) if text]


def _command(words: list[str]) -> str | None:
    done = CliRunner().invoke(main, words)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        return "".join(traceback.format_exception(done.exception)[-3:])
    if done.exit_code not in (0, 1, 2) or "Traceback" in done.output:
        return f"{done.exit_code} {done.output[-300:]}"
    return "it shows the secret" if SECRET in done.output else None


def _function(function: Callable[[], object]) -> str | None:
    try:
        function()
    except HarnessError:
        return None
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return "".join(traceback.format_exception(error)[-3:])
    return None


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _mark(name: str) -> None:
    """Leave a mark in what strace writes."""
    with suppress(FileNotFoundError):
        os.close(os.open(name, os.O_RDONLY))


def try_case(seed: int, number: int, work: Path) -> dict[str, Any]:
    """One mutated run through everything."""
    dice = random.Random(f"{seed}/{number}")  # noqa: S311 - no secret
    case = work / f"case-{number}"
    reports, out, outside = case / "reports", case / "out", case / "outside"
    for directory in (out, outside):
        directory.mkdir(parents=True)
    (outside / "secret").write_text(SECRET)
    shutil.copytree(work / "seed", reports / "run")
    done = mutate(reports / "run", dice)
    Path("/proc/self/clear_refs").write_text("5")  # forget the largest resident set
    began = time.process_time()
    _mark(BEGINS)
    found = problems(number, reports / "run", work / "good", out)
    _mark(ENDS)
    spent = time.process_time() - began
    leaked = [p for p in out.rglob("*") if p.is_symlink() or SECRET.encode() in _content(p)]
    found += [f"{p.name} is a link, or holds the secret" for p in leaked]
    if [p.name for p in outside.iterdir()] != ["secret"] or (
        outside / "secret"
    ).read_text() != SECRET:
        found.append("something outside was written")
    if {p.name for p in case.iterdir()} != {"reports", "out", "outside"}:
        found.append("something beside the run was written")
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) << 10
    if peak > BYTES:
        found.append(f"{peak >> 20} MiB")
    shutil.rmtree(case)
    return {"case": number, "done": done, "problems": found, "seconds": spent, "peak": peak}


def batch(seed: int, first: int, count: int, work: Path) -> None:
    """Cases in this process; each starts and ends with a line."""
    store(work / "seed")
    store(work / "good", seed=2)
    for number in range(first, first + count):
        print(json.dumps({"begins": number}), flush=True)  # noqa: T201 - read by the test
        print(json.dumps(try_case(seed, number, work)), flush=True)  # noqa: T201 - as above


if __name__ == "__main__":
    _seed, _first, _count = map(int, sys.argv[1:4])
    batch(_seed, _first, _count, Path(sys.argv[4]))
