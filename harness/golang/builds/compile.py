"""One build: compile a program with the probe in it, and verify the binary."""

import json
import os
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from harness.errors import HarnessError
from harness.golang.builds.request import BuildRequest
from harness.golang.builds.verify import effective_experiments, parse_build_info, verify
from harness.golang.command import ALONE, run_go
from harness.golang.elf import functions, links, section_sizes
from harness.golang.probe.layout import choose
from harness.golang.probe.overlay import OverlayMode, write_overlay
from harness.golang.sources.digests import Seen
from harness.golang.sources.go_line import replacements
from harness.golang.sources.inputs import Inputs, ask
from harness.golang.toolchains.archives import sha256_of
from harness.golang.toolchains.identity import content_digest
from harness.golang.toolchains.installed import module_cache

RECORD = "build.json"
_PROFILER = ("runtime.MemProfile", "runtime.memProfileInternal")
"""Without either, the linker turns the memory profiler off: the first decides up to Go 1.22, the
second from Go 1.23 on (``linksetup`` of ``cmd/link/internal/ld``)."""


class Compilation(NamedTuple):
    """A build in progress."""

    request: BuildRequest
    cache: Path
    inputs: Inputs
    directory: Path
    """Where it is made."""
    mark: str
    """A change of it recompiles packages with files that the go command does not track."""
    processors: int
    """CPUs that each of its processes may use. Where builds share the CPUs, compilers that each use
    several of them take a tenth more CPU time, and none is idle for it."""

    @property
    def scratch(self) -> Path:
        """Scratch directory."""
        return self.directory / "scratch"


def compile_verified(job: Compilation) -> None:
    """Leave a verified binary and its record in the job's directory.

    Raises:
        HarnessError: it does not compile, it is not what was asked for, or what it is made of was
            changed meanwhile.
    """
    request, cache, directory = job.request, job.cache, job.directory
    source, toolchain = request.source, request.toolchain
    job.scratch.mkdir()
    plain = _unprobed(job) if request.probe != "off" else None
    pads = plain.pads if plain else ()
    bounded = plain is not None and not plain.profiles
    overlay = overlay_flags(job, "overlay", request.probe, pads, bounded=bounded)
    effective = effective_experiments(request, cache, overlay)
    binary = directory / "binary"
    go_build(job, [*overlay, "-o", str(binary)])
    info = run_go(
        toolchain.goroot, toolchain.build_cache(cache), ["version", "-m", str(binary)], extra=ALONE
    )
    verify(request, parse_build_info(binary, info), effective)
    if _changed(job) or content_digest(toolchain.goroot, cache) != toolchain.digest:
        raise HarnessError(
            f"files of {source.module} or {toolchain.goroot} were changed while {request.label} "
            "was built; run it again"
        )
    shutil.rmtree(job.scratch, ignore_errors=True)
    sizes = plain.sizes if plain else _sizes(binary)
    facts = {"schema": 1, "sha256": sha256_of(binary), **sizes._asdict()}
    (directory / RECORD).write_text(json.dumps(facts), encoding="utf-8")


def _changed(job: Compilation) -> bool:
    """Whether the program is made of other files now; the go command is asked if any may matter."""
    states = dict(job.request.source.seen.states)  # other builds of it add theirs meanwhile
    now = Seen()
    return not now.holds(states) and ask(job.request.cell, job.cache, now) != job.inputs


@contextmanager
def scratch_build(request: BuildRequest, cache: Path, inputs: Inputs) -> Iterator[Compilation]:
    """A build whose result is not kept."""
    place = cache / "builds"
    with TemporaryDirectory(prefix=f".{inputs.digest[:16]}~", dir=place) as directory:
        job = Compilation(request, cache, inputs, Path(directory), inputs.digest, _cpus())
        job.scratch.mkdir()
        yield job


def overlay_flags(
    job: Compilation,
    name: str,
    mode: OverlayMode,
    pads: Collection[str] = (),
    *,
    bounded: bool = True,
) -> list[str]:
    """The flag of ``go build`` that adds probe, patches and marks, if there are any."""
    request = job.request
    toolchain = request.toolchain
    others = _marked(job) | _with_go_line(request, job.cache)
    if mode == "off" and not toolchain.patched and not others:
        return []
    package = None if request.source.test else request.source.directory
    path = write_overlay(
        toolchain.goroot, package, job.scratch / name, mode, toolchain.patched, pads, others,
        bounded=bounded,
    )  # fmt: skip
    return [f"-overlay={path}"]


