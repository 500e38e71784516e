"""What the source step of a bisection answers."""

from collections.abc import Mapping
from typing import Literal

from harness.bisect.points import Finding, State
from harness.bisect.source.patch import Culprit
from harness.models import Frozen

Direction = Literal["forward", "reverse"]
"""``forward``: files of the bad toolchain on the good one; ``reverse``: the other way."""
DIRECTIONS: tuple[Direction, ...] = ("forward", "reverse")
WANTED: Mapping[Direction, State] = {"forward": "bad", "reverse": "good"}
"""What a mixture with the effect is like."""


Outcome = Literal["found", "no difference", "beside", "doubtful", "parts", "not searched"]
"""``beside``: a whole library was taken over, and made no difference; ``doubtful``: it made a part
of it; ``parts``: the wholes cannot be mixed, and none of the parts that can makes a difference."""


class Step(Frozen):
    """One mixture that was asked about."""

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
    """Those that are in no mixture that builds and runs, where the wholes cannot be mixed."""
    culprits: tuple[Culprit, ...] = ()
    """Declarations that the patch changes."""
    besides: tuple[Culprit, ...] = ()
    """All that the patch changes, where it does not build on the good toolchain without more than
    the culprits."""
    diff: str = ""
    """The patch: on the good toolchain, it makes the bad one's value."""
    forward: Finding | None = None
    """Of the good toolchain with the patch: expected to be bad."""
    reverse: Finding | None = None
    """Of the bad toolchain without it: expected to be good."""
    remedy: tuple[Culprit, ...] = ()
    """Only where taking the patch back is not enough: what must be taken back to cure the bad
    toolchain."""
    remedy_diff: str = ""
    """The patch that does so, for the bad toolchain."""
    steps: tuple[Step, ...] = ()
    """All mixtures in the order they were asked about; some are refused without a build."""
    mixtures: int = 0
    """How many of them the judge was asked about: one build and its measurements each."""
    stopped: str | None = None
    """Where the search ended early, and why; ``None`` if both directions are confirmed."""
