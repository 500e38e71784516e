"""Keeps what real trials of the fixtures measured, for the calibration to draw from.

Measure one of the matrices below, then name its run directory; its samples in ``trials.json``
beside this file are replaced. ``same`` is a toolchain under two names, on programs whose memory is
as the collector's pace leaves it: all its trials are of one population.

    python benchmarks/record_trials.py --matrix same > matrix.yaml   # beside go_fixtures
    gomatrix run matrix.yaml
    python benchmarks/record_trials.py reports/DIRECTORY
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from harness.analysis.samples import tables
from harness.run.store import Run

RECORDED = Path(__file__).with_name("trials.json")
MATRICES = {
    "versions": """\
go: [go1.23.9, go1.24.3]
question: {baseline: go1.23.9, candidate: go1.24.3}
workloads:
  - {name: large-buffers, package: ./go_fixtures/largebuffers, args: ["-retain-mib=64"]}
  - {name: live-map, package: ./go_fixtures/livemap, args: ["-entries=300000"]}
  - {name: churn, package: ./go_fixtures/churn, args: ["-garbage-mib=200"]}
  - {name: leak, package: ./go_fixtures/leak, args: ["-pause=2ms"]}
trials: 40
""",
    "same": """\
go: [go1.24.3]
env: {COPY: [a, b]}
question: {baseline: go1.24.3 COPY=a, candidate: go1.24.3 COPY=b}
workloads:
  - {name: churn, package: ./go_fixtures/churn, args: ["-garbage-mib=100"]}
  - {name: jsondecode, package: ./go_fixtures/jsondecode, args: ["-orders=300", "-rounds=10"]}
  - {name: syncmap, package: ./go_fixtures/syncmap, args: ["-entries=20000", "-reads=50000"]}
trials: 60
""",
}
METRICS = (
    ("large-buffers", "rss.peak"),
    ("live-map", "rss.peak"),
    ("churn", "rss.peak"),
    ("churn", "wall"),
)
VARIANT = "go1.24.3"
SAME = (
    ("churn", "rss.peak"),
    ("jsondecode", "rss.peak"),
    ("jsondecode", "heap.live"),
    ("syncmap", "rss.peak"),
)


def recorded(run: Run) -> dict[str, Any]:
    """The samples in order of rounds, and where they are from."""
    found = tables(run)
    same = "COPY" in run.manifest.matrix.env
    samples = {}
    for workload, metric in SAME if same else METRICS:
        variants = sorted(found[workload].cells) if same else [VARIANT]
        values = np.concatenate([found[workload].values(v, metric) for v in variants])
        name = f"A/A {workload} {metric}" if same else f"{workload} {metric}"
        samples[name] = [float(f"{v:.6g}") for v in values[np.isfinite(values)]]
    host = run.manifest.host
    return {
        "variant": VARIANT,
        "matrix": run.manifest.matrix_text,
        "cpu": host.cpu,
        "kernel": host.kernel,
        "samples": samples,
    }


def main() -> None:
    """Print the matrix, or record a run of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("run", nargs="?", type=Path, help="a run directory of the matrix")
    parser.add_argument("--matrix", choices=MATRICES, help="print a matrix to measure")
    options = parser.parse_args()
    if options.matrix or options.run is None:
        sys.stdout.write(MATRICES[options.matrix or "same"])
        return
    new = recorded(Run.load(options.run))
    old = json.loads(RECORDED.read_text(encoding="utf-8"))
    kept = [r for r in old if not r["samples"].keys() & new["samples"].keys()]
    text = json.dumps([*kept, new], indent=1)
    RECORDED.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
