"""Points of a bisection, and what measuring them tells."""

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, Self

from harness.golang.toolchains.resolve import Toolchain
from harness.matrix.models import BuildPattern, BuildSpec
from harness.matrix.names import variant_name
from harness.models import Frozen
from harness.plan.variants import Conditions, Variant

State = Literal["good", "bad", "doubtful", "unresolved"]
"""``doubtful``: measured as often as allowed, and still like neither end; ``unresolved``: it does
not build, or its program fails."""


class Point(Frozen):
    """A toolchain with settings, to be built and measured."""

    name: str
    """The variant's name in the run directory, the report and messages."""
    toolchain: Toolchain
    """Its ``patched`` holds the files that a patch or hybrid replaces."""
    settings: tuple[str, ...] = ()
    """Experiments, in the toolchain's own order."""
    build: BuildSpec | None = None
    """``None`` for the build settings that all points have."""
    own: BuildPattern = BuildPattern()
    """Build settings that belong to its toolchain, in the place of the same in ``build``."""
    env: dict[str, str] | None = None
    """``None`` for the run environment that all points have."""

    @classmethod
    def of(cls, variant: Variant, toolchain: Toolchain) -> Self:
        """A variant of a toolchain, with build settings and run environment of its own."""
        return cls(
            name=variant.name, toolchain=toolchain, settings=variant.settings,
            build=variant.made_with, env=variant.env,
        )  # fmt: skip


def point_of(
    toolchain: Toolchain, settings: Iterable[str], conditions: Conditions | None = None,
    said: Mapping[str, str] | None = None,
) -> Point:  # fmt: skip
    """A toolchain with those of the settings that it knows, named as its variant is.

    ``conditions`` are those of this point alone, and ``said`` what its name says of them.
    """
    experiments = toolchain.experiments
    known = experiments.in_order(tuple(s for s in settings if experiments.knows(s)))
    name = variant_name(toolchain.name, known, said or {})
    if conditions is None:
        return Point(name=name, toolchain=toolchain, settings=known)
    env = dict(conditions.env)
    return Point(name=name, toolchain=toolchain, settings=known, build=conditions.build, env=env)


class Span(Frozen):
    """Where the change is, as far as known."""

    older: Point
    newer: Point
    regression: bool
    """Whether the older point is the good one; else a fix lies between them."""

    @property
    def good(self) -> Point:
        """The good point."""
        return self.older if self.regression else self.newer

    @property
    def bad(self) -> Point:
        """The bad point."""
        return self.newer if self.regression else self.older

    @property
    def last(self) -> State:
        """The state of the newer point; a search looks for the first one like it."""
        return "bad" if self.regression else "good"


class Effect(Frozen):
    """How one point compares with another, over rounds that measured both."""

    ratio: float | None = None
    """Geometric mean of ratios; ``None`` if any value is zero or negative."""
    ci: tuple[float, float] | None = None
    """The ratio's 95 % interval."""
    difference: float | None = None
    """Mean difference, in the metric's unit."""
    difference_ci: tuple[float, float] | None = None
    """The difference's 95 % interval."""
    rounds: int = 0
    """Rounds that measured both."""

    @property
    def sign(self) -> int:
        """1 for more, -1 for less, 0 for neither."""
        size = self.ratio - 1 if self.ratio is not None else self.difference or 0.0
        return (size > 0) - (size < 0)


class Finding(Effect):
    """What measuring a point told; its effect is relative to the good end."""

    point: str
    """The point's name."""
    state: State
    reason: str | None = None
    """Why it is ``doubtful`` or ``unresolved``, in one line or with the end of a log."""
    failed: int = 0
    """Trials of the point that failed; its state is that of the others."""


Classify = Callable[[Point], Finding]
"""Builds a point and measures it against both ends until a sequential test decides, in the run
directory. Called again, it returns what it knows. What a toolchain or a program does never raises:
it is part of the finding."""
