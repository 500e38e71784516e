"""Every file that a build reads, according to the go command.

``go list -deps`` takes a tenth of a second, too long for each of forty cells, so the answer is
remembered with all that it may depend on: contents of files, files that are not there, names in
directories.
"""

import fnmatch
import hashlib
import json
import os
import re
import shlex
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.golang.sources.digests import Seen
from harness.golang.sources.listing import Cell, list_packages
from harness.golang.sources.locate import Source
from harness.golang.sources.memory import Memory, keep, recall
from harness.golang.sources.modules import see_modules, see_workspaces
from harness.golang.switches import split_gcflags
from harness.golang.toolchains.identity import covers
from harness.matrix.models import BuildSpec
from harness.models import Frozen

_COMPILED = (
    *("GoFiles", "CgoFiles", "CFiles", "CXXFiles", "MFiles", "HFiles", "FFiles", "SFiles"),
    *("SwigFiles", "SwigCXXFiles", "SysoFiles", "EmbedFiles"),
)
"""Lists of files that a package is built from (``go help list``)."""
_LEFT_OUT = ("IgnoredGoFiles", "IgnoredOtherFiles")
"""Lists of files that it has read and left out; with other content they may count."""
_FIELDS = (
    *("Dir", "ImportPath", "Standard", "Module", "EmbedPatterns", "DefaultGODEBUG"),
    *_COMPILED, *_LEFT_OUT,
)  # fmt: skip
_FACTS = ("Path", "Version", "Sum", "GoVersion")
"""Facts about a module that get into a binary."""
_UNTIDY = "updates to go.mod needed"
"""What the go command says of a go.mod whose lines do not fit together."""
_HAS_C = " has C code"
_META = re.compile(r"[*?\[\\]")
_INCLUDE = re.compile(rb'include[ \t]+"([^"\n]*)"')
_HARMLESS = {
    *("s", "w", "X", "B", "E", "H", "R", "T", "D", "buildid", "compressdwarf", "checklinkname"),
    *("randlayout", "funcalign", "v", "n", "c", "dumpdep", "f", "debugtramp", "debugtextsize"),
}
"""Flags of the linker that name no file."""
_FILES_OF_COMPILER = {"pgoprofile", "embedcfg", "importcfg", "importmap", "symabis", "I"}


class Inputs(Frozen):
    """What a build reads."""

    digest: str
    """Of the names and contents of all the files."""
    unknown: tuple[str, ...] = ()
    """Why it may read files that cannot be listed; such a build is never reused."""
    included: tuple[str, ...] = ()
    """Assembly that includes files from elsewhere, which the go command does not watch."""
    godebug: str = ""
    """The text of ``GODEBUG`` that the go command builds into the program as its default: it
    follows the go line, ``godebug`` lines of go.mod, and ``//go:debug`` directives."""


class _Listing(Memory):
    """What the go command said of a build's inputs."""

    inputs: Inputs


def inputs_of(cell: Cell, cache: Path) -> Inputs:
    """What the build reads, from memory where all is as it was.

    Raises:
        HarnessError: the go command cannot tell, for it cannot build it either; or a file is
            another than when this invocation first looked at it.
    """
    place = cache / "listings" / _name(cell)
    seen = cell.source.seen
    stored = recall(_Listing, place, seen)
    if stored is not None:
        return stored.inputs
    asked, fresh = time.time(), Seen()
    inputs = ask(cell, cache, fresh)
    changed = seen.adopt(fresh)
    if changed:
        raise HarnessError(f"{changed[0]} was changed since this run began; run it again")
    keep(_Listing(inputs=inputs, states=fresh.states), place, asked, fresh.newest)
    return inputs


