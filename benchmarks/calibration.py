"""How often the analysis is wrong, and how soon it is right: simulated runs with known truth.

Prints Markdown tables, which docs/statistics.md holds, with their standard errors. Simulated
numbers are put straight into the tables that the analysis works on; from there on its own functions
judge them. Some runs of each row go through ``undecided`` and ``conclude`` as measured ones do, as
a check.
Seeded: the same figures each time, on any number of processes.

    python benchmarks/calibration.py [--runs 200] [--seed 1] [--only coverage] [--rows TEXT]
"""

import argparse
import json
import math
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from synthetic import EXPERIMENTS, HOST, make_run

from harness.analysis.attribution import Explanation, attribute
from harness.analysis.comparisons import compare_all, compare_primary, decided
from harness.analysis.conclusion import conclude
from harness.analysis.models import Caution, Comparison, Decision
from harness.analysis.quality import cautions
from harness.analysis.samples import Block, Table
from harness.analysis.stats.intervals import Estimate, estimate
from harness.analysis.stats.sequential import adjust, stopped_error
from harness.analysis.stopping import undecided
from harness.plan.question import Question, resolve_question
from harness.run.records import TrialRecord
from harness.run.store import Run

Noise = NDArray[np.float64]
"""Rounds by variants: the logarithm of what a trial differs by from its variant's true value."""
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
"""Runs of each row that go through the whole analysis too."""


Draw = Callable[[np.random.Generator, int, int], Noise]
"""So many rounds by so many variants; every variant's own noise has the mean zero."""


@dataclass(frozen=True)
class Model:
    """A kind of noise that some variants have, or all, beside a normal one of all."""

    draw: Draw
    sides: str = "bc-"
    """Which variants have it: ``b`` the baseline, ``c`` the candidate, ``-`` any other."""
    everywhere: float = 0.0
    """Standard deviation of what all have."""

    def __call__(self, rng: np.random.Generator, rounds: int, roles: str) -> Noise:
        """Noise of one metric, a column for each letter of ``roles``."""
        has = np.array([role in self.sides for role in roles])
        logs: Noise = self.draw(rng, rounds, len(roles)) * has
        if self.everywhere:
            logs += rng.normal(0, self.everywhere, logs.shape)
        return logs


def _normal(sd: float) -> Draw:
    return lambda rng, n, k: rng.normal(0, sd, (n, k))


def _exponential(sd: float) -> Draw:
    """A floor that garbage collection exceeds now and then."""
    return lambda rng, n, k: sd * (rng.exponential(1.0, (n, k)) - 1)


def _floor(scale: float, sigma: float) -> Draw:
    """A floor with a lognormal tail."""
    mean = math.exp(sigma**2 / 2)
    return lambda rng, n, k: scale * (np.exp(rng.normal(0, sigma, (n, k))) - mean)


def _mode(size: float, part: float) -> Draw:
    """A second mode, which a part of the trials falls into."""
    log = math.log1p(size)
    return lambda rng, n, k: np.where(rng.random((n, k)) < part, log * (1 - part), -log * part)


def _two_modes(rng: np.random.Generator, n: int, k: int) -> Noise:
    logs: Noise = np.log(1.15) * (rng.integers(0, 2, (n, k)) - 0.5) + rng.normal(0, 0.005, (n, k))
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


def _drawn(values: list[float]) -> Draw:
    """From real trials, with replacement."""
    logs = np.log(np.array(values))
    logs -= logs.mean()
    return lambda rng, n, k: rng.choice(logs, (n, k))


