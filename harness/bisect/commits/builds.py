"""Toolchains of commits: each built from its own source, or with tools of the same sources."""

import os
import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.bisect.commits.history import Commit
from harness.bisect.commits.tools import Sources, sources_at_commit, sources_in_goroot
from harness.bisect.points import Point
from harness.errors import HarnessError
from harness.golang.cache import obtain
from harness.golang.command import build_cache
from harness.golang.git import run_git
from harness.golang.toolchains import source
from harness.golang.toolchains.archives import unpack_tar
from harness.golang.toolchains.available import at_hand
from harness.golang.toolchains.resolve import Say, Toolchain, resolve
from harness.golang.versions import expand_shorthand
from harness.matrix.models import BuildSpec, ToolchainSpec
from harness.matrix.names import variant_name

_TOOLS = ("asm", "cgo", "compile", "link", "preprofile")
_LEFT_OUT = (
    ":(exclude)src/cmd",
    ":(exclude,glob)**/testdata/**",
    ":(exclude,glob)**/*_test.go",
)
_GENERATED_IN = {
    "zbootstrap.go": ("src/internal/buildcfg",),
    "zcgo.go": ("src/go/build",),
    "zversion.go": ("src/internal/runtime/sys", "src/runtime/internal/sys"),  # moved in Go 1.24
}


@dataclass(frozen=True)
class Built:
    """A commit that can be measured."""

    point: Point
    tools_of: str | None
    """The toolchain whose tools it has, since their sources are the same; else it has its own."""


@dataclass(frozen=True)
class _Tools:
    """Tools that commits with the same sources can have."""

    toolchain: Toolchain
    label: str
    sources: Sources


class CommitBuilds:
    """Toolchains for the commits of one line, each made once."""

    def __init__(
        self, repository: Path, line: Sequence[Commit], bases: Sequence[Toolchain],
        settings: tuple[str, ...], build: BuildSpec, cache: Path, say: Say,
    ) -> None:  # fmt: skip
        """Take what is there; nothing is built yet."""
        self._repository, self._line = repository, line
        self._whole = build.needs_cgo or build.pgo != "off"
        self._settings, self._cache, self._say = settings, cache, say
        self._tools = [
            _Tools(toolchain, _label(toolchain), sources_in_goroot(toolchain.goroot, repository))
            for toolchain in bases
        ]
        self._made: dict[int, Built | str] = {}
        """By position; where a commit does not build, why."""
        self.count = 0
        """Toolchains that were built from their own source, or taken from the cache."""
        self.seconds = 0.0
        """Wall time that toolchains took."""

    def get(self, position: int) -> Built:
        """Make a commit's toolchain, if it is not there.

        Raises:
            HarnessError: it does not build.
        """
        if position not in self._made:
            started = time.monotonic()
            try:
                self._made[position] = self._make(self._line[position])
            except HarnessError as error:
                self._made[position] = str(error)
            self.seconds += time.monotonic() - started
        made = self._made[position]
        if isinstance(made, str):
            raise HarnessError(made)
        return made

    def _make(self, commit: Commit) -> Built:
        name = f"git-{commit.short}"
        sources = sources_at_commit(self._repository, commit.hash)
        fitting = next((tools for tools in self._tools if tools.sources == sources), None)
        if fitting is not None:
            toolchain = with_tools(
                self._repository, commit.hash, fitting.toolchain, name, self._cache
            )
            return Built(self._point(name, toolchain), fitting.label)
        toolchain = _from_source(
            self._repository, commit.hash, name, self._cache, self._say, whole=self._whole
        )
        self.count += 1
        self._tools.append(_Tools(toolchain, commit.short, sources))
        return Built(self._point(name, toolchain), None)

    def _point(self, name: str, toolchain: Toolchain) -> Point:
        known = tuple(s for s in self._settings if toolchain.experiments.knows(s))
        settings = toolchain.experiments.in_order(known)
        return Point(name=variant_name(name, settings, {}), toolchain=toolchain, settings=settings)


