"""Which files of a GOROOT a workload is built from, and how two GOROOTs differ in them."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.golang.command import run_go
from harness.golang.probe.overlay import OverlayMode, write_overlay
from harness.golang.sources.go_line import replacements
from harness.golang.sources.listing import Cell
from harness.golang.sources.locate import Source
from harness.golang.sources.settled import settled
from harness.golang.toolchains.resolve import Toolchain
from harness.golang.versions import GoVersion
from harness.matrix.models import BuildSpec
from harness.models import Frozen

_LISTS = (
    *("GoFiles", "CgoFiles", "CFiles", "CXXFiles", "MFiles", "HFiles", "FFiles", "SFiles"),
    *("SwigFiles", "SwigCXXFiles", "SysoFiles", "EmbedFiles"),
)
"""Everything that the go command builds a package from (``go help list``)."""
_NEW_PACKAGES = GoVersion.parse("go1.26.0")
"""From here on the go command finds standard packages that only an overlay has (tried)."""


class Difference(Frozen):
    """Where two GOROOTs differ."""

    good: dict[str, str | None]
    """Used files that differ, by path within the GOROOT; ``None`` if there is no such file."""
    bad: dict[str, str | None]
    binary: int
    """How many used files differ but are not text."""
    elsewhere: int
    """How many files of the standard library differ but are not used."""


def used_files(
    toolchain: Toolchain, source: Source, settings: tuple[str, ...], build: BuildSpec, cache: Path,
    *, probe: bool = False,
) -> frozenset[str]:  # fmt: skip
    """Paths within the GOROOT of all files that a workload's build reads.

    Raises:
        HarnessError: the go command fails, for example because it does not know an experiment.
    """
    build = settled(Cell(source, toolchain, settings, build), cache)
    lists = "".join("{{range ." + name + '}}{{$d}}/{{.}}{{"\\n"}}{{end}}' for name in _LISTS)
    form = "{{if .Standard}}{{$d := .Dir}}" + lists + "{{end}}"
    flags = [*(["-test"] if source.test else []), *(["-race"] if build.race else [])]
    flags += [f"-tags={','.join(build.tags)}"] if build.tags else []
    caches = toolchain.build_cache(cache)
    lines = replacements(source, toolchain, caches, build.go_line)
    with tempfile.TemporaryDirectory() as scratch:
        if probe or toolchain.patched or lines:
            main = source.directory if probe and not source.test else None
            mode: OverlayMode = "full" if probe else "off"
            path = write_overlay(
                toolchain.goroot, main, Path(scratch), mode, toolchain.patched, others=lines
            )
            flags.append(f"-overlay={path}")
        text = run_go(
            toolchain.goroot, caches,
            ["list", "-deps", *flags, "-f", form, source.package],
            directory=source.module, settings=settings, build=build, extra=source.workspace,
        )  # fmt: skip
    root = toolchain.goroot.resolve()
    paths = {Path(line) for line in text.splitlines() if line}
    places = {path.parent.resolve() / path.name for path in paths}
    return frozenset(str(p.relative_to(root)) for p in places if p.is_relative_to(root))


def differences(good: Toolchain, bad: Toolchain, used: frozenset[str]) -> Difference:
    """Compare two GOROOTs."""
    texts: tuple[dict[str, str | None], dict[str, str | None]] = ({}, {})
    binary = 0
    differing = _differing(good, bad)
    for path in sorted(used & differing):
        contents = [_content(toolchain, path) for toolchain in (good, bad)]
        try:
            sides = [None if content is None else content.decode() for content in contents]
        except UnicodeDecodeError:
            binary += 1
            continue
        for side, text in zip(texts, sides, strict=True):
            side[path] = text
    elsewhere = len(differing - used)
    return Difference(good=texts[0], bad=texts[1], binary=binary, elsewhere=elsewhere)


def _differing(good: Toolchain, bad: Toolchain) -> set[str]:
    paths = {*_library(good), *_library(bad), *good.patched, *bad.patched}
    return {path for path in paths if _content(good, path) != _content(bad, path)}


def _library(toolchain: Toolchain) -> Iterator[str]:
    """The standard library's files, without tests, their data and the tools."""
    for directory, children, names in os.walk(toolchain.goroot / "src"):
        here = Path(directory).relative_to(toolchain.goroot)
        children[:] = [c for c in children if c != "testdata" and f"{here}/{c}" != "src/cmd"]
        yield from (f"{here}/{name}" for name in names if not name.endswith("_test.go"))


def _content(toolchain: Toolchain, path: str) -> bytes | None:
    if path in toolchain.patched:
        text = toolchain.patched[path]
        return None if text is None else text.encode()
    try:
        return (toolchain.goroot / path).read_bytes()
    except FileNotFoundError:
        return None


def library(toolchain: Toolchain, used: frozenset[str]) -> list[tuple[str, str]]:
    """The Go files that a workload uses, as path and text."""
    contents = ((path, _content(toolchain, path)) for path in sorted(used) if path.endswith(".go"))
    return [(path, content.decode()) for path, content in contents if content is not None]


def out_of_reach(toolchain: Toolchain, packages: Iterable[str]) -> frozenset[str]:
    """Packages that a toolchain lacks and that no overlay can add, as before Go 1.26."""
    if GoVersion.parse(toolchain.version) >= _NEW_PACKAGES:
        return frozenset()
    source = toolchain.goroot / "src"
    return frozenset(package for package in packages if not (source / package).is_dir())


def moved_packages(good: frozenset[str], bad: frozenset[str]) -> dict[str, str]:
    """Packages that only one side has, by their last name where the other side has one like it.

    As ``runtime/internal/sys`` and ``internal/runtime/sys``, whose declarations are the same.
    """
    sides = [{str(Path(path).relative_to("src").parent) for path in used} for used in (good, bad)]
    alone = sides[0] - sides[1], sides[1] - sides[0]
    names = [{package: package.rpartition("/")[2] for package in side} for side in alone]
    both = {*names[0].values()} & {*names[1].values()}
    return {path: name for path, name in (names[0] | names[1]).items() if name in both}
