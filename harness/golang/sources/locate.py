"""Find a workload's main package and the modules that it is built from."""

import hashlib
import json
import re
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import PrivateAttr

from harness.errors import HarnessError
from harness.golang.cache import copy_writable, obtain
from harness.golang.command import run_go
from harness.golang.sources.digests import Seen
from harness.golang.sources.memory import Memory, keep, recall
from harness.golang.sources.modules import see_modules, see_workspaces
from harness.golang.toolchains.installed import module_cache
from harness.golang.toolchains.resolve import Toolchain
from harness.golang.versions import GoVersion
from harness.matrix.models import BuildSpec, WorkloadSpec
from harness.matrix.paths import beside
from harness.models import Frozen
from harness.text.suggestions import closest

_GO_LINE = re.compile(r"^go\s+(\d\S*)", re.MULTILINE)
_RELEASE = re.compile(r"v\d+\.\d+\.\d+([-+].*)?")
_MODULE = "module.json"
_OUTSIDE = {"GOWORK": "off"}
_AT_A_TIME = 2
"""Workloads that are located at the same time; each takes two or three short go commands."""
_OVERLAID_WORK = 23
"""The first minor version whose go command reads a ``go.work`` through an overlay."""


class Source(Frozen):
    """A workload's main package, located."""

    workload: str
    package: str
    """Import path."""
    directory: Path
    """Where the package's files are."""
    module: Path
    """Root of the module; go commands run there."""
    go: str | None
    """The ``go`` line that governs it, of its go.mod or of its workspace, as ``1.24``."""
    roots: tuple[Path, ...] = ()
    """What else on this machine the module is built from: its workspace's file, and modules that
    stand in for others."""
    path: str = ""
    """The module's import path; empty where it has none."""
    mains: tuple[Path, ...] = ()
    """The other modules of its workspace."""
    base: Path
    """The directory of the matrix file: paths in its build settings start there."""
    test: bool = False
    """Whether the package's test binary is the workload, for its benchmarks."""

    published: bool = False
    """Whether it is a copy of a published module, which belongs to no workspace."""
    _seen: Seen = PrivateAttr(default_factory=Seen)

    @property
    def workspace(self) -> dict[str, str]:
        """Variables that keep a published module out of any workspace around the cache."""
        return _OUTSIDE if self.published else {}

    @property
    def seen(self) -> Seen:
        """Its files as this invocation first read them: all binaries are built from the same."""
        return self._seen

    @property
    def workspace_file(self) -> Path | None:
        """The ``go.work`` that the module is built by."""
        return next((root for root in self.roots if root.is_file()), None)

    def needs_newer(self, version: str, go_line: str = "") -> str | None:
        """Why a toolchain cannot build this workload; ``None`` if its go.mod allows it.

        ``go_line`` is what the build puts in the place of the module's own.
        """
        line = (self.path and go_line) or self.go  # a module that was not found has no path
        if line is not None and GoVersion.parse(version) < GoVersion.parse(f"go{line}"):
            asks = "go_line" if line == go_line else "its go.mod"
            return f"{asks} asks for go {line}, newer than {version}"
        if go_line and self.workspace_file and GoVersion.parse(version).minor < _OVERLAID_WORK:
            return f"go_line in a workspace needs go1.{_OVERLAID_WORK} or newer, not {version}"
        return None


class _Location(Memory):
    """Where the go command found a workload's package."""

    source: Source


Sources = Mapping[tuple[str, str], Source]
"""By workload, and by the commit or directory that it is built from, as ``BuildSpec.source``."""


class _Module(Frozen):
    """``module.json`` beside the copy of a published module."""

    path: str
    version: str
    package: str
    """Directory of the main package within it."""


