"""What a user may write in ``matrix.yaml``. Pure data: nothing here reads a file or runs Go."""

import re
import warnings
from collections.abc import Callable
from decimal import Decimal
from itertools import product
from pathlib import Path
from signal import Signals
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationInfo,
    model_validator,
)

from harness.matrix.releases import RELEASE
from harness.matrix.units import (
    Increase,
    parse_amount,
    parse_bytes,
    parse_fraction,
    parse_increase,
    parse_seconds,
)
from harness.metrics.catalogue import describe
from harness.models import Frozen
from harness.text.visible import first_unseen


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str | dict) else value


def _check_text(value: str) -> str:
    if re.search("[\0\ud800-\udfff]", value):
        raise ValueError(f"{value!r} holds what no argument, variable or file can hold")
    return value


def _check_line(value: str) -> str:
    unseen = first_unseen(value)
    if unseen is not None:
        raise ValueError(
            f"{value!r} holds {unseen!r}; write it on one line, in characters that can be seen"
        )
    return value


def _check_path(value: str) -> str:
    if re.match("~[^/]", value):
        raise ValueError(f"{value!r} begins in another user's home; write that directory in full")
    if any(len(part.encode()) > _LONGEST_FILE_NAME for part in value.split("/")):
        raise ValueError(f"{value!r} holds a name that is too long for a file")
    return value


def _check_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", value):
        raise ValueError(
            f"{value!r} cannot be a name; use letters, digits, '_', '.' and '-', "
            "and begin with a letter, a digit or '_'"
        )
    return value


def _check_setting(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_]+", value):
        raise ValueError(f"{value!r} is not an experiment setting; write one name an entry")
    return value


_MONTH = 30 * 86400.0
"""Seconds; no trial, phase or load lasts longer."""
_LONGEST_FILE_NAME = 255
"""Bytes, on Linux."""

Bytes = Annotated[int, BeforeValidator(parse_bytes), Field(gt=0, le=1 << 50)]
Seconds = Annotated[float, BeforeValidator(parse_seconds), Field(gt=0, le=_MONTH)]
NonNegativeSeconds = Annotated[float, BeforeValidator(parse_seconds), Field(ge=0, le=_MONTH)]
Fraction = Annotated[float, BeforeValidator(parse_fraction), Field(ge=0, allow_inf_nan=False)]
Text = Annotated[str, StringConstraints(max_length=100_000), AfterValidator(_check_text)]
"""An argument, a variable's value, the body of a request: whatever the kernel takes for one."""
Line = Annotated[str, StringConstraints(max_length=4096), AfterValidator(_check_line)]
"""A text whose every character can be seen."""
Value = Annotated[str, StringConstraints(max_length=1000), AfterValidator(_check_line)]
"""One value of an axis, which variants are named after."""
LocalPath = Annotated[Line, Field(min_length=1), AfterValidator(_check_path)]
"""A path, or an import path; ``~`` is the home of whoever runs the harness, and nobody else's."""
Name = Annotated[str, StringConstraints(max_length=100), AfterValidator(_check_name)]
Setting = Annotated[str, StringConstraints(max_length=100), AfterValidator(_check_setting)]
EnvName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=100)]


_Value = TypeVar("_Value")
OneOrMany = Annotated[list[_Value], BeforeValidator(_one_or_many), Field(min_length=1)]


def _expand_toolchain(value: Any) -> Any:
    return {"go": value} if isinstance(value, str) else value


def _check_release(value: str) -> str:
    if re.fullmatch(r"[0-9]+(\.[0-9]+)*((rc|beta)[0-9]+)?", value):
        raise ValueError(f"{value!r} is not a Go toolchain name; write go{value}")
    if value not in ("stable", "oldstable") and not RELEASE.fullmatch(value):
        raise ValueError(f"{value!r} is not a Go toolchain name; write it as go1.24.3")
    return value


Release = Annotated[str, AfterValidator(_check_release)]
GitUrl = Annotated[LocalPath, StringConstraints(pattern=r"^[^-\x00-\x20][^\x00-\x1f]*$")]
GitRef = Annotated[
    Value, StringConstraints(pattern=r"^[^-\x00-\x20:?*^~\[\\][^\x00-\x20:?*\[\\]*$")
]


