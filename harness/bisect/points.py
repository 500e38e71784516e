"""Points of a bisection, and what measuring them tells."""

from collections.abc import Callable
from typing import Literal

from harness.golang.toolchains.resolve import Toolchain
from harness.models import Frozen

State = Literal["good", "bad", "doubtful", "unresolved"]
"""``doubtful``: measured as often as allowed, and still on neither side; ``unresolved``: it does
not build, or its program does not run to its end, so that there is nothing to compare."""


class Point(Frozen):
    """Something between good and bad that can be built and measured."""

    name: str
    """The variant's name: in the run directory, the report and messages."""
    toolchain: Toolchain
    """With what a patch or a hybrid replaces in ``patched``."""
    settings: tuple[str, ...] = ()
    """Experiments, in the toolchain's own order."""


class Effect(Frozen):
    """How much more of a metric one point has than another, over rounds that measured both."""

    ratio: float | None = None
    """Geometric mean; ``None`` where any value is zero or negative: then the difference counts."""
    ci: tuple[float, float] | None = None
    """The ratio's 95 % interval."""
    difference: float | None = None
    """Mean, in the metric's unit."""
    difference_ci: tuple[float, float] | None = None
    """Its 95 % interval."""

    @property
    def sign(self) -> int:
        """Whether it is more (1), less (-1) or neither."""
        size = self.ratio - 1 if self.ratio is not None else self.difference or 0.0
        return (size > 0) - (size < 0)


class Finding(Effect):
    """What measuring a point told; the effect is that of the point against the good end."""

    point: str
    """Its name."""
    state: State
    rounds: int = 0
    """Rounds that it was measured in, each with both ends."""
    reason: str | None = None
    """For ``doubtful`` and ``unresolved``: why, in one line or with a log's tail."""


Classify = Callable[[Point], Finding]
"""Builds a point and measures it against both ends until a sequential test decides, in the run
directory. Called again, it returns what it knows. What a toolchain or a program does never raises:
it is part of the finding."""
