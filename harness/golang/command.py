"""Run the go command of a toolchain, isolated from the caller."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.errors import HarnessError
from harness.golang.environment import go_environment
from harness.matrix.models import BuildSpec

ALONE = {"GO111MODULE": "off", "GOWORK": "off"}
"""Variables for commands about the toolchain itself: ignore go.mod and go.work above it."""


def build_cache(cache: Path, digest: str) -> Path:
    """Return Go's build cache for toolchains with this content digest."""
    path = cache / "go-build" / digest[:32]
    try:
        os.utime(path)
    except FileNotFoundError:
        path.mkdir(parents=True, exist_ok=True)
    return path


def capture(
    command: Sequence[str | Path], environment: Mapping[str, str] | None = None,
    directory: Path | None = None, *, timeout: float | None = None,
) -> subprocess.CompletedProcess[str]:  # fmt: skip
    """Run a command without input and capture its output; ``timeout`` is in seconds."""
    return subprocess.run(
        command, env=environment, cwd=directory, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, errors="replace", timeout=timeout, check=False,
    )  # fmt: skip


def run_go(
    goroot: Path,
    caches: Path,
    arguments: Sequence[str],
    *,
    directory: Path | None = None,
    settings: tuple[str, ...] = (),
    build: BuildSpec | None = None,
    extra: Mapping[str, str] | None = None,
    messages: bool = False,
) -> str:
    """Run a go command and return its standard output; or what it says on standard error.

    It runs in the GOROOT if no directory is given; ``caches`` is Go's build cache for the
    toolchain. Variables of ``extra`` win over all others.

    Raises:
        HarnessError: it failed; the message is what it wrote to its standard error.
    """
    environment = go_environment(goroot, caches, settings=settings, build=build)
    go = goroot / "bin" / "go"
    try:
        done = capture([go, *arguments], environment | dict(extra or {}), directory or goroot)
    except OSError as error:
        raise HarnessError(f"{go} cannot be run: {error.strerror}") from None
    if done.returncode != 0:
        raise HarnessError(done.stderr.strip() or f"exit status {done.returncode}, and no message")
    return done.stderr if messages else done.stdout