def ask(cell: Cell, cache: Path, seen: Seen) -> Inputs:
    """Ask the go command what the build reads; ``seen`` gets all that the answer may depend on.

    Raises:
        HarnessError: the go command cannot tell.
    """
    packages = _listed(cell, cache)
    own = [package for package in packages if not package.get("Standard")]
    roots = (cell.source.module, *cell.source.roots)
    digest = hashlib.sha256(repr(see_modules(roots, seen)).encode())
    included: list[str] = []
    unknown = [f"{p['ImportPath']}{_HAS_C}" for p in own if _has_c(p)]
    _watch(cell.source, own, seen)
    for package in packages:
        names = _names(package)
        if not package.get("Standard"):
            more, found = _includes(cell, package)
            unknown += more
            if found:
                included += [_path(package, name) for name in package["SFiles"]]
            names = [*names, *(("include", name) for name in found)]
        states = [(kind, name, seen.file(_path(package, name))) for kind, name in names]
        module = package.get("Module") or {}
        facts = [[m.get(key) for key in _FACTS] for m in (module, module.get("Replace") or {})]
        digest.update(repr((package["ImportPath"], facts, states)).encode())
    main = f"{cell.source.package}.test" if cell.source.test else cell.source.package
    godebug = next((p.get("DefaultGODEBUG") for p in packages if p["ImportPath"] == main), None)
    return Inputs(
        digest=digest.hexdigest(), unknown=tuple(unknown), included=tuple(included),
        godebug=godebug or "",
    )  # fmt: skip


def has_c(cell: Cell, cache: Path) -> bool:
    """Whether a package outside the standard library has C code; the cell is built with cgo.

    Raises:
        HarnessError: the go command cannot list the packages.
    """
    return any(reason.endswith(_HAS_C) for reason in inputs_of(cell, cache).unknown)


def reads_unknown_files(build: BuildSpec) -> list[str]:
    """Why a build with these settings may read files that nobody can name.

    Raises:
        HarnessError: a setting names a file that the go command would not watch.
    """
    values = split_gcflags(build.gcflags)
    for word in (word for value in values for word in _words(value, "gcflags")):
        if _flag(re.sub(r"^[^-=]*=", "", word)) in _FILES_OF_COMPILER:
            raise HarnessError(
                f"build.gcflags: {word} reads a file that the go command does not watch; for a "
                "profile write pgo:"
            )
    flags = [word for word in _words(build.ldflags, "ldflags") if word.startswith("-")]
    return [f"the linker's {word}" for word in flags if _flag(word) not in _HARMLESS]


