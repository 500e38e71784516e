"""What an explanation found and how: the content of ``explain.json``."""

from typing import Literal

from pydantic import Field

from harness.bisect.compare import EndsEffect
from harness.bisect.points import Finding
from harness.bisect.record import Bisection
from harness.models import Frozen

RECORD = "explain.json"


class Request(Frozen):
    """What was asked for; asked again in the same directory, it continues where it stopped."""

    subject: str
    """What is measured, as the command line names it: a package, a module or a matrix file."""
    args: tuple[str, ...] = ()
    """The program's arguments, as the command line gives them."""
    matrix_text: str
    """The matrix file, or what was drafted in its place."""
    refs: tuple[str, str] | None = None
    """Commits of the user's own repository, if these are compared."""
    commits: tuple[str, str] | None = None
    """The same by names that last: ``HEAD~1`` is another commit tomorrow."""
    older: str
    """The version before, ``--from``: a toolchain, with settings after a ``+``."""
    newer: str
    """The version after, ``--to``."""
    workload: str | None = None
    metric: str | None = None
    repository: str | None = None
    """Directory of a clone of Go's source, for the commits."""
    smallest: float = 0.01
    """Relative changes smaller than this are ignored."""
    seed: int


class Change(Frozen):
    """One metric of one workload, compared between both ends."""

    workload: str
    metric: str
    unit: str
    effect: EndsEffect
    worse: bool | None = None
    """Whether it is worse at the newer end; ``None`` where it did not change or has no direction.
    """
    answer: str
    """In one sentence."""
    visible: float | None = None
    """Where no change is shown: the smallest relative change that would have been seen, as the
    farther end of the interval."""
    same_as: str | None = None
    """The workload whose cause this change was shown to have as well."""

    @property
    def changed(self) -> bool:
        """Whether a change is shown."""
        return self.effect.decision == "changed"


class Cure(Frozen):
    """The newer end with the culprit turned back."""

    what: str
    """What was turned back, as ``swissmap`` or ``culprit.diff reverted``."""
    finding: Finding | None = None
    """``None`` where it could not be made."""
    restored: bool | None = None
    """Whether it is like the older end; ``None`` where that could not be decided."""
    answer: str
    gone: tuple[str, ...] = ()
    """Other metrics of the workload whose change went away with it."""


class Cause(Frozen):
    """Where one change was followed to."""

    workload: str
    metric: str
    bisection: Bisection
    cure: Cure | None = None

    @property
    def open(self) -> bool:
        """Whether no cause was found, or turning it back does not restore the older version."""
        return self.cure is None or self.cure.restored is not True


class Where(Frozen):
    """Where the memory sits that changed."""

    workload: str
    sentence: str


class Explanation(Frozen):
    """``explain.json``."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    request: Request
    headline: str
    """The answer in one sentence."""
    changes: tuple[Change, ...] = ()
    """The question's own, in the order of workloads."""
    where: tuple[Where, ...] = ()
    moved: tuple[str, ...] = ()
    """What other metrics changed, a sentence for each workload."""
    refused: tuple[str, ...] = ()
    """Why a comparison could not be made."""
    causes: tuple[Cause, ...] = ()
    """In the order in which changes were followed."""
    doing: str = ""
    """What was under way when it stopped; empty when it is finished."""
    finished: bool = False
    out_of_time: bool = False
    """Whether the time budget ended it."""
    trials: int = 0
    builds: int = 0

    @property
    def open(self) -> bool:
        """Whether a question stays open: a comparison, or a cause."""
        undecided = any(change.effect.decision == "undecided" for change in self.changes)
        followed = {(cause.workload, cause.metric) for cause in self.causes if not cause.open}
        left = any(
            c.changed and not c.same_as and (c.workload, c.metric) not in followed
            for c in self.changes
        )
        return undecided or left or bool(self.refused) or not self.finished
