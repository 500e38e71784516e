"""What the search among commits tells."""

from harness.bisect.points import Finding
from harness.bisect.record import Culprit
from harness.models import Frozen


class CommitsAnswer(Frozen):
    """The commit, or how far the search came."""

    answer: str
    """In one sentence."""
    culprit: Culprit | None = None
    stopped: str | None = None
    """Why there is no single commit to name."""
    confirmed: tuple[str, ...] = ()
    """What was shown of the commit and its parent, a sentence each."""
    findings: tuple[Finding, ...] = ()
    """Of every point that was measured, in the order of history."""
    passed_over: tuple[str, ...] = ()
    """How the ends were found, what was left out, and commits that told nothing, a sentence each.
    """
    again: tuple[str, ...] = ()
    """Commands that show the answer."""