KINDS: dict[str, Model] = {
    "tight, 0.2 %": Model(_normal(0.002)),
    "GC-noisy, 5 %": Model(_normal(0.05)),
    "GC-noisy, 20 %": Model(_normal(0.20)),
    "GC-noisy, skewed, 8 %": Model(_exponential(0.08)),
    "two modes, 15 % apart": Model(_two_modes),
    "heavy tails": Model(_heavy),
    "drift, 15 %": Model(_drift),
    "two hosts, 25 % apart": Model(_hosts),
}
"""Noise that all variants have alike."""
SIDED: dict[str, Model] = {
    "exponential, 15 %, all but the baseline": Model(_exponential(0.15), "c-"),
    "exponential, 15 %, the candidate alone": Model(_exponential(0.15), "c"),
    "exponential, 15 %, the baseline alone": Model(_exponential(0.15), "b"),
    "floor with a lognormal tail, 10 %, all but the baseline": Model(_floor(0.1, 0.5), "c-"),
    "the same beside 2 % everywhere": Model(_floor(0.1, 0.5), "c-", 0.02),
    "floor with a long lognormal tail, 5 %, all but the baseline": Model(_floor(0.05, 1.0), "c-"),
    "10 % beside 2 %, all but the baseline": Model(_normal(0.1), "c-", 0.02),
    "10 % beside 2 %, the candidate alone": Model(_normal(0.1), "c", 0.02),
    "a rare mode, 15 % in a tenth of trials, all but the baseline": Model(
        _mode(0.15, 0.1), "c-", 0.02
    ),
    "a rare mode, 15 % in a tenth of trials, the candidate alone": Model(
        _mode(0.15, 0.1), "c", 0.02
    ),
    "outliers, 30 % in a twentieth of trials, all but the baseline": Model(
        _mode(0.3, 0.05), "c-", 0.02
    ),
}
"""Noise that differs between variants."""
_RECORDED = json.loads(Path(__file__).with_name("trials.json").read_text(encoding="utf-8"))
REAL = {
    f"trials of {name}": Model(_drawn(values))
    for record in _RECORDED
    for name, values in record["samples"].items()
}
"""What real trials measured (``record_trials.py``)."""
MODELS = {**KINDS, **SIDED, **REAL}
SYMMETRIC = {**KINDS, **REAL}

AA: dict[str, object] = {
    "go": ["go1.24.3", "go1.24.11"],
    "question": {"baseline": "go1.24.3", "candidate": "go1.24.11"},
    "workloads": [{"name": "w", "package": "./w"}],
}
FACTORIAL: dict[str, object] = {
    **AA,
    "go": ["go1.23.9", "go1.24.3"],
    "experiments": [[], ["noswissmap"], ["nospinbitmutex"], ["noswissmap", "nospinbitmutex"]],
    "question": {"baseline": "go1.23.9", "candidate": "go1.24.3"},
}
BOTH_SIDES: dict[str, object] = {
    **FACTORIAL,
    "go": ["go1.24.3", "go1.24.11"],
    "question": {"baseline": "go1.24.3", "candidate": "go1.24.11"},
}
"""Every setting is measured with the baseline's toolchain too."""
METRICS = ("rss.peak", "allocs.bytes", "heap.live", "wall")
WIDE: dict[str, object] = {
    **FACTORIAL,
    "question": {"baseline": "go1.23.9", "candidate": "go1.24.3", "metrics": list(METRICS)},
    "workloads": [{"name": f"w{i}", "package": "./w"} for i in range(2)],
}
"""2 workloads by 5 variants by 4 metrics."""
HOSTS = (HOST, HOST.model_copy(update={"id": "host-2"}))

Values = Mapping[str, Mapping[str, Noise]]
"""By workload and metric: rounds by variants, in logarithms."""


