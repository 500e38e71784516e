"""What a set's rounds tell of its share of the change: a sequential test. Pure functions.

With y the place of a metric on a scale, the change is D = y(candidate) - y(baseline), and turning
a set S back removes v(S) = y(candidate) - y(candidate with S turned back); both within a round, so
that what its trials share cancels. Whether the share v(S) / D lies below a limit L is the question
whether v - L·D lies below zero: a one-sample test, as in ``harness.analysis.shares``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.analysis.screening.models import Row, Share
from harness.analysis.stats.fieller import fieller
from harness.analysis.stats.intervals import Sample, estimate
from harness.analysis.stats.likelihood import Spread, log_odds
from harness.analysis.stats.scale import LOGARITHMS, Scale, scale_of
from harness.analysis.stats.sequential import adjust, stopped_error

FIRST_LOOK = 3
"""Rounds of a set before the first look."""
_ERROR_OF_SHARE = 0.05
_CHANCE = 0.05
_LIKELY = math.log(99)
"""Odds of what is going to be confirmed."""


@dataclass(frozen=True)
class SequentialTest:
    """How sets are decided on."""

    limit: float
    """Share of the change that counts."""
    smallest: float
    """Relative change of the metric that counts; zero for any."""
    error: float
    """Error probability of each decision."""
    most: int
    """Rounds of a set, at most: the last look."""

    def decide(self, rows: Sequence[Row]) -> Literal["nothing", "part", "opposite"] | None:
        """Tell what a set does; ``None`` if further rounds must tell.

        Nothing is a share below the limit in both directions. An effect is a share shown to differ
        from zero, so that one beyond the limit is soon found: it need not be shown to be beyond it.
        """
        if len(rows) < FIRST_LOOK:
            return None
        part, change, scale = _contrasts(rows)
        error = self.error / 2 if self.smallest else self.error
        if self._is_within(part, self.limit * change, error):
            return "nothing"
        if self.smallest:
            bound = np.full_like(part, scale.bound(self.smallest))
            if self._is_within(part, bound, error):
                return "nothing"
        if self._is_effect(part, change):
            return "part"
        if self._is_effect(-part, change):
            return "opposite"
        return None

    def is_like(self, rows: Sequence[Row], whole: Sequence[Row]) -> bool | None:
        """Whether a set seems to do as much as another, or nothing; ``None`` if neither."""
        if len(rows) < FIRST_LOOK:
            return None
        part, _, _ = _contrasts((*rows, *whole))
        gap = float(part[len(rows) :].mean())
        odds = log_odds(part[: len(rows)] - gap / 2, gap, Spread(0.0, 0))
        return None if abs(odds) < _LIKELY else odds > 0

    def is_same(self, rows: Sequence[Row], others: Sequence[Row]) -> bool:
        """Whether the shares of two sets are shown to differ by less than the limit."""
        part, change = _difference(rows, others)
        return part.size >= FIRST_LOOK and self._is_within(part, self.limit * change, self.error)

    def differ(self, rows: Sequence[Row], others: Sequence[Row]) -> bool | None:
        """Whether the shares of two sets are shown to differ; ``None`` if it only seems so."""
        part, change = _difference(rows, others)
        if part.size < FIRST_LOOK or abs(part.mean()) < self.limit * abs(change.mean()):
            return False
        return self._is_effect(part, change) or self._is_effect(-part, change) or None

    def share(self, rows: Sequence[Row]) -> Share | None:
        """A set's share of the change; the interval allows for stopping at any look."""
        part, change, _ = _contrasts(rows)
        if not change.size or change.mean() == 0:
            return None
        value = float(part.mean() / change.mean())
        error = stopped_error(_ERROR_OF_SHARE, len(rows), FIRST_LOOK, self.most)
        around = estimate(part - value * change, plain=True)
        return Share(value, fieller(part, change, around, 1 - error))

    def _is_within(self, part: Sample, bound: Sample, error: float) -> bool:
        """Whether the part is shown to lie between minus the bound and the bound."""
        return self._is_below(part, bound, error) and self._is_below(-part, bound, error)

    def _is_below(self, part: Sample, bound: Sample, error: float) -> bool:
        """Whether the part is shown to lie below the bound, by either of two tests.

        Much noise: a sequential probability ratio test of zero against the bound, as bisection
        makes it, needs half of the rounds of a test that spends its error over many looks. It must
        also pass the test with the guard against skew, which a likelihood does not have. Little
        noise: the latter, which a part in the middle between the two does not confuse.
        """
        found, each = estimate(part - bound, plain=True), error / 2
        if found is None or (p := found.p_below(0.0)) > each:
            return False
        if adjust(2 * p, part.size, FIRST_LOOK, self.most) / 2 <= each:
            return True
        odds = log_odds(part - bound / 2, float(bound.mean()), Spread(0.0, 0))
        return odds <= -math.log((1 - each) / each)

    def _is_effect(self, part: Sample, change: Sample) -> bool:
        """Whether the part is shown to be positive, and looks more like the limit than like none.

        The second condition keeps chance from passing for a tiny effect.
        """
        positive, nearer = (estimate(x, plain=True) for x in (part, part - self.limit / 2 * change))
        if positive is None or nearer is None or nearer.p_above(0.0) > _CHANCE:
            return False
        p = adjust(2 * positive.p_above(0.0), part.size, FIRST_LOOK, self.most)
        return p <= self.error


def _difference(rows: Sequence[Row], others: Sequence[Row]) -> tuple[Sample, Sample]:
    """How much more one set removes than another, and the change."""
    n = min(len(rows), len(others))
    part, change, _ = _contrasts((*rows[:n], *others[:n]))
    return part[:n] - part[n:], (change[:n] + change[n:]) / 2


def _contrasts(rows: Sequence[Row]) -> tuple[Sample, Sample, Scale]:
    """What was removed and the change, by round, with the change made positive."""
    values = np.array([(row.baseline, row.candidate, row.value) for row in rows]).reshape(-1, 3)
    scale = LOGARITHMS
    if not (values > 0).all():
        scale = scale_of(
            [(row.baseline, row.candidate) for row in rows], [row.value for row in rows]
        )
    baseline, candidate, value = scale.places(values).T
    change, part = candidate - baseline, candidate - value
    if change.size and change.mean() < 0:
        change, part = -change, -part
    return part, change, scale