def locate(
    workload: WorkloadSpec,
    base: Path,
    toolchain: Toolchain,
    cache: Path,
    tags: Sequence[Sequence[str]] = ((),),
) -> Source:
    """Find a workload's package with the go command.

    The toolchain is the newest of the matrix, so that every go.mod can be read. ``tags`` are the
    build tags of each kind of cell; any of them may be what makes it a package.

    Raises:
        HarnessError: there is no such main package.
    """
    outside = {} if workload.module is None else _OUTSIDE
    search = _Search(workload, base.resolve(), _Go(toolchain, cache, outside), tags)
    if workload.module is not None:
        return search.find_in(workload.module, _published(workload.module, search.go))
    package = workload.benchmark.package if workload.benchmark else str(workload.package)
    if not package.startswith((".", "/", "~")):
        return search.find(package, search.base, package)
    start = beside(search.base, package)
    if not start.is_dir():
        raise HarnessError(
            f"there is no directory {package!r} beside the matrix file{_near(package, start)}"
        )
    return search.find_in(package, start)


def locate_all(
    workloads: Sequence[WorkloadSpec],
    base: Path,
    toolchain: Toolchain,
    cache: Path,
    tags: Sequence[Sequence[str]] = ((),),
) -> list[Future[Source]]:
    """Find the packages of several workloads, two at a time; each future is done, as ``locate``."""
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        return [pool.submit(locate, w, base, toolchain, cache, tags) for w in workloads]


class _Go(NamedTuple):
    """The go command of a toolchain."""

    toolchain: Toolchain
    cache: Path
    extra: Mapping[str, str]

    def __call__(self, directory: Path, *arguments: str, cgo: bool = False) -> str:
        caches, build = self.toolchain.build_cache(self.cache), BuildSpec(cgo=cgo)
        return run_go(
            self.toolchain.goroot, caches, arguments, directory=directory, build=build,
            extra=self.extra,
        )  # fmt: skip

    def anywhere(self, *arguments: str) -> dict[str, Any]:
        """Return the JSON that a command prints outside of any module."""
        go = self._replace(extra=_OUTSIDE | {"GO111MODULE": "on"})
        with tempfile.TemporaryDirectory() as directory:
            text = go(Path(directory), *arguments)
        found: dict[str, Any] = json.loads(text)
        return found


class _Search(NamedTuple):
    """What all lookups for one workload share."""

    workload: WorkloadSpec
    base: Path
    go: _Go
    tags: Sequence[Sequence[str]]

    def find_in(self, said: str, directory: Path) -> Source:
        """Find the package of a directory, from memory where all is as it was."""
        place, seen = self.go.cache / "locations" / self._name(said, directory), Seen()
        stored = recall(_Location, place, seen)
        if stored is not None:
            stored.source.seen.adopt(seen)
            return stored.source
        asked = time.time()
        source = self.find(said, directory, ".")
        if source.path and not source.workspace_file:
            fresh = Seen()
            _see(source, fresh)
            keep(_Location(source=source, states=fresh.states), place, asked, fresh.newest)
        return source

    def _name(self, said: str, directory: Path) -> str:
        """Name the file that remembers the answer after everything in the question."""
        toolchain = self.go.toolchain
        question = (
            toolchain.identity, str(toolchain.goroot), self.go.extra, str(self.base), said,
            str(directory.resolve()), self.workload.name, self.workload.benchmark is not None,
            self.workload.module, [list(tags) for tags in self.tags],
        )  # fmt: skip
        return hashlib.sha256(repr(question).encode()).hexdigest()[:32]

    def find(self, said: str, start: Path, argument: str) -> Source:
        """Find a package with the go command, as ``argument`` in the directory ``start``."""
        test = self.workload.benchmark is not None
        common = {
            "workload": self.workload.name, "base": self.base, "test": test,
            "published": self.workload.module is not None,
        }  # fmt: skip
        try:
            found = self._list(start, argument)
        except HarnessError as error:
            needed = _asks_for_newer(start, self.go.toolchain.version)
            if needed is None:
                raise HarnessError(f"package {said!r}: {' '.join(str(error).split())}") from None
            return Source(**common, package=said, directory=start, module=start, go=needed)
        if found["Name"] != "main" and not test:
            raise HarnessError(
                f"package {said!r} is package {found['Name']}, not package main; "
                + self._program_near(Path(found["Dir"]))
            )
        directory = Path(found["Dir"])
        if directory.is_relative_to(module_cache()):
            raise HarnessError(
                f"package {said!r} belongs to another module; write module: {said}@VERSION"
            )
        module = found.get("Module") or {}
        root = Path(module["Dir"]) if module.get("Main") else start
        neighbours = _neighbours(self.go, root)
        lines = [*neighbours.lines, *filter(None, [module.get("GoVersion")])]
        return Source(
            **common,
            package=found["ImportPath"],
            directory=directory,
            module=root,
            go=max(lines, key=lambda line: GoVersion.parse(f"go{line}"), default=None),
            roots=neighbours.roots,
            path=module.get("Path", ""),
            mains=neighbours.mains,
        )

    def _program_near(self, directory: Path) -> str:
        """What to name in place of a library."""
        if self.workload.module is None:
            return "name a directory that has a func main, or write benchmark: for its benchmarks"
        path, _, version = self.workload.module.partition("@")
        commands = sorted(p.name for p in (directory / "cmd").glob("*") if p.is_dir())
        place = f"cmd/{commands[0]}" if commands else "DIRECTORY"
        return f"name the directory of a program of it, as {path}/{place}@{version}"

    def _list(self, start: Path, argument: str) -> dict[str, Any]:
        """List a package with the first tags that work; raise the first error if none do."""
        errors = []
        for tags in self.tags:
            flag = [f"-tags={','.join(tags)}"] if tags else []
            query = ["list", *flag, "-find", "-json=Dir,ImportPath,Name,Module", "--", argument]
            try:  # with cgo, so that a package that is all C bindings is found too
                found: dict[str, Any] = json.loads(self.go(start, *query, cgo=True))
            except HarnessError as error:
                errors.append(error)
            except ValueError:  # one document for each package
                errors.append(HarnessError("is not one package, but several or none; name one"))
            else:
                return found
        raise errors[0]


