"""How often the analysis is wrong, and how soon it is right: simulated runs with known truth.

Prints Markdown tables, which docs/statistics.md holds. Every run goes through ``conclude`` and
``undecided`` as a measured one does. Seeded: the same figures each time.

    python benchmarks/calibration.py [--runs 1000] [--seed 1] [--only coverage]
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))  # no package of its own

from synthetic import EXPERIMENTS, HOST, make_run

from harness.analysis import conclude, undecided
from harness.analysis.models import Comparison, Verdict
from harness.run import Run

Noise = NDArray[np.float64]
"""Rounds by variants: the logarithm of what a trial differs by from its variant's true value."""
_TRUE_RATIO = 1.1
Model = Callable[[np.random.Generator, int, int], Noise]


def _tight(rng: np.random.Generator, n: int, k: int) -> Noise:
    return rng.normal(0, 0.002, (n, k))


def _gc(sd: float) -> Model:
    return lambda rng, n, k: rng.normal(0, sd, (n, k))


def _skewed(rng: np.random.Generator, n: int, k: int) -> Noise:
    """A floor that garbage collection exceeds now and then."""
    logs: Noise = 0.08 * (rng.exponential(1.0, (n, k)) - 1)
    return logs


def _bimodal(rng: np.random.Generator, n: int, k: int) -> Noise:
    logs: Noise = np.log(1.15) * rng.integers(0, 2, (n, k)) + rng.normal(0, 0.005, (n, k))
    return logs


def _heavy(rng: np.random.Generator, n: int, k: int) -> Noise:
    return 0.02 * rng.standard_t(2.5, (n, k))


def _drift(rng: np.random.Generator, n: int, k: int) -> Noise:
    """15 % over the run; trials of a round run one after another."""
    time_ = np.arange(n * k).reshape(n, k) / (n * k)
    shuffled = np.stack([rng.permutation(row) for row in time_])
    return 0.15 * shuffled + rng.normal(0, 0.01, (n, k))


def _hosts(rng: np.random.Generator, n: int, k: int) -> Noise:
    """Rounds alternate between a machine and one that takes 25 % more and is noisier."""
    host = np.arange(n)[:, None] % 2
    logs: Noise = np.log(1.25) * host + rng.normal(0, 0.01, (n, k)) * (1 + host)
    return logs


MODELS: dict[str, Model] = {
    "tight, 0.2 %": _tight,
    "GC-noisy, 5 %": _gc(0.05),
    "GC-noisy, 20 %": _gc(0.20),
    "GC-noisy, skewed, 8 %": _skewed,
    "two modes, 15 % apart": _bimodal,
    "heavy tails": _heavy,
    "drift, 15 %": _drift,
    "two hosts, 25 % apart": _hosts,
}

AA: dict[str, object] = {
    "go": ["go1.24.3", "go1.24.11"],
    "question": {"baseline": "go1.24.3", "candidate": "go1.24.11"},
    "workloads": [{"name": "w", "package": "./w"}],
    "trials": 10,
}
FACTORIAL: dict[str, object] = {
    **AA,
    "go": ["go1.23.9", "go1.24.3"],
    "experiments": [[], ["noswissmap"], ["nospinbitmutex"], ["noswissmap", "nospinbitmutex"]],
    "question": {"baseline": "go1.23.9", "candidate": "go1.24.3"},
}
HOSTS = (HOST, HOST.model_copy(update={"id": "host-2"}))


@dataclass(frozen=True)
class Simulator:
    """Makes runs of one matrix without validating each of their trials again."""

    template: Run
    cells: tuple[tuple[str, str], ...]
    rounds: int

    @classmethod
    def of(cls, matrix: dict[str, object]) -> "Simulator":
        """For a matrix whose trials have ``rss.peak`` only."""
        template = make_run(
            lambda _w, _v, _r: {"rss.peak": 1.0}, matrix, experiments=EXPERIMENTS, hosts=HOSTS
        )
        cells = dict.fromkeys((t.workload, t.variant) for t in template.trials)
        return cls(template, tuple(sorted(cells)), max(t.round for t in template.trials))

    def run(self, logs: Noise) -> Run:
        """A run whose trials have exp(logs[round - 1, cell]) times 100 MB."""
        column = {cell: index for index, cell in enumerate(self.cells)}
        values = 1e8 * np.exp(logs)
        trials = tuple(
            t.model_copy(
                update={
                    "metrics": {
                        "rss.peak": float(values[t.round - 1, column[t.workload, t.variant]])
                    }
                }
            )
            for t in self.template.trials
        )
        return replace(self.template, trials=trials)


