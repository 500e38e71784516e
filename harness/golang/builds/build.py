"""Builds: one verified binary for each toolchain, experiment settings, build settings, workload."""

import hashlib
import json
import os
import secrets
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from harness.errors import HarnessError
from harness.golang.cache import obtain
from harness.golang.command import ALONE, run_go
from harness.golang.elf import functions, section_sizes, unnamed_digest
from harness.golang.experiments import experiment_of, parse_tool_tags, turns_on
from harness.golang.probe.layout import MACHINES, choose
from harness.golang.probe.overlay import OverlayMode, ProbeMode, probe_digest, write_overlay
from harness.golang.records import BuildRecord
from harness.golang.sources.digests import Seen
from harness.golang.sources.inputs import Cell, Inputs, ask, inputs_of, reads_unknown_files
from harness.golang.sources.locate import Source
from harness.golang.toolchains.archives import sha256_of
from harness.golang.toolchains.identity import content_digest
from harness.golang.toolchains.installed import module_cache
from harness.golang.toolchains.resolve import Toolchain
from harness.matrix.models import BuildSpec
from harness.matrix.names import variant_name
from harness.matrix.paths import beside
from harness.models import Frozen

_RECORD = "build.json"


class BuildRequest(Frozen):
    """What to build."""

    source: Source
    toolchain: Toolchain
    settings: tuple[str, ...]
    build: BuildSpec
    probe: ProbeMode = "full"

    @property
    def cell(self) -> Cell:
        """What decides which files are read."""
        return Cell(self.source, self.toolchain, self.settings, self.build)

    @property
    def profile(self) -> Path | None:
        """The CPU profile that the build is guided by.

        Raises:
            HarnessError: there is no such file.
        """
        if self.build.pgo == "off":
            return None
        if self.build.pgo == "default.pgo":
            path = self.source.directory / "default.pgo"
        else:
            path = beside(self.source.base, self.build.pgo)
        if not path.is_file():
            raise HarnessError(f"build.pgo: there is no profile {path}; write pgo: off without one")
        return path

    @property
    def arguments(self) -> list[str]:
        """The flags of ``go build`` that the user's settings ask for."""
        flags = {"-tags": ",".join(self.build.tags), "-gcflags": self.build.gcflags,
                 "-ldflags": self.build.ldflags}  # fmt: skip
        given = [f"{flag}={value}" for flag, value in flags.items() if value]
        return [
            "-trimpath",
            "-buildvcs=false",
            f"-pgo={self.profile or 'off'}",
            *(["-race"] if self.build.race else []),
            *given,
        ]

    @property
    def verb(self) -> tuple[str, ...]:
        """The go command that makes the binary; vet does not understand overlays."""
        return ("test", "-c", "-vet=off") if self.source.test else ("build",)

    @property
    def label(self) -> str:
        """For messages."""
        name = variant_name(self.toolchain.name, self.settings, self.build.given())
        return f"{self.source.workload} with {name}"


class BuildInfo(NamedTuple):
    """What a Go binary says of how it was made."""

    version: str
    deviations: tuple[str, ...]
    """Settings of experiments that differ from the version's own baseline."""
    settings: dict[str, str]
    """As ``GOEXPERIMENT`` and ``-race``."""