def _word(text: str) -> str:
    """A text with what a name cannot hold replaced."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", text).lstrip(".-") or "go"


class ToolchainSpec(Frozen):
    """One entry of ``go:``."""

    go: Release | None = None
    """A released version, such as ``go1.24.3``, or ``go1.24``, ``stable``, ``oldstable``."""
    path: LocalPath | None = None
    """A GOROOT; relative to the matrix file."""
    git: GitUrl | None = None
    """A Go source repository: a path relative to the matrix file, or a URL."""
    ref: GitRef | None = None
    """The commit, branch or tag of ``git`` to build; ``HEAD`` if not given."""
    patch: Annotated[list[LocalPath], BeforeValidator(_one_or_many)] = []
    """Unified diffs against the GOROOT, applied in this order; relative to the matrix file."""
    label: Name | None = Field(default=None, alias="name")
    """By what name variants call it, instead of the one made from the fields above."""

    @model_validator(mode="after")
    def _has_one_origin(self) -> Self:
        given = [key for key in ("go", "path", "git") if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError(
                "a toolchain is given by exactly one of go, path and git"
                + (f", not by {' and '.join(given)}" if given else "")
            )
        if self.ref is not None and self.git is None:
            raise ValueError("ref: belongs to git:, which is not given here")
        return self

    @property
    def name(self) -> str:
        """The toolchain's name in variants, node ids and reports."""
        if self.label is not None:
            return self.label
        return "~".join([self._origin_name, *(_word(Path(patch).stem) for patch in self.patch)])

    @property
    def _origin_name(self) -> str:
        if self.go is not None:
            return self.go
        if self.path is not None:
            path = Path(self.path)
            return _word(path.parent.name if path.name == "go" and path.parent.name else path.name)
        ref = self.ref or "HEAD"
        return f"git-{_word(ref[:12] if re.fullmatch(r'[0-9a-f]{40}', ref) else ref)}"


Toolchain = Annotated[ToolchainSpec, BeforeValidator(_expand_toolchain)]


GoAmd64 = Annotated[str, StringConstraints(pattern=r"^(v[1-4])?$")]
GoArm64 = Annotated[str, StringConstraints(pattern=r"^(v[89]\.\d[a-z0-9,]*)?$")]


class BuildSpec(Frozen):
    """Settings of one ``go build``."""

    tags: tuple[str, ...] = ()
    gcflags: str = ""
    ldflags: str = ""
    race: bool = False
    cgo: bool = False
    pgo: str = "off"
    """``off``, ``default.pgo`` for the one in the workload's package, or a profile's path."""
    goamd64: str = ""
    goarm64: str = ""

    @property
    def needs_cgo(self) -> bool:
        """Whether C may be compiled; the race detector needs it."""
        return self.cgo or self.race

    def texts(self) -> dict[str, str]:
        """Every setting by what it is called in variants' names, with its value as text."""
        return {_called(key): _text(value) for key, value in self}

    def given(self) -> dict[str, str]:
        """The same, of settings that are not Go's own."""
        own = BuildSpec().texts()
        return {key: value for key, value in self.texts().items() if value != own[key]}


def _called(setting: str) -> str:
    return setting.upper() if setting.startswith("go") else setting


def _text(value: bool | str | tuple[str, ...]) -> str:  # noqa: FBT001 - a value, not a switch
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else ",".join(value)


class BuildPattern(Frozen):
    """Settings of a build; those that are not given are left open."""

    tags: Annotated[list[Value], BeforeValidator(_one_or_many)] | None = None
    """All of these, in this order."""
    gcflags: Value | None = None
    """For the compiler."""
    ldflags: Value | None = None
    """For the linker."""
    race: bool | None = None
    """Whether the race detector is built in."""
    cgo: bool | None = None
    """Whether C code may be compiled."""
    pgo: LocalPath | None = None
    """``off``, ``default.pgo`` or a profile's path."""
    goamd64: GoAmd64 | None = None
    """The instruction set on amd64."""
    goarm64: GoArm64 | None = None
    """The same on arm64."""

    def matches(self, build: BuildSpec) -> bool:
        """Whether a build has all settings that are given."""
        given = ((key, value) for key, value in self if value is not None)
        return all(
            getattr(build, key) == (tuple(value) if isinstance(value, list) else value)
            for key, value in given
        )

    def applied_to(self, build: BuildSpec) -> BuildSpec:
        """A build with the settings that are given instead of its own."""
        return BuildSpec.model_validate(build.model_dump() | self.model_dump(exclude_none=True))


