"""How often ``gomatrix explain`` names the right cause, simulated with known truth.

``python benchmarks/explain.py [--seed N] [--searches N] [--change PERCENT] [--noise PERCENT]``; a
minute. Each search goes from both ends through the releases, the toggles, the declarations of the
standard library and the cure, with the functions that real searches use.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from explaining import Kind, searches


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--searches", type=int, default=100)
    parser.add_argument("--change", type=float, default=5)
    parser.add_argument("--noise", type=float, default=3)
    options = parser.parse_args()
    change, noise = options.change / 100, options.noise / 100
    print("| cause | right | wrong | open | trials: mean | most | on the way |")
    print("|---|---|---|---|---|---|---|")
    kinds: tuple[Kind, ...] = ("toggle", "declaration", "nothing")
    for kind in kinds:
        counts, steps, trials = Counter[str](), Counter[str](), []
        for search in searches(kind, options.searches, options.seed, change, noise):
            counts[search.run()] += 1
            steps += search.steps
            trials.append(search.trials)
        way = "; ".join(f"{step}: {count}" for step, count in sorted(steps.items()))
        cells = (kind, *(counts[name] for name in ("right", "wrong", "open")),
                 f"{np.mean(trials):.0f}", max(trials), way)  # fmt: skip
        print(f"| {' | '.join(map(str, cells))} |")


if __name__ == "__main__":
    main()
