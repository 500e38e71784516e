"""A first ``matrix.yaml`` for a Go module: what its files tell, which Go versions, and the text."""

from collections.abc import Callable
from pathlib import Path

from harness.init.survey import Survey, survey
from harness.init.text import matrix_text, remarks
from harness.init.versions import choose_versions

__all__ = ["Survey", "draft", "survey"]


def draft(directory: Path, cache: Path, say: Callable[[str], None]) -> tuple[str, list[str]]:
    """The text of a ``matrix.yaml`` for the Go module around or below a directory.

    Args:
        directory: where the file will lie.
        cache: the harness's cache directory.
        say: told of toolchains that are fetched to learn their experiments.

    Returns:
        The text, and remarks on what was found and guessed, one line each.

    Raises:
        HarnessError: there is no Go module, nothing in it to measure, or no Go new enough for it.
    """
    found = survey(directory)
    versions = choose_versions(found.go, found.toolchain, cache, say)
    return matrix_text(found, versions), remarks(found, versions)
