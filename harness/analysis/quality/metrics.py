"""Warnings about a primary metric: drift, two modes and outliers.

Trials of several hosts are brought to one level: ``quality.hosts`` tells how hosts differ.
"""

import math
from collections.abc import Iterator, Mapping

import numpy as np
import scipy

from harness.analysis.models import Caution
from harness.analysis.pairing import middle
from harness.analysis.samples import Table, Values
from harness.analysis.stats.classical import kendall
from harness.analysis.stats.intervals import median, outliers
from harness.text.words import few, listed, percent

NOTABLE = 0.01
"""Part of a metric below which an effect is not worth a warning, however sure it is."""
_FEW = 5
_MODES_MIN = 10
_GAP = 3.0
"""Gap between two modes, in their pooled standard deviations."""
_DENSITY = 0.25
"""Density of a normal sample near its outer fifths, times its standard deviation."""


def metric_cautions(table: Table, metric: str, error: float) -> Iterator[Caution]:
    """Every warning about one metric, each kind with a probability ``error`` of being false."""
    yield from _drift(table, metric, error)
    yield from _modes(table, metric, error)
    yield from _outliers(table, metric, error)


def _drift(table: Table, metric: str, error: float) -> Iterator[Caution]:
    found = moved(table, metric, error, NOTABLE)
    if found is not None:
        shift, tau = found
        yield Caution(
            kind="drift",
            message=f"{metric} of all variants together went {'up' if shift > 0 else 'down'} by "
            f"{percent(abs(math.expm1(shift)))} over the run (Kendall's tau {tau:.2f})",
            remedy="pairing within rounds removes it from every ratio; if absolute values matter, "
            "look for what warms up, fills or throttles on the machine",
        )


def moved(table: Table, metric: str, error: float, least: float) -> tuple[float, float] | None:
    """How far, in logs, a metric moved from the first to the last third of a run; Kendall's tau.

    ``None`` if it is not shown to move, or moved by less than ``least``.
    """
    every = levels(table, metric) - host_levels(table, metric)
    known = every[np.isfinite(every)]
    if known.size < _MODES_MIN:
        return None
    third = known.size // 3
    shift = median(known[-third:]) - median(known[:third])
    if abs(shift) < least:
        return None
    tau, p = kendall(known)
    return (shift, tau) if p <= error else None


def levels(table: Table, metric: str) -> Values:
    """Mean over variants of the log deviation from the variant's own median, by block."""
    rows = _deviations(table, metric)
    counted = np.isfinite(rows).sum(axis=0)
    means: Values = np.nansum(rows, axis=0) / np.where(counted, counted, math.nan)
    return means


def host_levels(table: Table, metric: str) -> Values:
    """By block: the median of its host's deviations, so that hosts can be brought to one level.

    Zero where one host measured all.
    """
    result = np.zeros(len(table.blocks))
    if len(table.hosts) > 1:
        rows = _deviations(table, metric)
        for here in table.hosts.values():
            result[here] = middle(rows[:, here].ravel()) or 0.0
    return result


def _deviations(table: Table, metric: str) -> Values:
    """Variants by blocks."""
    found = _logs(table, metric).values()
    rows = [logs - median(logs[np.isfinite(logs)]) for logs in found if np.isfinite(logs).any()]
    return np.reshape(rows, (len(rows), len(table.blocks)))


def _modes(table: Table, metric: str, error: float) -> Iterator[Caution]:
    gaps = {}
    for variant, values in _at_one_level(table, metric).items():
        logs = values[np.isfinite(values)]
        gap = mode_gap(logs, error / len(table.cells)) if logs.size >= _MODES_MIN else None
        if gap is not None and gap >= NOTABLE:
            gaps[variant] = gap
    if gaps:
        yield Caution(
            kind="two modes",
            message=f"{metric} of {listed(tuple(gaps))} falls into two groups "
            f"{percent(math.expm1(max(gaps.values())))} apart",
            remedy="ask for more rounds: an interval over few depends on which group they fall "
            "into; a mode that becomes more frequent shows as a change of the mean",
        )


