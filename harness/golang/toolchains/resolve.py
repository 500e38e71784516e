"""Resolve toolchains: find or fetch a GOROOT, check it, ask for its experiments."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from harness.errors import HarnessError, told
from harness.golang.cache import copy_writable, obtain
from harness.golang.command import build_cache
from harness.golang.experiments import Experiments
from harness.golang.toolchains import facts as own_facts
from harness.golang.toolchains import installed, releases
from harness.golang.toolchains.identity import content_digest
from harness.golang.toolchains.installed import Located
from harness.golang.toolchains.releases import Say
from harness.golang.versions import expand_shorthand
from harness.matrix.models import ToolchainSpec
from harness.matrix.paths import beside

__all__ = ["Say", "Toolchain", "ToolchainError", "parse_toolchain", "resolve"]


class Toolchain(NamedTuple):
    """One GOROOT."""

    name: str
    """The first part of its variants' names."""
    version: str
    """What its own ``go version`` says, as ``go1.24.3``."""
    goroot: Path
    provider: str
    sha256: str | None
    """Of the archive that it came from."""
    experiments: Experiments
    digest: str
    """Of the content of its GOROOT."""
    patched: dict[str, str | None] = {}
    """Files of the GOROOT that an overlay replaces: path within it, and text."""

    @property
    def identity(self) -> str:
        """Identify it in build keys by content, patches included."""
        if not self.patched:
            return self.digest
        patches = json.dumps(sorted(self.patched.items()))
        return f"{self.digest}~{hashlib.sha256(patches.encode()).hexdigest()}"

    @property
    def go(self) -> Path:
        """Return its go command."""
        return self.goroot / "bin" / "go"

    def build_cache(self, cache: Path) -> Path:
        """Return Go's build cache for it, which only toolchains of the same content share."""
        return build_cache(cache, self.digest)


class ToolchainError(HarnessError):
    """A toolchain is not available."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name
        """The toolchain's name; it leads to the entry in the matrix file."""


def resolve(
    specs: Sequence[ToolchainSpec], cache: Path, say: Say, base: Path | None = None
) -> dict[str, Toolchain]:
    """Find or fetch toolchains, several at a time; return them by name, in the order of ``specs``.

    Relative paths start from ``base``, the current directory if not given. ``say`` is told of
    downloads and of what shorthands stand for.

    Raises:
        ToolchainError: no provider has one, or what it gave is not what was asked for.
        HarnessError: two different ones have the same name.
    """
    start = base or Path.cwd()
    wanted: dict[str, ToolchainSpec] = {}
    for spec in specs:
        if wanted.setdefault(spec.name, spec) != spec:
            raise HarnessError(
                f"two different toolchains are named {spec.name!r}; give one of them its own name:"
            )
    with ThreadPoolExecutor(max_workers=4) as pool:
        found = [pool.submit(_named, spec, start, cache, say) for spec in wanted.values()]
        try:
            return {toolchain.name: toolchain for toolchain in (f.result() for f in found)}
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def parse_toolchain(text: str) -> ToolchainSpec:
    """A toolchain out of one word of a command line: a release, or the path of a GOROOT.

    Raises:
        HarnessError: it is neither.
    """
    try:
        return ToolchainSpec.model_validate({"path" if "/" in text else "go": text})
    except ValidationError as error:
        raise HarnessError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None


def _named(spec: ToolchainSpec, base: Path, cache: Path, say: Say) -> Toolchain:
    try:
        return _resolve_one(spec, base, cache, say)
    except HarnessError as error:
        raise ToolchainError(spec.name, str(error)) from None
    except OSError as error:
        raise ToolchainError(spec.name, told(error)) from None


def _resolve_one(spec: ToolchainSpec, base: Path, cache: Path, say: Say) -> Toolchain:
    version = None
    if spec.path is not None:
        located = Located(version="", goroot=_explicit(base, spec.path), provider="path")
    elif spec.git is not None:
        located = _from_git(spec, base, cache, say)
    else:
        version = releases.exact(str(spec.go), cache, say)
        located = releases.release(version, cache, say)
    if located.goroot.is_relative_to(installed.module_cache()):
        located = _copy(located, cache)
    digest = content_digest(located.goroot, cache)
    if located.digest not in (None, digest):
        raise HarnessError(
            f"{located.goroot} was changed after it was put into the cache as "
            f"{version or spec.name}; remove {located.goroot.parent}"
        )
    facts = own_facts.inspect(located.goroot, digest, build_cache(cache, digest), cache)
    if version not in (None, facts.version):
        raise HarnessError(
            f"{located.goroot} stands for {version}, but says that it is {facts.version}; "
            f"it is not used (provider: {located.provider})"
        )
    return Toolchain(
        name=spec.name,
        version=facts.version,
        goroot=located.goroot,
        provider=located.provider,
        sha256=located.sha256,
        experiments=facts.experiments,
        digest=digest,
        patched=_patched(located.goroot, [beside(base, patch) for patch in spec.patch]),
    )


def _patched(goroot: Path, patches: list[Path]) -> dict[str, str | None]:
    if not patches:
        return {}
    from harness.golang.patches import apply_patches  # noqa: PLC0415 - few matrices have patches

    return apply_patches(goroot, patches)


def _explicit(base: Path, path: str) -> Path:
    goroot = beside(base, path)
    if (goroot / "bin" / "go").is_file():
        return goroot
    if (goroot / "src" / "make.bash").is_file():
        raise HarnessError(
            f"{goroot} is a Go source tree without a built toolchain; run its src/make.bash, or "
            "write {git: " + path + ", ref: HEAD}"
        )
    raise HarnessError(f"{goroot} is not a Go installation: it has no bin/go")


def _from_git(spec: ToolchainSpec, base: Path, cache: Path, say: Say) -> Located:
    """Build a toolchain from a commit, or return the one built before."""
    from harness.golang.toolchains import source  # noqa: PLC0415 - few matrices build toolchains

    repository = source.Repository.open(str(spec.git), spec.ref or "HEAD", base, cache)
    commit = repository.commit

    def fill(directory: Path) -> None:
        tree = source.export(repository, directory)
        wanted = source.bootstrap_release(tree)
        version = expand_shorthand(wanted, releases.at_hand(cache)) or wanted
        version = releases.exact(version, cache, say)
        goroot = releases.release(version, cache, say).goroot
        say(f"building {spec.name} ({commit[:12]}) with {version}")
        try:
            caches = build_cache(cache, content_digest(goroot, cache))
            source.build(tree, commit, goroot, caches, directory)
        except HarnessError as error:
            kept = cache / "logs" / f"{commit}.log"
            kept.parent.mkdir(exist_ok=True)
            shutil.copyfile(directory / "build.log", kept)
            raise HarnessError(f"{error}\nthe whole log is {kept}") from None
        releases.write_origin(directory, commit, source.NAME, None, cache)

    entry, _ = obtain(cache, "toolchains", f"git-{commit}", fill)
    return releases.read_origin(entry, commit)


def _copy(located: Located, cache: Path) -> Located:
    """Copy a GOROOT out of the module cache, whose files the go command refuses to overlay."""
    digest = content_digest(located.goroot, cache)
    entry, _ = obtain(
        cache, "toolchains", f"copy-{digest[:32]}",
        lambda directory: copy_writable(located.goroot, directory / "go"),
    )  # fmt: skip
    goroot = (entry / "go").resolve()
    return located.model_copy(update={"goroot": goroot, "digest": digest})
