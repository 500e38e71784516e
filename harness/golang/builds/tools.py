"""Build the harness's own programs, which have no settings."""

import hashlib
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from harness.errors import HarnessError
from harness.golang.cache import obtain
from harness.golang.command import ALONE, run_go
from harness.golang.probe.overlay import probe_digest, write_overlay
from harness.golang.toolchains.resolve import Toolchain


class Tool(NamedTuple):
    """One of the harness's own programs, for a machine that measures."""

    source: Path
    """Its directory."""
    toolchain: Toolchain
    probed: bool = False
    """Whether programs that are measured beside it have the probe. Then its runtime gets what
    theirs do (nothing there runs without a probe), so that it shares their standard library: cold,
    the supervisor takes 1.9 s of CPU, and 9.7 s with a library of its own."""


def tool_of(package: str, name: str, toolchain: Toolchain, *, probed: bool = False) -> Tool:
    """The tool whose source is a directory of a package of the harness."""
    return Tool(Path(str(files(package) / name)), toolchain, probed)


def build_tool(tool: Tool, cache: Path) -> Path:
    """The binary of a tool, built once per toolchain.

    Raises:
        HarnessError: it does not build.
    """
    source, toolchain, probed = tool
    sources = sorted(source.glob("*.go"))
    content = b"".join(path.read_bytes() for path in sources)
    identity = toolchain.digest + (probe_digest() if probed else "")
    key = hashlib.sha256(content + identity.encode()).hexdigest()[:32]

    def fill(directory: Path) -> None:
        def build(*flags: str) -> None:
            arguments = ["build", "-trimpath", "-ldflags=-s -w", "-o", str(directory / "tool")]
            run_go(
                toolchain.goroot, toolchain.build_cache(cache),
                [*arguments, *flags, *map(str, sources)], directory=source, extra=ALONE,
            )  # fmt: skip

        if not probed:
            build()
            return
        with TemporaryDirectory() as scratch:
            overlay = write_overlay(toolchain.goroot, None, Path(scratch), "runtime")
            try:
                build(f"-overlay={overlay}")
            except HarnessError:  # the probe does not fit: let its programs' own builds say so
                build()

    entry, _ = obtain(cache, "tools", key, fill)
    return entry / "tool"