def _see(source: Source, seen: Seen) -> None:
    """Note everything that a package's location may depend on, where there is no workspace."""
    directory = source.directory
    seen.directory(str(directory))
    for file in directory.glob("*.go"):
        seen.file(str(file))
    see_modules((source.module, *source.roots), seen)
    see_workspaces(directory, seen)
    for here in (directory, *directory.parents):
        seen.file(str(here / "go.mod"))  # one nearer than the module's would make it another
        if here == source.module:
            return


def _near(package: str, start: Path) -> str:
    """Suggest the sibling of a missing directory with the nearest name."""
    try:
        beside = [path.name for path in start.parent.iterdir() if path.is_dir()]
    except OSError:
        return ""
    close = closest(start.name, beside)
    head = package.rstrip("/").rpartition("/")[0]
    return f"; did you mean {f'{head}/{close}'!r}?" if close else ""


def _asks_for_newer(start: Path, version: str) -> str | None:
    """Return the go line of the go.mod or go.work around a directory if it is above a version."""
    for directory in (start, *start.parents):
        for name in ("go.mod", "go.work"):
            path = directory / name
            line = _GO_LINE.search(path.read_text(errors="replace")) if path.is_file() else None
            if line and GoVersion.parse(f"go{line[1]}") > GoVersion.parse(version):
                return line[1]
    return None


class _Neighbours(NamedTuple):
    """What lies around a module."""

    roots: tuple[Path, ...]
    """The workspace's file and modules, replacements too."""
    mains: tuple[Path, ...]
    """Its modules alone."""
    lines: tuple[str, ...]
    """Its go line."""


def _neighbours(go: _Go, root: Path) -> _Neighbours:
    workspace = _workspace(go, root)
    pending = [root]
    directories: dict[Path, None] = {}
    lines = []
    if workspace and workspace != "off":
        facts = json.loads(go(root, "work", "edit", "-json", workspace))
        home = Path(workspace).parent
        directories[Path(workspace)] = None
        pending += [(home / use["DiskPath"]).resolve() for use in facts.get("Use") or []]
        directories.update(dict.fromkeys(_replacements(facts, home)))
        lines += [facts["Go"]] if facts.get("Go") else []
    for module in pending:
        directories.setdefault(module, None)
        if _mentions_replace(module / "go.mod"):
            facts = json.loads(go(root, "mod", "edit", "-json", str(module / "go.mod")))
            directories.update(dict.fromkeys(_replacements(facts, module)))
    roots, mains = ([p for p in paths if p != root] for paths in (directories, pending))
    return _Neighbours(tuple(roots), tuple(mains), tuple(lines))


