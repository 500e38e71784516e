"""What a run records of its toolchains and builds."""

from typing import Self

from harness.matrix.models import BuildSpec
from harness.matrix.names import variant_name
from harness.models import Frozen


class ToolchainRecord(Frozen):
    """A toolchain as it was used."""

    name: str
    version: str
    provider: str
    goroot: str
    sha256: str | None = None
    """Of the archive that it came from, where it came from one."""
    digest: str = ""
    """The sha256 over the content of its GOROOT, patches included, that builds are keyed by."""
    on: tuple[str, ...]
    """Experiments on by default."""


class Built(Frozen):
    """How one workload is built with one toolchain and its experiment settings."""

    workload: str
    toolchain: str
    settings: tuple[str, ...]
    build: BuildSpec = BuildSpec()
    cgo: bool = False
    """Whether C code was compiled."""
    profile: str = ""
    """The CPU profile that it is guided by, as ``default.pgo``; empty for none."""
    godebug: str = ""
    """The GODEBUG settings that the go command builds in, by the go line of go.mod, its ``godebug``
    lines and ``//go:debug``."""
    differs: tuple[str, ...] = ()
    """How it differs from what ``go build`` makes of the same package, in phrases."""


class BuildRecord(Built):
    """A build that was made, or failed."""

    key: str
    binary: str
    """Path of the binary; empty where the build failed."""
    sha256: str
    size: int
    """Bytes of the program without the probe."""
    sections: dict[str, int] = {}
    """Bytes of each section of it that is loaded into memory."""
    command: str
    """A shell command that makes the same binary without the probe."""
    directory: str = ""
    """The package's directory, where its benchmarks run."""
    module: str = ""
    """The import path of the main module; empty where it has none."""
    seconds: float
    cached: bool
    code: str = ""
    """The sha256 of the binary linked without its version and build information; empty where it
    was not asked for, or is not certain. Binaries with the same run the same code."""
    error: str | None = None
    """What the compiler said, for a build that failed."""

    def without_paths(self) -> Self:
        """The same, with nothing that could be executed or opened: it may come from elsewhere."""
        return self.model_copy(update={"binary": "", "directory": ""})

    @property
    def label(self) -> str:
        """Toolchain and settings, as a variant would be called."""
        return variant_name(self.toolchain, self.settings, self.build.given())
