"""Run the go command of a toolchain, isolated from the caller."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.errors import HarnessError
from harness.golang.environment import go_environment
from harness.matrix.models import BuildSpec

ALONE = {"GO111MODULE": "off", "GOWORK": "off"}
"""For commands about the toolchain itself: no go.mod or go.work above its directory is read."""


def build_cache(cache: Path, digest: str) -> Path:
    """Go's build cache for toolchains of one content, within the harness's cache directory."""
    path = cache / "go-build" / digest[:32]
    try:
        os.utime(path)
    except FileNotFoundError:
        path.mkdir(parents=True, exist_ok=True)
    return path


def run_go(
    goroot: Path,
    caches: Path,
    arguments: Sequence[str],
    *,
    directory: Path | None = None,
    settings: tuple[str, ...] = (),
    build: BuildSpec | None = None,
    extra: Mapping[str, str] | None = None,
) -> str:
    """Run a go command and return its standard output.

    Args:
        goroot: the toolchain.
        caches: Go's build cache for it.
        arguments: what follows ``go``.
        directory: where it runs; the GOROOT if not given.
        settings: experiment settings.
        build: build settings.
        extra: further variables, which win over all others.

    Raises:
        HarnessError: it failed; the message is what it wrote to its standard error.
    """
    environment = go_environment(goroot, caches, settings=settings, build=build)
    try:
        done = subprocess.run(
            [goroot / "bin" / "go", *arguments],
            env=environment | dict(extra or {}),
            cwd=directory or goroot,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise HarnessError(f"{goroot / 'bin' / 'go'} cannot be run: {error.strerror}") from None
    if done.returncode != 0:
        message = done.stderr.strip() or f"exit status {done.returncode}, and no message"
        raise HarnessError(message)
    return done.stdout