def _workspace(go: _Go, root: Path) -> str:
    """The ``go.work`` that the go command uses in a module; it is not asked where there is none."""
    here = root.resolve()
    around = any((directory / "go.work").exists() for directory in (here, *here.parents))
    return go(root, "env", "GOWORK").strip() if around else ""


def _mentions_replace(go_mod: Path) -> bool:
    """Whether a go.mod may replace modules; if not, the go command need not read it."""
    return go_mod.is_file() and b"replace" in go_mod.read_bytes()


def _replacements(facts: dict[str, Any], home: Path) -> list[Path]:
    """List the directories that replace modules; other replacements have a version."""
    news = [line["New"] for line in facts.get("Replace") or []]
    return [(home / new["Path"]).resolve() for new in news if "Version" not in new]


def _published(module: str, go: _Go) -> Path:
    """Directory of a main package in a copy of its module, as it is published.

    The module is its own main module there, as in its repository, so that its own ``replace`` lines
    and checksums hold; and it lies outside of the module cache, whose files the go command refuses
    to overlay.
    """
    path, _, version = module.partition("@")
    if not _RELEASE.fullmatch(version):
        version = _published_version(path, version, go)

    def fill(directory: Path) -> None:
        found = _download(path, version, go, directory / "source")
        _complete(directory / "source", found, go)
        (directory / _MODULE).write_text(found.model_dump_json(), encoding="utf-8")

    key = hashlib.sha256(f"{path}@{version}".encode()).hexdigest()[:32]
    entry, _ = obtain(go.cache, "modules", key, fill)
    facts = _Module.model_validate_json((entry / _MODULE).read_bytes())
    return (entry / "source" / facts.package).resolve()


def _published_version(path: str, query: str, go: _Go) -> str:
    """Return the release that a query such as ``latest`` means now."""
    errors = []
    for prefix in _prefixes(path):
        try:
            return str(go.anywhere("list", "-m", "-json", f"{prefix}@{query}")["Version"])
        except HarnessError as error:
            errors.append(error)
    raise HarnessError(f"module {path}@{query}: {errors[0]}")


def _download(path: str, version: str, go: _Go, target: Path) -> _Module:
    """Download a module if need be, and copy it out of the module cache."""
    errors = []
    for prefix in _prefixes(path):
        package = path.removeprefix(prefix).strip("/")
        try:
            exact = go.anywhere("list", "-m", "-json", f"{prefix}@{version}")["Version"]
            facts = go.anywhere("mod", "download", "-json", f"{prefix}@{exact}")
        except HarnessError as error:
            errors.append(str(error))
            continue
        if not (Path(facts["Dir"]) / package).is_dir():
            errors.insert(0, f"it has no directory {package} in {prefix}@{exact}")
            continue
        copy_writable(Path(facts["Dir"]), target)
        if not (target / "go.mod").exists():
            shutil.copy(facts["GoMod"], target / "go.mod")
        return _Module(path=prefix, version=exact, package=package)
    raise HarnessError(f"module {path}@{version}: {errors[0]}")


def _prefixes(path: str) -> list[str]:
    """List module paths that may hold a package, longest first, as the go command does."""
    parts = path.split("/")
    return ["/".join(parts[:n]) for n in range(len(parts), 0, -1) if n > 1 or len(parts) == 1]


def _complete(source: Path, found: _Module, go: _Go) -> None:
    """Download what the package needs; a module without a whole go.sum gets one."""

    def dependencies(*flags: str) -> None:
        go(source, "list", *flags, "-deps", "-f", "", f"./{found.package}")

    try:
        dependencies()
    except HarnessError:
        if _asks_for_newer(source, go.toolchain.version) is None:
            dependencies("-mod=mod")
