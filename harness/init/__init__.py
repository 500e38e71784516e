"""Write a first ``matrix.yaml`` for a Go module."""

from collections.abc import Callable
from pathlib import Path

from harness.init.smoke import try_out
from harness.init.survey import find_modules, highest, survey
from harness.init.text import matrix_text, remarks
from harness.init.versions import any_go, choose_versions

__all__ = ["draft"]


def draft(directory: Path, cache: Path, say: Callable[[str], None]) -> tuple[str, list[str]]:
    """Write the text of a ``matrix.yaml`` for the Go module around or below a directory.

    Each program is built and run for some seconds, to see what it needs.

    Returns the text, and remarks on what was found and guessed, one line each.

    Raises:
        HarnessError: there is no Go, no Go module, nothing in it to measure, or no Go new enough
            for it.
    """
    go = any_go(cache, say)
    modules = find_modules(directory, go, cache)
    lines = highest(m.go for m in modules), highest(m.toolchain for m in modules)
    versions, newest = choose_versions(*lines, cache, say)
    found = survey(directory, modules, newest or go, cache)
    found = try_out(found, directory, newest or go, cache, say)
    return matrix_text(found, versions), remarks(found, versions)
