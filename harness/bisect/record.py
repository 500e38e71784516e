"""What a bisection found and how: the content of ``bisect.json``, a stable, documented format."""

from typing import Literal

from pydantic import Field

from harness.analysis.models import Suspect
from harness.bisect.points import Finding
from harness.models import Frozen

RECORD = "bisect.json"

StageKind = Literal["ends", "survey", "releases", "experiments", "source", "commits"]


class Request(Frozen):
    """What was asked for: the same again, in the same directory, goes on where it stopped."""

    matrix: str
    """Path of the matrix file."""
    matrix_text: str
    workload: str
    metric: str
    good: str
    """A toolchain as on the command line, with settings after a ``+``."""
    bad: str
    repository: str | None = None
    """Of Go's source, for the commits."""
    fix: bool = False
    """Where the ends are alike but something between them is not: look for what mended it."""
    smallest: float = 0.01
    """Relative changes within ± this are none."""
    seed: int


class Step(Frozen):
    """One point on the way, measured or passed over."""

    finding: Finding
    what: str = ""
    """What the point is made of, where its name does not tell."""
    command: str = ""
    """To copy into a shell: makes the same binary, without the probe; empty where none was made."""


class Culprit(Frozen):
    """A commit that makes the change."""

    commit: str
    """In full."""
    title: str
    author: str
    date: str
    """Of the author, ISO 8601."""
    stat: str
    """Files and lines, as ``git diff --stat`` shows them."""
    note: str | None = None
    """The release notes' line about it, if the repository has one."""


class Stage(Frozen):
    """One way of looking for the change, from what the stage before it left."""

    kind: StageKind
    title: str
    older: str
    """The point before the change, when this stage began."""
    newer: str
    """The point after it."""
    steps: tuple[Step, ...] = ()
    """In the order of versions where there is one, else as they were asked."""
    answer: str
    """What it found, in one sentence."""
    stopped: str | None = None
    """Where it could not go on: why."""
    suspects: tuple[Suspect, ...] = ()
    functions: tuple[str, ...] = ()
    """By name, as ``runtime.mallocgcLarge``."""
    files: tuple[str, ...] = ()
    """Within GOROOT/src."""
    confirmed: tuple[str, ...] = ()
    """What was shown of the answer beyond the search, a sentence each."""
    patch: str | None = None
    """A unified diff against the good toolchain that makes it bad; also in ``culprit.diff``."""
    remedy: str | None = None
    """Only where taking that back is not enough: one against the bad toolchain that makes it good;
    also in ``remedy.diff``."""
    culprit: Culprit | None = None
    passed_over: tuple[str, ...] = ()
    """What was not measured, and why, a sentence each."""
    again: tuple[str, ...] = ()
    """Commands that repeat the stage or its answer."""


class Bisection(Frozen):
    """``bisect.json``."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    request: Request
    unit: str
    """Of the metric."""
    direction: Literal["regression", "fix"]
    """Whether the good end is the older one, or the bad one."""
    changed: bool | None = None
    """Whether the ends differ; ``None`` where that could not be told."""
    headline: str
    """The answer in one sentence."""
    stages: tuple[Stage, ...] = ()
    finished: bool = False
    trials: int = 0
    """Measured."""
    builds: int = 0
    """Asked for, cached ones included."""

    @property
    def open(self) -> bool:
        """Whether something is left to be told that measuring more, or otherwise, might tell."""
        return self.changed is None or any(
            stage.stopped for stage in self.stages if stage.kind == "releases"
        )
