"""What was seen of a program while it ran."""

from dataclasses import dataclass, field
from typing import Any

from harness.trial.observe.snapshot import Snapshot

Series = list[tuple[float, int]]
"""Seconds since the start, resident bytes."""


@dataclass
class Seen:
    """What was seen of a program."""

    pid: int = 0
    started: float = 0.0
    """The monotonic clock just before the start, in seconds."""
    inherited: dict[str, str] = field(default_factory=dict)
    """What the supervisor could not set for it."""
    series: Series = field(default_factory=list)
    """Of the program itself."""
    tree_series: Series = field(default_factory=list)
    """Of the program with its children, from the first child on."""
    end: Snapshot | None = None
    """At the end of main."""
    profile_error: str | None = None
    ended: dict[str, Any] | None = None
    """The supervisor's last answer; ``None`` while the program runs."""
    fault: str = ""
    """The outcome, where the harness itself ended the program."""
