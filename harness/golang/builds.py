"""Builds: one verified binary for each toolchain, experiment settings and workload."""

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.errors import HarnessError
from harness.frozen import Frozen
from harness.golang.cache import obtain
from harness.golang.environment import go_environment
from harness.golang.overlay import probe_digest, write_overlay
from harness.golang.records import BuildRecord
from harness.golang.toolchains import Toolchain
from harness.golang.workloads import Source
from harness.spec.models import BuildSpec

_RECORD = "build.json"


class BuildRequest(Frozen):
    """What to build."""

    source: Source
    toolchain: Toolchain
    settings: tuple[str, ...]
    build: BuildSpec

    @property
    def key(self) -> str:
        """A digest of everything that decides the binary's content."""
        parts = [
            self.toolchain.identity,
            self.settings,
            self.build.model_dump(),
            self.source.package,
            self.source.digest,
            probe_digest(),
            os.uname().machine,
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]

    @property
    def arguments(self) -> list[str]:
        """The flags of ``go build`` that the user's settings ask for."""
        flags = {"-tags": ",".join(self.build.tags), "-gcflags": self.build.gcflags,
                 "-ldflags": self.build.ldflags}  # fmt: skip
        given = [f"{flag}={value}" for flag, value in flags.items() if value]
        return ["-trimpath", "-buildvcs=false", *(["-race"] if self.build.race else []), *given]

    @property
    def cgo(self) -> bool:
        """Whether C may be compiled; the race detector needs it."""
        return self.build.cgo or self.build.race

    @property
    def command(self) -> str:
        """For the report: a shell command that makes the same binary, without the probe."""
        words = ["go", "build", *self.arguments, "-o", self.source.workload, self.source.package]
        variables = {
            "GOTOOLCHAIN": "local",
            "GOFLAGS": "",
            "CGO_ENABLED": "1" if self.cgo else "0",
            "GOEXPERIMENT": ",".join(self.settings),
        }
        words[0] = str(self.toolchain.go)
        assignments = [f"{key}={shlex.quote(value)}" for key, value in variables.items()]
        return " ".join(["env", "-C", shlex.quote(str(self.source.module)), *assignments,
                         *map(shlex.quote, words)])  # fmt: skip


def build_all(
    requests: Sequence[BuildRequest], cache: Path, say: Callable[[str], None]
) -> list[BuildRecord]:
    """Build everything, as many at a time as there are CPUs; a failure is that build's alone.

    Requests for the same toolchain and settings run one after the other, since they share the
    compiled standard library; different ones run side by side.
    """
    groups: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    for index, request in enumerate(requests):
        groups.setdefault((request.toolchain.name, request.settings), []).append(index)
    records: dict[int, BuildRecord] = {}

    def run_group(indices: list[int]) -> None:
        for index in indices:
            records[index] = _build(requests[index], cache)
            if not records[index].cached:
                done = sum(not record.cached for record in records.values())
                say(f"built {_label(requests[index])} ({done})")

    with ThreadPoolExecutor(max_workers=len(os.sched_getaffinity(0))) as pool:
        list(pool.map(run_group, groups.values()))
    return [records[index] for index in range(len(requests))]


def build_supervisor(source: Path, toolchain: Toolchain, cache: Path) -> Path:
    """The program that starts and watches each trial, built once for a toolchain.

    Raises:
        HarnessError: it does not build.
    """
    content = source.read_bytes()
    key = hashlib.sha256(content + toolchain.identity.encode()).hexdigest()[:32]

    def fill(directory: Path) -> None:
        arguments = ["build", "-trimpath", "-ldflags=-s -w", "-o", str(directory / "supervisor")]
        _go(toolchain, cache, [*arguments, str(source)], source.parent, (), cgo=False)

    entry, _ = obtain(cache, "supervisors", key, fill)
    return entry / "supervisor"


def _label(request: BuildRequest) -> str:
    settings = f"+{','.join(request.settings)}" if request.settings else ""
    return f"{request.source.workload} with {request.toolchain.name}{settings}"


def _build(request: BuildRequest, cache: Path) -> BuildRecord:
    started = time.monotonic()
    try:
        entry, cached = obtain(
            cache, "builds", request.key, lambda directory: _fill(request, cache, directory)
        )
    except HarnessError as error:
        return _record(request, Path(), started, "", 0, error=str(error))
    facts = json.loads((entry / _RECORD).read_text(encoding="utf-8"))
    return _record(
        request, entry / "binary", started, facts["sha256"], facts["size"], cached=cached
    )


def _record(
    request: BuildRequest,
    binary: Path,
    started: float,
    sha256: str,
    size: int,
    *,
    cached: bool = False,
    error: str | None = None,
) -> BuildRecord:
    return BuildRecord(
        workload=request.source.workload,
        toolchain=request.toolchain.name,
        settings=request.settings,
        key=request.key,
        binary="" if error else str(binary),
        sha256=sha256,
        size=size,
        command=request.command,
        seconds=round(time.monotonic() - started, 3),
        cached=cached,
        error=error,
    )


def _fill(request: BuildRequest, cache: Path, directory: Path) -> None:
    scratch = directory / "overlay"
    scratch.mkdir()
    source, toolchain = request.source, request.toolchain
    overlay = write_overlay(toolchain.goroot, source.directory, scratch)
    binary = directory / "binary"
    arguments = ["build", *request.arguments, f"-overlay={overlay}", "-o", str(binary)]
    _go(
        toolchain, cache, [*arguments, "--", source.package], source.module, request.settings,
        cgo=request.cgo,
    )  # fmt: skip
    _verify(request, binary, cache)
    shutil.rmtree(scratch)
    with binary.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    facts = {"schema": 1, "sha256": digest, "size": binary.stat().st_size}
    (directory / _RECORD).write_text(json.dumps(facts), encoding="utf-8")


def _verify(request: BuildRequest, binary: Path, cache: Path) -> None:
    """Refuse a binary that does not say it was made by the cell's own toolchain and settings."""
    toolchain = request.toolchain
    text = _go(toolchain, cache, ["version", "-m", str(binary)], toolchain.goroot, (), cgo=False)
    version, settings = parse_build_info(text)
    if (version, set(settings)) != (toolchain.version, set(request.settings)):
        raise HarnessError(
            f"the binary of {_label(request)} says that it was built by {version} with "
            f"GOEXPERIMENT={','.join(settings)!r}; it is not used"
        )


def parse_build_info(text: str) -> tuple[str, tuple[str, ...]]:
    """Toolchain version and experiment settings in the output of ``go version -m``."""
    first, *rest = text.splitlines()
    version = first.rsplit(": ", 1)[-1].split()[0].split("-X:")[0]
    prefix = "\tbuild\tGOEXPERIMENT="
    values = [line.removeprefix(prefix) for line in rest if line.startswith(prefix)]
    return version, tuple(s for value in values for s in value.split(",") if s)


def _go(
    toolchain: Toolchain,
    cache: Path,
    arguments: Sequence[str],
    directory: Path,
    settings: tuple[str, ...],
    *,
    cgo: bool,
) -> str:
    done = subprocess.run(
        [toolchain.go, *arguments],
        env=go_environment(toolchain.goroot, cache, settings=settings, cgo=cgo),
        cwd=directory,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise HarnessError(done.stderr.strip() or f"go {arguments[0]} failed without a word")
    return done.stdout
