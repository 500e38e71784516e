"""``build:``: settings of builds, and patterns over them."""

from collections.abc import Iterable
from functools import cache
from itertools import product
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, StringConstraints, TypeAdapter, ValidationError

from harness.matrix.models.scalars import LocalPath, OneOrMany, Value, one_or_many
from harness.models import Frozen

_VARIABLES = ("goamd64", "goarm64")
"""Settings that are variables of the go command."""


def read_cgo(value: Any) -> Any:
    """Accept ``auto`` beside what is a truth value elsewhere."""
    if value == "auto":
        return value
    try:
        return _truth().validate_python(value)
    except ValidationError:
        raise ValueError(f"{value!r} is neither auto, true nor false") from None


@cache
def _truth() -> TypeAdapter[bool]:
    return TypeAdapter(bool)


Cgo = Annotated[Literal["auto"] | bool, BeforeValidator(read_cgo)]
GoAmd64 = Annotated[str, StringConstraints(pattern=r"^(v[1-4])?$")]
GoArm64 = Annotated[str, StringConstraints(pattern=r"^(v[89]\.[0-9][a-z0-9,]*)?$")]
GoLine = Annotated[
    str, StringConstraints(pattern=r"^(1\.[0-9]{1,4}(\.[0-9]{1,4}|(rc|beta)[0-9]{1,4})?)?$")
]


class BuildSpec(Frozen):
    """Settings of one ``go build``."""

    tags: tuple[str, ...] = ()
    gcflags: str = ""
    ldflags: str = ""
    race: bool = False
    cgo: Cgo = "auto"
    pgo: str = "auto"
    """``auto``, ``off``, ``default.pgo`` for the one in the workload's package, or a path."""
    goamd64: str = ""
    goarm64: str = ""
    go_line: str = ""
    """As ``1.22`` or ``1.22.3``; empty for the module's own."""
    source: str = ""
    """The commit or directory that the workload is built from; empty for what is there now."""

    @property
    def needs_cgo(self) -> bool:
        """Whether C may be compiled; the race detector needs it."""
        return self.cgo is True or self.race

    def texts(self) -> dict[str, str]:
        """Every setting by its name in variants' names, with its value as text."""
        return {called(key): _text(value) for key, value in self}

    def given(self) -> dict[str, str]:
        """The same, without settings at Go's defaults."""
        own = BuildSpec().texts()
        return {key: value for key, value in self.texts().items() if value != own[key]}


def called(setting: str) -> str:
    """How names of variants call a setting: ``goamd64`` as Go's variable ``GOAMD64``."""
    return setting.upper() if setting in _VARIABLES else setting


def _text(value: bool | str | tuple[str, ...]) -> str:  # noqa: FBT001 - a value, not a switch
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else ",".join(value)


class BuildPattern(Frozen):
    """Settings of a build; those not given match anything."""

    tags: Annotated[list[Value], BeforeValidator(one_or_many)] | None = None
    """All of these, in this order."""
    gcflags: Value | None = None
    """Flags for the compiler."""
    ldflags: Value | None = None
    """Flags for the linker."""
    race: bool | None = None
    """Whether to build with the race detector."""
    cgo: Cgo | None = None
    """Whether C code may be compiled, or ``auto``."""
    pgo: LocalPath | None = None
    """``auto``, ``off``, ``default.pgo`` or a profile's path."""
    goamd64: GoAmd64 | None = None
    """The instruction set on amd64."""
    goarm64: GoArm64 | None = None
    """The instruction set on arm64."""
    go_line: GoLine | None = None
    """The main module's go line."""
    source: Value | None = None
    """The commit or directory that the workload is built from, as ``source:`` lists it."""

    def matches(self, build: BuildSpec) -> bool:
        """Whether a build has all settings that are given."""
        given = ((key, value) for key, value in self if value is not None)
        return all(
            getattr(build, key) == (tuple(value) if isinstance(value, list) else value)
            for key, value in given
        )

    @property
    def given(self) -> frozenset[str]:
        """The settings that are given."""
        return frozenset(key for key, value in self if value is not None)

    def without(self, settings: Iterable[str]) -> "BuildPattern":
        """Return a pattern that leaves some settings open."""
        return self.model_copy(update=dict.fromkeys(settings))

    def applied_to(self, build: BuildSpec) -> BuildSpec:
        """Return a build with the given settings in place of its own."""
        return BuildSpec.model_validate(build.model_dump() | self.model_dump(exclude_none=True))


class BuildAxesSpec(Frozen):
    """What a user writes under ``build:``; a list of values makes an axis of the matrix."""

    tags: Annotated[list[Value], BeforeValidator(one_or_many)] = []
    """All of these together; a list here makes no axis."""
    gcflags: OneOrMany[Value] = [""]
    """Flags for the compiler, as for ``go build -gcflags``. For other packages, repeat
    ``-gcflags=`` in the text: ``-N -gcflags=all=-d=variablemakehash=n``."""
    ldflags: OneOrMany[Value] = [""]
    """Flags for the linker."""
    race: OneOrMany[bool] = [False]
    """Whether to build with the race detector, which needs a C compiler."""
    cgo: OneOrMany[Cgo] = ["auto"]
    """Whether C code may be compiled; ``auto`` where the program has C code of its own and
    ``go env CGO_ENABLED`` is 1."""
    pgo: OneOrMany[LocalPath] = ["auto"]
    """``auto`` for default.pgo in the workload's package if there is one, as ``go build`` does;
    ``off``; ``default.pgo``; or a profile's path relative to the matrix file."""
    goamd64: OneOrMany[GoAmd64] = [""]
    """The instruction set on amd64, as ``v3``; empty for Go's default."""
    goarm64: OneOrMany[GoArm64] = [""]
    """The instruction set on arm64, as ``v8.1``."""
    go_line: OneOrMany[GoLine] = [""]
    """The go line of the main module, as ``1.22``, in the place of its own. It decides on the
    language and on defaults of ``GODEBUG``; no file is changed. Empty for the module's own."""

    def axes(self) -> dict[str, list[Any]]:
        """The settings that a list makes an axis of, with their values."""
        return {key: values for key, values in self if key != "tags"}

    def choices(self) -> list[tuple[dict[str, str], BuildSpec]]:
        """Every combination, with the values of its axes as they appear in variants' names."""
        axes = self.axes()
        labelled = [called(key) for key, values in axes.items() if len(values) > 1]
        builds = [
            BuildSpec(tags=tuple(self.tags), **dict(zip(axes, values, strict=True)))
            for values in product(*axes.values())
        ]
        return [({key: build.texts()[key] for key in labelled}, build) for build in builds]