@dataclass(frozen=True)
class Simulator:
    """Makes the tables of one matrix from numbers."""

    template: Run
    margin: float = _MARGIN

    @classmethod
    def of(cls, matrix: dict[str, object], first: int, last: int) -> "Simulator":
        """For a matrix with so many rounds."""
        trials = {"min": first, "max": last}
        none: dict[str, float | None] = {}
        return cls(make_run(lambda _w, _v, _r: none, {**matrix, "trials": trials},
                            experiments=EXPERIMENTS, hosts=HOSTS))  # fmt: skip

    @cached_property
    def variants(self) -> tuple[str, ...]:
        """Those that run."""
        cells = self.template.manifest.plan.cells
        return tuple(dict.fromkeys(c.variant for c in cells if c.reason is None))

    @cached_property
    def workloads(self) -> tuple[str, ...]:
        """In the order of the plan."""
        return tuple(dict.fromkeys(c.workload for c in self.template.manifest.plan.cells))

    @cached_property
    def question(self) -> Question:
        """What the matrix asks."""
        manifest = self.template.manifest
        return resolve_question(manifest.matrix, manifest.plan)._replace(margin=self.margin)

    @cached_property
    def roles(self) -> str:
        """A letter for each variant, as ``Model`` has it."""
        letters = {self.question.baseline: "b", self.question.candidate: "c"}
        return "".join(letters.get(name, "-") for name in self.variants)

    def noise(
        self, model: Model, rng: np.random.Generator, metrics: Iterable[str] = ("rss.peak",)
    ) -> Values:
        """Independent for every workload and metric."""
        rounds = self.template.manifest.matrix.trials.max
        return {w: {m: model(rng, rounds, self.roles) for m in metrics} for w in self.workloads}

    def tables(self, values: Values, rounds: Mapping[str, int]) -> dict[str, Table]:
        """What the analysis works on, after some rounds of each workload."""
        return {w: self._table(w, values[w], rounds[w]) for w in self.workloads}

    def _table(self, workload: str, values: Mapping[str, Noise], rounds: int) -> Table:
        blocks = tuple(Block(HOSTS[n % len(HOSTS)].id, n) for n in range(1, rounds + 1))
        table = Table(workload, blocks, {name: {} for name in self.variants})
        order = np.argsort(self.variants)  # as a table sorts its rows
        vars(table)["metrics"] = tuple(values)
        vars(table)["_columns"] = {
            metric: 1e8 * np.exp(logs[:rounds, order].T) for metric, logs in values.items()
        }
        return table

    def run(self, values: Values, rounds: int) -> Run:
        """The same as a run."""
        column = {name: index for index, name in enumerate(self.variants)}

        def filled(t: TrialRecord) -> TrialRecord:
            metrics = {
                m: float(1e8 * np.exp(logs[t.round - 1, column[t.variant]]))
                for m, logs in values[t.workload].items()
            }
            return t.model_copy(update={"metrics": metrics})

        done = (t for t in self.template.trials if t.round <= rounds)
        return replace(self.template, trials=tuple(map(filled, done)))

    def primary(self, tables: Mapping[str, Table]) -> tuple[Comparison, ...]:
        """As ``undecided`` looks at them."""
        manifest = self.template.manifest
        return compare_primary(tables, self.question, manifest.plan, manifest.matrix.trials)

    def judge(self, tables: Mapping[str, Table]) -> list[tuple[Comparison, Explanation]]:
        """Primary comparisons, and what explains them."""
        return [(c, self.explain(tables, c)) for c in self.primary(tables)]

    def explain(self, tables: Mapping[str, Table], comparison: Comparison) -> Explanation:
        """What explains a primary comparison."""
        manifest = self.template.manifest
        records = {record.name: record for record in manifest.toolchains}
        table, trials = tables[comparison.workload], manifest.matrix.trials
        return attribute(table, comparison, self.question, manifest.plan, records, trials)

    def everything(self, tables: Mapping[str, Table]) -> tuple[Comparison, ...]:
        """All comparisons, as ``conclude`` makes them."""
        manifest = self.template.manifest
        made = compare_all(tables, self.question, manifest.plan, manifest.matrix.trials)
        return made.comparisons

    def stopped(self, values: Values, *, explained: bool = True) -> dict[str, Table]:
        """As the stopping rule leaves each workload.

        Args:
            values: what all rounds would give.
            explained: whether rounds go on for the sake of suspects too.
        """
        limits = self.template.manifest.matrix.trials
        rounds = dict.fromkeys(self.workloads, limits.min)
        for last in range(limits.min, limits.max):
            tables = self.tables(values, rounds)
            waiting = {
                c.workload
                for c in self.primary(tables)
                if c.decision == "inconclusive"
                or (explained and not self.explain(tables, c).decided)
            }
            going = [w for w in self.workloads if rounds[w] == last and w in waiting]
            if not going:
                return tables
            rounds |= dict.fromkeys(going, last + 1)
        return self.tables(values, rounds)

    def check(self, values: Values) -> None:
        """A run of the same numbers is judged in the same way."""
        limits = self.template.manifest.matrix.trials
        for rounds in (limits.min, limits.max):
            tables = self.tables(values, dict.fromkeys(self.workloads, rounds))
            run = self.run(values, rounds)
            waiting = {c.workload for c, f in self.judge(tables) if not f.decided}
            if undecided(run) != (waiting if rounds < limits.max else set()):
                raise AssertionError(f"after {rounds} rounds {undecided(run)} against {waiting}")
            verdict = conclude(run)
            if set(verdict.comparisons) != set(self.everything(tables)):
                raise AssertionError("the short way gives other comparisons")
            suspects = tuple(s for _, f in self.judge(tables) for s in f.suspects)
            if set(verdict.suspects) != set(suspects):
                raise AssertionError("the short way gives other suspects")
            kinds = [(w.workload, w.kind) for w in self.warnings(tables)]
            if kinds != [(w.workload, w.kind) for w in verdict.warnings
                         if w.kind != "interactions"]:  # fmt: skip
                raise AssertionError("the short way gives other warnings")

    def warnings(self, tables: Mapping[str, Table]) -> tuple[Caution, ...]:
        """What looks suspicious."""
        return cautions(replace(self.template, trials=()), tables, self.question)


