"""GODEBUG defaults of a program, according to the go command."""

from pathlib import Path

from harness.golang.command import run_go
from harness.golang.sources.go_line import overlaid
from harness.golang.sources.inputs import Cell


def default_godebug(cell: Cell, cache: Path) -> str:
    """The text of ``GODEBUG`` that the go command builds into a program as its default.

    It follows the go line, ``godebug`` lines of go.mod, and ``//go:debug`` directives.

    Raises:
        HarnessError: the package cannot be listed.
    """
    source, toolchain, build = cell.source, cell.toolchain, cell.build
    caches = toolchain.build_cache(cache)
    with overlaid(source, toolchain, caches, build.go_line) as overlay:
        text = run_go(
            toolchain.goroot,
            caches,
            [
                "list", "-buildvcs=false", *(["-test"] if source.test else []),
                *([f"-tags={','.join(build.tags)}"] if build.tags else []),
                *overlay, "-f", "{{.ImportPath}} {{.DefaultGODEBUG}}", "--", source.package,
            ],
            directory=source.module, settings=cell.settings, build=build, extra=source.workspace,
        )  # fmt: skip
    wanted = f"{source.package}.test" if source.test else source.package
    lines = (line.partition(" ") for line in text.splitlines())
    return next((value for name, _, value in lines if name == wanted), "")
