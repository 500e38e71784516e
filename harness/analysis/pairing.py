"""One pair of samples: which differences are formed, their centre, and the test of a margin."""

import math
from dataclasses import dataclass

import numpy as np

from harness.analysis.intervals import Estimate, estimate
from harness.analysis.samples import Table, Values
from harness.measure.catalogue import describe

REFERENCES = {"unseen": "rss.end"}
"""For metrics that may be negative by nature: what a change of theirs is a part of."""

_LARGEST_LOG = 700.0
"""Beyond it ``math.exp`` overflows."""


@dataclass(frozen=True)
class Pair:
    """Candidate against baseline, paired by block."""

    n: int
    baseline: float | None
    """Median."""
    candidate: float | None
    difference: float | None
    """Median of the paired differences, in the metric's unit."""
    estimate: Estimate | None
    """Of log ratios, or of differences divided by ``scale``."""
    logarithmic: bool
    scale: str | None
    """What differences are divided by, in words."""
    noise: float | None
    """Standard deviation of a trial over its mean."""

    def ratio(self) -> float | None:
        """Candidate / baseline."""
        if self.estimate is None or not self.logarithmic:
            return None
        return to_ratio(self.estimate.centre)

    def ratio_interval(self, confidence: float) -> tuple[float, float] | None:
        """Interval of the ratio."""
        if self.estimate is None or not self.logarithmic:
            return None
        interval = self.estimate.interval(confidence)
        return interval and (to_ratio(interval[0]), to_ratio(interval[1]))


def pair(table: Table, metric: str, baseline: str, candidate: str) -> Pair:
    """Pair two variants on one metric over the blocks in which both have a value."""
    a, b = table.values(baseline, metric), table.values(candidate, metric)
    both = np.isfinite(a) & np.isfinite(b)
    a, b = a[both], b[both]
    if a.size == 0:
        return Pair(
            n=0, baseline=_median(table.values(baseline, metric)),
            candidate=_median(table.values(candidate, metric)), difference=None, estimate=None,
            logarithmic=True, scale=None, noise=None,
        )  # fmt: skip
    logarithmic = bool((a > 0).all() and (b > 0).all())
    scale, found = None, None
    with np.errstate(over="ignore", invalid="ignore"):
        plain = b - a
        if logarithmic:
            found = estimate(np.log(b) - np.log(a))
        else:
            scale, unit = _scale(table, metric, baseline, a, b, both)
            found = estimate(plain / unit)
    return Pair(
        n=int(a.size), baseline=_median(a), candidate=_median(b), difference=_median(plain),
        estimate=found, logarithmic=logarithmic, scale=scale, noise=_noise(a, b),
    )  # fmt: skip


def to_ratio(log: float) -> float:
    """The exponential, kept finite."""
    return math.exp(max(-_LARGEST_LOG, min(_LARGEST_LOG, log)))


def _scale(
    table: Table, metric: str, baseline: str, a: Values, b: Values, both: np.ndarray
) -> tuple[str, float]:
    reference = REFERENCES.get(metric)
    if reference is not None:
        size = _median(np.abs(table.values(baseline, reference)[both]))
        if size:
            return f"the baseline's {reference}", size
    for name, values in (("baseline", a), ("candidate", b)):
        size = _median(np.abs(values)) or _mean(np.abs(values))
        if size:
            return f"the {name}'s own size", size
    return "nothing, for all values are zero", 1.0


def _median(values: Values) -> float | None:
    values = np.sort(values[np.isfinite(values)])
    if not values.size:
        return None
    middle = values[(values.size - 1) // 2], values[values.size // 2]
    return float(middle[0] / 2 + middle[1] / 2)  # their sum may be beyond all floats


def _mean(values: Values) -> float | None:
    mean = float((values / values.size).sum()) if values.size else 0.0
    return mean if math.isfinite(mean) else None


def _noise(a: Values, b: Values) -> float | None:
    """Pooled relative standard deviation; the median stands for the mean where that is zero."""
    if a.size < 2 or not (np.all(a > 0) and np.all(b > 0)):  # noqa: PLR2004 - no spread in one
        return None
    variance = (np.log(a).var(ddof=1) + np.log(b).var(ddof=1)) / 2
    return math.sqrt(float(variance))


def unit_of(metric: str) -> str:
    """The metric's unit; nothing where none is known."""
    known = describe(metric)
    return "" if known.source == "unknown" else known.unit