class BuildAxesSpec(Frozen):
    """What a user writes under ``build:``; a list of several values makes an axis of the matrix."""

    tags: Annotated[list[Value], BeforeValidator(_one_or_many)] = []
    """All of these; the one setting that a list does not make an axis of."""
    gcflags: OneOrMany[Value] = [""]
    """For the compiler, as for ``go build -gcflags``."""
    ldflags: OneOrMany[Value] = [""]
    """For the linker."""
    race: OneOrMany[bool] = [False]
    """Whether the race detector is built in; it needs a C compiler."""
    cgo: OneOrMany[bool] = [False]
    """Whether C code may be compiled."""
    pgo: OneOrMany[LocalPath] = ["off"]
    """``off``, ``default.pgo`` for the profile in the workload's package, or a profile's
    path relative to the matrix file."""
    goamd64: OneOrMany[GoAmd64] = [""]
    """The instruction set on amd64, as ``v3``; empty for Go's default."""
    goarm64: OneOrMany[GoArm64] = [""]
    """The same on arm64, as ``v8.1``."""

    def axes(self) -> dict[str, list[Any]]:
        """The settings that a list makes an axis of, with their values."""
        return {key: values for key, values in self if key != "tags"}

    def choices(self) -> list[tuple[dict[str, str], BuildSpec]]:
        """Every combination, with the values of its axes as they appear in variants' names."""
        axes = self.axes()
        labelled = [_called(key) for key, values in axes.items() if len(values) > 1]
        builds = [
            BuildSpec(tags=tuple(self.tags), **dict(zip(axes, values, strict=True)))
            for values in product(*axes.values())
        ]
        return [({key: build.texts()[key] for key in labelled}, build) for build in builds]


def _check_module(value: str) -> str:
    if any(part.strip(".") == "" for part in value.partition("@")[0].split("/")):
        raise ValueError(f"{value!r} is not a module with a package; write PATH@VERSION")
    return value


ModuleVersion = Annotated[
    str,
    StringConstraints(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.~/-]*@[A-Za-z0-9][A-Za-z0-9_.+-]*$", max_length=1000
    ),
    AfterValidator(_check_path),
    AfterValidator(_check_module),
]


class CellSpec(Frozen):
    """A pattern over cells: every field that is given must match (``exclude``)."""

    go: Line | None = None
    """A toolchain's name."""
    experiments: list[Setting] | None = None
    """Exactly these settings, in any order; ``[]`` for a toolchain's default."""
    env: dict[EnvName, Value] | None = None
    """These values of the run environment, among others."""
    build: BuildPattern = BuildPattern()
    """These settings of the build, among others."""
    workload: Line | None = None
    """A workload's name."""


class IncludedCell(Frozen):
    """A variant added to the product of the axes (``include``)."""

    go: Toolchain
    """As in ``go:``; it need not be listed there."""
    experiments: list[Setting] = []
    """Experiment settings."""
    env: dict[EnvName, Value] = {}
    """Run environment."""
    build: BuildPattern = BuildPattern()
    """Settings of its build; those not given are as under ``build:``, each value of an axis."""


def _check_url(value: str) -> str:
    parts = urlsplit(re.sub(r"\{[^{}]*\}", "1", value))  # a placeholder may be the port
    if parts.scheme not in ("http", "https", "tcp") or not parts.netloc:
        raise ValueError(f"{value!r} is not a URL; write it as http://127.0.0.1:{{port}}/healthz")
    _ = parts.port  # complains about one that is no number, or too large
    return value


def _check_pattern(value: str) -> str:
    try:
        with warnings.catch_warnings(action="ignore"):  # of syntax that may change its meaning
            re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{value!r} is not a regular expression: {error}") from None
    return value