def build_all(
    requests: Sequence[BuildRequest], cache: Path, say: Callable[[str], None]
) -> list[BuildRecord]:
    """Build everything, as many at a time as there are CPUs; a failure is that build's alone.

    The first build of a toolchain with its settings compiles the standard library, which the others
    then share; so they wait for it while other toolchains' builds fill the CPUs.

    Args:
        requests: what to build.
        cache: the harness's cache directory.
        say: told of each build that was not in the cache.
    """
    groups: dict[tuple[object, ...], list[int]] = {}
    for index, request in enumerate(requests):
        shared = (request.toolchain.identity, request.settings, request.build, request.probe)
        groups.setdefault(shared, []).append(index)
    records: dict[int, BuildRecord] = {}
    with ThreadPoolExecutor(max_workers=len(os.sched_getaffinity(0))) as pool:

        def submit(index: int) -> Future[tuple[int, BuildRecord]]:
            return pool.submit(lambda: (index, _build(requests[index], cache)))

        followers = {indices[0]: indices[1:] for indices in groups.values()}
        pending = {submit(index) for index in followers}
        try:
            while pending:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                for index, record in (future.result() for future in done):
                    records[index] = record
                    pending |= {submit(follower) for follower in followers.get(index, ())}
                    if not record.cached:
                        how = "failed to build" if record.error else "built"
                        say(f"{how} {requests[index].label} ({len(records)} of {len(requests)})")
        except BaseException:  # stopped by the user: start nothing more
            pool.shutdown(cancel_futures=True)
            raise
    return [records[index] for index in range(len(requests))]


def is_cached(request: BuildRequest, cache: Path) -> bool:
    """Whether a build is in the cache; one that cannot be made is not."""
    try:
        inputs = inputs_of(request.cell, cache)
        if inputs.unknown or reads_unknown_files(request.build):
            return False
        return (cache / "builds" / key_of(request, inputs.digest)).is_dir()
    except HarnessError:
        return False


