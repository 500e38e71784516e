"""``include:`` and ``exclude:``: cells beside the product of the axes."""

from harness.matrix.models.builds import BuildPattern
from harness.matrix.models.scalars import EnvName, Line, Setting, Value
from harness.matrix.models.toolchains import Toolchain
from harness.models import Frozen


class CellSpec(Frozen):
    """A pattern over cells (``exclude``); every given field must match."""

    go: Line | None = None
    """A toolchain's name."""
    experiments: list[Setting] | None = None
    """Exactly these settings, in any order; ``[]`` for a toolchain's default."""
    env: dict[EnvName, Value] | None = None
    """Values of the run environment; others may have any value."""
    build: BuildPattern = BuildPattern()
    """Settings of the build; others may have any value."""
    workload: Line | None = None
    """A workload's name."""


class IncludedCell(Frozen):
    """A variant to add to the product of the axes (``include``)."""

    go: Toolchain
    """A toolchain, as in ``go:``; it need not be listed there."""
    experiments: list[Setting] = []
    """Its experiment settings."""
    env: dict[EnvName, Value] = {}
    """Its run environment."""
    build: BuildPattern = BuildPattern()
    """Its build settings; those not given are taken from ``build:``, one variant for each value."""