def _words(text: str, setting: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise HarnessError(f"build.{setting}: {error}") from None


def _flag(word: str) -> str:
    return word.lstrip("-").partition("=")[0] if word.startswith("-") else ""


def _name(cell: Cell) -> str:
    """Name the file that remembers the answer after everything in the question."""
    source = cell.source.model_dump_json(exclude={"workload", "base"})
    build = cell.build.model_dump_json(exclude={"gcflags", "ldflags", "pgo"})
    toolchain = (cell.toolchain.identity, str(cell.toolchain.goroot))
    parts = repr((toolchain, cell.settings, build, source, _FIELDS))
    return hashlib.sha256(parts.encode()).hexdigest()[:32]


def _listed(cell: Cell, cache: Path) -> list[dict[str, Any]]:
    """List the packages, and see to it that the main module has the go line that it should have."""
    line = cell.build.go_line
    try:
        packages = _list(cell, cache)
    except HarnessError as error:
        if line and _UNTIDY in str(error):
            raise HarnessError(
                f"build.go_line: with go {line} in its go.mod, {cell.source.module} needs other "
                "lines there too, as when a module that it requires asks for a newer Go"
            ) from None
        raise
    lines = {m.get("GoVersion") for p in packages if (m := p.get("Module") or {}).get("Main")}
    if line and lines != {line}:
        raise HarnessError(f"build.go_line: {cell.source.module} has no go.mod that could get one")
    return packages


def _list(cell: Cell, cache: Path) -> list[dict[str, Any]]:
    text = list_packages(cell, cache, "-deps", f"-json={','.join(_FIELDS)}")
    decoder, position, packages = json.JSONDecoder(), 0, []
    while position < len(text.rstrip()):
        package, position = decoder.raw_decode(text, position)
        packages.append(package)
        position += 1  # each ends with a newline
    return packages


def _names(package: dict[str, Any]) -> list[tuple[str, str]]:
    """List the files of a package; of the standard library those that its digest leaves out."""
    return [
        (kind, name)
        for kind in _COMPILED
        for name in package.get(kind) or ()
        if not os.path.isabs(name)  # noqa: PTH117 - a test's main, which is in Go's build cache
        and (not package.get("Standard") or not covers(f"{package['ImportPath']}/{name}"))
    ]


def _path(package: dict[str, Any], name: str) -> str:
    return f"{package['Dir']}/{name}"


def _has_c(package: dict[str, Any]) -> bool:
    return any(package.get(kind) for kind in ("CgoFiles", "SwigFiles", "SwigCXXFiles"))


def _watch(source: Source, packages: Sequence[dict[str, Any]], seen: Seen) -> None:
    """Note everything that may change the go command's answer, besides the files it names."""
    if not source.published:
        see_workspaces(source.module.parent, seen)
    roots = [str(root) for root in (source.module, *source.roots)]
    for package in packages:
        _watch_package(package, roots, seen)
    # directories of local modules where a package would hide another module's, or clash
    modules = {p["ImportPath"]: p.get("Module") or {} for p in packages}
    local = {m["Path"]: m["Dir"] for m in modules.values() if m.get("Dir") in roots}
    for name, module in modules.items():
        for path, place in local.items():
            rest = name.partition(" ")[0].removeprefix(path)
            if rest.startswith("/") and module.get("Dir") != place:
                seen.directory(place + rest)


def _watch_package(package: dict[str, Any], roots: Sequence[str], seen: Seen) -> None:
    directory = Path(package["Dir"])
    seen.directory(str(directory))
    for name in (name for kind in _LEFT_OUT for name in package.get(kind) or ()):
        seen.file(_path(package, name))
    for parent in (directory, *directory.parents):
        if any(parent.is_relative_to(root) for root in roots):
            seen.file(str(parent / "go.mod"))  # one here would make it another module
    for pattern in package.get("EmbedPatterns") or ():
        for place in _embedding(directory, pattern):
            seen.directory(place)
    if file := (package.get("Module") or {}).get("GoMod"):
        seen.file(file)


def _embedding(directory: Path, pattern: str) -> Iterator[str]:
    """Yield the directories whose entries decide what a ``go:embed`` pattern matches."""
    places = [directory]
    for part in pattern.removeprefix("all:").split("/"):
        found: list[Path] = []
        for place in places:
            if not place.is_dir():
                continue
            yield str(place)
            found += _matching(place, part)
        places = found
    for place in places:
        if place.is_dir() and not place.is_symlink():
            yield from (here for here, _, _ in os.walk(place))


def _matching(place: Path, part: str) -> list[Path]:
    """List what one part of a pattern matches, or more."""
    if not _META.search(part):
        return [place / part]
    if "\\" in part:
        return list(place.iterdir())
    form = part.replace("[^", "[!")
    return [path for path in place.iterdir() if fnmatch.fnmatchcase(path.name, form)]


def _includes(cell: Cell, package: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Return why not all includes of assembly are known, and the included files."""
    if not package.get("SFiles") or _has_c(package):
        return [], []
    known = {*(package.get("HFiles") or ()), "go_asm.h"}
    toolchain = cell.toolchain.goroot / "pkg" / "include"
    known |= {path.name for path in toolchain.iterdir()} if toolchain.is_dir() else set()
    pending = [*package["SFiles"], *(package.get("HFiles") or ())]
    found: list[str] = []
    while pending:
        name = pending.pop()
        content = Path(_path(package, name)).read_bytes()
        includes = [os.fsdecode(include) for include in _INCLUDE.findall(content)]
        if len(includes) != content.count(b"include"):
            return [f"{package['ImportPath']} includes in {name} what cannot be told"], found
        for include in includes:
            if include in known or include in found:
                continue
            if not Path(_path(package, include)).is_file():
                return [f"{package['ImportPath']} includes {include} from elsewhere"], found
            found.append(include)
            pending.append(include)
    return [], found