def _check_signal(value: str) -> str:
    name = value.upper().removeprefix("SIG")
    if f"SIG{name}" not in Signals.__members__:
        raise ValueError(f"{value!r} is not a signal; write it as TERM, INT or KILL")
    return f"SIG{name}"


Pattern = Annotated[Value, AfterValidator(_check_pattern)]
Url = Annotated[Line, AfterValidator(_check_url)]
"""May hold placeholders."""


class ReadySpec(Frozen):
    """When a server counts as ready; exactly one field is given."""

    url: Url | None = None
    """``http`` and ``https``: a request succeeds; ``tcp://HOST:PORT``: a connection is accepted."""
    log: Pattern | None = None
    """A regular expression that a line of its output matches."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.url is None) == (self.log is None):
            raise ValueError("give either url or log")
        return self


def _expand_ready(value: Any) -> Any:
    return {"url": value} if isinstance(value, str) else value


HeaderName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", max_length=100)
]


class LoadSpec(Frozen):
    """What a server is put under: a command, or requests at a fixed rate."""

    command: list[Text] = []
    """Program and arguments. Its output is kept, and its exit status matters."""
    url: Url | None = None
    """Where the built-in generator sends its requests."""
    rate: Annotated[float, Field(gt=0, le=1_000_000)] = 100.0
    """Requests a second; they leave on time whether or not earlier ones were answered."""
    duration: Seconds | None = None
    """How long the load lasts. Needed for ``url``; a command that runs longer is stopped."""
    method: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{1,20}$")] = "GET"
    """Of each request."""
    headers: dict[HeaderName, Line] = {}
    """Of each request."""
    body: Text = ""
    """Of each request."""
    request_timeout: Seconds = 10.0
    """A request that takes longer counts as failed."""
    max_in_flight: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    """Requests that may be unanswered at once; one that is due beyond that counts as failed."""
    max_failed: Fraction = 0.01
    """Share of requests that may fail before the load counts as failed."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if bool(self.command) == (self.url is not None):
            raise ValueError("give either command or url")
        if self.url is not None and not self.url.startswith("http"):
            raise ValueError(f"the generator speaks HTTP only, not {self.url!r}; use command")
        if self.url is not None and self.duration is None:
            raise ValueError("url needs a duration, as 10s")
        return self


class ServerSpec(Frozen):
    """How a workload is served under load, and when it is looked at.

    Its arguments, environment and every text here may hold ``{port}``, ``{port.NAME}``,
    ``{tmp}`` (the trial's own directory) and ``{here}`` (the matrix file's).
    """

    ready: Annotated[ReadySpec, BeforeValidator(_expand_ready)]
    """When it is ready: a URL that is asked until it answers, or a line of its output."""
    ready_within: Seconds = 30.0
    """How long that may take; after it, the outcome is ``not ready``."""
    ports: Annotated[
        list[Name], BeforeValidator(_one_or_many), Field(min_length=1, max_length=100)
    ] = ["http"]
    """A free port for each name; ``{port}`` is the first."""
    idle: NonNegativeSeconds = 0.5
    """Time between ready and the ``idle`` snapshot."""
    warmup: NonNegativeSeconds = 0.0
    """How long the load runs before the one that is measured."""
    load: LoadSpec
    """What it is put under."""
    settle: NonNegativeSeconds = 1.0
    """Time between the end of the load and the ``after`` snapshot."""
    stop: Annotated[str, AfterValidator(_check_signal)] = "SIGTERM"
    """The signal that asks it to stop."""
    stop_within: Seconds = 10.0
    """Time after which it is killed; unless ``stop`` is KILL, that is outcome ``timeout``."""


class BenchmarkSpec(Frozen):
    """Go benchmarks as a workload: a test binary that runs ``testing.B``."""

    package: LocalPath
    """An import path, or a path that begins with ``./`` relative to the matrix file."""
    run: Pattern = "."
    """A regular expression over benchmark names, as for ``go test -bench``."""
    time: Annotated[
        str,
        StringConstraints(pattern=r"^[0-9]{1,9}x$|^([0-9]{1,9}(\.[0-9]{1,9})?(h|m|s|ms)){1,4}$"),
    ] = "1s"
    """How long, or how often (``100x``), as for ``go test -benchtime``."""


