"""What was observed of a program while it ran."""

from dataclasses import dataclass, field

from harness.run.records import ChildProcess
from harness.run.series import Series
from harness.trial.observe.snapshot import Snapshot
from harness.trial.process import Ended


@dataclass(frozen=True)
class Observation:
    """One program, from its start to the end of all that it started."""

    started: float = 0.0
    """The monotonic clock just before the start, in seconds."""
    ended: Ended | None = None
    """``None`` where the supervisor was killed."""
    fault: str = ""
    """The outcome, where the harness itself ended the program."""
    end: Snapshot | None = None
    """At the end of main."""
    profile_error: str | None = None
    """Why there is no heap profile; empty where there is one, ``None`` where nothing was said."""
    series: Series = field(default_factory=list)
    """Of the program itself."""
    tree_series: Series = field(default_factory=list)
    """Of the program with its children, from the first child on."""
    children: list[ChildProcess] = field(default_factory=list)
    child_series: list[Series] = field(default_factory=list)
    """Of each of them."""
    log: str = ""
    """The end of its output."""
    inherited: dict[str, str] = field(default_factory=dict)
    """What the supervisor could not set for it."""
