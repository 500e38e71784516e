"""A run's samples, arranged for pairing: one row per variant, one column per block."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.analysis.interleaving import split_rounds
from harness.analysis.stats.intervals import Others
from harness.metrics.catalogue import CATALOGUE
from harness.run.records import Numbers, TrialRecord
from harness.run.store import Run

Values = NDArray[np.float64]
_ALIKE = 1e-12
"""Relative spread that is floating-point rounding."""
_MOST_OTHERS = 64
"""Variants, besides the two compared, that noise is pooled over: more would say no more."""
_MOST_MOMENTS = 10_000
"""Entries that are kept for further comparisons."""
_MIN_OTHERS = 3
"""Rounds from which on a comparison with another variant shows noise."""


class Block(NamedTuple):
    """Trials that are paired: of one host and round, and measured in turns."""

    host: str
    round: int
    part: int = 0
    """Trials of a round that were measured long after the others are a block of their own."""


@dataclass(frozen=True)
class Table:
    """All samples of one workload."""

    workload: str
    blocks: tuple[Block, ...]
    """In order of time."""
    cells: dict[str, dict[Block, TrialRecord]]
    """By variant: its trials that ended well."""
    trials: tuple[TrialRecord, ...] = ()
    """All of them, those that failed too."""
    _moments: dict[tuple[str, str, bool], Values] = field(default_factory=dict, repr=False)
    _logarithms: dict[str, Values] = field(default_factory=dict, repr=False)
    """Of the rows of a metric over which noise is pooled."""

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """Every metric that some trial has, in the catalogue's order, unknown ones last."""
        found = {metric for metric, rows in self._columns.items() if np.isfinite(rows).any()}
        return (*(m for m in CATALOGUE if m in found), *sorted(found - CATALOGUE.keys()))

    @cached_property
    def hosts(self) -> dict[str, NDArray[np.intp]]:
        """By host: which of the blocks it measured."""
        found: dict[str, list[int]] = {}
        for number, block in enumerate(self.blocks):
            found.setdefault(block.host, []).append(number)
        return {host: np.array(numbers) for host, numbers in found.items()}

    @cached_property
    def _rows(self) -> dict[str, int]:
        """Of the variants; the order of trials does not change the last bit of a sum over them."""
        return {variant: row for row, variant in enumerate(sorted(self.cells))}

    @cached_property
    def _columns(self) -> dict[str, Values]:
        """By metric: variants × blocks."""
        cells = {v: {b: _numbers(t) for b, t in cell.items()} for v, cell in self.cells.items()}
        shapes = {n.shape: n for cell in cells.values() for n in cell.values()}
        names = list(dict.fromkeys(name for shape in shapes.values() for name in shape))
        place = {name: number for number, name in enumerate(names)}
        places = {key: np.array([place[n] for n in shape], int) for key, shape in shapes.items()}
        column = {block: number for number, block in enumerate(self.blocks)}
        every = np.full((len(names), len(cells), len(self.blocks)), math.nan)
        for variant, row in self._rows.items():
            for block, numbers in cells[variant].items():
                every[places[numbers.shape], row, column[block]] = numbers.column
        every[~np.isfinite(every)] = math.nan
        return dict(zip(names, every, strict=True))

    def values(self, variant: str, metric: str) -> Values:
        """One metric of one variant by block; NaN if it is missing."""
        if variant not in self._rows or metric not in self._columns:
            return np.full(len(self.blocks), math.nan)
        found: Values = self._columns[metric][self._rows[variant]]
        return found

    def others(
        self, metric: str, baseline: str, candidate: str, *, logarithmic: bool
    ) -> Others | None:
        """Noise of the differences to all other variants, pooled; ``None`` without any."""
        names = list(self._rows)[: _MOST_OTHERS + 2]
        others = [i for i, name in enumerate(names) if name not in (baseline, candidate)]
        to_baseline, to_candidate = (
            _pooled(self._moments_of(metric, name, logarithmic=logarithmic)[:, others])
            for name in (baseline, candidate)
        )
        if to_baseline is None or to_candidate is None:
            return None
        (spread, skew), (spread_2, skew_2) = to_baseline, to_candidate
        return Others(max(spread, spread_2), right=max(skew, -skew_2), left=max(-skew, skew_2))

    def _moments_of(self, metric: str, reference: str, *, logarithmic: bool) -> Values:
        """Rounds, mean square and mean cube of each variant's differences to a reference."""
        key = (metric, reference, logarithmic)
        if key not in self._moments:
            if len(self._moments) > _MOST_MOMENTS:
                self._moments.clear()
            rows = self._columns[metric][: _MOST_OTHERS + 2]
            base = self.values(reference, metric)
            with np.errstate(all="ignore"):
                if logarithmic:
                    if metric not in self._logarithms:
                        self._logarithms[metric] = np.log(rows)
                    rows, base = self._logarithms[metric], np.log(base)
                differences = np.sort(rows - base, axis=1)  # sums do not depend on rounds' order
                known = np.isfinite(differences)
                count = np.maximum(known.sum(axis=1), 1)
                centre = np.where(known, differences, 0.0).sum(axis=1) / count
                deviations = np.where(known, differences - centre[:, None], 0.0)
                deviations[np.abs(deviations) <= _ALIKE * np.maximum(1, np.abs(differences))] = 0
                squares = deviations * deviations
                self._moments[key] = np.array(
                    [known.sum(axis=1), squares.sum(axis=1) / count,
                     (squares * deviations).sum(axis=1) / count]
                )  # fmt: skip
        return self._moments[key]

    def complete(self, variants: Sequence[str], metric: str) -> Values:
        """Blocks by variants; only blocks in which all of the variants have a value."""
        columns = np.column_stack([self.values(variant, metric) for variant in variants])
        rows: Values = columns[np.isfinite(columns).all(axis=1)]
        return rows