def _label(toolchain: Toolchain) -> str:
    """A release, or the beginning of a commit's hash."""
    built = re.search(r"-([0-9a-f]{12})$", toolchain.version)
    return built[1] if built else toolchain.version


def _from_source(
    repository: Path, commit: str, name: str, cache: Path, say: Say, *, whole: bool
) -> Toolchain:
    """Build a commit's tools, or take those that were built before.

    Raises:
        HarnessError: the commit does not build.
    """
    goroot = cache / "toolchains" / f"git-{commit}" / "go"
    if whole:
        spec = ToolchainSpec(git=str(repository), ref=commit)
    else:
        if not goroot.is_dir():
            goroot = _tools_alone(repository, commit, cache, say)
        spec = ToolchainSpec(path=str(goroot))
    toolchain = resolve([spec], cache, say)[spec.name]
    return toolchain.model_copy(update={"name": name, "provider": source.NAME})


def _tools_alone(repository: Path, commit: str, cache: Path, say: Say) -> Path:
    def fill(directory: Path) -> None:
        tree = source.export(source.Repository(directory=repository, commit=commit), directory)
        wanted = source.bootstrap_release(tree)
        spec = ToolchainSpec(go=expand_shorthand(wanted, at_hand(cache)) or wanted)
        bootstrap = resolve([spec], cache, say)[spec.name]
        say(f"building the tools of {commit[:12]} with {bootstrap.version}")
        caches = build_cache(cache, bootstrap.digest)
        source.build(tree, commit, bootstrap.goroot, caches, directory, whole=False)

    entry, _ = obtain(cache, "toolchains", f"tools-{commit}", fill)
    return (entry / "go").resolve()


def with_tools(repository: Path, commit: str, base: Toolchain, name: str, cache: Path) -> Toolchain:
    """Put a commit's standard library and tools of the same sources together.

    The result is what building the commit would give, and costs about a second: the tools are
    linked, and of the commit only the standard library is written out, without its tests.

    Raises:
        HarnessError: the commit is no Go source tree.
    """

    def fill(directory: Path) -> None:
        tree = directory / "go"
        tree.mkdir()
        _export(repository, commit, directory)
        _add_generated(base.goroot, tree)
        _link_tools(base.goroot, tree)

    entry, _ = obtain(cache, "toolchains", f"mixed-{commit}-{base.digest[:16]}", fill)
    spec = ToolchainSpec(path=str(entry / "go"))
    toolchain = resolve([spec], cache, lambda _: None)[spec.name]
    provider = f"library of git, tools of {base.name}"
    return toolchain.model_copy(update={"name": name, "provider": provider})


def _export(repository: Path, commit: str, directory: Path) -> None:
    present = run_git(repository, "ls-tree", "--name-only", commit, "--", "src", "go.env").split()
    if "src" not in present:
        raise HarnessError(f"commit {commit[:12]} of {repository} has no src")
    archive = directory / "source.tar"
    run_git(repository, "archive", f"--output={archive}", commit, "--", *present, *_LEFT_OUT)
    unpack_tar(archive, directory / "go")


def _add_generated(base: Path, tree: Path) -> None:
    """Give the library what ``cmd/dist`` would have written into it."""
    shutil.copyfile(base / "VERSION", tree / "VERSION")
    for name, places in _GENERATED_IN.items():
        made = [base / place / name for place in places if (base / place / name).is_file()]
        for place in places:
            if made and (tree / place).is_dir() and not (tree / place / name).exists():
                shutil.copyfile(made[0], tree / place / name)
    (tree / "pkg" / "include").mkdir(parents=True)
    for header in (base / "pkg" / "include").iterdir():
        own = tree / "src" / "runtime" / header.name
        shutil.copyfile(own if own.is_file() else header, tree / "pkg" / "include" / header.name)


def _link_tools(base: Path, tree: Path) -> None:
    tools = [path for path in (base / "pkg" / "tool").glob("*/*") if path.name in _TOOLS]
    for program in [base / "bin" / "go", *tools]:
        target = tree / program.relative_to(base)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(program.resolve(), target)
        except OSError:  # of another file system, or another user
            shutil.copy(program, target)
