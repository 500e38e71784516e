"""The records of a run: ``run.json`` and the lines of ``trials.jsonl``."""

import math
from array import array
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, Field, PlainSerializer

from harness.golang.records import BuildRecord, ToolchainRecord
from harness.matrix.models import MatrixSpec
from harness.models import Frozen
from harness.plan.plan import Plan, Trial
from harness.plan.variants import Variant
from harness.run.host import Host

MOST_ROUNDS = 1_000_000
"""The highest number of a round."""


class Numbers(Mapping[str, float | None]):
    """Numbers by name, in a fraction of a dict's memory: records share their names."""

    __slots__ = ("_places", "_values")

    def __init__(self, numbers: Mapping[str, float | None]) -> None:
        """Copy them; none is NaN."""
        self._places = _places(tuple(numbers))
        self._values = array("d", [math.nan if n is None else n for n in numbers.values()])

    def __getitem__(self, name: str) -> float | None:
        value = self._values[self._places[name]]
        return None if math.isnan(value) else value

    def get(self, name: str, default: Any = None) -> Any:
        """As of every mapping; five times as fast as what it inherits."""
        place = self._places.get(name)
        if place is None:
            return default
        value = self._values[place]
        return None if math.isnan(value) else value

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(dict(self))

    @property
    def column(self) -> "array[float]":
        """The numbers in the order of their names; NaN for ``None``."""
        return self._values

    @property
    def shape(self) -> int:
        """Identifies the names, which records may share."""
        return id(self._places)


@lru_cache(maxsize=1000)
def _places(names: tuple[str, ...]) -> dict[str, int]:
    return {name: place for place, name in enumerate(names)}


NumbersByName = Annotated[
    Mapping[str, float | None],
    AfterValidator(Numbers),
    PlainSerializer(dict, return_type=dict[str, float | None]),
]


class ChildProcess(Frozen):
    """What was observed of one child process."""

    pid: int
    name: str
    peak: int
    """Bytes: the largest sample of its resident memory."""
    cpu: float
    """Seconds of CPU, at the last look."""
    pss: int | None = None
    """Bytes, at the last snapshot that found it alive; ``None`` where none did."""
    uss: int | None = None
    """Bytes of its own alone, at the same instant."""
    account: dict[str, int] = {}
    """Resident bytes by part (``metrics.account.PARTS``) at the same instant, a Go heap in one;
    empty where no snapshot found it alive."""


class Manifest(Frozen):
    """``run.json``: what was to be measured, with what, where."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    name: str
    created: AwareDatetime
    harness: str
    """The harness's version."""
    matrix_path: str
    matrix_text: str
    """The file as the user wrote it."""
    matrix: MatrixSpec
    toolchains: tuple[ToolchainRecord, ...]
    builds: tuple[BuildRecord, ...]
    supervisor: str = ""
    """Path of the program that starts and watches each trial."""
    load_generator: str = ""
    """Path of the program that puts servers under load; empty where there is none to serve."""
    plan: Plan
    host: Host
    hosts: tuple[Host, ...] = ()
    """Every machine that measured, in a run that was merged or resumed on another machine."""
    lanes: int
    """Trials at a time."""
    memory_budget: int = 0
    """Bytes that trials may use together."""
    command: tuple[str, ...]
    """The command line that made the run."""

    def build(self, workload: str, variant: Variant) -> BuildRecord:
        """The build that a cell runs."""
        found = self.build_of(workload, variant)
        if found is None:
            raise AssertionError("every cell that runs was built")
        return found

    def module_of(self, workload: str) -> str:
        """The import path of a workload's main module; empty where a run does not say."""
        return next((b.module for b in self.builds if b.workload == workload and b.module), "")

    def build_of(self, workload: str, variant: Variant) -> BuildRecord | None:
        """The same; ``None`` for a cell that was not built, as one that was not selected."""
        key = (workload, variant.toolchain, variant.settings, variant.made_with)
        same = (b for b in self.builds if (b.workload, b.toolchain, b.settings, b.build) == key)
        return next(same, None)


class Measurement(Frozen):
    """What one execution of a program gave."""

    outcome: str
    """``ok``, ``exit N``, ``signal NAME``, ``timeout``, ``memory limit``, ``not ready``,
    ``load failed``, ``setup failed``, ``no benchmark`` (none matched), ``build failed``,
    ``not started``, or ``lost`` (the supervisor was killed)."""
    metrics: NumbersByName = Field(default_factory=dict)
    notes: dict[str, str] = Field(default_factory=dict)
    """For metrics that are ``None``: why; for those from another source than usual: which. Under
    ``series`` and ``profile``: why there is no such file. Under ``heap.zero at MARK``: why nobody
    looked at the pages of the Go heap at that snapshot."""
    smaps: dict[str, dict[str, int]] = Field(default_factory=dict)
    """By class of mapping: bytes by kind (``size``, ``rss``, …) at the end of main."""
    account: dict[str, int] = Field(default_factory=dict)
    """By part of ``metrics.account.PARTS``: bytes resident at the end of main, which add up to
    ``rss.end``. Empty where the kernel did not say."""
    log: str = ""
    """The last lines of the program's output."""
    load_log: str = ""
    """The last lines of what a server's load wrote."""
    marks: dict[str, dict[str, float | None]] = Field(default_factory=dict)
    """Metrics of snapshots in mid-run: a server's ``idle``, ``loaded``, ``after`` and ``settled``,
    or ``2.5s`` after the start."""
    accounts: dict[str, dict[str, int]] = Field(default_factory=dict)
    """The account of each of ``marks``, whose parts add up to its ``rss.end``."""
    children: dict[str, dict[str, int]] = Field(default_factory=dict)
    """The account of all children together, at each of ``marks`` that found some."""
    processes: tuple[ChildProcess, ...] = ()
    """Children of the program."""
    runtime: NumbersByName = Field(default_factory=dict)
    """All of ``runtime/metrics`` at the end, by its own names; of histograms, quantiles."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Of benchmarks: ``goos``, ``goarch``, ``pkg`` and ``cpu``, as their test binary says them."""
    inherited: dict[str, str] = Field(default_factory=dict)
    """What the program inherited from the harness's own process, as it could not be set: by name,
    as ``nice`` or ``limit as``."""


class TrialRecord(Measurement, Trial):
    """One line of ``trials.jsonl``: a finished trial; logs are kept only of one that failed."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    round: Annotated[int, Field(ge=1, le=MOST_ROUNDS)]
    lane: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    host: str
    started: Annotated[float, Field(ge=0, le=1e11)] = 0.0
    """Seconds since the epoch; 0 for a trial that never started."""
    series: str | None = None
    """Path within the run directory: memory over time."""
    profile: str | None = None
    """Path within the run directory: heap profile."""

    @property
    def ok(self) -> bool:
        """Whether the trial counts as a sample."""
        return self.outcome == "ok"

    @property
    def partial(self) -> bool:
        """Whether it ran into the timeout after some benchmarks had ended, whose results count."""
        return self.outcome == "timeout" and any(n.startswith("Benchmark") for n in self.metrics)
