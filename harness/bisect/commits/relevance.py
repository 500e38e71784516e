"""Which commits can change a workload's binary."""

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from harness.bisect.commits.history import Commit
from harness.matrix.models import BuildSpec

_TOOLS = (
    *("src/cmd/asm", "src/cmd/compile", "src/cmd/internal", "src/cmd/link"),
    *("src/cmd/go/internal/cfg", "src/cmd/go/internal/load", "src/cmd/go/internal/work"),
    *("src/internal/buildcfg", "src/internal/goexperiment", "src/internal/goversion"),
)
"""What decides how packages are compiled and linked; of the go command, what sets the flags."""


def can_matter(files: Iterable[str], packages: frozenset[str], build: BuildSpec) -> bool:
    """Whether any of these files has a part in a binary of packages such as ``src/runtime``."""
    tools = (*_TOOLS, *(["src/cmd/cgo"] if build.needs_cgo else []))
    return any(_matters(PurePosixPath(name), packages, tools) for name in files)


def relevant(
    commits: Sequence[Commit], packages: frozenset[str], build: BuildSpec
) -> frozenset[int]:
    """Positions of commits that can change the binary."""
    able = (can_matter(commit.files, packages, build) for commit in commits)
    return frozenset(position for position, matters in enumerate(able) if matters)


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
