"""What the search among commits tells."""

from harness.bisect.points import Finding
from harness.bisect.record import Culprit
from harness.models import Frozen


class CommitsAnswer(Frozen):
    """The commit, or how far the search came."""

    older: str
    """The commit before the change, in full, as far as known."""
    newer: str
    """The commit after it."""
    answer: str
    """In one sentence."""
    culprit: Culprit | None = None
    stopped: str | None = None
    """Why there is no single commit to name."""
    confirmed: tuple[str, ...] = ()
    """What was shown of the commit and its parent, a sentence each."""
    findings: tuple[Finding, ...] = ()
    """Of every point that was asked about, in the order of history."""
    places: tuple[str, ...] = ()
    """By what the ends were found in the history, a sentence each."""
    passed_over: tuple[str, ...] = ()
    """Commits that told nothing, and what was left out, a sentence each."""
    commits: int = 0
    """Between the ends."""
    relevant: int = 0
    """Of these, the ones that can change the workload's binary."""
    measured: int = 0
    """Commits that were measured."""
    true_builds: int = 0
    """Toolchains that were made by their own source, those at hand already included."""
    mixed_builds: int = 0
    """Libraries that were built with the tools of another commit."""
    seconds: float = 0.0
    """Wall time of making toolchains."""
    again: tuple[str, ...] = ()
    """Commands that show the answer."""

    @property
    def effort(self) -> str:
        """How much of the history was looked at, in one sentence."""
        return (
            f"{self.relevant} of the {self.commits} commits between can change the workload's "
            f"binary; {self.measured} were measured, with {self.true_builds} true and "
            f"{self.mixed_builds} mixed builds, which took {self.seconds:.0f} s to make"
        )
