"""What the compiler says of a program's packages."""

from pathlib import Path

from harness.golang.builds.compile import go_build, overlay_flags, scratch_build
from harness.golang.builds.request import BuildRequest
from harness.golang.builds.settle import settle
from harness.golang.sources.inputs import inputs_of


def compiler_messages(request: BuildRequest, cache: Path) -> str:
    """What the compiler says of each package of a program, after a line ``# PACKAGE``.

    Raises:
        HarnessError: it does not build.
    """
    (cache / "builds").mkdir(parents=True, exist_ok=True)
    request = settle(request, cache)
    with scratch_build(request, cache, inputs_of(request.cell, cache)) as job:
        overlay = overlay_flags(job, "overlay", request.probe)
        return go_build(job, [*overlay, "-o", str(job.directory / "binary")])
