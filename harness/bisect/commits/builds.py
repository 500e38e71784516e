"""Toolchains of commits: each built from its own source, or with tools of the same sources."""

import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from harness.bisect.commits.history import Commit, commit_of, is_test, release_at
from harness.bisect.points import Point, point_of
from harness.errors import HarnessError
from harness.golang.cache import obtain
from harness.golang.command import build_cache
from harness.golang.git import run_git
from harness.golang.toolchains import source
from harness.golang.toolchains.archives import unpack_tar
from harness.golang.toolchains.releases import at_hand
from harness.golang.toolchains.resolve import Say, Toolchain, resolve
from harness.golang.versions import expand_shorthand
from harness.matrix.models import BuildSpec, ToolchainSpec
from harness.matrix.paths import beside

_TOOLS = ("asm", "cgo", "compile", "link", "preprofile")
_TOOL_SOURCES = (
    *("src/cmd/asm", "src/cmd/cgo", "src/cmd/compile", "src/cmd/go", "src/cmd/internal"),
    *("src/cmd/link", "src/internal/buildcfg", "src/internal/goversion"),
)
_LEFT_OUT = (":(exclude)src/cmd", ":(exclude,glob)**/testdata/**", ":(exclude,glob)**/*_test.go")
_GENERATED = ("zbootstrap.go", "zcgo.go", "zdefaultcc.go", "zversion.go")
"""Files that ``cmd/dist`` writes while it builds; no repository has them."""
_GENERATED_IN = {
    "zbootstrap.go": ("src/internal/buildcfg",),
    "zcgo.go": ("src/go/build",),
    "zversion.go": ("src/internal/runtime/sys", "src/runtime/internal/sys"),  # moved in Go 1.24
}

ToolSources = dict[str, str]
"""Hashes of the files that tools are built from, as git computes them, by path."""


class CommitBuilds:
    """Toolchains for the commits of one line, each made once."""

    def __init__(
        self, repository: Path, line: Sequence[Commit], bases: Sequence[Toolchain],
        settings: tuple[str, ...], build: BuildSpec, cache: Path, say: Say,
    ) -> None:  # fmt: skip
        self._repository, self._line = repository, line
        self._whole = build.needs_cgo or build.pgo != "off"
        self._settings, self._cache, self._say = settings, cache, say
        self._tools = [(base, sources_in_goroot(base.goroot, repository)) for base in bases]
        self._made: dict[int, Point] = {}
        """By position."""
        self.tools_of: dict[int, str] = {}
        """Whose tools a commit has, since their sources are the same; others have their own."""
        self.count = 0
        """Toolchains that were built from their own source, or taken from the cache."""

    def get(self, position: int) -> Point:
        """Make a commit's toolchain, if it is not there.

        Raises:
            HarnessError: it does not build.
        """
        if position in self._made:
            return self._made[position]
        commit = self._line[position]
        name = f"git-{commit.short}"
        sources = sources_at_commit(self._repository, commit.hash)
        base = next((toolchain for toolchain, known in self._tools if known == sources), None)
        if base is not None:
            self.tools_of[position] = base.name
            toolchain = _with_tools(self._repository, commit.hash, base, name, self._cache)
        else:
            toolchain = _from_source(
                self._repository, commit.hash, name, self._cache, self._say, whole=self._whole
            )
            self.count += 1
            self._tools.append((toolchain, sources))
        self._made[position] = point_of(toolchain, self._settings)
        return self._made[position]


def end_of(spec: ToolchainSpec, base: Path, cache: Path, say: Say) -> Toolchain | None:
    """Make a commit whose VERSION names a release of its library and that release's tools.

    ``None`` where the tools' sources are others, the toolchain is no commit of a repository here,
    or it names no release that can be had.
    """
    repository = beside(base, spec.git) if spec.git else None
    if repository is None or spec.patch or not repository.is_dir():
        return None
    commit = commit_of(repository, spec.ref or "HEAD")
    release = release_named(repository, commit, cache, say)
    if release is None:
        return None
    if sources_in_goroot(release.goroot, repository) != sources_at_commit(repository, commit):
        return None
    return _with_tools(repository, commit, release, spec.name, cache)


def release_named(repository: Path, commit: str, cache: Path, say: Say) -> Toolchain | None:
    """The release that a commit's VERSION names, if a provider has it."""
    version = release_at(repository, commit)
    if version is None:
        return None
    try:
        return resolve([ToolchainSpec(go=version)], cache, say)[version]
    except HarnessError:
        return None


def sources_in_goroot(goroot: Path, repository: Path) -> ToolSources:
    """Hash the tools' sources of a toolchain."""
    algorithm = run_git(repository, "rev-parse", "--show-object-format").strip()
    hashes = {}
    for file in (file for place in _TOOL_SOURCES for file in (goroot / place).rglob("*")):
        name = file.relative_to(goroot).as_posix()
        if _is_tool_source(name) and file.is_file():
            content = file.read_bytes()
            blob = b"blob %d\0" % len(content) + content
            hashes[name] = hashlib.new(algorithm, blob, usedforsecurity=False).hexdigest()
    return hashes


def sources_at_commit(repository: Path, commit: str) -> ToolSources:
    """Read the hashes of the tools' sources at a commit.

    Raises:
        HarnessError: there is no such commit.
    """
    text = run_git(repository, "ls-tree", "-r", "-z", commit, "--", *_TOOL_SOURCES)
    entries = (entry.split("\t", maxsplit=1) for entry in text.split("\0") if entry)
    return {name: facts.split()[2] for facts, name in entries if _is_tool_source(name)}


def _is_tool_source(name: str) -> bool:
    return not is_test(name) and not name.endswith((".md", *_GENERATED))


def _from_source(
    repository: Path, commit: str, name: str, cache: Path, say: Say, *, whole: bool
) -> Toolchain:
    """Build a commit's tools, or take those that were built before."""
    if whole or (cache / "toolchains" / f"git-{commit}").is_dir():
        spec = ToolchainSpec(git=str(repository), ref=commit, label=name)
    else:
        spec = ToolchainSpec(path=str(_tools_alone(repository, commit, cache, say)), label=name)
    return resolve([spec], cache, say)[name]._replace(provider=source.NAME)


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


def _with_tools(
    repository: Path, commit: str, base: Toolchain, name: str, cache: Path
) -> Toolchain:
    """Put a commit's standard library and tools of the same sources together.

    The result is what building the commit would give, and costs about a second: the tools are
    linked, and of the commit only the standard library is written out, without its tests.
    """

    def fill(directory: Path) -> None:
        tree = directory / "go"
        tree.mkdir()
        _export(repository, commit, directory)
        _add_generated(base.goroot, tree)
        _link_tools(base.goroot, tree)

    entry, _ = obtain(cache, "toolchains", f"mixed-{commit}-{base.digest[:16]}", fill)
    spec = ToolchainSpec(path=str(entry / "go"), label=name)
    toolchain = resolve([spec], cache, lambda _: None)[name]
    return toolchain._replace(provider=f"library of git, tools of {base.name}")


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
