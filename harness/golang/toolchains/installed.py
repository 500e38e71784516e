"""Installed toolchains: on PATH, in ~/sdk, in the module cache."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from harness.errors import HarnessError
from harness.golang.command import capture
from harness.golang.environment import passed_environment
from harness.golang.toolchains.facts import read_version
from harness.golang.versions import GoVersion
from harness.models import Frozen

_PATIENCE = 10.0
"""Seconds to wait for a version manager's script."""


class Origin(Frozen):
    """Where a GOROOT comes from; ``origin.json`` beside one in the cache."""

    version: str
    """A release, or the commit that it was built from."""
    provider: str
    sha256: str | None = None
    """Of the archive."""
    digest: str | None = None
    """Of its content when it entered the cache."""


class Located(Origin):
    """A GOROOT that has not been inspected yet."""

    goroot: Path


def find() -> list[Located]:
    """List installed toolchains in order of preference."""
    found: dict[Path, Located] = {}
    for goroot, provider in _candidates():
        try:
            resolved = goroot.resolve(strict=True)
            version = read_version(resolved)
            GoVersion.parse(version)
        except (OSError, HarnessError, ValueError):
            continue
        if os.access(resolved / "bin" / "go", os.X_OK) and (resolved / "src" / "runtime").is_dir():
            located = Located(version=version, goroot=resolved, provider=provider)
            found.setdefault(resolved, located)
    return list(found.values())


def module_cache() -> Path:
    """Go's module cache (``go help environment``)."""
    variables = passed_environment(os.environ)
    first = variables.get("GOPATH", "").split(os.pathsep)[0]
    path = Path(first) if first else Path(variables.get("HOME", "/nonexistent")) / "go"
    return Path(variables.get("GOMODCACHE") or path / "pkg" / "mod")


def _candidates() -> Iterator[tuple[Path, str]]:
    for directory in os.environ.get("PATH", os.defpath).split(os.pathsep):
        go = shutil.which("go", path=directory)
        if go:
            yield _goroot_of(Path(go)), "PATH"
    home = Path(os.environ.get("HOME", "/nonexistent"))
    for path in sorted((home / "sdk").glob("go1*")):
        yield path, f"~/sdk/{path.name}"
    for path in sorted((module_cache() / "golang.org").glob("toolchain@v0.0.1-go1*")):
        yield path, "module cache"


def _goroot_of(go: Path) -> Path:
    """Return a go command's GOROOT; ask the command if it is a version manager's script."""
    around = go.resolve().parent.parent
    if (around / "VERSION").is_file():
        return around
    variables = passed_environment(os.environ) | {"GOENV": "off", "GOTOOLCHAIN": "local"}
    try:
        done = capture([go, "env", "GOROOT"], variables, timeout=_PATIENCE)
    except (OSError, subprocess.TimeoutExpired):
        return around
    return Path(done.stdout.strip() or around)
