"""How often the analysis is wrong, and how soon it is right: simulated runs with known truth.

Prints Markdown tables, which docs/statistics.md holds. Runs of whole matrices go through
``undecided`` and ``conclude`` as measured ones do; those of one comparison through what these call,
``estimate``, ``adjust`` and ``decided``, and some of them through both, as a check. Seeded: the
same figures each time, on any number of processes.

    python benchmarks/calibration.py [--runs 200] [--seed 1] [--only coverage]
"""

import argparse
import json
import math
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))  # no package of its own

from synthetic import EXPERIMENTS, HOST, make_run

from harness.analysis import conclude, undecided
from harness.analysis.decisions import decided
from harness.analysis.intervals import Estimate, estimate
from harness.analysis.models import Comparison, Decision, Verdict
from harness.analysis.sequential import adjust, stopped_error
from harness.run import Run

Noise = NDArray[np.float64]
"""Rounds by variants: the logarithm of what a trial differs by from its variant's true value."""
Model = Callable[[np.random.Generator, int, int], Noise]
Seed = Sequence[int]
Figures = dict[str, float]
"""What one row of a table is made of."""

_ERROR = 0.05
_MARGIN = 0.03
"""The default of ``question.margin``."""
_FIRST, _LAST = 5, 40
_TRUE_RATIO = 1.1
_OTHER_RATIOS = (1.0, 1.02, 1.05, 1.2)
_CHANGES = (0.0, 0.05, 0.2)
_CHECKED = 2
"""Runs of each cell that go through the whole analysis too."""


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


def _recorded(name: str) -> Model:
    """What real trials measured (``record_trials.py``), drawn from with replacement."""
    path = Path(__file__).with_name("trials.json")
    values = json.loads(path.read_text(encoding="utf-8"))["samples"][name]
    logs = np.log(np.array(values))
    logs -= logs.mean()
    return lambda rng, n, k: rng.choice(logs, (n, k))


MODELS: dict[str, Model] = {
    "tight, 0.2 %": _tight,
    "GC-noisy, 5 %": _gc(0.05),
    "GC-noisy, 20 %": _gc(0.20),
    "GC-noisy, skewed, 8 %": _skewed,
    "two modes, 15 % apart": _bimodal,
    "heavy tails": _heavy,
    "drift, 15 %": _drift,
    "two hosts, 25 % apart": _hosts,
    "trials of large-buffers, rss.peak": _recorded("large-buffers rss.peak"),
    "trials of live-map, rss.peak": _recorded("live-map rss.peak"),
    "trials of churn, rss.peak": _recorded("churn rss.peak"),
    "trials of churn, wall": _recorded("churn wall"),
    "1 %": _gc(0.01),
}
NAMED = tuple(name for name in MODELS if name != "1 %")
"""The last one is for attribution, where a figure is asked at 1 %."""
KINDS = 8
"""The first models, one for each kind of noise; after them the real trials."""

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


@dataclass(frozen=True)
class Look:
    """What a run of one comparison shows after some of its rounds."""

    estimate: Estimate
    decision: Decision

    @classmethod
    def at(cls, differences: Noise, first: int, last: int) -> "Look":
        """After as many rounds as there are differences."""
        found = estimate(differences)
        if found is None:
            raise ValueError("a noise model gave no finite numbers")
        adjusted = adjust(found.p_different(0.0), found.n, first, last)
        return cls(found, decided(found, adjusted, _MARGIN, first, last, _ERROR))

    @classmethod
    def last(cls, differences: Noise, first: int, last: int) -> "Look":
        """Where the stopping rule ends."""
        for rounds in range(first, last):
            look = cls.at(differences[:rounds], first, last)
            if look.decision != "inconclusive":
                return look
        return cls.at(differences[:last], first, last)

    def covers(self, ratio: float, first: int, last: int) -> bool:
        """Whether the 95 % interval holds it."""
        error = stopped_error(_ERROR, self.estimate.n, first, last)
        interval = self.estimate.interval(1 - error)
        return interval is not None and interval[0] <= math.log(ratio) <= interval[1]

    def wrong(self, ratio: float) -> bool:
        """Whether it decides what is not so."""
        right = {
            "increase": ratio > 1,
            "decrease": ratio < 1,
            "equivalent": abs(math.log(ratio)) <= math.log1p(_MARGIN),
        }
        return not right.get(self.decision, True)


@lru_cache(maxsize=16)
def _one_comparison(first: int, last: int) -> Simulator:
    return Simulator.of({**AA, "trials": {"min": first, "max": last}})


