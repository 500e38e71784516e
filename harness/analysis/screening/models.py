"""What screening asks for, is told, and finds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Back = frozenset[str]
"""Toggles, by key, that are turned back in the candidate; empty for the candidate itself."""

Decision = Literal["nothing", "all", "part", "opposite", "unclear", "failed"]
"""What turning a set back does to the change: ``nothing`` is a share shown to be below the limit in
either direction; ``part`` is one shown to be above zero, ``all`` too if its estimate leaves less
than the limit; ``opposite`` is one shown to be below zero. ``unclear`` is none of these, after as
many rounds as allowed or as were worth measuring."""


@dataclass(frozen=True)
class Row:
    """One round: the metric, in its own unit, in three variants."""

    baseline: float
    candidate: float
    value: float
    """Of the candidate with the set turned back."""


@dataclass(frozen=True)
class Failed:
    """A set that does not build or run, or was not measured."""

    reason: str


@dataclass(frozen=True)
class Ask:
    """A request for the first rounds of some sets, best measured side by side."""

    sets: tuple[Back, ...]
    rounds: int
    """Of each set, counted from its first one: earlier ones are wanted again."""


Answer = Mapping[Back, Sequence[Row] | Failed]
"""At most as many rows of each set as were asked for; fewer where a trial failed. A set that is
missing counts as not measured."""


@dataclass(frozen=True)
class Share:
    """A part of the change; negative if it acts against the change."""

    value: float
    ci: tuple[float, float] | None
    """95 % interval; ``None`` if it is unbounded."""


@dataclass(frozen=True)
class Culprit:
    """A smallest set that explains some of the change."""

    toggles: Back
    share: Share
    joint: bool
    """Whether it acts only together: each set that lacks one of its toggles is shown to explain
    less than the limit."""


@dataclass(frozen=True)
class Step:
    """A set that was measured, and what that told."""

    back: Back
    rounds: int
    decision: Decision
    share: Share | None
    """``None`` if too few rounds were measured."""
    reason: str = ""
    """Why it failed."""


@dataclass(frozen=True)
class Outcome:
    """The end of a screening; each toggle is in one of the first three."""

    culprits: tuple[Culprit, ...]
    """In the order in which they were found."""
    ruled_out: Mapping[str, str]
    """Toggles and how they were ruled out: ``alone`` or ``in a group of N``."""
    open: Mapping[str, str]
    """Toggles and why they could not be decided."""
    steps: tuple[Step, ...]
    """In the order in which sets were first asked for."""
    explained: Share | None
    """The share of all toggles together, if that could be measured."""
    excluded: str
    """What exactly is excluded of several toggles that were ruled out; else empty."""
