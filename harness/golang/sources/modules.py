"""Files that decide what a module is, and by which workspace it is built."""

from collections.abc import Iterable
from pathlib import Path

from harness.golang.sources.digests import Seen

_FILES = ("go.mod", "go.sum", "go.work", "go.work.sum", "vendor/modules.txt")


def see_modules(roots: Iterable[Path], seen: Seen) -> list[tuple[str, str]]:
    """Return names and states of go.mod, go.sum and the like.

    Args:
        roots: directories of modules; the file of a workspace stands for its directory.
        seen: gets the states.
    """
    states = []
    for root in dict.fromkeys(roots):
        if root.is_file():
            states.append((root.name, seen.file(str(root))))
            root = root.parent  # noqa: PLW2901 - as the docstring says
        states += [(name, seen.file(str(root / name))) for name in _FILES]
        seen.file(str(root / "vendor"))
    return states


def see_workspaces(directory: Path, seen: Seen) -> None:
    """See where a ``go.work`` is, or would be, that governs a directory."""
    for here in (directory, *directory.parents):
        seen.file(str(here / "go.work"))
