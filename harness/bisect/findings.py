"""What the steps of a bisection ask and are told: points, findings and the judge between them."""

from collections.abc import Callable
from typing import Literal

from harness.frozen import Frozen
from harness.golang.toolchains import Toolchain

State = Literal["good", "bad", "doubtful", "unresolved"]
"""``doubtful``: measured as often as allowed, and still on neither side; ``unresolved``: it does
not build, or its program does not run to its end, so that there is nothing to compare."""


class Point(Frozen):
    """Something between good and bad that can be built and measured."""

    name: str
    """The variant's name: in the run directory, the report and messages."""
    toolchain: Toolchain
    """With what a patch or a mixture replaces in ``patched``."""
    settings: tuple[str, ...] = ()
    """Experiments, in the toolchain's own order."""


class Finding(Frozen):
    """What measuring a point told."""

    point: str
    """Its name."""
    state: State
    ratio: float | None = None
    """Of the metric, point / good end; geometric mean over the rounds."""
    ci: tuple[float, float] | None = None
    """Its 95 % interval."""
    rounds: int = 0
    """Rounds that it was measured in, each with both ends."""
    reason: str | None = None
    """For ``doubtful`` and ``unresolved``: why, in one line or with a log's tail."""


Judge = Callable[[Point], Finding]
"""Builds a point, measures it against both ends until a sequential test decides, and keeps it all
in the run directory. Asked again, it answers from what it knows. Never raises for what a toolchain
or a program does: that is a finding."""
