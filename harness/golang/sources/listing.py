"""What the go command lists of a workload's packages."""

from pathlib import Path
from typing import NamedTuple

from harness.golang.command import run_go
from harness.golang.sources.go_line import overlaid
from harness.golang.sources.locate import Source
from harness.golang.toolchains.resolve import Toolchain
from harness.matrix.models import BuildSpec


class Cell(NamedTuple):
    """What decides which files a build reads."""

    source: Source
    toolchain: Toolchain
    settings: tuple[str, ...]
    build: BuildSpec


def list_packages(cell: Cell, cache: Path, *flags: str) -> str:
    """Run ``go list`` for a workload's package as it is built, with further flags.

    Raises:
        HarnessError: it cannot be listed.
    """
    source, toolchain, build = cell.source, cell.toolchain, cell.build
    caches = toolchain.build_cache(cache)
    with overlaid(source, toolchain, caches, build.go_line) as overlay:
        return run_go(
            toolchain.goroot,
            caches,
            [
                "list", "-buildvcs=false", *(["-test"] if source.test else []),
                *(["-race"] if build.race else []),
                *([f"-tags={','.join(build.tags)}"] if build.tags else []),
                *overlay, *flags, "--", source.package,
            ],
            directory=source.module, settings=cell.settings, build=build, extra=source.workspace,
        )  # fmt: skip
