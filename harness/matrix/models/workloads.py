"""``workloads:``: programs to measure."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from harness.matrix.models.scalars import EnvName, LocalPath, Name, Seconds, Text, check_path
from harness.matrix.models.servers import Pattern, ServerSpec
from harness.models import Frozen


def _check_module(value: str) -> str:
    if any(part.strip(".") == "" for part in value.partition("@")[0].split("/")):
        raise ValueError(f"{value!r} is not a module with a package; write PATH@VERSION")
    return value


ModuleVersion = Annotated[
    str,
    StringConstraints(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.~/-]*@[A-Za-z0-9][A-Za-z0-9_.+-]*$", max_length=1000
    ),
    AfterValidator(check_path),
    AfterValidator(_check_module),
]


class BenchmarkSpec(Frozen):
    """Go benchmarks as a workload."""

    package: LocalPath
    """An import path, or a path that begins with ``./`` relative to the matrix file."""
    run: Pattern = "."
    """A regular expression over benchmark names, as for ``go test -bench``."""
    time: Annotated[
        str,
        StringConstraints(pattern=r"^[0-9]{1,9}x$|^([0-9]{1,9}(\.[0-9]{1,9})?(h|m|s|ms)){1,4}$"),
    ] = "1s"
    """How long or how often (``100x``), as for ``go test -benchtime``."""


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
    """Arguments. Placeholders: ``{tmp}`` (the trial's directory), ``{here}`` (the matrix file's),
    ``{port}``."""
    env: dict[EnvName, Text] = {}
    """Environment variables, with the same placeholders; nothing is inherited."""
    server: ServerSpec | None = None
    """How to run a program that does not end by itself."""
    snapshots: Annotated[list[Seconds], Field(max_length=1000)] = []
    """Times after the start at which to take snapshots, as at the end."""
    profile_at: Seconds | None = None
    """Time after the start at which to write the heap profile, instead of at the end of main."""
    gctrace: bool = False
    """Whether to run with ``GODEBUG=gctrace=1``, for the metrics ``gctrace.*``."""

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        sources = [self.package, self.module, self.benchmark]
        if sum(source is not None for source in sources) != 1:
            raise ValueError(
                f"workload {self.name!r} needs one of package:, module: and benchmark:"
            )
        if self.benchmark is not None and (self.server or self.args):
            raise ValueError(f"workload {self.name!r} is a benchmark: it takes no server: or args:")
        if self.server is not None and (self.snapshots or self.profile_at is not None):
            raise ValueError(
                f"workload {self.name!r} is a server, which has a snapshot in each phase: "
                "it takes no snapshots: or profile_at:"
            )
        return self
