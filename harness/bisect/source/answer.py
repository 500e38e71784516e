"""What the source step of a bisection answers."""

from collections.abc import Mapping
from typing import Literal

from harness.bisect.points import Finding, State
from harness.bisect.source.patch import ChangedDeclaration
from harness.models import Frozen

Direction = Literal["forward", "reverse"]
"""``forward``: files of the bad toolchain on the good one; ``reverse``: the other way."""
DIRECTIONS: tuple[Direction, ...] = ("forward", "reverse")
WANTED: Mapping[Direction, State] = {"forward": "bad", "reverse": "good"}
"""What a hybrid with the effect is like."""


Outcome = Literal["found", "no difference", "elsewhere", "doubtful", "not found", "not searched"]
"""``elsewhere``: the whole library makes no difference; ``doubtful``: it makes a part of it; ``not
found``: the whole library cannot be taken over, and no part that can makes a difference."""


class TriedHybrid(Frozen):
    """A hybrid that was tried."""

    direction: Direction
    edits: str
    """Which differences were taken over, in words."""
    finding: Finding


class SourceAnswer(Frozen):
    """The part of the standard library's differences that makes the difference."""

    outcome: Outcome
    used: int
    """Files of the standard library that the workload is made of."""
    differing: tuple[str, ...]
    """Those of them that differ, as paths within the GOROOT."""
    elsewhere: int
    """Files of the standard library that differ but are not used: never tried."""
    binary: tuple[str, ...] = ()
    """Files that are used and differ, but are no text, so that they cannot be mixed."""
    edits: int = 0
    """Declarations that differ in used files."""
    untried: int = 0
    """Those that are in no hybrid that builds and runs, where the wholes cannot be mixed."""
    culprits: tuple[ChangedDeclaration, ...] = ()
    """Declarations that the patch changes."""
    besides: tuple[ChangedDeclaration, ...] = ()
    """All that the patch changes, where it does not build on the good toolchain without more than
    the culprits."""
    diff: str = ""
    """The patch: on the good toolchain, it makes the bad one's value."""
    forward: Finding | None = None
    """Of the good toolchain with the patch: expected to be bad."""
    reverse: Finding | None = None
    """Of the bad toolchain without it: expected to be good."""
    remedy: tuple[ChangedDeclaration, ...] = ()
    """Only where taking the patch back is not enough: what must be taken back to cure the bad
    toolchain."""
    remedy_diff: str = ""
    """The patch that does so, for the bad toolchain."""
    steps: tuple[TriedHybrid, ...] = ()
    """All hybrids, in the order in which they were tried."""
    hybrids: int = 0
    """How many of them were built and measured, or refused by the compiler."""
    stopped: str | None = None
    """Where the search ended early, and why; ``None`` if both directions are confirmed."""
