"""What large plans and large runs cost.

    python benchmarks/scale.py [--trials 100000]

Listing 50,000 trials: 1,000 variants, 10 workloads, 5 rounds. ``gomatrix verdict`` of a stored run
of 100,000 trials with 50 metrics each: 20 variants, 10 workloads, 500 rounds. Exits with 1 when a
limit is exceeded.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from harness.golang.experiments import Experiments
from harness.golang.records import ToolchainRecord
from harness.matrix.load import load
from harness.metrics.catalogue import CATALOGUE
from harness.plan.plan import make_plan
from harness.run.host import Host
from harness.run.records import Manifest
from harness.run.store import MANIFEST, TRIALS, write_json

BIN = Path(sys.executable).parent
METRICS = 50
PLAN_SECONDS, VERDICT_SECONDS, VERDICT_BYTES = 2.0, 15.0, 600 << 20
MATRIX = """\
go: [go1.23.9, go1.24.3]
env: {GOGC: [%s]}
question: {baseline: go1.23.9 GOGC=1, candidate: go1.24.3 GOGC=1}
workloads: [%s]
trials: %d
"""


def main() -> int:
    """Print the figures beside their limits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=100_000)
    trials: int = parser.parse_args().trials
    with tempfile.TemporaryDirectory() as scratch:
        seconds, count = _plan(Path(scratch))
        print(f"plan: {count:,} trials in {seconds:.2f} s   limit {PLAN_SECONDS}")
        directory = Path(scratch) / "run"
        _write_run(directory, trials)
        wall, peak = _verdict(directory)
    print(f"verdict: {trials:,} trials in {wall:.1f} s   limit {VERDICT_SECONDS}")
    print(f"verdict: {peak >> 20} MiB   limit {VERDICT_BYTES >> 20}")
    return int(seconds > PLAN_SECONDS or wall > VERDICT_SECONDS or peak > VERDICT_BYTES)


def _matrix(directory: Path, variants: int, rounds: int) -> Path:
    values = ", ".join(str(number + 1) for number in range(variants // 2))
    workloads = ", ".join(f"{{name: w{number}, package: ./p}}" for number in range(10))
    path = directory / "matrix.yaml"
    path.write_text(MATRIX % (values, workloads, rounds), encoding="utf-8")
    return path


def _plan(directory: Path) -> tuple[float, int]:
    path = _matrix(directory, 1000, 5)
    started = time.perf_counter()
    spec = load(path).spec
    known = {go.name: Experiments(known=(), on=frozenset()) for go in spec.go}
    trials = list(make_plan(spec, known, seed=1).trials())
    return time.perf_counter() - started, len(trials)


def _write_run(directory: Path, trials: int) -> None:
    """Write a run as if it were measured: 2 % of noise, and 5 % more with the candidate's Go."""
    spec = load(_matrix(directory.parent, 20, trials // 200)).spec
    known = {go.name: Experiments(known=(), on=frozenset()) for go in spec.go}
    plan = make_plan(spec, known, seed=1)
    host = Host(
        id="host", name="host", kernel="", cpu="", cpus=2, memory=1 << 34,
        transparent_hugepages="", swap=0,
    )  # fmt: skip
    directory.mkdir()
    manifest = Manifest(
        name="scale", created=datetime.now(UTC), harness="", matrix_path="matrix.yaml",
        matrix_text="", matrix=spec, plan=plan, builds=(), host=host, lanes=2, command=(),
        toolchains=tuple(
            ToolchainRecord(name=go.name, version=go.name, provider="", goroot="", sha256=None,
                            digest=go.name, on=()) for go in spec.go),
    )  # fmt: skip
    write_json(directory / MANIFEST, manifest)
    metrics = list(CATALOGUE)[:METRICS]
    chance = random.Random(1)  # noqa: S311 - no secret
    with (directory / TRIALS).open("w", encoding="utf-8") as stream:
        for number, trial in enumerate(plan.trials()):
            size = 1.05 if trial.variant.startswith("go1.24.3") else 1.0
            record = trial.model_dump() | {
                "schema": 1, "outcome": "ok", "host": "host", "lane": number % 2,
                "started": 1.7e9 + number / 2,
                "metrics": {name: 1e8 * size * chance.gauss(1, 0.02) for name in metrics},
            }  # fmt: skip
            stream.write(json.dumps(record) + "\n")


def _verdict(directory: Path) -> tuple[float, int]:
    """Seconds, and bytes of memory at the peak."""
    started = time.perf_counter()
    with subprocess.Popen(
        [BIN / "gomatrix", "verdict", directory], stdout=subprocess.DEVNULL
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"gomatrix verdict: exit status {process.returncode}")
    return time.perf_counter() - started, usage.ru_maxrss << 10


if __name__ == "__main__":
    sys.exit(main())