def stopped(run: Run, first: int, last: int) -> Run:
    """The run as the stopping rule leaves it."""
    for rounds in range(first, last + 1):
        part = replace(run, trials=tuple(t for t in run.trials if t.round <= rounds))
        if not undecided(part):
            return part
    return run


def _primary(verdict: Verdict) -> Comparison:
    return next(c for c in verdict.comparisons if c.primary)


def coverage(runs: int, seed: int) -> Iterator[str]:
    """95 % intervals of a true ratio of 1.1, with fixed and with stopped rounds."""
    yield "| noise | 5 rounds | 10 rounds | 20 rounds | 40 rounds | stopped, 5 to 40 |"
    yield "|---|---|---|---|---|---|"
    for index, (name, model) in enumerate(MODELS.items()):
        cells = []
        for rounds, minimum in ((5, 5), (10, 10), (20, 20), (40, 40), (40, 5)):
            simulator = Simulator.of({**AA, "trials": {"min": minimum, "max": rounds}})
            rng = np.random.default_rng([seed, 1, index, rounds, minimum])
            hits = 0
            for _ in range(runs):
                logs = model(rng, rounds, 2)
                logs[:, 0] += np.log(_TRUE_RATIO)  # go1.24.11 sorts first
                run = simulator.run(logs)
                ci = _primary(conclude(stopped(run, minimum, rounds))).ci
                hits += ci is not None and ci[0] <= _TRUE_RATIO <= ci[1]
            cells.append(f"{hits / runs:.1%}")
        yield f"| {name} | {' | '.join(cells)} |"


def false_alarms(runs: int, seed: int) -> Iterator[str]:
    """A/A: 3 workloads, 4 + 1 equal variants, looked at after each round."""
    yield "| noise | a primary one is wrong | any of all comparisons is wrong | mean rounds |"
    yield "|---|---|---|---|"
    matrix = {
        **FACTORIAL,
        "workloads": [{"name": f"w{i}", "package": "./w"} for i in range(3)],
        "trials": {"min": 5, "max": 20},
    }
    simulator = Simulator.of(matrix)
    for index, (name, model) in enumerate(MODELS.items()):
        rng = np.random.default_rng([seed, 2, index])
        primary = anywhere = rounds = 0
        for _ in range(runs):
            run = stopped(simulator.run(model(rng, 20, len(simulator.cells))), 5, 20)
            wrong = [c for c in conclude(run).comparisons if c.decision in ("increase", "decrease")]
            primary += any(c.primary for c in wrong)
            anywhere += bool(wrong)
            rounds += max(t.round for t in run.trials)
        yield f"| {name} | {primary / runs:.1%} | {anywhere / runs:.1%} | {rounds / runs:.1f} |"


def attribution(runs: int, seed: int) -> Iterator[str]:
    """A 20 % regression, made by swissmap alone, by both at a half each, or by either of them."""
    yield (
        "| noise | culprit ruled out | culprit with 50 % ruled out | innocent implicated "
        "| culprit implicated | innocent ruled out | joint cure found |"
    )
    yield "|---|---|---|---|---|---|---|"
    simulator = Simulator.of({**FACTORIAL, "trials": {"min": 5, "max": 20}})
    models = {**MODELS, "1 %": _gc(0.01)}
    for index, (name, model) in enumerate(models.items()):
        rng = np.random.default_rng([seed, 3, index])
        counts = dict.fromkeys(("ruled", "half", "blamed", "found", "cleared", "joint"), 0)
        for _ in range(runs):
            alone = _verdicts(simulator, model, rng, lambda swiss, _spin: float(swiss))
            counts["ruled"] += alone["swissmap"] == "ruled out"
            counts["found"] += alone["swissmap"] == "implicated"
            counts["blamed"] += alone["spinbitmutex"] == "implicated"
            counts["cleared"] += alone["spinbitmutex"] == "ruled out"
            half = _verdicts(simulator, model, rng, lambda swiss, spin: (swiss + spin) / 2)
            counts["half"] += half["swissmap"] == "ruled out"
            joint = _verdicts(simulator, model, rng, lambda swiss, spin: float(swiss or spin))
            counts["joint"] += joint.get("spinbitmutex+swissmap") == "implicated"
        shown = (
            counts[key] / runs for key in ("ruled", "half", "blamed", "found", "cleared", "joint")
        )
        yield f"| {name} | {' | '.join(f'{share:.1%}' for share in shown)} |"


def _verdicts(
    simulator: Simulator, model: Model, rng: np.random.Generator,
    part: Callable[[bool, bool], float],
) -> dict[str, str]:  # fmt: skip
    logs = model(rng, simulator.rounds, len(simulator.cells))
    for column, (_, variant) in enumerate(simulator.cells):
        new = variant.startswith("go1.24")
        on = (new and "noswissmap" not in variant, new and "nospinbitmutex" not in variant)
        logs[:, column] += np.log(1.2) * part(*on)
    run = stopped(simulator.run(logs), 5, simulator.rounds)
    return {"+".join(s.experiments): s.verdict for s in conclude(run).suspects}