def mode_gap(logs: Values, error: float) -> float | None:
    """Distance of two clearly separate groups of at least a fifth of the sample each.

    The split has the least sum of squares (Otsu's). Its gap must be wide compared with the spread
    within the groups, and wider than one group would show: between the outer fifths of a normal
    sample, n times a gap times the density there is exponential, and divided by the sample's own
    spread it has the heavier tail of n - 2 degrees of freedom. In a normal sample groups are found
    with a probability of ``error``. ``None`` if there are none.
    """
    ordered = np.sort(logs)
    n = ordered.size
    fewest = max(2, math.ceil(n / 5))
    if n < 2 * fewest:
        return None
    centred = ordered - ordered.mean()
    cuts = np.arange(fewest, n - fewest + 1)
    sums = np.cumsum(centred)[cuts - 1]  # those above a cut have the opposite one
    within = float(centred @ centred) - sums * sums * n / (cuts * (n - cuts))
    cut = int(cuts[within.argmin()])
    gap = float(ordered[cut] - ordered[cut - 1])
    spread = math.sqrt(max(0.0, float(within.min())) / (n - 2))
    far = math.inf if spread == 0 else _DENSITY * n * gap / spread / (n - 2)
    chance = (1 - 2 / 5) * n * (1 + far) ** (2 - n)
    if gap <= _GAP * spread or gap == 0 or chance > error:
        return None
    return float(ordered[cut:].mean() - ordered[:cut].mean())


def _outliers(table: Table, metric: str, error: float) -> Iterator[Caution]:
    """Warn about trials far from the others of their variant.

    A few trials do not show their own spread: a deviation counts only if Student's t with the
    spread of all variants shows it too, corrected for the number of trials.
    """
    far_off = []
    blocks = np.arange(len(table.blocks))
    logs = {v: x for v, x in _at_one_level(table, metric).items() if np.isfinite(x).sum() >= _FEW}
    for variant, values in logs.items():
        here = blocks[np.isfinite(values)]
        far = outliers(values[here]) & (np.abs(values[here] - median(values[here])) >= NOTABLE)
        if far.any():
            far_off += [f"{variant} in round {table.blocks[b][1]}" for b in here[far]
                     if _chance(logs, variant, b, len(table.hosts)) <= error]  # fmt: skip
    if far_off:
        yield Caution(
            kind="outliers",
            message=f"{metric} lies far from the rest for {few(far_off)}; none was dropped",
            remedy="look at these trials in the report, and at what ran at the same time; they "
            "widen the interval, and more rounds narrow it",
        )


def _at_one_level(table: Table, metric: str) -> dict[str, Values]:
    """``_logs`` without what a trial's host adds to all variants alike."""
    of_hosts = host_levels(table, metric)
    return {variant: logs - of_hosts for variant, logs in _logs(table, metric).items()}


def _logs(table: Table, metric: str) -> dict[str, Values]:
    """Logarithms by block of each variant whose values are positive; NaN if one is missing."""
    found = {variant: table.values(variant, metric) for variant in table.cells}
    return {v: np.log(x) for v, x in found.items() if not (x <= 0).any()}


def _chance(logs: Mapping[str, Values], variant: str, block: int, hosts: int) -> float:
    """Probability that one of all trials lies so far from its variant's others (Bonferroni).

    The trial's distance from the mean of the others, divided by the spread of all trials that are
    no outliers of their own variant, is Student's t. The levels of the hosts cost a degree of
    freedom each.
    """
    squares, df, trials = 0.0, 1 - hosts, 0
    for values in logs.values():
        kept = values[np.isfinite(values)]
        trials += kept.size
        kept = kept[~outliers(kept)]
        squares += float(((kept - kept.mean()) ** 2).sum())
        df += kept.size - 1
    own = logs[variant][np.isfinite(logs[variant])]
    rest = own[~outliers(own)]
    if squares == 0:
        return 0.0
    t = (logs[variant][block] - rest.mean()) / math.sqrt(squares / max(1, df) * (1 + 1 / rest.size))
    return float(2 * trials * scipy.special.stdtr(max(1, df), -abs(t)))
