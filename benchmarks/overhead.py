"""What a trial costs beyond the program: the whole path under pytest, and a bare loop.

The program exits at once, so that all of the time is the harness's: pytest item, spawn, sampling,
snapshots, storing. The bare loop calls the same measuring function without pytest.
"""

import statistics
import time
from itertools import pairwise

from project import gomatrix, project

from harness.run.store import Run
from harness.session.execute import measure

ROUNDS = 100
MATRIX = f"""\
go: [go1.24.3]
workloads: [{{name: nothing, package: ./program}}]
trials: {ROUNDS}
"""


def main() -> None:
    """Print both medians and their ratio."""
    with project("func main() {}", MATRIX) as root:
        run = Run.load(gomatrix(root, "-n", "1"))
        starts = [trial.started for trial in run.trials]
        whole = statistics.median(b - a for a, b in pairwise(starts))
        bare = []
        for trial in run.manifest.plan.trials():
            started = time.perf_counter()
            measure(run.path, run.manifest, trial)
            bare.append(time.perf_counter() - started)
    loop = statistics.median(bare)
    print(f"whole path, median of {ROUNDS - 1}: {whole * 1000:.1f} ms a trial")
    print(f"bare loop,  median of {ROUNDS}: {loop * 1000:.1f} ms a trial")
    print(f"ratio: {whole / loop:.2f}")


if __name__ == "__main__":
    main()