_MATRICES = {"AA": AA, "FACTORIAL": FACTORIAL, "BOTH SIDES": BOTH_SIDES, "WIDE": WIDE}


@lru_cache(maxsize=32)
def _simulator(matrix: str, first: int, last: int) -> Simulator:
    return Simulator.of(_MATRICES[matrix], first, last)


@dataclass(frozen=True)
class Look:
    """What a run of one comparison shows after some of its rounds."""

    estimate: Estimate
    decision: Decision

    @classmethod
    def at(cls, differences: Noise, first: int, last: int, margin: float = _MARGIN) -> "Look":
        """After as many rounds as there are differences."""
        found = estimate(differences)
        if found is None:
            raise ValueError("a noise model gave no finite numbers")
        adjusted = adjust(found.p_different(0.0), found.n, first, last)
        return cls(found, decided(found, adjusted, margin, first, last, _ERROR))

    @classmethod
    def last(cls, differences: Noise, first: int, last: int, margin: float = _MARGIN) -> "Look":
        """Where the stopping rule ends."""
        for rounds in range(first, last):
            look = cls.at(differences[:rounds], first, last, margin)
            if look.decision != "inconclusive":
                return look
        return cls.at(differences[:last], first, last, margin)

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


def _rng(seed: Seed, row: str, rows: Iterable[str], *more: int) -> np.random.Generator:
    return np.random.default_rng([*seed, list(rows).index(row), *more])


def _looks(
    model: str, runs: int, seed: Seed, ratio: float, first: int, last: int
) -> Iterator[tuple[Look, Noise]]:
    """Simulated runs of one comparison, as the stopping rule leaves them, with all their rounds."""
    rng = _rng(seed, model, MODELS, first, last, round(1000 * ratio))
    for index in range(runs):
        logs = MODELS[model](rng, last, "bc")
        differences = logs[:, 1] - logs[:, 0] + math.log(ratio)
        look = Look.last(differences, first, last)
        if index < _CHECKED:
            _check_look(logs + np.array([0.0, math.log(ratio)]), first, last, look)
        yield look, differences


def _check_look(logs: Noise, first: int, last: int, look: Look) -> None:
    """The whole analysis gives what the short way did."""
    simulator = _simulator("AA", first, last)
    values = {"w": {"rss.peak": logs if simulator.roles == "bc" else logs[:, ::-1]}}
    simulator.check(values)
    found = simulator.primary(simulator.stopped(values))[0]
    if (found.n, found.decision) != (look.estimate.n, look.decision):
        raise AssertionError(f"{found} against {look}")


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


DESIGNS = ((5, 5), (10, 10), (20, 20), (5, 20))
"""First and last look of the tables of errors."""


def errors(model: str, runs: int, seed: Seed) -> Figures:
    """2 workloads, 5 variants, 4 primary metrics: nothing differs, or all differ by the margin.

    The margin is four standard deviations of a difference, 3 % at least: wide enough for
    ``equivalent`` to be said as often as it ever is.
    """
    figures: Figures = {}
    probe = MODELS[model](np.random.default_rng(1), 4000, "bc")
    margin = max(_MARGIN, math.expm1(4 * float(np.std(probe[:, 1] - probe[:, 0]))))
    for first, last in DESIGNS:
        simulator = _simulator("WIDE", first, last)
        wide = replace(simulator, margin=margin)
        rng = _rng(seed, model, MODELS, first, last)
        shift = math.log1p(margin) * np.array([role != "b" for role in simulator.roles])
        primary = anywhere = equivalent = judged = rounds = 0
        for index in range(runs):
            values = simulator.noise(MODELS[model], rng, METRICS)
            if index < _CHECKED:
                simulator.check(values)
            tables = simulator.stopped(values)
            wrong = [c for c in simulator.everything(tables)
                     if c.decision in ("increase", "decrease")]  # fmt: skip
            primary += any(c.primary for c in wrong)
            anywhere += bool(wrong)
            rounds += sum(len(t.blocks) for t in tables.values())
            apart = {w: {m: x + shift for m, x in v.items()} for w, v in values.items()}
            found = wide.primary(wide.stopped(apart, explained=False))
            equivalent += sum(c.decision == "equivalent" for c in found)
            judged += len(found)
        figures |= {
            f"{first}-{last} primary": primary / runs,
            f"{first}-{last} anywhere": anywhere / runs,
            f"{first}-{last} equivalent": equivalent / judged,
            f"{first}-{last} rounds": rounds / runs / len(simulator.workloads),
        }
    return figures


