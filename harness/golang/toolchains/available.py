"""Released toolchains: which are installed or cached, and which each provider lists."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from harness.errors import HarnessError
from harness.golang.toolchains import installed, proxy
from harness.golang.toolchains import pypi as gobin
from harness.golang.versions import GoVersion
from harness.matrix.releases import RELEASE
from harness.models import Frozen

_FIRST_GATEWAY = 21
"""The first minor version with GOTOOLCHAIN, which fetches others."""


class Supply(Frozen):
    """What one provider that needs the network answered."""

    provider: str
    versions: tuple[str, ...] = ()
    error: str | None = None
    """Why it could not be asked."""
    remedy: str = ""


def at_hand(cache: Path, caller: Mapping[str, str] = os.environ) -> list[str]:
    """Versions of all released toolchains that are installed or in the cache, in order."""
    names = {i.version for i in installed.find(caller)} | {path.name for path in cached(cache)}
    return sorted((n for n in names if is_release(n)), key=GoVersion.parse)


def ask_providers(cache: Path) -> list[Supply]:
    """What every provider that needs the network lists, or why it cannot be asked."""
    return [
        _ask(
            gobin.NAME, gobin.versions,
            "pip must reach its index: see pip config list, PIP_INDEX_URL, HTTPS_PROXY",
        ),
        _ask(
            proxy.NAME, lambda: _through_gateway(cache),
            "the go command must reach the module proxy: see GOPROXY, HTTPS_PROXY",
        ),
    ]  # fmt: skip


def every_release(at_hand: Sequence[str], supplies: Sequence[Supply]) -> list[str]:
    """Every available release, in order."""
    names = {*at_hand, *(version for supply in supplies for version in supply.versions)}
    return sorted((name for name in names if is_release(name)), key=GoVersion.parse)


def find_gateway(cache: Path) -> Path | None:
    """Find a Go that can fetch others: an installed one, or else the newest in the cache."""
    for here in installed.find():
        if GoVersion.parse(here.version).minor >= _FIRST_GATEWAY:
            return here.goroot
    goroots = [path / "go" for path in cached(cache)]
    return max(goroots, key=lambda goroot: GoVersion.parse(goroot.parent.name), default=None)


def cached(cache: Path) -> list[Path]:
    """Entries of fetched releases that can serve as a gateway."""
    return [
        path
        for path in (cache / "toolchains").glob("go1.*")
        if is_release(path.name) and (path / "go" / "bin" / "go").is_file()
    ]


def is_release(name: str) -> bool:
    """Whether a name is exactly a release's; a vendor's own version is not."""
    return RELEASE.fullmatch(name) is not None and GoVersion.parse(name).stage >= 0


def _ask(provider: str, versions: Callable[[], list[str]], remedy: str) -> Supply:
    try:
        return Supply(provider=provider, versions=tuple(versions()))
    except HarnessError as error:
        return Supply(provider=provider, error=str(error), remedy=remedy)


def _through_gateway(cache: Path) -> list[str]:
    gateway = find_gateway(cache)
    if gateway is None:
        raise HarnessError("no Go is installed or cached to ask it with")
    try:
        return proxy.versions(gateway)
    except HarnessError as error:
        raise HarnessError(f"through {gateway}: {error}") from None
