"""Faults of hosts while they measure, and what a run must be after them."""

import json
from collections import Counter, defaultdict
from pathlib import Path

from projects import Project
from rack import Rack
from waiting import wait_until

from harness.run.store import Run

PROGRAM = """\
package main

import (
	"runtime"
	"time"
)

type record struct{ a, b int }

func main() {
	one := new(record)
	var kept [][]*record
	for i := 0; i < 24; i++ {
		buffer := make([]*record, 0, 128<<10)
		for j := 0; j < 80<<10; j++ {
			buffer = append(buffer, one)
		}
		kept = append(kept, buffer)
	}
	time.Sleep(SLEEP * time.Millisecond)
	runtime.KeepAlive(kept)
}
"""
"""Keeps large buffers, as the origin does, for a moment."""
MATRIX = """\
go: [go1.23.9, go1.24.3]
experiments: [[], [noswissmap]]
question: {baseline: go1.23.9, candidate: go1.24.3, metrics: [rss.peak]}
workloads: [{name: buffers, package: ./buffers}]
trials: ROUNDS
"""
VARIANTS = 3
"""go1.23.9 knows no swissmap."""


def write_buffers(project: Project, rounds: int | str, milliseconds: int) -> None:
    """A matrix of ``rounds`` rounds of three short trials."""
    (project.root / "go.mod").write_text("module buffers\n\ngo 1.21\n")
    (project.root / "buffers").mkdir()
    program = PROGRAM.replace("SLEEP", str(milliseconds))
    (project.root / "buffers" / "main.go").write_text(program)
    project.write(MATRIX.replace("ROUNDS", str(rounds)))


def directory_of(project: Project) -> Path | None:
    """The directory of a project's one run, once there is one."""
    made = list((project.root / "reports").glob("2*"))
    return made[0] if made else None


def require_whole(directory: Path, rounds: int) -> Run:
    """The run has every planned trial, each once, and each round is of one host."""
    run = Run.load(directory)
    lines = (directory / "trials.jsonl").read_text(encoding="utf-8").splitlines()
    read = [json.loads(line) for line in lines]
    ids = Counter((t["workload"], t["variant"], t["round"]) for t in read)
    assert [name for name, count in ids.items() if count > 1] == []
    hosts = defaultdict(list)
    for trial in run.trials:
        assert trial.ok, trial
        hosts[trial.round].append(trial.host)
    whole = {number: found for number, found in hosts.items() if len(found) == VARIANTS}
    assert len(whole) == rounds, f"{len(whole)} whole rounds of {rounds}"
    assert all(len(set(found)) == 1 for found in whole.values())
    left = set(run.manifest.plan.left.get("buffers", ()))
    assert hosts.keys() - whole.keys() <= left, "a round was torn, and is not said to be left"
    return run


def require_answer(directory: Path) -> None:
    """The verdict on large buffers."""
    verdict = json.loads((directory / "verdict.json").read_text())
    decisions = {
        c["candidate"]: c["decision"]
        for c in verdict["comparisons"]
        if c["metric"] == "rss.peak" and c["baseline"] == "go1.23.9"
    }
    assert decisions == {"go1.24.3": "increase", "go1.24.3+noswissmap": "increase"}
    assert [s["verdict"] for s in verdict["suspects"]] == ["ruled out"]


def require_nothing_left(rack: Rack) -> None:
    """No trial outlives the run, and nothing the workers."""
    wait_until(lambda: not any(machine.trials() for machine in rack.machines), 60)
    for machine in rack.machines:
        if machine.nanny is not None:
            machine.nanny.terminate()
    wait_until(lambda: not any(machine.processes() for machine in rack.machines), 120)