class WorkloadSpec(Frozen):
    """A Go program and its inputs."""

    name: Name
    """Its name in node ids, reports and ``-k``."""
    package: LocalPath | None = None
    """An import path, or a path that begins with ``./`` relative to the matrix file."""
    module: ModuleVersion | None = None
    """A main package of a published module, as ``github.com/evanw/esbuild/cmd/esbuild@v0.25.5``."""
    benchmark: BenchmarkSpec | None = None
    """Go benchmarks instead of a program."""
    args: list[Text] = []
    """May hold ``{tmp}`` (the trial's own directory), ``{here}`` (the matrix file's), ``{port}``.
    """
    env: dict[EnvName, Text] = {}
    """Environment variables; nothing of the caller's passes. May hold placeholders."""
    server: ServerSpec | None = None
    """For a program that does not end by itself."""
    snapshots: Annotated[list[Seconds], Field(max_length=1000)] = []
    """Times after the start at which to look at the program as at its end."""
    profile_at: Seconds | None = None
    """Time after the start at which its heap profile is written, instead of at the end of main."""
    gctrace: bool = False
    """Runs it with ``GODEBUG=gctrace=1`` and makes metrics ``gctrace.*`` of what that prints."""

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        sources = [self.package, self.module, self.benchmark]
        if sum(source is not None for source in sources) != 1:
            raise ValueError(
                f"workload {self.name!r} needs one of package:, module: and benchmark:"
            )
        if self.benchmark is not None and (self.server or self.args):
            raise ValueError(f"workload {self.name!r} is a benchmark: it has no server: or args:")
        if self.server is not None and (self.snapshots or self.profile_at is not None):
            raise ValueError(
                f"workload {self.name!r} is a server, which is looked at in each phase: it has no "
                "snapshots: or profile_at:"
            )
        return self


VariantName = Annotated[str, StringConstraints(max_length=100_000), AfterValidator(_check_line)]


class QuestionSpec(Frozen):
    """What the run is to answer."""

    baseline: VariantName | None = None
    """A variant's name; by default the first toolchain's default variant, in the conditions (build
    settings and run environment) of the candidate."""
    candidate: VariantName | None = None
    """A variant's name; by default the last other toolchain's default variant, in the conditions of
    the baseline."""
    suspects: list[Setting] | None = None
    """Experiments that may explain a change; by default all that the matrix toggles."""
    metrics: Annotated[list[Value], Field(min_length=1, max_length=100)] = ["rss.peak"]
    """Primary metrics; all others are reported as secondary."""
    margin: Fraction = 0.03
    """Ratios within 1 ± margin count as equivalent."""
    limit: Annotated[Fraction, Field(le=0.5)] = 0.2
    """A suspect is ruled out where it is shown to explain less than this part of the change."""


class TrialsSpec(Frozen):
    """How often and within which limits each variant runs."""

    min: Annotated[int, Field(ge=1, le=1_000_000)] = 5
    """Rounds before the question may count as decided."""
    max: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    """Rounds after which the run ends in any case."""
    cpus: Annotated[int, Field(ge=1, le=10_000)] = 1
    """CPUs of a trial, which is pinned to them; also its ``GOMAXPROCS``."""
    lanes: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Trials at a time at most; by default as many as there are CPUs for."""
    timeout: Seconds = 60.0
    """A trial that takes longer is ended; a server's phases come on top."""
    sample_every: Annotated[Seconds, Field(ge=0.001, le=1)] = 0.010
    """Time between two samples of a trial's resident memory."""
    memory_limit: Bytes | None = None
    """A trial whose processes together hold more is ended; also what is set aside for it
    before its first peak is known."""
    seed: Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)] | None = None
    """For the order of trials within rounds; by default a new one for each run."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max < self.min:
            raise ValueError(f"max ({self.max}) is below min ({self.min})")
        return self


def _expand_trials(value: Any) -> Any:
    return {"min": value, "max": value} if isinstance(value, str | int) else value


def _check_highest(value: Any, info: ValidationInfo) -> Any:
    """A value of the gate's own metric."""
    return _check_written(value, info, parse_amount)


