"""Shares: which part of a change goes away in other variants, with its uncertainty.

With y the logarithm of a metric (the metric itself if it may be zero or negative), the change is
D = y(candidate) - y(baseline), and flipping a set S of suspects in the candidate removes
v(S) = y(candidate) - y(candidate with S flipped). The share of S is v(S) / D. Both are formed
within rounds, so whatever a round's trials share cancels.

A share is a ratio of two uncertain numbers. Whether it is below a limit L is the question whether
v - L·D is below zero (for D > 0): a plain one-sample test. The set of all L that no such test
excludes is Fieller's interval (Fieller, J. R. Statist. Soc. B 16, 1954).
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from harness.analysis.comparisons import CONFIDENCE
from harness.analysis.design import Design, subsets
from harness.analysis.models import Comparison
from harness.analysis.pairing import have_ratios
from harness.analysis.samples import Table, Values
from harness.analysis.stats.fieller import fieller
from harness.analysis.stats.intervals import Estimate, estimate
from harness.analysis.stats.sequential import adjust
from harness.matrix.models import TrialsSpec
from harness.metrics.catalogue import describe

IMPLICATED = 0.5
"""Share of a change above which a suspect is implicated."""
ERROR = 1 - CONFIDENCE
"""One-sided error probability of each statement about a share, as of ``equivalent``."""


class Sides(NamedTuple):
    """p-values that something lies below a bound, and above it."""

    below: float = 1.0
    above: float = 1.0


class Share(NamedTuple):
    """A part of a change."""

    value: float | None
    ci: tuple[float, float] | None
    n: int
    limit: Sides = Sides()
    half: Sides = Sides()
    rest: Sides = Sides()
    """What remains of the change, beside the limit."""

    @property
    def restores(self) -> bool:
        """Whether it is shown that less than the limit remains."""
        return self.rest.below <= ERROR


@dataclass(frozen=True)
class Shares:
    """The shares of one change."""

    table: Table
    comparison: Comparison
    """The change."""
    design: Design
    limit: float
    """Share below which a suspect is ruled out."""
    trials: TrialsSpec
    """First and last look of the stopping rule."""
    _missing: dict[str, Share] = field(default_factory=dict)

    def of_flipping(self, flipped: Iterable[str]) -> Share:
        """The share of suspects that were flipped together."""
        cell = self.design.cells[frozenset(flipped)]
        return self._of_cells({self.comparison.candidate: 1.0, cell: -1.0})

    def missing_in(self, variant: str) -> Share:
        """The share that is not there in another variant."""
        if variant not in self._missing:
            self._missing[variant] = self.of({self.comparison.candidate: 1.0, variant: -1.0})
        return self._missing[variant]

    def shapley(self, suspect: str, among: tuple[str, ...]) -> Share:
        """Shapley's value of a suspect, from the cells of a full factorial.

        Shapley, A value for n-person games (1953): the mean, over all orders in which the suspects
        may be flipped, of what flipping this one removes.
        """
        weights: dict[str, float] = {}
        count = len(among)
        for subset in subsets(name for name in among if name != suspect):
            weight = 1 / (count * math.comb(count - 1, len(subset)))
            before = self.design.cells[frozenset(subset)]
            after = self.design.cells[frozenset((*subset, suspect))]
            weights[before] = weights.get(before, 0.0) + weight
            weights[after] = weights.get(after, 0.0) - weight
        return self._of_cells(weights)

    def of(self, weights: Mapping[str, float]) -> Share:
        """The share of a contrast: weights by variant, whose sum is zero.

        Rounds in which one of the variants has no value do not count.
        """
        metric = self.comparison.metric
        names = list(dict.fromkeys((self.comparison.baseline, self.comparison.candidate, *weights)))
        rows = self._scaled(self.table.complete(names, metric))
        change = rows[:, 1] - rows[:, 0]
        part = rows @ np.array([weights.get(name, 0.0) for name in names])
        if change.size and change.mean() < 0:
            change, part = -change, -part
        return _share(part, change, self.limit, self.trials, exact=describe(metric).exact)

    @cached_property
    def counterparts(self) -> Mapping[str, str]:
        """By cell: the measured baseline with the same experiments flipped.

        What an experiment costs on both sides is no part of the change. In a full factorial every
        cell has such a baseline, or none is used.
        """
        measured = {v: b for v, b in self.design.counterparts.items() if b in self.table.cells}
        among = [self.design.cells.get(frozenset(s)) for s in subsets(self.design.complete())]
        return measured if all(cell in measured for cell in among) else {}

    def _of_cells(self, weights: Mapping[str, float]) -> Share:
        """The share of a contrast between cells, each minus its counterpart."""
        contrast: dict[str, float] = {}
        for cell, weight in weights.items():
            other = self.counterparts.get(cell, self.comparison.baseline)
            contrast[cell] = contrast.get(cell, 0.0) + weight
            contrast[other] = contrast.get(other, 0.0) - weight
        return self.of(contrast)

    def _scaled(self, rows: Values) -> Values:
        if self._logarithmic and bool((rows > 0).all()):
            return np.log(rows)
        largest = float(np.abs(rows).max(initial=0.0))
        return rows / (2 * largest) if largest else rows  # no float overflows, and shares stay

    @cached_property
    def _logarithmic(self) -> bool:
        """Whether shares are of log ratios, as the comparison, or of differences.

        If one variant is almost zero, its distance from the others would be nearly all of the
        change in logarithms.
        """
        metric = self.comparison.metric
        cells = set(self.design.cells.values())
        names = {self.comparison.baseline, self.comparison.candidate, *cells}
        names |= {self.counterparts[cell] for cell in cells & self.counterparts.keys()}
        samples = (self.table.values(name, metric) for name in sorted(names))
        known = (values[np.isfinite(values)] for values in samples)
        return self.comparison.ratio is not None and have_ratios(
            metric, *(values for values in known if values.size)
        )


def _share(part: Values, change: Values, limit: float, trials: TrialsSpec, *, exact: bool) -> Share:
    n = int(change.size)

    def student(sample: Values) -> Estimate | None:
        """Fieller's interval needs a method that is linear in the data."""
        return estimate(sample, plain=True, exact=exact)

    total, removed = student(change), student(part)
    if total is None or removed is None or total.centre == 0:
        return Share(None, None, n)
    value = removed.centre / total.centre

    def beside_zero(sample: Values) -> Sides:
        found = student(sample)
        sides = (found.p_below(0.0), found.p_above(0.0)) if found else ()
        return Sides(*(adjust(2 * side, n, trials.min, trials.max) / 2 for side in sides))

    certain = total.exact and removed.exact
    return Share(
        value=value,
        ci=(value, value)
        if certain
        else fieller(part, change, student(part - value * change), CONFIDENCE),
        n=n,
        limit=beside_zero(part - limit * change),
        half=beside_zero(part - IMPLICATED * change),
        rest=beside_zero((change - part) - limit * change),
    )
