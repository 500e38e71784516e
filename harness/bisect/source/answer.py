"""The answer of source bisection."""

from collections.abc import Mapping
from typing import Literal

from harness.bisect.points import Finding, State
from harness.bisect.record import Step
from harness.bisect.source.patch import ChangedDeclaration
from harness.models import Frozen

Direction = Literal["forward", "reverse"]
"""``forward``: files of the bad toolchain on the good one; ``reverse``: the other way."""
DIRECTIONS: tuple[Direction, ...] = ("forward", "reverse")
OTHER: Mapping[Direction, Direction] = {"forward": "reverse", "reverse": "forward"}
WANTED: Mapping[Direction, State] = {"forward": "bad", "reverse": "good"}
"""The state of a hybrid that has the effect."""
Outcome = Literal["found", "no difference", "elsewhere", "doubtful", "not found"]
"""``elsewhere``: the whole library makes no difference; ``doubtful``: it makes a part of it; ``not
found``: the whole library cannot be taken over, and no part that can makes a difference."""


class SourceAnswer(Frozen):
    """Which differences of the standard library have the effect."""

    outcome: Outcome
    elsewhere: int
    """Files of the standard library that differ but are not used, and so never tried."""
    binary: int = 0
    """Used files that differ but are not text, and so never tried."""
    edits: int = 0
    """Declarations that differ in used files."""
    untried: int = 0
    """Declarations that are in no hybrid that builds and runs."""
    culprits: tuple[ChangedDeclaration, ...] = ()
    """Declarations that the patch changes."""
    besides: tuple[ChangedDeclaration, ...] = ()
    """All that the patch changes, if it needs more than the culprits to build."""
    diff: str = ""
    """The patch that makes the good toolchain bad."""
    forward: Finding | None = None
    """The good toolchain with the patch: expected to be bad."""
    reverse: Finding | None = None
    """The bad toolchain with the patch reverted: expected to be good."""
    remedy: tuple[ChangedDeclaration, ...] = ()
    """What makes the bad toolchain good, if reverting the patch does not."""
    remedy_diff: str = ""
    """The patch that does so."""
    steps: tuple[Step, ...] = ()
    """All hybrids, in the order in which they were tried."""
    stopped: str | None = None
    """Where and why the search ended early; ``None`` if both directions are confirmed."""
