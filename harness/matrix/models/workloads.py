"""``workloads:``: programs to measure."""

from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

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


class InputSpec(Frozen):
    """A program's standard input. Give exactly one key; a text alone stands for ``text``."""

    text: Text | None = None
    """The input itself, with the placeholders of ``args``."""
    file: LocalPath | None = None
    """A file, relative to the matrix file; with the same placeholders."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.text is None) == (self.file is None):
            raise ValueError("give either text or file")
        return self


def expand_input(value: object) -> object:
    """Accept a text alone."""
    return {"text": value} if isinstance(value, str) else value


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
    stdin: Annotated[InputSpec | None, BeforeValidator(expand_input)] = None
    """Its standard input: a text, or ``{file: PATH}``; empty if not given."""
    files: Annotated[list[LocalPath], Field(max_length=1000)] = []
    """Files and directories, relative to the matrix file, that each trial finds copied into the
    directory where it runs."""
    setup: list[Text] = []
    """A command and its arguments that runs there before each trial, and is not measured; with the
    placeholders of ``args``, and the program's environment."""
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
        of_programs = {"server": self.server, "args": self.args, "stdin": self.stdin,
                       "files": self.files, "setup": self.setup}  # fmt: skip
        given = [name for name, value in of_programs.items() if value]
        if self.benchmark is not None and given:
            raise ValueError(f"workload {self.name!r} is a benchmark: it takes no {given[0]}:")
        if self.server is not None and (self.snapshots or self.profile_at is not None):
            raise ValueError(
                f"workload {self.name!r} is a server, which has a snapshot in each phase: "
                "it takes no snapshots: or profile_at:"
            )
        return self
