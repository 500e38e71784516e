"""Installed toolchains: on PATH, in ~/sdk, in the module cache."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.errors import HarnessError
from harness.golang.environment import passed_environment
from harness.golang.toolchains.facts import read_version
from harness.golang.versions import GoVersion
from harness.models import Frozen

NAME = "installed"
_PATIENCE = 10.0
"""Seconds that a version manager's script may take to answer."""


class Installed(Frozen):
    """A toolchain found on the machine."""

    version: str
    goroot: Path
    provider: str
    """Where it was found."""


def find(caller: Mapping[str, str] = os.environ) -> list[Installed]:
    """Every installed toolchain, in the order of preference."""
    found: dict[Path, Installed] = {}
    for goroot, provider in _candidates(caller):
        try:
            resolved = goroot.resolve(strict=True)
            version = read_version(resolved)
            GoVersion.parse(version)
        except (OSError, HarnessError, ValueError):
            continue
        if os.access(resolved / "bin" / "go", os.X_OK) and (resolved / "src" / "runtime").is_dir():
            found.setdefault(
                resolved, Installed(version=version, goroot=resolved, provider=provider)
            )
    return list(found.values())


def gateways(found: list[Installed]) -> list[Installed]:
    """Those that can fetch another toolchain: Go 1.21 and newer."""
    return [i for i in found if GoVersion.parse(i.version).minor >= 21]  # noqa: PLR2004 - first with GOTOOLCHAIN


def module_cache(caller: Mapping[str, str]) -> Path:
    """Go's module cache (``go help environment``)."""
    variables = passed_environment(caller)
    first = variables.get("GOPATH", "").split(os.pathsep)[0]
    path = Path(first) if first else Path(variables.get("HOME", "/nonexistent")) / "go"
    return Path(variables.get("GOMODCACHE") or path / "pkg" / "mod")


def _candidates(caller: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    for directory in caller.get("PATH", os.defpath).split(os.pathsep):
        go = shutil.which("go", path=directory)
        if go:
            yield _goroot_of(Path(go), caller), "PATH"
    home = Path(caller.get("HOME", "/nonexistent"))
    for path in sorted((home / "sdk").glob("go1*")):
        yield path, f"~/sdk/{path.name}"
    for path in sorted((module_cache(caller) / "golang.org").glob("toolchain@v0.0.1-go1*")):
        yield path, "module cache"


def _goroot_of(go: Path, caller: Mapping[str, str]) -> Path:
    """The GOROOT of a go command: where it is or, for a version manager's script, what it says."""
    around = go.resolve().parent.parent
    if (around / "VERSION").is_file():
        return around
    variables = passed_environment(caller) | {"GOENV": "off", "GOTOOLCHAIN": "local"}
    try:
        done = subprocess.run(
            [go, "env", "GOROOT"], env=variables, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, errors="replace", timeout=_PATIENCE, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return around
    return Path(done.stdout.strip() or around)