def tables(run: Run) -> dict[str, Table]:
    """Samples of every workload of the plan: what counts of its trials."""
    by_workload: dict[str, list[TrialRecord]] = {c.workload: [] for c in run.manifest.plan.cells}
    for trial in run.trials:  # once: a run may have a thousand workloads
        by_workload[trial.workload].append(trial)
    return {workload: table_of(workload, trials) for workload, trials in by_workload.items()}


def table_of(workload: str, trials: Sequence[TrialRecord]) -> Table:
    """Samples of one workload, whose trials are given."""
    started: dict[Block, float] = {}
    cells: dict[str, dict[Block, TrialRecord]] = {}
    samples = {id(t): found for t in trials if (found := sample_of(t)) is not None}
    for block, trial in _blocks([trial for trial in trials if id(trial) in samples]):
        started[block] = min(trial.started, started.get(block, math.inf))
        cells.setdefault(trial.variant, {})[block] = samples[id(trial)]
    blocks = tuple(sorted(started, key=lambda b: (started[b], b)))
    return Table(workload, blocks, cells, tuple(trials))


def sample_of(trial: TrialRecord) -> TrialRecord | None:
    """What counts of a trial: all of one that ended well.

    Of benchmarks that ran into the timeout, the results of those that had ended.
    """
    if not trial.partial:
        return trial if trial.ok else None
    results = {name: x for name, x in trial.metrics.items() if name.startswith("Benchmark")}
    identity = {name: getattr(trial, name) for name in ("workload", "variant", "round", "host")}
    return TrialRecord(**identity, outcome=trial.outcome, metrics=results, started=trial.started)


def _numbers(trial: TrialRecord) -> Numbers:
    return trial.metrics if isinstance(trial.metrics, Numbers) else Numbers(trial.metrics)


def span_of(trial: TrialRecord) -> tuple[float, float]:
    """Start and end of a trial, in seconds since the epoch."""
    wall = trial.metrics.get("wall") or 0.0
    return trial.started, trial.started + (wall if 0 < wall < math.inf else 0.0)


def _blocks(trials: Sequence[TrialRecord]) -> Iterator[tuple[Block, TrialRecord]]:
    """Each trial of a workload with its block."""
    by_host: dict[str, list[TrialRecord]] = {}
    for trial in trials:
        by_host.setdefault(trial.host, []).append(trial)
    for host, own in by_host.items():
        rounds: dict[int, dict[str, TrialRecord]] = {}
        for trial in own:
            rounds.setdefault(trial.round, {})[trial.variant] = trial
        spans = [{name: span_of(t) for name, t in found.items()} for found in rounds.values()]
        lanes = len({trial.lane for trial in own})
        for number, groups in zip(rounds, split_rounds(spans, lanes), strict=True):
            for part, names in enumerate(groups):
                for name, trial in rounds[number].items():
                    if name in names:
                        yield Block(host, number, part), trial


def _pooled(moments: Values) -> tuple[float, float] | None:
    """Standard deviation and skewness over several variants, all with the same weight."""
    rounds, squares, cubes = moments[:, moments[0] >= _MIN_OTHERS]
    if not rounds.size or not np.isfinite(cubes).all():
        return None
    n = rounds.size  # np.mean takes ten times as long as a sum of a few numbers
    square = float(squares.sum()) / n
    spread = math.sqrt(float((squares * rounds / (rounds - 1)).sum()) / n)
    return spread, float(cubes.sum()) / n / square**1.5 if square else 0.0