def key_of(request: BuildRequest, digest: str) -> str:
    """A digest of everything that decides the binary's content.

    Args:
        request: what to build.
        digest: of the files that the build reads.

    Raises:
        HarnessError: the profile of the build settings cannot be read.
    """
    build = request.build
    parts = [
        request.toolchain.identity,
        request.settings,
        build.model_dump(),
        sha256_of(request.profile) if request.profile else "",
        request.source.package,
        request.source.test,
        digest,
        probe_digest(request.probe),
        os.uname().machine,
        _c_compiler() if build.needs_cgo else "",
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def build_tool(source: Path, toolchain: Toolchain, cache: Path) -> Path:
    """A program of the harness's own, built once for a toolchain.

    Args:
        source: its only file.
        toolchain: any.
        cache: the harness's cache directory.

    Raises:
        HarnessError: it does not build.
    """
    content = source.read_bytes()
    key = hashlib.sha256(content + toolchain.digest.encode()).hexdigest()[:32]

    def fill(directory: Path) -> None:
        arguments = ["build", "-trimpath", "-ldflags=-s -w", "-o", str(directory / "tool")]
        run_go(
            toolchain.goroot, toolchain.build_cache(cache), [*arguments, str(source)],
            directory=source.parent, extra=ALONE,
        )  # fmt: skip

    entry, _ = obtain(cache, "tools", key, fill)
    return entry / "tool"


def parse_build_info(binary: Path, text: str) -> BuildInfo:
    """Read the output of ``go version -m``.

    Up to Go 1.25 a version with deviations reads ``go1.24.3 X:a,b``, since then ``go1.26.6-X:a``.
    """
    first, *rest = text.splitlines()
    version, _, deviations = first.removeprefix(f"{binary}: ").partition("X:")
    lines = [line.removeprefix("\tbuild\t") for line in rest if line.startswith("\tbuild\t")]
    return BuildInfo(
        version=version.removesuffix("-").strip(),
        deviations=tuple(d for d in deviations.strip().split(",") if d),
        settings={key: value for key, _, value in (line.partition("=") for line in lines)},
    )


def _build(request: BuildRequest, cache: Path) -> BuildRecord:
    started = time.monotonic()
    base = {
        "workload": request.source.workload, "toolchain": request.toolchain.name,
        "settings": request.settings, "build": request.build,
        "directory": str(request.source.directory),
    }  # fmt: skip
    try:
        entry, cached = _obtain(request, cache)
        facts = json.loads((entry / _RECORD).read_text(encoding="utf-8"))
        return BuildRecord(
            **base, key=entry.name, binary=str(entry / "binary"), sha256=facts["sha256"],
            size=facts["size"], command=_command(request, entry), cached=cached,
            sections=facts["sections"], seconds=round(time.monotonic() - started, 3),
        )  # fmt: skip
    except HarnessError as error:
        return BuildRecord(
            **base, key="", binary="", sha256="", size=0, command="", cached=False,
            seconds=round(time.monotonic() - started, 3), error=str(error),
        )  # fmt: skip


def _command(request: BuildRequest, entry: Path) -> str:
    """For the report: a shell command that makes the same binary, without the probe."""
    toolchain, source, build = request.toolchain, request.source, request.build
    variables = {
        "GOROOT": str(toolchain.goroot), "GOTOOLCHAIN": "local", "GOENV": "off", "GOFLAGS": "",
        "GOEXPERIMENT": ",".join(request.settings), "GOAMD64": build.goamd64,
        "GOARM64": build.goarm64, "CGO_ENABLED": "1" if build.needs_cgo else "0",
        **source.workspace,
    }  # fmt: skip
    overlay = [f"-overlay={entry / 'patches' / 'overlay.json'}"] if toolchain.patched else []
    words = [
        "env", "-C", str(source.module),
        *(f"{k}={v}" for k, v in variables.items() if v or not k.startswith("GOA")),
        str(toolchain.go), *request.verb, *request.arguments, *overlay, "-o",
        f'"$PWD"/{source.workload}', source.package,
    ]  # fmt: skip
    return " ".join(w if w.startswith('"$PWD"') else shlex.quote(w) for w in words)


def _obtain(request: BuildRequest, cache: Path) -> tuple[Path, bool]:
    """The cache's entry for a build, and whether it was there already."""
    inputs = inputs_of(request.cell, cache)
    unknown = (*inputs.unknown, *reads_unknown_files(request.build))
    if unknown:
        return _obtain_anew(request, cache, inputs)
    key = key_of(request, inputs.digest)

    def fill(directory: Path) -> None:
        _fill(_Making(request, cache, inputs, directory, mark=inputs.digest))
        _keep_patches(request.toolchain, directory, cache / "builds" / key)

    return obtain(cache, "builds", key, fill)


def _obtain_anew(request: BuildRequest, cache: Path, inputs: Inputs) -> tuple[Path, bool]:
    """Build although an earlier binary may be there: what it was made from cannot all be known.

    The entry is named after what is in the binary. A new one is made once more, marked by its
    content and not by chance, so that every machine makes the same.
    """
    place = cache / "builds"
    place.mkdir(parents=True, exist_ok=True)
    chance = secrets.token_hex(8)
    with TemporaryDirectory(prefix=f".{chance}~", dir=place) as scratch:
        made = Path(scratch)
        key = _fill_anew(_Making(request, cache, inputs, made / "first", mark=chance))
        if not (place / key).is_dir():
            made /= "second"  # of C that is never twice the same, it has another name
            key = _fill_anew(_Making(request, cache, inputs, made, mark=key))

        def fill(directory: Path) -> None:
            for path in made.iterdir():
                path.rename(directory / path.name)
            _keep_patches(request.toolchain, directory, place / key)

        return obtain(cache, "builds", key, fill)[0], False


def _fill_anew(making: "_Making") -> str:
    """Make a build; the key that its content gives it."""
    making.directory.mkdir()
    _fill(making)
    return key_of(making.request, unnamed_digest(making.directory / "binary"))


class _Making(NamedTuple):
    """A build while it is made."""

    request: BuildRequest
    cache: Path
    inputs: Inputs
    directory: Path
    """Where it is made."""
    mark: str
    """Has packages compiled anew whose files the go command does not watch, when it is another."""

    @property
    def scratch(self) -> Path:
        """For what is not kept."""
        return self.directory / "scratch"


def _fill(making: _Making) -> None:
    request, cache, directory = making.request, making.cache, making.directory
    source, toolchain = request.source, request.toolchain
    making.scratch.mkdir()
    sizes = None
    pads: Collection[str] = ()
    if request.probe != "off":
        sizes, pads = _unprobed(making)
    overlay = _overlay(making, "overlay", request.probe, pads)
    effective = _effective(request, cache, overlay)
    binary = directory / "binary"
    _compile(making, [*overlay, "-o", str(binary)])
    info = run_go(
        toolchain.goroot, toolchain.build_cache(cache), ["version", "-m", str(binary)], extra=ALONE
    )
    _verify(request, parse_build_info(binary, info), effective)
    now = ask(request.cell, cache, Seen())
    if now != making.inputs or content_digest(toolchain.goroot, cache) != toolchain.digest:
        raise HarnessError(
            f"files of {source.module} or {toolchain.goroot} were changed while {request.label} "
            "was built; run it again"
        )
    shutil.rmtree(making.scratch, ignore_errors=True)
    sizes = sizes or _sizes(binary)
    facts = {"schema": 1, "sha256": sha256_of(binary), **sizes._asdict()}
    (directory / _RECORD).write_text(json.dumps(facts), encoding="utf-8")


def _overlay(
    making: _Making, name: str, mode: OverlayMode, pads: Collection[str] = ()
) -> list[str]:
    """The flag that adds the probe, patches, and marks; none where there is nothing to add."""
    request = making.request
    toolchain = request.toolchain
    marked = _marked(making)
    if mode == "off" and not toolchain.patched and not marked:
        return []
    package = None if request.source.test else request.source.directory
    path = write_overlay(
        toolchain.goroot, package, making.scratch / name, mode, toolchain.patched, pads, marked
    )
    return [f"-overlay={path}"]


def _marked(making: _Making) -> dict[Path, bytes]:
    """Assembly with a comment at its end, so that what it includes is read again.

    Files of the module cache cannot be replaced, and do not change.
    """
    modules = module_cache(os.environ)
    paths = [Path(name) for name in making.inputs.included]
    comment = f"\n// {making.mark}\n".encode()
    return {p: p.read_bytes() + comment for p in paths if not p.is_relative_to(modules)}


def _compile(making: _Making, more: Sequence[str]) -> None:
    """Run the go command with further flags, of which a later one overrides the user's."""
    request = making.request
    source, toolchain = request.source, request.toolchain
    marked = {"CC": _marked_compiler(making)} if making.inputs.unknown else {}
    with _temporary(making) as temporary:
        run_go(
            toolchain.goroot, toolchain.build_cache(making.cache),
            [*request.verb, *request.arguments, *more, source.package], directory=source.module,
            settings=request.settings, build=request.build,
            extra={"GOTMPDIR": temporary} | source.workspace | marked,
        )  # fmt: skip


@contextmanager
def _temporary(making: _Making) -> Iterator[str]:
    """Where the go command works: near the binary, but for a cache beside or in the module.

    ``-trimpath`` takes the module's path for part of every path that begins with it, and a name
    made by chance would get into what C is compiled to.
    """
    place = str(making.scratch)
    if not place.startswith(str(making.request.source.module)):
        yield place
        return
    with TemporaryDirectory() as elsewhere:
        yield elsewhere


def _marked_compiler(making: _Making) -> str:
    """The C compiler with a definition that nothing uses.

    The go command knows which flags C is compiled with, and not which files that reads: headers
    and libraries from elsewhere. With other flags it compiles anew.
    """
    toolchain = making.request.toolchain
    compiler = run_go(
        toolchain.goroot, toolchain.build_cache(making.cache), ["env", "CC"], extra=ALONE
    )
    return f"{compiler.strip()} -DGOMATRIX_BUILD_{making.mark}"


class _Sizes(NamedTuple):
    """How large a program is."""

    size: int
    """Bytes of the file."""
    sections: dict[str, int]


def _sizes(binary: Path) -> _Sizes:
    return _Sizes(binary.stat().st_size, section_sizes(binary))


def _unprobed(making: _Making) -> tuple[_Sizes, frozenset[str]]:
    """The program without the probe: its size, and what keeps its code in place with it.

    It is linked with the user's own flags, and once more if they leave the symbols out.
    """
    request = making.request
    binary = making.scratch / "unprobed"
    overlay = _overlay(making, "overlay-runtime", "runtime")
    _compile(making, [*overlay, "-o", str(binary)])
    sizes, layout = _sizes(binary), functions(binary)
    if os.uname().machine not in MACHINES:
        return sizes, frozenset()
    symbols_only = f"-ldflags={request.build.ldflags} -s=false -w"
    if not layout:
        _compile(making, [symbols_only, *overlay, "-o", str(binary)])
        layout = functions(binary)
    overlay = _overlay(making, "overlay-probed", request.probe)
    _compile(making, [symbols_only, *overlay, "-o", str(binary)])
    return sizes, choose(layout, functions(binary))


def _keep_patches(toolchain: Toolchain, directory: Path, entry: Path) -> None:
    """For whoever repeats the build: an overlay of the patches alone, valid in its last place."""
    if not toolchain.patched:
        return
    path = write_overlay(toolchain.goroot, None, directory / "patches", "off", toolchain.patched)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(str(directory), str(entry)), encoding="utf-8")


