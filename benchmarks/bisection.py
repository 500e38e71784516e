"""How often a bisection is right, and what it costs, over simulated measurements with known truth.

``python benchmarks/bisection.py [--seed N] [--searches N]``; a minute. Each search is over 64
versions, with the step at a random one, through the functions that real searches use.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.bisect.search import first_change

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from bisecting import Simulation, classifier, line, step_at

VERSIONS = 64


@dataclass(frozen=True)
class Tally:
    """Of searches under one model."""

    right: int
    wrong: int
    open: int
    """The step was narrowed, but not down to one version."""
    unsearched: int
    """No difference between the ends was shown."""
    trials: tuple[int, ...]


def tally(change: float, noise: float, searches: int, seed: int) -> Tally:
    """Search that often."""
    counts = {"right": 0, "wrong": 0, "open": 0, "unsearched": 0}
    trials = []
    for number in range(searches):
        random = np.random.default_rng([seed, number])
        step = int(random.integers(1, VERSIONS))
        points = line(VERSIONS)
        runner = Simulation(
            step_at(points, step, change), noise, seed=int(random.integers(1 << 31))
        )
        measured = classifier(runner, points)
        if measured.compare_ends().decision != "changed":
            counts["unsearched"] += 1
        else:
            found = first_change(points, measured.classify, "bad")
            inside = found.low < step <= found.high
            exact = (found.low, found.high) == (step - 1, step)
            counts["right" if exact else "open" if inside else "wrong"] += 1
        trials.append(runner.trials)
    return Tally(**counts, trials=tuple(trials))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--searches", type=int, default=200)
    options = parser.parse_args()
    print("| change | noise | right | wrong | open | no search | trials: mean | most |")
    print("|---|---|---|---|---|---|---|---|")
    models = [(0.6, 0.0002), (0.03, 0.01), (0.03, 0.03), (0.1, 0.1), (0.0, 0.0002), (0.0, 0.03)]
    for change, noise in models:
        found = tally(change, noise, options.searches, options.seed)
        print(
            f"| {change:.0%} | {noise:.2%} | {found.right} | {found.wrong} | {found.open} "
            f"| {found.unsearched} | {np.mean(found.trials):.0f} | {max(found.trials)} |"
        )


if __name__ == "__main__":
    main()
