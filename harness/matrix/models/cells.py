"""``include:`` and ``exclude:``: cells beside the product of the axes."""

from harness.matrix.models.builds import BuildPattern
from harness.matrix.models.scalars import EnvName, Line, Setting, Value
from harness.matrix.models.toolchains import Toolchain
from harness.models import Frozen


class CellSpec(Frozen):
    """A pattern over cells: every field that is given must match (``exclude``)."""

    go: Line | None = None
    """A toolchain's name."""
    experiments: list[Setting] | None = None
    """Exactly these settings, in any order; ``[]`` for a toolchain's default."""
    env: dict[EnvName, Value] | None = None
    """These values of the run environment, among others."""
    build: BuildPattern = BuildPattern()
    """These settings of the build, among others."""
    workload: Line | None = None
    """A workload's name."""


class IncludedCell(Frozen):
    """A variant added to the product of the axes (``include``)."""

    go: Toolchain
    """As in ``go:``; it need not be listed there."""
    experiments: list[Setting] = []
    """Experiment settings."""
    env: dict[EnvName, Value] = {}
    """Run environment."""
    build: BuildPattern = BuildPattern()
    """Settings of its build; those not given are as under ``build:``, each value of an axis."""
