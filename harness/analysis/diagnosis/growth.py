"""The shape of a series: whether memory still grows at the end of a trial, and how."""

from typing import NamedTuple

import numpy as np

from harness.analysis.memory import Series
from harness.analysis.samples import Values

_FEWEST_POINTS = 8
_MOST_POINTS = 60
_LAST = 0.2
"""Part of a trial that is its end."""
_FEWEST_LAST = 4
_FAIR = 0.5
"""Part of the usual growth above which there still is growth."""


class Growth(NamedTuple):
    """Growth over a trial; slopes are bytes a second."""

    early: float
    """Over the first half."""
    late: float
    """Over the second."""
    last: float
    """Over the last fifth."""
    even: bool
    """Whether the second half has growth throughout, and not in one step."""
    seconds: float
    """The length of the second half."""

    @property
    def gained(self) -> float:
        """Bytes that the second half adds."""
        return self.late * self.seconds

    @property
    def goes_on(self) -> bool:
        """Whether it grows until the end."""
        return self.even and self.last >= _FAIR * self.late > 0

    @property
    def slows(self) -> bool:
        """Whether the second half grows much less than the first, as when a cache fills."""
        return self.late < _FAIR * self.early


def growth_of(series: Series) -> Growth | None:
    """The growth of a series; ``None`` if there are too few points to tell.

    It is that of memory which is not given back before the end, so that what collections free is
    no growth. Theil and Sen's estimator is the median of the slopes between all pairs (Sen, JASA
    63, 1968): a single spike does not change it.
    """
    if len(series) < _FEWEST_POINTS:
        return None
    points = _kept(np.array(series, dtype=np.float64))
    begin, end = points[0, 0], points[-1, 0]
    half = points[:, 0] >= (begin + end) / 2
    second = points[half]
    late = _slope(second)
    if len(second) < _FEWEST_POINTS or late is None:
        return None
    at_end = points[points[:, 0] >= end - _LAST * (end - begin)]
    if len(at_end) < _FEWEST_LAST:
        at_end = points[-_FEWEST_LAST:]
    return Growth(
        early=_slope(points[~half]) or 0.0,
        late=late,
        last=_slope(at_end) or 0.0,
        even=_is_even(second),
        seconds=float(end - second[0, 0]),
    )


def _kept(points: Values) -> Values:
    """What no later point is below; a single point that is lower than both neighbours is none."""
    sizes = points[:, 1]
    smooth = np.median([sizes[:-2], sizes[1:-1], sizes[2:]], axis=0)
    smooth = smooth[[0, *range(len(smooth)), -1]]
    lowest = np.minimum.accumulate(smooth[::-1])[::-1]
    return np.column_stack([points[:, 0], lowest])


def _is_even(points: Values) -> bool:
    """Whether both steps between the medians of thirds are at least half as high as on average."""
    edges = np.linspace(points[0, 0], points[-1, 0], 4)[1:3]
    levels = [
        np.median(third[:, 1])
        for third in np.split(points, np.searchsorted(points[:, 0], edges))
        if len(third)
    ]
    steps = np.diff(levels)
    return len(steps) > 1 and bool((steps >= _FAIR * steps.mean()).all())


def _slope(points: Values) -> float | None:
    if len(points) < 2:  # noqa: PLR2004 - no slope
        return None
    points = points[np.linspace(0, len(points) - 1, min(len(points), _MOST_POINTS)).astype(int)]
    time, size = points[:, 0], points[:, 1]
    first, second = np.triu_indices(len(points), k=1)
    span = time[second] - time[first]
    apart = span > 0
    if not apart.any():
        return None
    return float(np.median((size[second] - size[first])[apart] / span[apart]))