def power(runs: int, seed: int) -> Iterator[str]:
    """True regressions, and in how many runs they are decided."""
    yield "| true change | noise | margin | rounds | decided | decided rightly | mean rounds |"
    yield "|---|---|---|---|---|---|---|"
    for index, (change, sd, margin, first, last) in enumerate(
        ((0.20, 0.20, 0.03, 5, 40), (0.02, 0.005, 0.03, 5, 8), (0.02, 0.005, 0.01, 5, 8))
    ):
        question = {"baseline": "go1.24.3", "candidate": "go1.24.11", "margin": str(margin)}
        simulator = Simulator.of(
            {**AA, "question": question, "trials": {"min": first, "max": last}}
        )
        right = ("increase",) if change > margin else ("increase", "equivalent")
        rng = np.random.default_rng([seed, 4, index])
        decided = correct = rounds = 0
        for _ in range(runs):
            logs = rng.normal(0, sd, (last, 2))
            logs[:, 0] += np.log1p(change)
            run = stopped(simulator.run(logs), first, last)
            decision = _primary(conclude(run)).decision
            decided += decision != "inconclusive"
            correct += decision in right
            rounds += max(t.round for t in run.trials)
        yield (
            f"| {change:.0%} | {sd:.1%} | {margin:.0%} | {first} to {last} | {decided / runs:.1%} "
            f"| {correct / runs:.1%} | {rounds / runs:.1f} |"
        )


def stopping(runs: int, seed: int) -> Iterator[str]:
    """The stopping rule (5 to 40 rounds) against the fixed number of rounds that errs as rarely."""
    yield "| noise | true change | decided, stopped | mean rounds | decided, 40 fixed rounds |"
    yield "|---|---|---|---|---|"
    looked = Simulator.of({**AA, "trials": {"min": 5, "max": 40}})
    sizes = (20, 25, 30, 35, 40)
    fixed = {size: Simulator.of({**AA, "trials": size}) for size in sizes}
    used, decided, by_size = [], [], {size: [] for size in sizes}  # type: ignore[var-annotated]
    for index, (name, model) in enumerate(MODELS.items()):
        for change in (0.0, 0.05, 0.2):
            rng = np.random.default_rng([seed, 5, index, int(100 * change)])
            stops, rounds, counts = 0, 0, dict.fromkeys(sizes, 0)
            for _ in range(runs):
                logs = model(rng, 40, 2)
                logs[:, 0] += np.log1p(change)
                run = stopped(looked.run(logs), 5, 40)
                rounds += max(t.round for t in run.trials)
                stops += _primary(conclude(run)).decision != "inconclusive"
                for size, simulator in fixed.items():
                    verdict = conclude(simulator.run(logs[:size]))
                    counts[size] += _primary(verdict).decision != "inconclusive"
            used.append(rounds / runs)
            decided.append(stops / runs)
            for size in sizes:
                by_size[size].append(counts[size] / runs)
            yield (
                f"| {name} | {change:.0%} | {stops / runs:.1%} | {rounds / runs:.1f} "
                f"| {counts[40] / runs:.1%} |"
            )
    goal = float(np.mean(decided))
    equal = next((size for size in sizes if np.mean(by_size[size]) >= goal), sizes[-1])
    yield ""
    yield (
        f"Over all: the stopping rule decides {goal:.1%} with {np.mean(used):.1f} rounds on "
        f"average; {equal} fixed rounds decide {np.mean(by_size[equal]):.1%}. That is "
        f"{np.mean(used) / equal:.0%} of their rounds."
    )


SECTIONS: dict[str, Callable[[int, int], Iterator[str]]] = {
    "coverage": coverage,
    "false-alarms": false_alarms,
    "attribution": attribution,
    "power": power,
    "stopping": stopping,
}


def main() -> None:
    """Print the tables asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=1000, help="simulated runs for each figure")
    parser.add_argument("--seed", type=int, default=20261124, help="of all random numbers")
    parser.add_argument("--only", choices=SECTIONS, help="one table only")
    options = parser.parse_args()
    for name, section in SECTIONS.items():
        if options.only in (None, name):
            started = time.monotonic()
            print(f"\n### {name}\n\n{section.__doc__}\n")
            for line in section(options.runs, options.seed):
                print(line, flush=True)
            seconds = time.monotonic() - started
            print(f"\n{options.runs} runs a figure, seed {options.seed}, {seconds:.0f} s.")


if __name__ == "__main__":
    main()
