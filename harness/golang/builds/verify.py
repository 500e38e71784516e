"""Check that a binary comes from its cell's toolchain and experiments."""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from harness.errors import HarnessError
from harness.golang.builds.request import BuildRequest
from harness.golang.cache import remember
from harness.golang.command import ALONE, run_go
from harness.golang.experiments import experiment_of, parse_tool_tags, turns_on


class BuildInfo(NamedTuple):
    """What a Go binary says of how it was made."""

    version: str
    deviations: tuple[str, ...]
    """Settings of experiments that differ from the version's own baseline."""
    settings: dict[str, str]
    """As ``GOEXPERIMENT`` and ``-race``."""


def parse_build_info(binary: Path, text: str) -> BuildInfo:
    """Read the output of ``go version -m``.

    Up to Go 1.25 a version with deviations reads ``go1.24.3 X:a,b``, since then ``go1.26.6-X:a``.
    """
    first, *rest = text.splitlines()
    version, _, deviations = first.removeprefix(f"{binary}: ").partition("X:")
    lines = [line.removeprefix("\tbuild\t") for line in rest if line.startswith("\tbuild\t")]
    return BuildInfo(
        version=version.removesuffix("-").strip(),
        deviations=tuple(d for d in deviations.strip().split(",") if d),
        settings={key: value for key, _, value in (line.partition("=") for line in lines)},
    )


def effective_experiments(
    request: BuildRequest, cache: Path, overlay: Sequence[str]
) -> frozenset[str]:
    """Return the experiments that will be on; check that the go command will see the overlay.

    The go command is asked once for each toolchain and settings: no program changes its answer.

    Raises:
        HarnessError: it reads the standard library from elsewhere, so probe and patches would
            silently be left out.
    """
    toolchain = request.toolchain
    asked = (toolchain.identity, str(toolchain.goroot), request.settings, request.build)
    memory = cache / "experiments" / hashlib.sha256(repr(asked).encode()).hexdigest()[:32]
    with suppress(FileNotFoundError):
        return parse_tool_tags(memory.read_text(encoding="ascii"))
    form = '{{.Dir}}|{{join context.ToolTags ","}}'
    text = run_go(
        toolchain.goroot, toolchain.build_cache(cache),
        ["list", "-find", *overlay, "-f", form, "runtime/debug"],
        settings=request.settings, build=request.build, extra=ALONE,
    )  # fmt: skip
    place, _, tags = text.strip().partition("|")
    if Path(place) != toolchain.goroot / "src" / "runtime" / "debug":
        raise HarnessError(
            f"the go command of {toolchain.goroot} reads the standard library from {place}; "
            "give that GOROOT as path:"
        )
    remember(memory, tags)
    return parse_tool_tags(tags)


def verify(request: BuildRequest, info: BuildInfo, effective: frozenset[str]) -> None:
    """Refuse a binary that does not come from the cell's toolchain and settings.

    Three statements must agree: the toolchain's version; ``GOEXPERIMENT`` as it was set; and the
    experiments by which the binary deviates from its version's baseline.
    """
    toolchain = request.toolchain
    default = toolchain.experiments.on
    expected = {name for name in effective if name not in default}
    expected |= {f"no{name}" for name in default if name not in effective}
    contradicted = {d for d in info.deviations if (experiment_of(d) in effective) != turns_on(d)}
    given = info.settings.get("GOEXPERIMENT", "")
    complaints = []
    if info.version != toolchain.version:
        complaints.append(f"was built by {info.version}")
    if given != ",".join(request.settings):
        complaints.append(f"was built with GOEXPERIMENT={given!r}")
    if contradicted or not expected <= set(info.deviations):
        complaints.append(
            f"deviates from its baseline by {', '.join(info.deviations) or 'nothing'}"
        )
    if request.build.goamd64 and info.settings.get("GOAMD64") != request.build.goamd64:
        complaints.append(f"was built for GOAMD64={info.settings.get('GOAMD64')}")
    if complaints:
        raise HarnessError(
            f"the binary of {request.label} says that it {' and '.join(complaints)}; it is not used"
        )
