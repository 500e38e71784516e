"""Which commits can change a workload's binary at all."""

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from harness.bisect.commits.history import Commit
from harness.errors import HarnessError
from harness.golang.command import run_go
from harness.golang.probe.overlay import write_overlay
from harness.golang.sources.locate import Source
from harness.golang.toolchains.resolve import Toolchain
from harness.matrix.models import BuildSpec

_TOOLS = (
    *("src/cmd/asm", "src/cmd/compile", "src/cmd/internal", "src/cmd/link"),
    *("src/cmd/go/internal/cfg", "src/cmd/go/internal/load", "src/cmd/go/internal/work"),
    *("src/internal/buildcfg", "src/internal/goexperiment", "src/internal/goversion"),
)
"""What decides how a package is compiled and linked; in the go command, with which flags."""
_C_TOOLS = ("src/cmd/cgo",)


def packages_of(
    source: Source, toolchain: Toolchain, settings: tuple[str, ...], build: BuildSpec, cache: Path
) -> frozenset[str]:
    """The directories of the standard packages in a workload's binary, as ``src/runtime``.

    The probe's are among them, since it is in the binary too.

    Raises:
        HarnessError: the go command cannot tell.
    """
    known = tuple(setting for setting in settings if toolchain.experiments.knows(setting))
    with TemporaryDirectory() as directory:
        overlay = write_overlay(
            toolchain.goroot, None if source.test else source.directory, Path(directory)
        )
        flags = [f"-overlay={overlay}", *(["-test"] if source.test else [])]
        flags += [f"-tags={','.join(build.tags)}"] if build.tags else []
        text = run_go(
            toolchain.goroot, toolchain.build_cache(cache),
            ["list", "-deps", *flags, "-f", "{{if .Standard}}{{.Dir}}{{end}}", source.package],
            directory=source.module, settings=known, build=build, extra=source.workspace,
        )  # fmt: skip
    places = [Path(line) for line in text.splitlines() if line]
    if not places:
        raise HarnessError(f"{toolchain.name} lists no standard package of {source.package}")
    return frozenset(place.relative_to(toolchain.goroot).as_posix() for place in places)


def can_matter(files: Iterable[str], packages: frozenset[str], build: BuildSpec) -> bool:
    """Whether any of these files has a part in a workload's binary."""
    tools = (*_TOOLS, *(_C_TOOLS if build.needs_cgo else ()))
    return any(_matters(PurePosixPath(name), packages, tools) for name in files)


def relevant(
    commits: Sequence[Commit], packages: frozenset[str], build: BuildSpec
) -> frozenset[int]:
    """The positions of the commits that can matter."""
    return frozenset(
        position
        for position, commit in enumerate(commits)
        if can_matter(commit.files, packages, build)
    )


def is_test(name: str) -> bool:
    """Whether a file of a Go source tree is for tests only."""
    path = PurePosixPath(name)
    return "testdata" in path.parts or path.stem.endswith("_test")


def _matters(path: PurePosixPath, packages: frozenset[str], tools: Sequence[str]) -> bool:
    if is_test(str(path)):
        return False
    if str(path.parent) in packages:
        return True
    return any(path.is_relative_to(tool) for tool in tools)
