"""Whether a build is in the cache, told without what is needed to make it."""

from pathlib import Path

from harness.errors import HarnessError
from harness.golang.builds.request import BuildRequest, key_of
from harness.golang.builds.settle import settle
from harness.golang.sources.inputs import inputs_of, reads_unknown_files


def is_cached(request: BuildRequest, cache: Path) -> bool:
    """Whether a build is in the cache."""
    try:
        request = settle(request, cache)
        inputs = inputs_of(request.cell, cache)
        if inputs.unknown or reads_unknown_files(request.build):
            return False
        return (cache / "builds" / key_of(request, inputs.digest)).is_dir()
    except HarnessError:
        return False
