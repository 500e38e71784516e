"""What the source step of a bisection answers."""

from typing import Literal

from harness.bisect.findings import Finding
from harness.bisect.source.patch import Culprit
from harness.frozen import Frozen

Direction = Literal["forward", "reverse"]
"""``forward``: files of the bad toolchain on the good one; ``reverse``: the other way."""


class Step(Frozen):
    """One mixture that was asked about."""

    direction: Direction
    edits: str
    """Which differences were taken over, in words."""
    finding: Finding


class SourceAnswer(Frozen):
    """The part of the standard library's differences that makes the difference."""

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
    culprits: tuple[Culprit, ...] = ()
    """Declarations that the patch changes."""
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
