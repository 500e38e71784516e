"""Keeps what real trials of the fixtures measured, for the calibration to draw from.

Measure the matrix below, then name its run directory; ``trials.json`` beside this file is replaced.

    python benchmarks/record_trials.py --matrix > matrix.yaml   # beside go_fixtures
    gomatrix run matrix.yaml
    python benchmarks/record_trials.py reports/latest
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from harness.analysis.samples import tables
from harness.run import Run

RECORDED = Path(__file__).with_name("trials.json")
MATRIX = """\
go: [go1.23.9, go1.24.3]
question: {baseline: go1.23.9, candidate: go1.24.3}
workloads:
  - {name: large-buffers, package: ./go_fixtures/largebuffers, args: ["-retain-mib=64"]}
  - {name: live-map, package: ./go_fixtures/livemap, args: ["-entries=300000"]}
  - {name: churn, package: ./go_fixtures/churn, args: ["-garbage-mib=200"]}
  - {name: leak, package: ./go_fixtures/leak, args: ["-pause=2ms"]}
trials: 40
"""
METRICS = (
    ("large-buffers", "rss.peak"),
    ("live-map", "rss.peak"),
    ("churn", "rss.peak"),
    ("churn", "wall"),
)
VARIANT = "go1.24.3"


def recorded(run: Run) -> dict[str, object]:
    """The samples of one variant, in order of rounds, and where they are from."""
    found = tables(run)
    samples = {}
    for workload, metric in METRICS:
        values = found[workload].values(VARIANT, metric)
        samples[f"{workload} {metric}"] = [float(f"{v:.6g}") for v in values[np.isfinite(values)]]
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
    parser.add_argument("--matrix", action="store_true", help="print the matrix to measure")
    options = parser.parse_args()
    if options.matrix or options.run is None:
        sys.stdout.write(MATRIX)
        return
    text = json.dumps(recorded(Run.load(options.run)), indent=1)
    RECORDED.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
