"""How often screening is right, and what it costs, over simulated measurements with known truth.

``python benchmarks/screening.py [--seed N] [--searches N] [--noise PERCENT ...]``; half an hour.
Each search is over 12 toggles, of which random ones matter, through the function that real
screenings use. Beside it stand the same toggles turned back one at a time, and in all combinations,
decided by the same test.
"""

import argparse
import math
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from harness.analysis.screening.evidence import FIRST_LOOK, SequentialTest
from harness.analysis.screening.models import Ask, Back, Row
from harness.analysis.screening.search import ERROR, screen

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from screened import Bench, drive

CHANGE = 0.2
TOGGLES = tuple("abcdefghijkl")
SINGLES = tuple(frozenset((toggle,)) for toggle in TOGGLES)
MOST = {1: 40, 5: 400, 15: 4000}
"""Rounds of a set, at most, by noise in per cent: they grow as its square."""
LIMIT = 0.2
_GROWTH = 1.2


@dataclass(frozen=True)
class Model:
    """What of the change sets of two toggles explain."""

    name: str
    parts: Mapping[str, float]
    """By the toggles that must be turned back for it: of ``x`` and ``y``."""


MODELS = (
    Model("one explains all", {"x": 1.0}),
    Model("one explains 60 %", {"x": 0.6}),
    Model("two add up", {"x": 0.5, "y": 0.5}),
    Model("two add up to 60 %", {"x": 0.3, "y": 0.3}),
    Model("two act only together", {"xy": 1.0}),
    Model("two cancel, 60 % each", {"x": 0.6, "y": -0.6}),
    Model("none matters", {}),
)


@dataclass(frozen=True)
class Found:
    """What one search says, and what it cost."""

    culprits: frozenset[Back]
    ruled_out: Back
    variants: int
    """Beside the baseline and the candidate."""
    trials: int


@dataclass
class Tally:
    """Of searches of one kind under one model."""

    counts: Counter[str] = field(default_factory=Counter)
    variants: list[int] = field(default_factory=list)
    trials: list[int] = field(default_factory=list)

    def add(self, found: Found, truth: frozenset[Back]) -> None:
        """Judge one search: wrong says something false, right says everything."""
        matters = frozenset[str]().union(*truth)
        if found.culprits - truth or found.ruled_out & matters:
            self.counts["wrong"] += 1
        elif found.culprits == truth and found.ruled_out == set(TOGGLES) - matters:
            self.counts["right"] += 1
        else:
            self.counts["open"] += 1
        self.variants.append(found.variants)
        self.trials.append(found.trials)

    def row(self) -> str:
        """As cells of a table."""
        searches = self.counts.total()
        shares = " / ".join(f"{self.counts[k] / searches:.1%}" for k in ("right", "wrong"))
        return f"{shares} | {np.mean(self.variants):.1f} | {np.mean(self.trials):,.0f}"


def screening(bench: Bench, most: int) -> Found:
    """Screen in groups."""
    outcome = drive(screen(TOGGLES, limit=LIMIT, most=most), bench.answer)
    culprits = frozenset(culprit.toggles for culprit in outcome.culprits)
    return Found(culprits, frozenset(outcome.ruled_out), len(outcome.steps), bench.trials)


def one_at_a_time(bench: Bench, most: int) -> Found:
    """Turn back each toggle alone, all side by side, until each is decided."""

    def rows(undecided: Sequence[Back], rounds: int) -> Mapping[Back, Sequence[Row]]:
        bench.answer(Ask(tuple(undecided), rounds))
        return bench.rows

    states = _decide(rows, most)
    return _found(states, len(SINGLES), bench.trials)


def full_factorial(bench: Bench, most: int) -> Found:
    """Measure all combinations in each round; a toggle's part is its mean over the others.

    That mean is of 2,048 pairs of trials, so it is drawn at once.
    """
    combinations = 2 ** len(TOGGLES)
    random = np.random.default_rng(bench.seed)
    spread = bench.noise * 2 / math.sqrt(combinations)
    found: dict[Back, list[Row]] = {single: [] for single in SINGLES}
    means = {single: _mean_effect(bench, single) for single in SINGLES}

    def rows(_: Sequence[Back], rounds: int) -> Mapping[Back, Sequence[Row]]:
        while len(found[SINGLES[0]]) < rounds:
            low, high = random.normal(0, bench.noise, 2)
            baseline, candidate = math.exp(low), (1 + CHANGE) * math.exp(high)
            for single in SINGLES:
                part = means[single] * math.log1p(CHANGE) + random.normal(0, spread)
                found[single].append(Row(baseline, candidate, candidate * math.exp(-part)))
        return found

    states = _decide(rows, most)
    trials = len(found[SINGLES[0]]) * (combinations + 1)
    return _found(states, combinations - 1, trials)


def _mean_effect(bench: Bench, single: Back) -> float:
    """Of one toggle, over the others: two act together at most, so the two extremes are enough."""
    others = (frozenset[str](), frozenset(TOGGLES) - single)
    parts = [(bench.effect(o | single) or 0.0) - (bench.effect(o) or 0.0) for o in others]
    return sum(parts) / len(parts)


def _decide(
    rows: Callable[[Sequence[Back], int], Mapping[Back, Sequence[Row]]], most: int
) -> dict[Back, str]:
    """Look at single toggles until each is decided."""
    test = SequentialTest(LIMIT, 0.0, ERROR / len(SINGLES), most)
    states: dict[Back, str] = {}
    rounds = FIRST_LOOK
    while True:
        undecided = [single for single in SINGLES if single not in states]
        found = rows(undecided, rounds)
        decided = {single: test.decide(found[single][:rounds]) for single in undecided}
        states |= {single: state for single, state in decided.items() if state is not None}
        if len(states) == len(SINGLES) or rounds == most:
            return states
        rounds = min(most, math.ceil(rounds * _GROWTH))


def _found(states: Mapping[Back, str], variants: int, trials: int) -> Found:
    culprits = frozenset(s for s, state in states.items() if state in ("part", "opposite"))
    out = frozenset[str]().union(*(s for s, state in states.items() if state == "nothing"))
    return Found(culprits, out, variants, trials)


KINDS = (screening, one_at_a_time, full_factorial)


def tallies(model: Model, noise: int, searches: int, seed: int) -> list[Tally]:
    """Search that often, in each way."""
    found = [Tally() for _ in KINDS]
    for number in range(searches):
        random = np.random.default_rng([seed, noise, number])
        x, y = (str(t) for t in random.choice(TOGGLES, 2, replace=False))
        named = {"x": x, "y": y}
        parts = {frozenset(named[k] for k in keys): part for keys, part in model.parts.items()}

        def effect(back: Back, parts: Mapping[Back, float] = parts) -> float:
            return sum(part for needed, part in parts.items() if back >= needed)

        for kind, tally in zip(KINDS, found, strict=True):
            bench = Bench(effect, CHANGE, noise / 100, seed=[seed, noise, number])
            tally.add(kind(bench, MOST[noise]), frozenset(parts))
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--searches", type=int, default=200)
    parser.add_argument("--noise", type=int, nargs="+", choices=MOST, default=list(MOST))
    options = parser.parse_args()
    columns = "right / wrong | variants | trials"
    print(f"| noise | what matters | screening: {columns} | one at a time: {columns} "
          f"| full factorial: {columns} |")  # fmt: skip
    print("|" + "---|" * 11)
    for noise in options.noise:
        for model in MODELS:
            found = tallies(model, noise, options.searches, options.seed)
            cells = " | ".join(tally.row() for tally in found)
            print(f"| {noise} % | {model.name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
