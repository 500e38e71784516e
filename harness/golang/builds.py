"""Builds: one verified binary for each toolchain, experiment settings, build settings, workload."""

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from harness.errors import HarnessError
from harness.frozen import Frozen
from harness.golang.archives import sha256_of
from harness.golang.cache import obtain
from harness.golang.command import ALONE, run_go
from harness.golang.elf import functions
from harness.golang.experiments import experiment_of, parse_tool_tags, turns_on
from harness.golang.identity import content_digest
from harness.golang.layout import MACHINES, choose
from harness.golang.overlay import OverlayMode, ProbeMode, probe_digest, write_overlay
from harness.golang.records import BuildRecord
from harness.golang.toolchains import Toolchain
from harness.golang.workloads import Source
from harness.spec.models import BuildSpec
from harness.spec.names import variant_name
from harness.spec.paths import beside

_RECORD = "build.json"


class BuildRequest(Frozen):
    """What to build."""

    source: Source
    toolchain: Toolchain
    settings: tuple[str, ...]
    build: BuildSpec
    probe: ProbeMode = "full"

    @cached_property
    def key(self) -> str:
        """A digest of everything that decides the binary's content.

        Raises:
            HarnessError: the profile of the build settings cannot be read.
        """
        parts = [
            self.toolchain.identity,
            self.settings,
            self.build.model_dump(),
            sha256_of(self.profile) if self.profile else "",
            self.source.package,
            self.source.test,
            self.source.digest,
            probe_digest(self.probe),
            os.uname().machine,
            _c_compiler() if self.build.needs_cgo else "",
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]

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
        return (cache / "builds" / request.key).is_dir()
    except HarnessError:
        return False


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
        entry, cached = obtain(
            cache, "builds", request.key, lambda directory: _fill(request, cache, directory)
        )
        facts = json.loads((entry / _RECORD).read_text(encoding="utf-8"))
        return BuildRecord(
            **base, key=request.key, binary=str(entry / "binary"), sha256=facts["sha256"],
            size=facts["size"], command=_command(request, entry), cached=cached,
            seconds=round(time.monotonic() - started, 3),
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


def _fill(request: BuildRequest, cache: Path, directory: Path) -> None:
    source, toolchain = request.source, request.toolchain
    scratch = directory / "scratch"
    scratch.mkdir()
    overlay = []
    if request.probe != "off":
        overlay = _overlay(
            request, directory / "overlay", request.probe, _pads(request, cache, scratch)
        )
    elif toolchain.patched:
        overlay = _overlay(request, directory / "overlay", "off")
    effective = _effective(request, cache, overlay)
    binary = directory / "binary"
    _compile(request, cache, scratch, [*overlay, "-o", str(binary)])
    info = run_go(
        toolchain.goroot, toolchain.build_cache(cache), ["version", "-m", str(binary)], extra=ALONE
    )
    _verify(request, parse_build_info(binary, info), effective)
    if source.changed or content_digest(toolchain.goroot, cache) != toolchain.digest:
        raise HarnessError(
            f"files of {source.module} or {toolchain.goroot} were changed while {request.label} "
            "was built; run it again"
        )
    for leftover in (scratch, directory / "overlay"):
        shutil.rmtree(leftover, ignore_errors=True)
    if toolchain.patched:
        _keep_patches(toolchain, directory, cache / "builds" / request.key)
    facts = {"schema": 1, "sha256": sha256_of(binary), "size": binary.stat().st_size}
    (directory / _RECORD).write_text(json.dumps(facts), encoding="utf-8")


def _overlay(
    request: BuildRequest, directory: Path, mode: OverlayMode, pads: Collection[str] = ()
) -> list[str]:
    source, toolchain = request.source, request.toolchain
    package = None if source.test else source.directory
    path = write_overlay(toolchain.goroot, package, directory, mode, toolchain.patched, pads)
    return [f"-overlay={path}"]


def _compile(request: BuildRequest, cache: Path, scratch: Path, more: Sequence[str]) -> None:
    """Run the go command with further flags, of which a later one overrides the user's."""
    source, toolchain = request.source, request.toolchain
    run_go(
        toolchain.goroot, toolchain.build_cache(cache),
        [*request.verb, *request.arguments, *more, source.package], directory=source.module,
        settings=request.settings, build=request.build,
        extra={"GOTMPDIR": str(scratch)} | source.workspace,
    )  # fmt: skip


def _pads(request: BuildRequest, cache: Path, scratch: Path) -> frozenset[str]:
    """What keeps the code where it is without the probe, found by linking with it and without."""
    if os.uname().machine not in MACHINES:
        return frozenset()
    layouts = []
    modes: tuple[OverlayMode, ...] = ("runtime", request.probe)
    for mode in modes:
        binary = scratch / mode
        symbols_only = f"-ldflags={request.build.ldflags} -s=false -w"
        overlay = _overlay(request, scratch / f"overlay-{mode}", mode)
        _compile(request, cache, scratch, [symbols_only, *overlay, "-o", str(binary)])
        layouts.append(functions(binary))
        binary.unlink()
    return choose(*layouts)


def _keep_patches(toolchain: Toolchain, directory: Path, entry: Path) -> None:
    """For whoever repeats the build: an overlay of the patches alone, valid in its last place."""
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