NORMAL = Model(_normal(0.02))
_ROUNDS = (5, 6, 8, 10, 15, 20, 40)
KINDS_OF_WARNING = ("drift", "two modes", "outliers", "hosts differ", "noisy host", "host levels",
                    "busy machine", "throttled CPU")  # fmt: skip
WARNED = {f"2 %, {n} rounds": (n, "nothing") for n in _ROUNDS} | {
    f"{what}, {n} rounds": (n, what)
    for what in ("one trial 30 % up", "one variant in two modes 15 % apart", "a drift of 15 %")
    for n in (5, 10, 20)
}


def warnings(row: str, runs: int, seed: Seed) -> Figures:
    """Runs with a warning, of 2 workloads, 5 variants and 4 metrics; more in plain noise."""
    rounds, cause = WARNED[row]
    simulator = _simulator("WIDE", rounds, rounds)
    rng = _rng(seed, row, WARNED)
    counts = dict.fromkeys(KINDS_OF_WARNING, 0)
    runs *= 5 if cause == "nothing" else 1
    for _ in range(runs):
        values = simulator.noise(NORMAL, rng, (*METRICS, "cpu.user", "cpu.system"))
        logs = values["w0"]["rss.peak"]
        if cause == "one trial 30 % up":
            logs[rng.integers(rounds), 0] += math.log(1.3)
        elif cause == "one variant in two modes 15 % apart":
            logs[:, 0] += math.log(1.15) * rng.integers(0, 2, rounds)
        elif cause == "a drift of 15 %":
            logs += np.linspace(0, math.log(1.15), rounds)[:, None]
        tables = simulator.tables(values, dict.fromkeys(simulator.workloads, rounds))
        for kind in {w.kind for w in simulator.warnings(tables)} & counts.keys():
            counts[kind] += 1
    return {kind: count / runs for kind, count in counts.items()}


ATTRIBUTED = {**MODELS, "1 %": Model(_normal(0.01))}
"""The last one is for attribution, where a figure is asked at 1 %."""


def attribution(model: str, runs: int, seed: Seed) -> Figures:
    """A 20 % regression, made by swissmap alone, by both at a half each, or by either of them."""
    simulator = _simulator("FACTORIAL", 5, 20)
    rng = _rng(seed, model, ATTRIBUTED)
    counts = dict.fromkeys(
        (
            "culprit ruled out", "half a culprit ruled out", "innocent implicated",
            "culprit implicated", "innocent ruled out", "joint cure found", "pair of an innocent",
        ), 0,
    )  # fmt: skip
    pair = "spinbitmutex+swissmap"
    for _ in range(runs):
        alone = _verdicts(simulator, model, rng, lambda _new, swiss, _spin: float(swiss))
        counts["culprit ruled out"] += alone["swissmap"] == "ruled out"
        counts["culprit implicated"] += alone["swissmap"] == "implicated"
        counts["innocent implicated"] += alone["spinbitmutex"] == "implicated"
        counts["innocent ruled out"] += alone["spinbitmutex"] == "ruled out"
        counts["pair of an innocent"] += alone.get(pair) == "implicated"
        half = _verdicts(simulator, model, rng, lambda _new, swiss, spin: (swiss + spin) / 2)
        counts["half a culprit ruled out"] += "ruled out" in (
            half["swissmap"],
            half["spinbitmutex"],
        )
        joint = _verdicts(simulator, model, rng, lambda _new, swiss, spin: float(swiss or spin))
        counts["joint cure found"] += joint.get(pair) == "implicated"
    return {key: count / runs for key, count in counts.items()}


