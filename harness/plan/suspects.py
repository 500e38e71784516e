"""Suspects of any kind: what may explain a change, and the state that turns it back."""

from collections.abc import Sequence
from typing import Literal

from harness.matrix.models.builds import called
from harness.matrix.names import quoted
from harness.models import Frozen
from harness.text.words import listed

SuspectKind = Literal["experiment", "godebug", "gcflags", "ldflags", "build", "env", "patch"]
Certainty = Literal["same value", "identical code", "never consulted", "unknown", "removed"]


class Settled(Frozen):
    """What is known of a suspect on one workload without a trial."""

    verdict: Literal["ruled out", "not applicable"]
    certainty: Certainty
    reason: str


class Suspected(Frozen):
    """A toggle that may explain the change, with the state that turns it back."""

    kind: SuspectKind
    name: str
    """Of the experiment, GODEBUG setting, variable, build setting, compiler switch or patch."""
    back: str = ""
    """``noswissmap``; a value, empty for a variable that is not set; flags; a path."""
    counted: bool = False
    """Whether the runtime counts how often a GODEBUG setting, turned back, changed something."""
    settled: dict[str, Settled] = {}
    """By workload: what is known without a trial."""

    @property
    def label(self) -> str:
        """What people call it; unique among the suspects of a question."""
        match self.kind:
            case "experiment":
                return self.name
            case "patch":
                return f"patch {self.name}"
            case "env" if not self.back:
                return self.name
            case "gcflags" | "ldflags" if self.name != self.kind:
                return self.name
            case _:
                return f"{called(self.name)}={quoted(self.back)}"

    @property
    def free(self) -> bool:
        """Whether turning it back needs no build."""
        return self.kind in ("godebug", "env")

    @property
    def verbs(self) -> tuple[str, str]:
        """What one does with what the label says, and has done, to turn it back."""
        if self.kind == "patch":
            return "applying", "applied"
        return ("setting", "set") if self.label != self.name else ("turning back", "turned back")


def undoing(groups: Sequence[Sequence[Suspected]], together: str = " and ") -> str:
    """``turning back swissmap``, ``setting GOGC=50 with applying patch x``: as a subject.

    Args:
        groups: suspects, those in one group to be turned back together.
        together: between the members of a group.
    """
    verbs = {suspect.verbs[0] for group in groups for suspect in group}
    own = len(verbs) > 1
    words = [
        together.join(f"{s.verbs[0]} {s.label}" if own else s.label for s in group)
        for group in groups
    ]
    return listed(words) if own else f"{verbs.pop()} {listed(words)}"


def undone(suspects: Sequence[Suspected]) -> str:
    """``swissmap turned back``, ``GOGC=50 set and patch x applied``."""
    verbs = {suspect.verbs[1] for suspect in suspects}
    if len(verbs) == 1:
        return f"{listed([suspect.label for suspect in suspects])} {verbs.pop()}"
    return listed([f"{suspect.label} {suspect.verbs[1]}" for suspect in suspects])
