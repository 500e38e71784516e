"""GODEBUG defaults of a program, according to the go command."""

from pathlib import Path

from harness.golang.sources.listing import Cell, list_packages


def default_godebug(cell: Cell, cache: Path) -> str:
    """The text of ``GODEBUG`` that the go command builds into a program as its default.

    It follows the go line, ``godebug`` lines of go.mod, and ``//go:debug`` directives.

    Raises:
        HarnessError: the package cannot be listed.
    """
    package = cell.source.package
    text = list_packages(cell, cache, "-f", "{{.ImportPath}} {{.DefaultGODEBUG}}")
    wanted = f"{package}.test" if cell.source.test else package
    lines = (line.partition(" ") for line in text.splitlines())
    return next((value for name, _, value in lines if name == wanted), "")