def _effective(request: BuildRequest, cache: Path, overlay: Sequence[str]) -> frozenset[str]:
    """The experiments that will be on; checks that the go command sees the overlay where it is.

    Raises:
        HarnessError: it would read the standard library from elsewhere, so that probe and patches
            would be left out in silence.
    """
    toolchain = request.toolchain
    form = '{{.Dir}}|{{join context.ToolTags ","}}'
    text = run_go(
        toolchain.goroot, toolchain.build_cache(cache),
        ["list", "-find", *overlay, "-f", form, "runtime/debug"],
        settings=request.settings, build=request.build, extra=ALONE,
    )  # fmt: skip
    place, _, tags = text.strip().partition("|")
    if Path(place) != toolchain.goroot / "src" / "runtime" / "debug":
        raise HarnessError(
            f"the go command of {toolchain.goroot} reads the standard library from {place}; "
            "give that GOROOT as path:"
        )
    return parse_tool_tags(tags)


def _verify(request: BuildRequest, info: BuildInfo, effective: frozenset[str]) -> None:
    """Refuse a binary that does not say it was made by the cell's own toolchain and settings.

    Three statements must agree: the toolchain's version; ``GOEXPERIMENT`` as it was set; and the
    experiments by which the binary deviates from its version's baseline.
    """
    toolchain = request.toolchain
    default = toolchain.experiments.on
    expected = {name for name in effective if name not in default}
    expected |= {f"no{name}" for name in default if name not in effective}
    contradicted = {d for d in info.deviations if (experiment_of(d) in effective) != turns_on(d)}
    given = info.settings.get("GOEXPERIMENT", "")
    complaints = []
    if info.version != toolchain.version:
        complaints.append(f"was built by {info.version}")
    if given != ",".join(request.settings):
        complaints.append(f"was built with GOEXPERIMENT={given!r}")
    if contradicted or not expected <= set(info.deviations):
        complaints.append(
            f"deviates from its baseline by {', '.join(info.deviations) or 'nothing'}"
        )
    if request.build.goamd64 and info.settings.get("GOAMD64") != request.build.goamd64:
        complaints.append(f"was built for GOAMD64={info.settings.get('GOAMD64')}")
    if complaints:
        raise HarnessError(
            f"the binary of {request.label} says that it {' and '.join(complaints)}; it is not used"
        )


def _c_compiler() -> str:
    """The C compiler that cgo finds on PATH, as it names itself."""
    for name in ("gcc", "clang"):
        path = shutil.which(name)
        if path:
            done = subprocess.run(
                [path, "--version"], capture_output=True, text=True, errors="replace", check=False
            )
            return f"{path}\n{done.stdout}"
    return ""
