"""Released toolchains on this machine: installed, or in the cache, where others are fetched to."""

from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from harness.errors import HarnessError
from harness.golang.cache import obtain
from harness.golang.toolchains import facts as own_facts
from harness.golang.toolchains import installed
from harness.golang.toolchains.identity import content_digest
from harness.golang.toolchains.installed import Located, Origin
from harness.golang.versions import GoVersion, is_shorthand
from harness.matrix.names import RELEASE

Say = Callable[[str], None]
_ORIGIN = "origin.json"


def at_hand(cache: Path) -> list[str]:
    """List released versions that are installed or cached, in order."""
    names = {i.version for i in installed.find()} | {path.name for path in cached(cache)}
    return sorted((n for n in names if is_release(n)), key=GoVersion.parse)


def cached(cache: Path) -> list[Path]:
    """List cache entries of fetched releases."""
    return [
        path
        for path in (cache / "toolchains").glob("go1.*")
        if is_release(path.name) and (path / "go" / "bin" / "go").is_file()
    ]


def is_release(name: str) -> bool:
    """Return whether a name is exactly a release's, and not a vendor's own version."""
    return RELEASE.fullmatch(name) is not None and GoVersion.parse(name).stage >= 0


def exact(name: str, cache: Path, say: Say) -> str:
    """Return the release that a name means: itself, or the newest that a shorthand covers."""
    if not is_shorthand(name):
        return name
    from harness.golang.toolchains.providers import newest  # noqa: PLC0415 - as in fetched

    version = newest(name, cache)
    say(f"{name} is {version}")
    return version


def release(version: str, cache: Path, say: Say) -> Located:
    """Get a release from the first provider that has it."""
    for candidate in installed.find():
        if candidate.version == version:
            return candidate
    return read_origin(fetched(version, cache, say), version)


def write_origin(entry: Path, version: str, provider: str, sha256: str | None, cache: Path) -> None:
    """Record where a new cache entry comes from; ``version`` is a release or a commit."""
    digest = content_digest(entry / "go", cache)
    origin = Origin(version=version, provider=provider, sha256=sha256, digest=digest)
    (entry / _ORIGIN).write_text(origin.model_dump_json(), encoding="utf-8")


def read_origin(entry: Path, version: str) -> Located:
    """The GOROOT of a cache entry.

    Raises:
        HarnessError: the entry is not of this harness, or stands for another version.
    """
    try:
        origin = Origin.model_validate_json((entry / _ORIGIN).read_bytes())
        said = origin.version
    except (OSError, ValidationError):
        origin, said = None, own_facts.read_version(entry / "go")
    if said != version:
        raise HarnessError(f"{entry} stands for {version}, but says that it is {said}; remove it")
    if origin is None:
        raise HarnessError(f"{entry} was not created by this harness; remove it")
    return Located(goroot=(entry / "go").resolve(), **origin.model_dump())


def fetched(version: str, cache: Path, say: Say) -> Path:
    """Return the cache entry of a release; fetch it if it is absent."""

    def fill(directory: Path) -> None:
        # what downloads takes its time to import, and is needed once
        from harness.golang.toolchains.providers import fetch  # noqa: PLC0415

        fetch(version, directory, cache, say)

    return obtain(cache, "toolchains", version, fill)[0]