def _check(logs: Noise, first: int, last: int, look: Look) -> None:
    """The whole analysis gives what the short way did."""
    run = stopped(_one_comparison(first, last).run(logs), first, last)
    found = _primary(conclude(run))
    if (found.n, found.decision) != (look.estimate.n, look.decision):
        raise AssertionError(f"{found} against {look}")


def _primary(verdict: Verdict) -> Comparison:
    return next(c for c in verdict.comparisons if c.primary)


def _looks(
    model: str, runs: int, seed: Seed, ratio: float, first: int, last: int
) -> Iterator[tuple[Look, Noise]]:
    """Simulated runs of one comparison, as the stopping rule leaves them, with all their rounds."""
    rng = np.random.default_rng([*seed, NAMED.index(model), first, last, round(1000 * ratio)])
    for index in range(runs):
        logs = MODELS[model](rng, last, 2)
        logs[:, 0] += math.log(ratio)  # go1.24.11 sorts first
        differences = logs[:, 0] - logs[:, 1]
        look = Look.last(differences, first, last)
        if index < _CHECKED:
            _check(logs, first, last, look)
        yield look, differences


def coverage(model: str, runs: int, seed: Seed) -> Figures:
    """Of 95 % intervals: a true ratio of 1.1, fixed and stopped rounds; then other ratios."""
    figures = {}
    for rounds in (5, 10, 20, 40):
        looks = _looks(model, 20 * runs, seed, _TRUE_RATIO, rounds, rounds)
        hits = sum(look.covers(_TRUE_RATIO, rounds, rounds) for look, _ in looks)
        figures[f"{rounds}"] = hits / (20 * runs)
    for ratio in (_TRUE_RATIO, *_OTHER_RATIOS):
        count = 5 * runs if ratio == _TRUE_RATIO else 2 * runs
        looks = _looks(model, count, seed, ratio, _FIRST, _LAST)
        hits = sum(look.covers(ratio, _FIRST, _LAST) for look, _ in looks)
        figures[f"stopped {ratio}"] = hits / count
    return figures


def false_alarms(model: str, runs: int, seed: Seed) -> Figures:
    """A/A: 3 workloads, 4 + 1 equal variants, looked at after each of 5 to 20 rounds."""
    simulator = _three_workloads()
    rng = np.random.default_rng([*seed, NAMED.index(model)])
    primary = anywhere = rounds = 0
    for _ in range(runs):
        run = stopped(simulator.run(MODELS[model](rng, 20, len(simulator.cells))), 5, 20)
        wrong = [c for c in conclude(run).comparisons if c.decision in ("increase", "decrease")]
        primary += any(c.primary for c in wrong)
        anywhere += bool(wrong)
        rounds += max(t.round for t in run.trials)
    return {"primary": primary / runs, "anywhere": anywhere / runs, "rounds": rounds / runs}


@lru_cache(maxsize=1)
def _three_workloads() -> Simulator:
    workloads = [{"name": f"w{i}", "package": "./w"} for i in range(3)]
    return Simulator.of({**FACTORIAL, "workloads": workloads, "trials": {"min": 5, "max": 20}})


def attribution(model: str, runs: int, seed: Seed) -> Figures:
    """A 20 % regression, made by swissmap alone, by both at a half each, or by either of them."""
    simulator = _factorial()
    rng = np.random.default_rng([*seed, tuple(MODELS).index(model)])
    counts = dict.fromkeys(
        (
            "culprit ruled out", "half a culprit ruled out", "innocent implicated",
            "culprit implicated", "innocent ruled out", "joint cure found", "pair of an innocent",
        ), 0,
    )  # fmt: skip
    pair = "spinbitmutex+swissmap"
    for _ in range(runs):
        alone = _verdicts(simulator, model, rng, lambda swiss, _spin: float(swiss))
        counts["culprit ruled out"] += alone["swissmap"] == "ruled out"
        counts["culprit implicated"] += alone["swissmap"] == "implicated"
        counts["innocent implicated"] += alone["spinbitmutex"] == "implicated"
        counts["innocent ruled out"] += alone["spinbitmutex"] == "ruled out"
        counts["pair of an innocent"] += alone.get(pair) == "implicated"
        half = _verdicts(simulator, model, rng, lambda swiss, spin: (swiss + spin) / 2)
        counts["half a culprit ruled out"] += "ruled out" in (
            half["swissmap"],
            half["spinbitmutex"],
        )
        joint = _verdicts(simulator, model, rng, lambda swiss, spin: float(swiss or spin))
        counts["joint cure found"] += joint.get(pair) == "implicated"
    return {key: count / runs for key, count in counts.items()}


