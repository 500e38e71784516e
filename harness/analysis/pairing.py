"""One pair of samples: ratios or differences, and the estimate of their mean."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from harness.analysis.samples import Table, Values
from harness.analysis.stats.intervals import Estimate, estimate
from harness.metrics.catalogue import describe

REFERENCES = {"unseen": "rss.end"} | {
    f"unseen.{mark}": f"rss.{mark}" for mark in ("idle", "loaded", "after", "settled")
}
"""For metrics that may be negative: the metric to which their changes are relative."""
_MANIFOLD = 1000.0
"""A value is almost zero beside one that is so many times as large: a ratio would say no more about
their difference than the larger one's size does."""
_TENFOLD = 10.0
"""The same, for a value that its source cannot tell from zero."""
_LARGEST_LOG = 700.0
"""Beyond it ``math.exp`` overflows."""
Interval = tuple[float, float]


@dataclass(frozen=True)
class Pair:
    """Candidate against baseline, paired by block."""

    n: int
    baseline: float | None
    """Median."""
    candidate: float | None
    difference: float | None = None
    """Median of the paired differences, in the metric's unit."""
    estimate: Estimate | None = None
    """Of log ratios, or of differences divided by ``scale``."""
    logarithmic: bool = True
    scale: str | None = None
    """What differences are divided by."""
    scale_size: float = 1.0
    """Its size in the metric's unit; 1 for ratios."""
    noise: float | None = None
    """Standard deviation of a trial over its mean."""
    certain: bool = False
    """Whether the metric cannot have noise, and showed none."""

    def ratio(self) -> float | None:
        """Candidate / baseline."""
        return to_ratio(self.estimate.centre) if self.estimate and self.logarithmic else None

    def ratio_interval(self, confidence: float) -> Interval | None:
        """Interval of the ratio; ``None`` if there is none."""
        return interval_of(self.estimate, confidence, to_ratio) if self.logarithmic else None

    def difference_interval(self, confidence: float) -> Interval | None:
        """Interval of the difference; ``None`` if there is a ratio."""
        if self.logarithmic:
            return None
        return interval_of(self.estimate, confidence, lambda x: x * self.scale_size)


def interval_of(
    found: Estimate | None, confidence: float, scale: Callable[[float], float]
) -> Interval | None:
    """An estimate's interval on another scale; ``None`` if it has none, or it is not finite."""
    interval = found.interval(confidence) if found else None
    bounds = interval and (scale(interval[0]), scale(interval[1]))
    return bounds if bounds and all(map(math.isfinite, bounds)) else None


def pair(table: Table, metric: str, baseline: str, candidate: str) -> Pair:
    """Pair two variants on one metric, over the blocks in which both have a value."""
    a, b = paired(table, metric, baseline, candidate)
    if a.size == 0:
        level, other = (middle(table.values(name, metric)) for name in (baseline, candidate))
        return Pair(0, level, other)
    level, other = middle(a), middle(b)
    logarithmic = _have_ratios(metric, (a, b), (level or 0.0, other or 0.0))
    scale, unit = None, 1.0
    exact = describe(metric).exact
    others = table.others(metric, baseline, candidate, logarithmic=logarithmic)
    with np.errstate(over="ignore", invalid="ignore"):
        plain = b - a
        if not logarithmic:
            scale, unit = _scale(table, metric, baseline, candidate)
        differences = np.log(b) - np.log(a) if logarithmic else plain / unit
        found = estimate(differences, others=others and others.scaled(1 / unit), exact=exact)
    return Pair(
        n=int(a.size), baseline=level, candidate=other, difference=middle(plain),
        estimate=found, logarithmic=logarithmic, scale=scale, scale_size=unit, noise=_noise(a, b),
        certain=exact and found is not None and found.exact,
    )  # fmt: skip


def paired(table: Table, metric: str, baseline: str, candidate: str) -> tuple[Values, Values]:
    """Values of two variants in the blocks in which both have one."""
    a, b = table.values(baseline, metric), table.values(candidate, metric)
    both = np.isfinite(a) & np.isfinite(b)
    return a[both], b[both]


def have_ratios(metric: str, *samples: Values) -> bool:
    """Whether ratios between samples of a metric are meaningful; their order does not matter.

    All values must be above zero, and no sample's median almost zero beside another's.
    """
    return _have_ratios(metric, samples, [middle(values) or 0.0 for values in samples])


def _have_ratios(metric: str, samples: Iterable[Values], middles: Iterable[float]) -> bool:
    positive = all((values > 0).all() for values in samples)
    return positive and not _vanishes(metric, min(middles), max(middles))


def _vanishes(metric: str, low: float, high: float) -> bool:
    """Whether the lower of two values is zero, or almost zero beside the other."""
    fold = _TENFOLD if low < describe(metric).resolution else _MANIFOLD
    return low < high / fold


def why_no_ratio(metric: str, baseline: float | None, candidate: float | None) -> str:
    """Why there is no ratio, if one of two medians is zero; empty if none is."""
    if baseline is None or candidate is None:
        return ""
    before, after = abs(baseline), abs(candidate)
    if before == after == 0:
        return "zero in both"
    if _vanishes(metric, before, after):
        return f"the baseline is {'almost ' if before else ''}zero"
    if _vanishes(metric, after, before) and baseline > 0:
        return f"{'almost ' if after else ''}all of it"
    return ""


def to_ratio(log: float) -> float:
    """The exponential of a logarithm, kept finite."""
    return math.exp(max(-_LARGEST_LOG, min(_LARGEST_LOG, log)))


def _scale(table: Table, metric: str, baseline: str, candidate: str) -> tuple[str, float]:
    a, b = paired(table, metric, baseline, candidate)
    reference = REFERENCES.get(metric)
    size = middle(np.abs(table.values(baseline, reference))) if reference else None
    if size:
        return f"the baseline's {reference}", size
    for measured in (middle, _mean):
        sizes = [(measured(np.abs(values)) or 0.0) for values in (a, b)]
        if max(sizes):
            larger = "baseline" if sizes[0] >= sizes[1] else "candidate"
            return f"the {larger}'s own size", max(sizes)
    return "nothing, for all values are zero", 1.0


def middle(values: Values) -> float | None:
    """Median of the finite values; ``None`` without any."""
    values = np.sort(values[np.isfinite(values)])
    if not values.size:
        return None
    middle = values[(values.size - 1) // 2], values[values.size // 2]
    return float(middle[0] / 2 + middle[1] / 2)  # their sum may be beyond all floats


def _mean(values: Values) -> float | None:
    mean = float((values / values.size).sum()) if values.size else 0.0
    return mean if math.isfinite(mean) else None


def _noise(a: Values, b: Values) -> float | None:
    """Relative standard deviation of a trial, pooled over both variants."""
    if a.size < 2 or not (np.all(a > 0) and np.all(b > 0)):  # noqa: PLR2004 - no spread in one
        return None
    variance = (np.log(a).var(ddof=1) + np.log(b).var(ddof=1)) / 2
    return math.sqrt(float(variance))