def both_sides(model: str, runs: int, seed: Seed) -> Figures:
    """A 20 % regression, where the baseline was measured with each suspect flipped too.

    First it is the new toolchain's own, while swissmap costs 10 % with either; then swissmap makes
    it, and costs the baseline nothing, or 10 % of its own with either.
    """
    simulator = _simulator("BOTH SIDES", 5, 20)
    rng = _rng(seed, model, ATTRIBUTED)
    causes: dict[str, Effect] = {
        "cost": lambda new, swiss, _spin: new + swiss / 2,
        "culprit": lambda new, swiss, _spin: float(new and swiss),
        "culprit and cost": lambda new, swiss, _spin: (new and swiss) + swiss / 2,
    }
    counts = dict.fromkeys(
        [f"{cause}: {name} {verdict}" for cause in causes for name in ("swissmap", "spinbitmutex")
         for verdict in ("implicated", "ruled out")], 0,
    )  # fmt: skip
    for _ in range(runs):
        for cause, part in causes.items():
            found = _verdicts(simulator, model, rng, part)
            for name in ("swissmap", "spinbitmutex"):
                key = f"{cause}: {name} {found[name]}"
                if key in counts:
                    counts[key] += 1
    return {key: count / runs for key, count in counts.items()}


Effect = Callable[[bool, bool, bool], float]
"""What the new toolchain, swissmap and spinbitmutex do together, in parts of the regression."""


def _verdicts(
    simulator: Simulator, model: str, rng: np.random.Generator, part: Effect
) -> dict[str, str]:
    values = simulator.noise(ATTRIBUTED[model], rng)
    candidate = simulator.question.candidate or ""
    for column, variant in enumerate(simulator.variants):
        known = not variant.startswith("go1.23")
        swiss, spin = (
            known and f"no{name}" not in variant for name in ("swissmap", "spinbitmutex")
        )
        new = variant.startswith(candidate)
        values["w"]["rss.peak"][:, column] += np.log(1.2) * part(new, swiss, spin)
    found = simulator.judge(simulator.stopped(values))
    return {"+".join(s.toggles): s.verdict for _, f in found for s in f.suspects}


POWER = {
    "20 % under 20 %": (0.20, 0.20, 0.03, 5, 40),
    "2 % under 0.5 %": (0.02, 0.005, 0.03, 5, 8),
    "2 % under 0.5 %, margin 1 %": (0.02, 0.005, 0.01, 5, 8),
    "5 % under 2 %": (0.05, 0.02, 0.03, 5, 10),
    "5 % under 2 %, longer": (0.05, 0.02, 0.03, 5, 20),
    "0 % under 5 %": (0.0, 0.05, 0.03, 5, 40),
    "5 % under 5 %": (0.05, 0.05, 0.03, 5, 40),
    "20 % under 5 %": (0.20, 0.05, 0.03, 5, 40),
    "0 % under 1 %": (0.0, 0.01, 0.03, 5, 40),
    "5 % under 0.2 %": (0.05, 0.002, 0.03, 5, 40),
}
"""Change, noise, margin, first and last look."""


def power(case: str, runs: int, seed: Seed) -> Figures:
    """True regressions, and in how many runs they are decided; five runs for each one asked."""
    change, sd, margin, first, last = POWER[case]
    right = {d for d, true in (("increase", change > 0), ("equivalent", change <= margin)) if true}
    rng = _rng(seed, case, POWER)
    runs *= 5
    made = correct = rounds = 0
    for _ in range(runs):
        differences = rng.normal(0, sd, last) - rng.normal(0, sd, last) + math.log1p(change)
        look = Look.last(differences, first, last, margin)
        made += look.decision != "inconclusive"
        correct += look.decision in right
        rounds += look.estimate.n
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
    show: Callable[[str, Figures, int], Iterator[str]]
    end: Callable[[Sequence[Figures]], Iterator[str]] = lambda _figures: iter(())


def _shares(*values: float) -> str:
    return " | ".join(f"{value:.1%}" for value in values)


def _doubted(value: float, runs: int) -> str:
    """A share with its standard error, of one run at the least."""
    error = math.sqrt(max(value * (1 - value), 1 / runs) / runs)
    return f"{100 * value:.1f} ± {100 * error:.1f}"


def _show_coverage(name: str, figures: Figures, _runs: int) -> Iterator[str]:
    others = [figures[f"stopped {ratio}"] for ratio in _OTHER_RATIOS]
    fixed = [figures[f"{rounds}"] for rounds in (5, 10, 20, 40)]
    yield (
        f"| {name} | {_shares(*fixed, figures[f'stopped {_TRUE_RATIO}'])} "
        f"| {min(others):.1%} to {max(others):.1%} |"
    )


