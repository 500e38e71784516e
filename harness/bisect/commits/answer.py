"""The answer of commit bisection."""

from harness.bisect.points import Finding
from harness.bisect.record import Culprit
from harness.models import Frozen


class CommitsAnswer(Frozen):
    """The commit, or how far the search got."""

    answer: str
    """In one sentence."""
    culprit: Culprit | None = None
    stopped: str | None = None
    """Why there is no single commit to name."""
    confirmed: tuple[str, ...] = ()
    """What measuring the commit and its parent showed, a sentence each."""
    findings: tuple[Finding, ...] = ()
    """Of every point that was measured, in the order of history."""
    passed_over: tuple[str, ...] = ()
    """How the ends were found, what was left out, and which commits told nothing."""
    again: tuple[str, ...] = ()
    """Commands that show the answer."""
