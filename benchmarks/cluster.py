"""What a cluster costs beside the trials: a driver, a scheduler, and hosts that only sleep.

    python benchmarks/cluster.py [--lanes 64] [--trials 10000]

Trials of 0.2 s on 1, 2, 4, … hosts of one lane each, in rounds of 4: trials a second, the share of
the time in which lanes measure, CPU time of the driver a trial, time until the first trial begins.
Then ``--trials`` of them (none with 0), and how much memory the driver has more after them than
after the first thousand. Exits with 1 when a limit is exceeded. The hosts' processes and the
scheduler use CPU time too: with little more of it than that, lanes are idle for want of it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
from distributed import Client
from simulated_hosts import TRIAL, execute

from harness.cluster.deal import Cluster
from harness.golang.experiments import Experiments
from harness.golang.records import BuildRecord, ToolchainRecord
from harness.matrix.models import MatrixSpec
from harness.plan.plan import make_plan
from harness.run.host import describe_host
from harness.run.records import Manifest
from harness.run.store import append_trial
from harness.session.bench import Lost, Round
from harness.session.execute import keep
from harness.session.progress import Progress
from harness.session.stopping import Stopping

EFFICIENCY, UP_TO, DRIVER_CPU, GROWTH = 0.9, 32, 0.008, 300 << 20
"""Limits: the share of the time, for so many lanes at most; seconds of CPU; bytes."""
VARIANTS = 4
_TOGETHER = 16
"""Simulated hosts in a process."""
_SETTLED = 1000
"""Trials after which the driver has loaded all that it needs."""


@dataclass(frozen=True)
class Figures:
    """Of one run."""

    trials: int
    wall: float
    """Seconds from the first trial's start to the last one's end."""
    cpu: float
    """Of the driver, seconds."""
    first: float
    """Seconds until the first trial began."""
    growth: int
    """Bytes."""


def main() -> int:
    """Print the figures beside their limits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lanes", type=int, default=64)
    parser.add_argument("--trials", type=int, default=10_000)
    chosen = parser.parse_args()
    good = True
    print("lanes  trials/s  efficiency  driver CPU/trial  first trial")
    count = 1
    while count <= chosen.lanes:
        found = run(count, VARIANTS * max(8, count * 10))
        efficiency = found.trials * TRIAL / (found.wall * count)
        cpu = found.cpu / found.trials
        good &= cpu <= DRIVER_CPU and (efficiency >= EFFICIENCY or count > UP_TO)
        print(
            f"{count:5}  {found.trials / found.wall:8.1f}  {efficiency:10.3f}"
            f"  {cpu * 1e3:13.2f} ms  {found.first:9.2f} s",
            flush=True,
        )
        count *= 2
    print(f"limits: efficiency {EFFICIENCY} up to {UP_TO} lanes, {DRIVER_CPU * 1e3:.0f} ms")
    if chosen.trials:
        found = run(min(chosen.lanes, UP_TO), chosen.trials)
        print(
            f"{found.trials:,} trials: {found.growth >> 20} MiB more memory   limit {GROWTH >> 20}"
        )
        good &= found.growth < GROWTH
    return int(not good)


def run(lanes: int, trials: int) -> Figures:
    """Deal trials to so many hosts, and keep them as a run does."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        address = stack.enter_context(_scheduler())
        stack.enter_context(_hosts(address, lanes))
        client = stack.enter_context(Client(address, set_as_default=False))
        client.wait_for_workers(lanes, timeout=120)
        manifest = _manifest(directory, trials // VARIANTS)
        cluster = Cluster(client, directory, (), lambda _line: None, run=execute)
        stack.callback(cluster.close)
        return _measure(cluster, manifest, directory)


def _measure(cluster: Cluster, manifest: Manifest, directory: Path) -> Figures:
    planned = list(manifest.plan.trials())
    rounds: deque[Round] = deque(
        tuple(planned[at : at + VARIANTS]) for at in range(0, len(planned), VARIANTS)
    )
    progress = Progress(manifest.plan, planned)
    stopping = Stopping(directory, manifest, planned, [])
    process, count, settled = psutil.Process(), 0, 0
    began, cpu = time.time(), time.process_time()
    first = last = 0.0
    for event in cluster.deal(manifest, lambda: rounds.popleft() if rounds else None):
        if isinstance(event, Lost):
            raise SystemExit(f"{event.host} lost a round: {event.why}")
        record = keep(directory, manifest, event)
        append_trial(directory, record)
        stopping.note(record)
        progress.note(record)
        started, count = record.started or 0.0, count + 1
        first, last = min(first or started, started), max(last, started + TRIAL)
        if count == _SETTLED:
            settled = process.memory_info().rss
    if count != len(planned):
        raise SystemExit(f"{count} trials came of {len(planned)}")
    growth = process.memory_info().rss - settled if settled else 0
    return Figures(count, last - first, time.process_time() - cpu, first - began, growth)


def _manifest(directory: Path, rounds: int) -> Manifest:
    """A run of two programs that no host has to fetch."""
    spec = MatrixSpec.model_validate(
        {
            "go": ["go1.23.9", "go1.24.3"],
            "env": {"GOGC": ["50", "100"]},
            "question": {"baseline": "go1.23.9 GOGC=100", "candidate": "go1.24.3 GOGC=100"},
            "workloads": [{"name": "sleep", "package": "./sleep"}],
            "trials": rounds,
        }
    )
    program = directory / "program"
    program.write_bytes(bytes(100))
    known = {go.name: Experiments(known=(), on=frozenset()) for go in spec.go}
    toolchains = tuple(
        ToolchainRecord(name=go.name, version=go.name, provider="none", goroot="/go", on=())
        for go in spec.go
    )
    builds = tuple(
        BuildRecord(
            workload="sleep", toolchain=go.name, settings=(), key=go.name, binary=str(program),
            sha256="", size=100, command="", seconds=0.0, cached=True,
        )
        for go in spec.go
    )  # fmt: skip
    return Manifest(
        name="cluster", created=datetime.now(UTC), harness="0", matrix_path="matrix.yaml",
        matrix_text="", matrix=spec, toolchains=toolchains, builds=builds,
        plan=make_plan(spec, known, seed=1), host=describe_host(), lanes=1,
        command=("gomatrix", "run"), supervisor=str(program),
    )  # fmt: skip


@contextmanager
def _scheduler() -> Iterator[str]:
    """A scheduler in a process of its own, at a free port."""
    command = [str(Path(sys.executable).with_name("dask")), "scheduler", "--host", "127.0.0.1",
               "--port", "0", "--no-dashboard", "--no-show"]  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        told = Path(scratch, "scheduler.json")
        process = subprocess.Popen(
            [*command, "--scheduler-file", str(told)], stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},  # it unpickles tasks
        )  # fmt: skip
        try:
            while not told.exists() or not told.stat().st_size:
                time.sleep(0.05)
            time.sleep(0.2)
            yield json.loads(told.read_text())["address"]
        finally:
            process.kill()
            process.wait()


@contextmanager
def _hosts(address: str, count: int) -> Iterator[None]:
    source = str(Path(__file__).with_name("simulated_hosts.py"))
    processes = [
        subprocess.Popen(
            [sys.executable, source, address, str(first), str(min(_TOGETHER, count - first))],
            stderr=subprocess.DEVNULL,
        )
        for first in range(0, count, _TOGETHER)
    ]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