@lru_cache(maxsize=1)
def _factorial() -> Simulator:
    return Simulator.of({**FACTORIAL, "trials": {"min": 5, "max": 20}})


def _verdicts(
    simulator: Simulator, model: str, rng: np.random.Generator,
    part: Callable[[bool, bool], float],
) -> dict[str, str]:  # fmt: skip
    logs = MODELS[model](rng, simulator.rounds, len(simulator.cells))
    for column, (_, variant) in enumerate(simulator.cells):
        new = variant.startswith("go1.24")
        on = (new and "noswissmap" not in variant, new and "nospinbitmutex" not in variant)
        logs[:, column] += np.log(1.2) * part(*on)
    run = stopped(simulator.run(logs), 5, simulator.rounds)
    return {"+".join(s.experiments): s.verdict for s in conclude(run).suspects}


POWER = {
    "20 % under 20 %": (0.20, 0.20, 0.03, 5, 40),
    "2 % under 0.5 %": (0.02, 0.005, 0.03, 5, 8),
    "2 % under 0.5 %, margin 1 %": (0.02, 0.005, 0.01, 5, 8),
}
"""Change, noise, margin, first and last look."""


def power(case: str, runs: int, seed: Seed) -> Figures:
    """True regressions, and in how many runs they are decided; 2.5 runs for each one asked."""
    change, sd, margin, first, last = POWER[case]
    question = {"baseline": "go1.24.3", "candidate": "go1.24.11", "margin": str(margin)}
    simulator = Simulator.of({**AA, "question": question, "trials": {"min": first, "max": last}})
    right = ("increase",) if change > margin else ("increase", "equivalent")
    rng = np.random.default_rng([*seed, tuple(POWER).index(case)])
    runs = runs * 5 // 2
    made = correct = rounds = 0
    for _ in range(runs):
        logs = rng.normal(0, sd, (last, 2))
        logs[:, 0] += np.log1p(change)
        run = stopped(simulator.run(logs), first, last)
        decision = _primary(conclude(run)).decision
        made += decision != "inconclusive"
        correct += decision in right
        rounds += max(t.round for t in run.trials)
    return {"decided": made / runs, "rightly": correct / runs, "rounds": rounds / runs}


def stopping(model: str, runs: int, seed: Seed) -> Figures:
    """The stopping rule (5 to 40 rounds), and fixed numbers of rounds on the same trials.

    A fixed number of rounds has one look, and so the whole 5 % for it.
    """
    figures: Figures = {}
    for change in _CHANGES:
        used = np.zeros(runs)
        right = dict.fromkeys(range(_FIRST, _LAST + 1), 0)
        made = wrong = fixed_wrong = 0
        for index, (look, differences) in enumerate(
            _looks(model, runs, seed, 1 + change, _FIRST, _LAST)
        ):
            used[index] = look.estimate.n
            made += look.decision != "inconclusive"
            wrong += look.wrong(1 + change)
            for rounds in right:
                fixed = Look.at(differences[:rounds], rounds, rounds)
                right[rounds] += fixed.decision != "inconclusive"
            fixed_wrong += fixed.wrong(1 + change)
        figures |= {
            f"{change} rounds": float(used.mean()),
            f"{change} variance": float(used.var() / runs),
            f"{change} decided": made / runs,
            f"{change} wrong": wrong / runs,
            f"{change} fixed wrong": fixed_wrong / runs,
        }
        figures |= {f"{change} fixed {n}": count / runs for n, count in right.items()}
    return figures


@dataclass(frozen=True)
class Section:
    """A table: how a row's figures are simulated, and how they are shown."""

    simulate: Callable[[str, int, Seed], Figures]
    rows: tuple[str, ...]
    head: str
    show: Callable[[str, Figures], Iterator[str]]
    end: Callable[[Sequence[Figures]], Iterator[str]] = lambda _figures: iter(())


def _shares(*values: float) -> str:
    return " | ".join(f"{value:.1%}" for value in values)


def _show_coverage(name: str, figures: Figures) -> Iterator[str]:
    others = [figures[f"stopped {ratio}"] for ratio in _OTHER_RATIOS]
    fixed = [figures[f"{rounds}"] for rounds in (5, 10, 20, 40)]
    yield (
        f"| {name} | {_shares(*fixed, figures[f'stopped {_TRUE_RATIO}'])} "
        f"| {min(others):.1%} to {max(others):.1%} |"
    )


def _show_alarms(name: str, f: Figures) -> Iterator[str]:
    yield f"| {name} | {_shares(f['primary'], f['anywhere'])} | {f['rounds']:.1f} |"


def _show_attribution(name: str, figures: Figures) -> Iterator[str]:
    yield f"| {name} | {_shares(*figures.values())} |"