def _marked(job: Compilation) -> dict[Path, bytes]:
    """Assembly with a comment at its end, so that what it includes is read again.

    Files of the module cache cannot be replaced, and do not change.
    """
    modules = module_cache()
    paths = [Path(name) for name in job.inputs.included]
    comment = f"\n// {job.mark}\n".encode()
    return {p: p.read_bytes() + comment for p in paths if not p.is_relative_to(modules)}


def go_build(job: Compilation, more: Sequence[str]) -> str:
    """Run the go command with more flags, which override the user's; return what it says.

    Of packages that were compiled before, it repeats what the compiler said.
    """
    request = job.request
    source, toolchain = request.source, request.toolchain
    own = source.workspace | {"GOMAXPROCS": str(job.processors)}
    if job.inputs.unknown:
        own["CC"] = _marked_compiler(job)
    with _temporary(job) as temporary:
        return run_go(
            toolchain.goroot, toolchain.build_cache(job.cache),
            [*request.verb, f"-p={_cpus()}", *request.arguments, *more, source.package],
            directory=source.module, settings=request.settings, build=request.build,
            extra={"GOTMPDIR": temporary} | own, messages=True,
        )  # fmt: skip


def _cpus() -> int:
    return len(os.sched_getaffinity(0))


@contextmanager
def _temporary(job: Compilation) -> Iterator[str]:
    """Where the go command works: near the binary, but for a cache beside or in the module.

    ``-trimpath`` takes the module's path for part of every path that begins with it, and a name
    made by chance would get into what C is compiled to.
    """
    place = str(job.scratch)
    if not place.startswith(str(job.request.source.module)):
        yield place
        return
    with TemporaryDirectory() as elsewhere:
        yield elsewhere


def _marked_compiler(job: Compilation) -> str:
    """The C compiler with a definition that nothing uses.

    The go command tracks the flags of C compilation, but not the headers and libraries that it
    reads from elsewhere. With other flags it compiles anew.
    """
    toolchain = job.request.toolchain
    compiler = run_go(
        toolchain.goroot, toolchain.build_cache(job.cache), ["env", "CC"], extra=ALONE
    )
    return f"{compiler.strip()} -DGOMATRIX_BUILD_{job.mark}"


class _Sizes(NamedTuple):
    """How large a program is."""

    size: int
    """Bytes of the file."""
    sections: dict[str, int]


def _sizes(binary: Path) -> _Sizes:
    return _Sizes(binary.stat().st_size, section_sizes(binary))


class _Plain(NamedTuple):
    """The program without the probe."""

    sizes: _Sizes
    profiles: bool
    """Whether it uses the memory profiler, which then is on without the probe too."""
    pads: frozenset[str]
    """What keeps its code in place with the probe."""


def _unprobed(job: Compilation) -> _Plain:
    """Link the program without the probe.

    Where pads are asked for, that takes two more links, or three if the user's own flags leave the
    symbols out.
    """
    request = job.request
    binary = job.scratch / "unprobed"
    overlay = overlay_flags(job, "overlay-runtime", "runtime")
    go_build(job, [*overlay, "-o", str(binary)])
    sizes, profiles = _sizes(binary), any(links(binary, name) for name in _PROFILER)
    if not request.padded:
        return _Plain(sizes, profiles, frozenset())
    layout = functions(binary)
    symbols_only = f"-ldflags={request.build.ldflags} -s=false -w"
    if not layout:
        go_build(job, [symbols_only, *overlay, "-o", str(binary)])
        layout = functions(binary)
    overlay = overlay_flags(job, "overlay-probed", request.probe, bounded=not profiles)
    go_build(job, [symbols_only, *overlay, "-o", str(binary)])
    return _Plain(sizes, profiles, choose(layout, functions(binary)))


def _with_go_line(request: BuildRequest, cache: Path) -> dict[Path, bytes]:
    toolchain = request.toolchain
    caches = toolchain.build_cache(cache)
    return replacements(request.source, toolchain, caches, request.build.go_line)


def keep_overlay(request: BuildRequest, cache: Path, directory: Path, entry: Path) -> None:
    """Keep an overlay of patches and go line alone, for whoever repeats the build by hand."""
    if not request.overlaid:
        return
    toolchain = request.toolchain
    path = write_overlay(
        toolchain.goroot, None, directory / "overlay", "off", toolchain.patched,
        others=_with_go_line(request, cache),
    )  # fmt: skip
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(str(directory), str(entry)), encoding="utf-8")
