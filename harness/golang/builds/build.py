"""Builds: one verified binary for each toolchain, experiment settings, build settings, workload."""

import json
import os
import secrets
import shlex
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.errors import HarnessError
from harness.golang.builds.compile import RECORD, Compilation, compile_verified, keep_overlay
from harness.golang.builds.lengths import Clocks, note_seconds
from harness.golang.builds.request import BuildRequest, key_of
from harness.golang.builds.settle import settle, told_of
from harness.golang.builds.tools import Tool, build_tool
from harness.golang.cache import obtain
from harness.golang.elf import unnamed_digest
from harness.golang.records import BuildRecord
from harness.golang.sources.inputs import Inputs, inputs_of, reads_unknown_files

_SECOND = 1.0


def build_all(
    requests: Sequence[BuildRequest], cache: Path, say: Callable[[str], None],
    show: Callable[[str], None] | None = None, tools: Sequence[Tool] = (),
) -> list[BuildRecord]:  # fmt: skip
    """Build everything, one build per CPU at a time. A failure is recorded, not raised.

    The first build of a toolchain with its settings compiles the standard library, which the others
    then share; so they wait for it while other toolchains' builds fill the CPUs.

    Args:
        requests: what to build.
        cache: the harness's cache directory.
        say: called for each build that was not in the cache.
        show: called each second with what is being built, for a line that is written over.
        tools: to build beside them, once their library is there; where one fails, ``build_tool``
            says why.
    """
    groups: dict[tuple[object, ...], list[int]] = {}
    for index, request in enumerate(requests):
        build = request.build.model_copy(update={"source": ""})
        shared = (request.toolchain.identity, request.settings, build, request.probe)
        groups.setdefault(shared, []).append(index)
    records: dict[int, BuildRecord] = {}
    clocks = Clocks()
    cpus = len(os.sched_getaffinity(0))
    processors = max(1, cpus // max(1, len(requests)))

    def make(index: int) -> tuple[int, BuildRecord]:
        clocks.start(index)
        try:
            record = _build(requests[index], cache, processors)
        finally:
            seconds = clocks.stop(index)
        if not record.cached and record.error is None:
            note_seconds(requests[index], cache, seconds)
        return index, record

    with ThreadPoolExecutor(cpus) as pool, ThreadPoolExecutor(1) as beside:

        def submit(index: int) -> Future[tuple[int, BuildRecord]]:
            return pool.submit(make, index)

        followers = {indices[0]: indices[1:] for indices in groups.values()}
        after = _tools_after(tools, {index: requests[index] for index in followers})
        pending = {submit(index) for index in followers}
        try:
            _build_tools(beside, after.get(None, ()), cache)
            while pending:
                done, pending = wait(pending, _SECOND if show else None, FIRST_COMPLETED)
                if show and not done:
                    show(_in_progress(requests, clocks, len(records)))
                for index, record in (future.result() for future in done):
                    records[index] = record
                    pending |= {submit(follower) for follower in followers.get(index, ())}
                    _build_tools(beside, after.get(index, ()), cache)
                    if not record.cached:
                        how = "failed to build" if record.error else "built"
                        say(f"{how} {requests[index].label} ({len(records)} of {len(requests)})")
        except BaseException:  # stopped by the user: start nothing more
            beside.shutdown(wait=False, cancel_futures=True)
            pool.shutdown(cancel_futures=True)
            raise
    return [records[index] for index in range(len(requests))]


def _tools_after(
    tools: Iterable[Tool], leaders: Mapping[int, BuildRequest]
) -> dict[int | None, list[Tool]]:
    """The tools by the build that compiles their standard library; ``None`` where none does."""
    libraries = {
        (request.toolchain.identity, request.probe != "off"): index
        for index, request in leaders.items()
        if not request.settings
    }
    after: dict[int | None, list[Tool]] = {}
    for tool in tools:
        leader = libraries.get((tool.toolchain.identity, tool.probed))
        after.setdefault(leader, []).append(tool)
    return after


def _build_tools(pool: Executor, tools: Iterable[Tool], cache: Path) -> None:
    for tool in tools:
        pool.submit(build_tool, tool, cache)


def _in_progress(requests: Sequence[BuildRequest], clocks: Clocks, done: int) -> str:
    running = [f"{requests[i].label} ({sec:.0f} s)" for i, sec in clocks.running().items()]
    return f"building {', '.join(running)}; {done} of {len(requests)} done"


def _build(request: BuildRequest, cache: Path, processors: int) -> BuildRecord:
    started = time.monotonic()
    base = {
        "workload": request.source.workload, "toolchain": request.toolchain.name,
        "settings": request.settings, "build": request.build,
        "directory": str(request.source.directory), "module": request.source.path,
    }  # fmt: skip
    try:
        request = settle(request, cache)
        entry, cached = _obtain(request, cache, processors)
        facts = json.loads((entry / RECORD).read_text(encoding="utf-8"))
        return BuildRecord(
            **base, key=entry.name, binary=str(entry / "binary"), sha256=facts["sha256"],
            size=facts["size"], command=_command(request, entry), cached=cached,
            sections=facts["sections"], **told_of(request, cache),
            seconds=round(time.monotonic() - started, 3),
        )  # fmt: skip
    except HarnessError as error:
        return BuildRecord(
            **base, key="", binary="", sha256="", size=0, command="", cached=False,
            seconds=round(time.monotonic() - started, 3), error=str(error),
        )  # fmt: skip


def _command(request: BuildRequest, entry: Path) -> str:
    """Return a shell command that makes the same binary without the probe, for the report."""
    toolchain, source, build = request.toolchain, request.source, request.build
    variables = {
        "GOROOT": str(toolchain.goroot), "GOTOOLCHAIN": "local", "GOENV": "off", "GOFLAGS": "",
        "GOEXPERIMENT": ",".join(request.settings), "GOAMD64": build.goamd64,
        "GOARM64": build.goarm64, "CGO_ENABLED": "1" if build.needs_cgo else "0",
        **source.workspace,
    }  # fmt: skip
    overlay = [f"-overlay={entry / 'overlay' / 'overlay.json'}"] if request.overlaid else []
    words = [
        "env", "-C", str(source.module),
        *(f"{k}={v}" for k, v in variables.items() if v or not k.startswith("GOA")),
        str(toolchain.go), *request.verb, *request.arguments, *overlay, "-o",
        f'"$PWD"/{source.workload}', source.package,
    ]  # fmt: skip
    return " ".join(w if w.startswith('"$PWD"') else shlex.quote(w) for w in words)


def _obtain(request: BuildRequest, cache: Path, processors: int) -> tuple[Path, bool]:
    """The cache's entry for a build, and whether it was there already."""
    inputs = inputs_of(request.cell, cache)
    unknown = (*inputs.unknown, *reads_unknown_files(request.build))
    if unknown:
        return _obtain_anew(request, cache, inputs, processors)
    key = key_of(request, inputs.digest)

    def fill(directory: Path) -> None:
        compile_verified(Compilation(request, cache, inputs, directory, inputs.digest, processors))
        keep_overlay(request, cache, directory, cache / "builds" / key)

    return obtain(cache, "builds", key, fill)


def _obtain_anew(
    request: BuildRequest, cache: Path, inputs: Inputs, processors: int
) -> tuple[Path, bool]:
    """Build although an earlier binary may be there: what it was made from cannot all be known.

    The entry is named after what is in the binary. A new one is made once more, marked by its
    content and not by chance, so that every machine makes the same.
    """
    place = cache / "builds"
    place.mkdir(parents=True, exist_ok=True)
    chance = secrets.token_hex(8)
    with TemporaryDirectory(prefix=f".{chance}~", dir=place) as scratch:
        made = Path(scratch)
        key = _fill_anew(Compilation(request, cache, inputs, made / "first", chance, processors))
        if not (place / key).is_dir():
            made /= "second"  # of C that is never twice the same, it has another name
            key = _fill_anew(Compilation(request, cache, inputs, made, key, processors))

        def fill(directory: Path) -> None:
            for path in made.iterdir():
                path.rename(directory / path.name)
            keep_overlay(request, cache, directory, place / key)

        return obtain(cache, "builds", key, fill)[0], False


def _fill_anew(job: "Compilation") -> str:
    """Make a build; the key that its content gives it."""
    job.directory.mkdir()
    compile_verified(job)
    return key_of(job.request, unnamed_digest(job.directory / "binary"))
