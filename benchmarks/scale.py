"""What large plans and large runs cost.

    python benchmarks/scale.py [--trials 100000]

Listing 50,000 trials: 1,000 variants, 10 workloads, 5 rounds. ``gomatrix verdict`` of a stored run
of 100,000 trials with 50 metrics each: 20 variants, 10 workloads, 500 rounds. The stopping rule's
look after each round of an unfinished run: 4 variants, 10 workloads, 40 rounds; trials run beside
it. Exits with 1 when a limit is exceeded.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.golang.experiments import Experiments
from harness.golang.records import ToolchainRecord
from harness.matrix.load import load
from harness.metrics.catalogue import CATALOGUE
from harness.plan.plan import make_plan
from harness.run.host import Host
from harness.run.records import Manifest, TrialRecord
from harness.run.store import MANIFEST, TRIALS, write_json
from harness.session.stopping import Stopping

BIN = Path(sys.executable).parent
METRICS = 50
PLAN_SECONDS, VERDICT_SECONDS, VERDICT_BYTES, LOOK_SECONDS = 2.0, 15.0, 600 << 20, 0.02
MATRIX = """\
go: [go1.23.9, go1.24.3]
env: {GOGC: [%s]}
question: {baseline: go1.23.9 GOGC=1, candidate: go1.24.3 GOGC=1}
workloads: [%s]
trials: %s
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
        look = _longest_look(Path(scratch) / "unfinished")
    print(f"verdict: {trials:,} trials in {wall:.1f} s   limit {VERDICT_SECONDS}")
    print(f"verdict: {peak >> 20} MiB   limit {VERDICT_BYTES >> 20}")
    print(f"longest look of 95 %: {look * 1000:.1f} ms   limit {LOOK_SECONDS * 1000:.0f}")
    exceeded = wall > VERDICT_SECONDS or peak > VERDICT_BYTES or look > LOOK_SECONDS
    return int(seconds > PLAN_SECONDS or exceeded)


def _matrix(directory: Path, variants: int, rounds: str) -> Path:
    values = ", ".join(str(number + 1) for number in range(variants // 2))
    workloads = ", ".join(f"{{name: w{number}, package: ./p}}" for number in range(10))
    path = directory / "matrix.yaml"
    path.write_text(MATRIX % (values, workloads, rounds), encoding="utf-8")
    return path


def _plan(directory: Path) -> tuple[float, int]:
    path = _matrix(directory, 1000, "5")
    started = time.perf_counter()
    spec = load(path).spec
    known = {go.name: Experiments(known=(), on=frozenset()) for go in spec.go}
    trials = list(make_plan(spec, known, seed=1).trials())
    return time.perf_counter() - started, len(trials)


def _write_run(directory: Path, trials: int) -> None:
    """Write a run as if it were measured: 2 % of noise, and 5 % more with the candidate's Go."""
    manifest = _manifest(directory.parent, 20, str(trials // 200))
    directory.mkdir()
    write_json(directory / MANIFEST, manifest)
    with (directory / TRIALS).open("w", encoding="utf-8") as stream:
        for record in _records(manifest, 0.02):
            stream.write(json.dumps(record) + "\n")


def _manifest(directory: Path, variants: int, rounds: str) -> Manifest:
    spec = load(_matrix(directory, variants, rounds)).spec
    known = {go.name: Experiments(known=(), on=frozenset()) for go in spec.go}
    host = Host(
        id="host", name="host", kernel="", cpu="", cpus=2, memory=1 << 34,
        transparent_hugepages="", swap=0,
    )  # fmt: skip
    return Manifest(
        name="scale", created=datetime.now(UTC), harness="", matrix_path="matrix.yaml",
        matrix_text="", matrix=spec, plan=make_plan(spec, known, seed=1), builds=(), host=host,
        lanes=2, command=(), toolchains=tuple(
            ToolchainRecord(name=go.name, version=go.name, provider="", goroot="", sha256=None,
                            digest=go.name, on=()) for go in spec.go),
    )  # fmt: skip


def _records(manifest: Manifest, noise: float) -> Iterator[dict[str, Any]]:
    metrics = list(CATALOGUE)[:METRICS]
    chance = random.Random(1)  # noqa: S311 - no secret
    for number, trial in enumerate(manifest.plan.trials()):
        size = 1.05 if trial.variant.startswith("go1.24.3") else 1.0
        yield trial.model_dump() | {
            "schema": 1, "outcome": "ok", "host": "host", "lane": number % 2,
            "started": 1.7e9 + number / 2,
            "metrics": {name: 1e8 * size * chance.gauss(1, noise) for name in metrics},
        }  # fmt: skip


def _longest_look(directory: Path) -> float:
    """Seconds of CPU after a round, but for the slowest twentieth of all rounds.

    Noise leaves the workloads open to the last round.
    """
    directory.mkdir()
    manifest = _manifest(directory, 4, "{min: 5, max: 40}")
    stopping = Stopping(directory, manifest, manifest.plan.trials(), [])
    looks = []
    for record in map(TrialRecord.model_validate, _records(manifest, 0.2)):
        started = time.process_time()
        stopping.note(record)
        looks.append(time.process_time() - started)
    rounds = sorted(looks)[-10 * 40 :]
    return rounds[len(rounds) * 19 // 20]


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
