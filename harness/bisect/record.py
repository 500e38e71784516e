"""What a bisection found and how: the content of ``bisect.json``, a stable, documented format."""

from typing import Literal

from pydantic import Field

from harness.analysis.models import Suspect
from harness.bisect.points import Finding
from harness.models import Frozen

RECORD = "bisect.json"
INTERRUPTED = "the time was up"
"""Why a stage was stopped that tells what was known by then."""

StageKind = Literal[
    "ends", "survey", "releases", "revisions", "requirements", "toggles", "sites", "source",
    "commits",
]  # fmt: skip


SiteKind = Literal["call stack", "source line"]


class Request(Frozen):
    """What was asked for; asked again in the same directory, it continues where it stopped."""

    matrix: str
    """Path of the matrix file."""
    matrix_text: str
    workload: str
    metric: str
    """Of benchmarks, where none was named, empty until the one that moved most is chosen."""
    patterns: tuple[str, ...] = ()
    """What it is chosen from: names of metrics, whose ``*`` stands for anything."""
    good: str
    """As on the command line: a toolchain, with settings after a ``+``."""
    bad: str
    repository: str | None = None
    """Directory of a clone of Go's source, for the commits."""
    fix: bool = False
    """If the ends are alike but a version between them is worse: look for what fixed it."""
    smallest: float = 0.01
    """Relative changes smaller than this are ignored."""
    seed: int


class Step(Frozen):
    """One point, measured or passed over."""

    finding: Finding
    what: str = ""
    """What the point is made of, if its name does not say."""
    command: str = ""
    """A shell command that builds the same binary without the probe; empty if none was built."""


class Culprit(Frozen):
    """The commit that makes the change."""

    commit: str
    """The full hash."""
    title: str
    author: str
    date: str
    """The author's, ISO 8601."""
    stat: str
    """Files and lines, as ``git diff --stat`` shows them."""
    note: str | None = None
    """What the release notes say about it, if they do."""


class Frame(Frozen):
    """A line of source."""

    function: str = ""
    """By name, as ``main.serve``; empty where it is not known."""
    file: str
    """Within the module, or as Go calls it: ``time/sleep.go``."""
    line: int


class Site(Frozen):
    """A place in the program that needs a toggle."""

    toggle: str
    kind: SiteKind
    at: Frame
    """The innermost line that is not of the standard library, if there is one; else where the
    goroutine began."""
    stack: tuple[Frame, ...] = ()
    """The innermost call first; of a source line, calls that were inlined, if any."""
    share: float
    """Part of the change that goes away if the toggle is turned back there alone; of the
    difference, not of its logarithm, so that shares of independent places add up."""
    ci: tuple[float, float] | None
    """95 % interval of the share; ``None`` if it is unbounded."""
    joint: bool = False
    """Whether it acts only together with the next ones that have the same share."""


class Stage(Frozen):
    """One step of narrowing, from what the stage before it left."""

    kind: StageKind
    title: str
    older: str
    """The last point before the change, when this stage began."""
    newer: str
    """The first point after it."""
    steps: tuple[Step, ...] = ()
    """In the order of versions if there is one, else as they were measured."""
    answer: str
    """The result in one sentence."""
    stopped: str | None = None
    """Why it could not continue, if it could not."""
    suspects: tuple[Suspect, ...] = ()
    sites: tuple[Site, ...] = ()
    functions: tuple[str, ...] = ()
    """By name, as ``runtime.mallocgcLarge``."""
    files: tuple[str, ...] = ()
    """Within GOROOT/src."""
    confirmed: tuple[str, ...] = ()
    """What confirms the answer, a sentence each."""
    patch: str | None = None
    """A unified diff that makes the good toolchain bad; also in ``culprit.diff``."""
    remedy: str | None = None
    """A unified diff that makes the bad toolchain good, if reverting ``patch`` does not; also in
    ``remedy.diff``."""
    culprit: Culprit | None = None
    passed_over: tuple[str, ...] = ()
    """What was not measured and why, a sentence each."""
    again: tuple[str, ...] = ()
    """Commands that repeat the stage or its answer."""


class Bisection(Frozen):
    """``bisect.json``."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    request: Request
    unit: str
    """The metric's unit."""
    direction: Literal["regression", "fix"]
    """``regression``: the good end is the older one."""
    changed: bool | None = None
    """Whether the ends differ; ``None`` if that could not be decided."""
    headline: str
    """The answer in one sentence."""
    stages: tuple[Stage, ...] = ()
    finished: bool = False
    trials: int = 0
    """Trials measured."""
    builds: int = 0
    """Builds, including cached ones."""

    @property
    def open(self) -> bool:
        """Whether the releases could not be told apart, so that the question stays open."""
        return self.changed is None or any(
            stage.stopped for stage in self.stages if stage.kind == "releases"
        )