def _show_errors(name: str, f: Figures, runs: int) -> Iterator[str]:
    """The largest figures of all designs are what a promise must hold for: each is shown."""
    designs = [f"{first}-{last}" for first, last in DESIGNS]
    cells = [
        " / ".join(_doubted(f[f"{d} {what}"], runs * many) for d in designs)
        for what, many in (("primary", 1), ("anywhere", 1), ("equivalent", 8))
    ]
    yield f"| {name} | {' | '.join(cells)} | {f['5-20 rounds']:.1f} |"


def _show_warnings(name: str, f: Figures, runs: int) -> Iterator[str]:
    runs *= 5 if WARNED[name][1] == "nothing" else 1
    yield f"| {name} | {' | '.join(_doubted(value, runs) for value in f.values())} |"


def _show_attribution(name: str, figures: Figures, _runs: int) -> Iterator[str]:
    yield f"| {name} | {_shares(*figures.values())} |"


def _show_power(name: str, f: Figures, _runs: int) -> Iterator[str]:
    _, _, margin, first, last = POWER[name]
    shown = f"{margin:.0%} | {first} to {last} | {_shares(f['decided'], f['rightly'])}"
    yield f"| {name.partition(',')[0]} | {shown} | {f['rounds']:.1f} |"


def _show_stopping(name: str, f: Figures, _runs: int) -> Iterator[str]:
    for change in _CHANGES:
        yield (
            f"| {name} | {change:.0%} | {f[f'{change} decided']:.1%} "
            f"| {f[f'{change} rounds']:.1f} | {f[f'{change} fixed {_LAST}']:.1%} "
            f"| {_shares(f[f'{change} wrong'], f[f'{change} fixed wrong'])} |"
        )


def _end_stopping(figures: Sequence[Figures]) -> Iterator[str]:
    """The comparison with a fixed number of rounds, over kinds of noise and over all models."""
    for words, chosen in (("the kinds of noise", figures[: len(KINDS)]), ("all models", figures)):
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
        coverage, tuple(MODELS),
        "| noise | 5 rounds | 10 rounds | 20 rounds | 40 rounds | stopped, 5 to 40 "
        "| stopped, other ratios |",
        _show_coverage,
    ),
    "errors": Section(
        errors, tuple(MODELS),
        "| noise | a primary one is wrong, % of runs: 5 / 10 / 20 / 5 to 20 rounds "
        "| any of all comparisons is wrong, % of runs "
        "| `equivalent` at the margin, % of comparisons | mean rounds of 5 to 20 |",
        _show_errors,
    ),
    "warnings": Section(
        warnings, tuple(WARNED), f"| noise | {' | '.join(KINDS_OF_WARNING)} |", _show_warnings
    ),
    "attribution": Section(
        attribution, tuple(ATTRIBUTED),
        "| noise | culprit ruled out | culprit with 50 % ruled out | innocent implicated "
        "| culprit implicated | innocent ruled out | joint cure found "
        "| culprit and innocent taken for a joint cure |",
        _show_attribution,
    ),
    "both sides": Section(
        both_sides, tuple(ATTRIBUTED),
        "| noise | a like cost on both sides: implicated | ruled out "
        "| beside it an innocent: implicated | ruled out "
        "| a culprit: implicated | ruled out | beside it an innocent: implicated | ruled out "
        "| a culprit with a like cost on both sides: implicated | ruled out "
        "| beside it an innocent: implicated | ruled out |",
        _show_attribution,
    ),
    "power": Section(
        power, tuple(POWER),
        "| true change and noise | margin | rounds | decided | decided rightly | mean rounds |",
        _show_power,
    ),
    "stopping": Section(
        stopping, tuple(SYMMETRIC),
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
    parser.add_argument("--rows", default="", help="rows whose name holds this text only")
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
            figures = []
            rows = [row for row in section.rows if options.rows in row]
            jobs = [(name, row, options.runs, options.seed) for row in rows]
            for row, found in zip(rows, pool.imap(_work, jobs), strict=True):
                figures.append(found)
                print("\n".join(section.show(row, found, options.runs)), flush=True)
            if not options.rows:
                print("\n".join(section.end(figures)))
            seconds = time.monotonic() - started
            print(f"\n--runs {options.runs} --seed {options.seed}, {seconds:.0f} s.", flush=True)


if __name__ == "__main__":
    main()