def _show_power(name: str, f: Figures) -> Iterator[str]:
    _, _, margin, first, last = POWER[name]
    shown = f"{margin:.0%} | {first} to {last} | {_shares(f['decided'], f['rightly'])}"
    yield f"| {name.partition(',')[0]} | {shown} | {f['rounds']:.1f} |"


def _show_stopping(name: str, f: Figures) -> Iterator[str]:
    for change in _CHANGES:
        yield (
            f"| {name} | {change:.0%} | {f[f'{change} decided']:.1%} "
            f"| {f[f'{change} rounds']:.1f} | {f[f'{change} fixed {_LAST}']:.1%} "
            f"| {_shares(f[f'{change} wrong'], f[f'{change} fixed wrong'])} |"
        )


def _end_stopping(figures: Sequence[Figures]) -> Iterator[str]:
    """The comparison with a fixed number of rounds, over kinds of noise and over all models."""
    for words, chosen in (("the kinds of noise", figures[:KINDS]), ("all models", figures)):
        cells = [(f, change) for f in chosen for change in _CHANGES]
        used = float(np.mean([f[f"{c} rounds"] for f, c in cells]))
        error = math.sqrt(sum(f[f"{c} variance"] for f, c in cells)) / len(cells)
        goal = float(np.mean([f[f"{c} decided"] for f, c in cells]))
        sizes = range(_FIRST, _LAST + 1)
        fixed = {n: float(np.mean([f[f"{c} fixed {n}"] for f, c in cells])) for n in sizes}
        equal = next((n for n in sizes if fixed[n] >= goal), _LAST)
        yield ""
        yield (
            f"Over {words}: the stopping rule decides {goal:.1%} with {used:.2f} ± {error:.2f} "
            f"rounds on average; {equal} fixed rounds are the fewest that decide as often "
            f"({fixed[equal]:.1%}). That is {used / equal:.1%} of their rounds."
        )


SECTIONS: dict[str, Section] = {
    "coverage": Section(
        coverage, NAMED,
        "| noise | 5 rounds | 10 rounds | 20 rounds | 40 rounds | stopped, 5 to 40 "
        "| stopped, other ratios |",
        _show_coverage,
    ),
    "false-alarms": Section(
        false_alarms, NAMED,
        "| noise | a primary one is wrong | any of all comparisons is wrong | mean rounds |",
        _show_alarms,
    ),
    "attribution": Section(
        attribution, tuple(MODELS),
        "| noise | culprit ruled out | culprit with 50 % ruled out | innocent implicated "
        "| culprit implicated | innocent ruled out | joint cure found "
        "| culprit and innocent taken for a joint cure |",
        _show_attribution,
    ),
    "power": Section(
        power, tuple(POWER),
        "| true change and noise | margin | rounds | decided | decided rightly | mean rounds |",
        _show_power,
    ),
    "stopping": Section(
        stopping, NAMED,
        "| noise | true change | decided, stopped | mean rounds | decided, 40 fixed rounds "
        "| wrong, stopped | wrong, 40 fixed |",
        _show_stopping, _end_stopping,
    ),
}  # fmt: skip


def _work(job: tuple[str, str, int, int]) -> Figures:
    section, row, runs, seed = job
    return SECTIONS[section].simulate(row, runs, (seed, list(SECTIONS).index(section)))


def main() -> None:
    """Print the tables asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=200, help="simulated runs for a figure; the "
                        "cheap ones have several times as many")  # fmt: skip
    parser.add_argument("--seed", type=int, default=20261124, help="of all random numbers")
    parser.add_argument("--only", choices=SECTIONS, help="one table only")
    parser.add_argument("--jobs", type=int, help="processes; by default one for each CPU")
    options = parser.parse_args()
    with multiprocessing.Pool(options.jobs) as pool:
        for name, section in SECTIONS.items():
            if options.only not in (None, name):
                continue
            started = time.monotonic()
            told = (section.simulate.__doc__ or "").partition("\n")[0]
            print(f"\n### {name}\n\n{told}\n\n{section.head}")
            print("|---" * (section.head.count("|") - 1) + "|", flush=True)
            rows = []
            jobs = [(name, row, options.runs, options.seed) for row in section.rows]
            for row, figures in zip(section.rows, pool.imap(_work, jobs), strict=True):
                rows.append(figures)
                print("\n".join(section.show(row, figures)), flush=True)
            print("\n".join(section.end(rows)))
            seconds = time.monotonic() - started
            print(f"\n--runs {options.runs} --seed {options.seed}, {seconds:.0f} s.", flush=True)


if __name__ == "__main__":
    main()
