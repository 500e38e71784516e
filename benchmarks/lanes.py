"""What a second lane gives, and what it costs: wall time, and the spread of each metric."""

import statistics
import time
from collections import defaultdict

from project import gomatrix, project

from harness.run.store import Run

PROGRAM = """\
import "time"

var kept [][]byte

func main() {
	for deadline := time.Now().Add(400 * time.Millisecond); time.Now().Before(deadline); {
		buffer := make([]byte, 64<<10)
		for i := range buffer {
			buffer[i] = byte(i)
		}
		kept = append(kept, buffer)
		if len(kept) > 200 {
			kept = kept[100:]
		}
	}
}"""
MATRIX = """\
go: [go1.23.9, go1.24.3]
workloads: [{name: busy, package: ./program}]
trials: {min: 25, max: 25, cpus: 1}
"""
METRICS = ("rss.peak", "runtime.mapped", "cpu.user", "wall", "faults.minor", "allocs.bytes")


def spread(run: Run) -> dict[str, float]:
    """Standard deviation over mean of each metric, averaged over variants."""
    values: dict[str, dict[str, list[float]]] = {metric: defaultdict(list) for metric in METRICS}
    for trial in run.trials:
        for metric in METRICS:
            values[metric][trial.variant].append(trial.metrics[metric] or 0.0)
    return {
        metric: statistics.mean(
            statistics.stdev(sample) / statistics.mean(sample) for sample in variants.values()
        )
        for metric, variants in values.items()
    }


def main() -> None:
    """Print wall times, their ratio, and the spreads side by side."""
    walls, spreads = {}, {}
    with project(PROGRAM, MATRIX) as root:
        gomatrix(root, "-n", "1", "-k", "r01")  # builds
        for lanes in (1, 2):
            started = time.perf_counter()
            run = Run.load(gomatrix(root, "-n", str(lanes)))
            walls[lanes] = time.perf_counter() - started
            spreads[lanes] = spread(run)
    print(f"one lane {walls[1]:.1f} s, two lanes {walls[2]:.1f} s: {walls[2] / walls[1]:.2f}")
    print(f"{'metric':16}{'one lane':>10}{'two lanes':>11}  (coefficient of variation)")
    for metric in METRICS:
        print(f"{metric:16}{spreads[1][metric]:>10.2%}{spreads[2][metric]:>11.2%}")


if __name__ == "__main__":
    main()