def _check_increase(value: Any, info: ValidationInfo) -> Any:
    """A share or an amount of the gate's own metric."""
    return _check_written(value, info, parse_increase)


def _check_written(value: Any, info: ValidationInfo, parse: Callable[[str, str], object]) -> Any:
    """A number with or without a unit, which stays as it was written."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = f"{Decimal(str(value)):f}"
    if isinstance(value, str) and "metric" in info.data:  # which has no error of its own
        metric = info.data["metric"]
        try:
            parse(value, describe(metric).unit)
        except ValueError as error:
            raise ValueError(f"{info.field_name} of {metric}: {error}") from None
    return value


class GateSpec(Frozen):
    """A limit on candidate against baseline, or on the candidate itself, that the run must keep.

    Where several limits are given, each must be kept.
    """

    metric: Value
    """A metric's name."""
    max: Annotated[str, BeforeValidator(_check_highest)] | None = None
    """The run fails where the whole interval of the candidate's own value is above this."""
    max_increase: Annotated[str, BeforeValidator(_check_increase)] | None = None
    """The run fails where the whole interval of the increase is above this. Of a baseline that is
    zero every part is zero. A plain number is an amount, but of bytes and seconds a share."""
    workload: Line | None = None
    """Only this workload; by default every one."""
    baseline: VariantName | None = None
    """A variant's name; by default the question's, in the conditions of the one that is named."""
    candidate: VariantName | None = None
    """A variant's name; by default the question's, in the conditions of the one that is named."""

    @model_validator(mode="after")
    def _has_a_limit(self) -> Self:
        if self.max is None and self.max_increase is None:
            raise ValueError("a gate needs a limit: max_increase: 5%, or max: 200MiB")
        return self

    @property
    def highest(self) -> float | None:
        """``max`` in the metric's unit."""
        return None if self.max is None else parse_amount(self.max, describe(self.metric).unit)

    @property
    def increase(self) -> Increase | None:
        """``max_increase``, read."""
        if self.max_increase is None:
            return None
        return parse_increase(self.max_increase, describe(self.metric).unit)


class MatrixSpec(Frozen):
    """A whole ``matrix.yaml``."""

    name: Name | None = None
    """What run directories are called; by default the directory or the file."""
    go: Annotated[list[Toolchain], BeforeValidator(_one_or_many), Field(min_length=1)]
    """Toolchains to compare."""
    experiments: Annotated[
        list[Annotated[list[Setting], BeforeValidator(_one_or_many)]], Field(min_length=1)
    ] = [[]]
    """Sets of experiment settings, each crossed with every toolchain; ``[]`` is a
    toolchain's own default."""
    env: dict[EnvName, OneOrMany[Value]] = {}
    """Run-time axes: variables with the values that each variant gets one of; no rebuild."""
    build: BuildAxesSpec = BuildAxesSpec()
    """Settings of every build; a list of values makes an axis."""
    include: list[IncludedCell] = []
    """Variants beside the product of the axes."""
    exclude: list[CellSpec] = []
    """Cells to leave out; each entry is a pattern."""
    question: QuestionSpec | None = None
    """What the run is to answer."""
    workloads: Annotated[list[WorkloadSpec], Field(min_length=1)]
    """Programs to measure."""
    trials: Annotated[TrialsSpec, BeforeValidator(_expand_trials)] = TrialsSpec()
    """How often and within which limits; a number stands for ``min`` and ``max``."""
    gates: list[GateSpec] = []
    """Limits that the run must keep, or it fails."""
    probe: Literal["full", "metrics", "off"] = "full"
    """What is added to each binary: a probe with heap profiles, one without, or nothing."""

    @model_validator(mode="after")
    def _axes_have_own_names(self) -> Self:
        axes = self.build.axes().items()
        both = {_called(key) for key, values in axes if len(values) > 1} & set(self.env)
        if both:
            raise ValueError(f"{', '.join(sorted(both))} is an axis of both build: and env:")
        return self
