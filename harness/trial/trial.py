"""One trial: start a program, watch it without disturbing it, and say how it ended."""

import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from harness.golang import elf
from harness.matrix.models import ServerSpec
from harness.metrics.catalogue import CATALOGUE
from harness.models import Frozen
from harness.profiles.encode import encode_profile, parse_records
from harness.run.records import ChildProcess
from harness.trial import benchmarks
from harness.trial import numbers as metrics
from harness.trial.observe.gctrace import GCTrace
from harness.trial.observe.observed import Seen
from harness.trial.observe.snapshot import Snapshot
from harness.trial.observe.watch import LOG_TAIL, SAMPLE_INTERVAL, Limits, Program, Watch
from harness.trial.placeholders import fill, free_ports, values
from harness.trial.server.server import Served, Serving

BENCHMARK_OUTPUT = 1 << 20
"""Bytes of a test binary's output that are read for results."""
_SECTIONS = {
    "binary.text": (".text",),
    "binary.rodata": (".rodata", ".typelink", ".itablink", ".gosymtab"),
    "binary.pclntab": (".gopclntab",),
    "binary.data": (".data", ".noptrdata"),
    "binary.bss": (".bss", ".noptrbss"),
}
_MARKED = ("rss", "pss", "heap.live", "runtime.mapped", "unseen")
_AT_MARK = {"rss": "rss.end"}


class TrialRequest(Frozen):
    """What to run, where, and within which limits."""

    supervisor: Path
    """The binary made from ``supervisor/main.go``."""
    binary: Path
    size: int | None = None
    """Bytes of the program without the probe; if not given, the binary's own."""
    sections: dict[str, int] = {}
    """Bytes of its sections, to go with the size."""
    args: tuple[str, ...] = ()
    """These and ``env`` may hold placeholders."""
    env: dict[str, str] = {}
    """The workload's and the variant's own variables only."""
    cpus: tuple[int, ...] = ()
    gomaxprocs: int = 1
    timeout: float = 60.0
    """Seconds from the start to the end of the process; a server's own phases come on top."""
    memory_limit: int | None = None
    """Bytes resident in the process tree."""
    directory: Path
    """A fresh temporary directory: the program's working directory, HOME and TMPDIR."""
    profile: Path | None = None
    """Where to put the heap profile."""
    probe: Literal["full", "metrics", "off"] = "full"
    """What the binary was built with."""
    snapshots: tuple[float, ...] = ()
    """Seconds after the start at which to take snapshots."""
    profile_at: float | None = None
    """Seconds after the start at which to write the heap profile, instead of at the end."""
    sample_every: float = SAMPLE_INTERVAL
    """Seconds between two samples of resident memory."""
    gctrace: bool = False
    """Whether the garbage collector is to print what it does, for metrics of its own."""
    benchmark: bool = False
    """Whether the binary is a test binary that prints benchmark results."""
    working_directory: Path | None = None
    """Where to run instead of ``directory``: a test binary's package, for its ``testdata``."""
    server: ServerSpec | None = None
    load_generator: Path | None = None
    """The binary made from ``loadgen/main.go``; needed for a server with a load by URL."""
    here: Path = Path()
    """The matrix file's directory."""

    @property
    def executable(self) -> Path:
        """Where the copy of the binary lies that is run."""
        return self._beside("program") / self.binary.name

    @property
    def records(self) -> Path | None:
        """Where the probe leaves the memory profiler's records, where a heap profile is wanted."""
        return self._beside("records") if self.profile and self.probe == "full" else None

    def _beside(self, what: str) -> Path:
        """A path next to the program's own directory, which the program does not look into.

        It is absolute, for the program starts in another directory than the harness.
        """
        return self.directory.absolute().with_name(f"{self.directory.name}.{what}")


class TrialResult(Frozen):
    """What came of a trial."""

    outcome: str
    """``ok``, ``exit N``, ``signal NAME``, ``timeout``, ``memory limit``, ``not ready``,
    ``load failed``, ``no benchmark`` (none matched), ``not started`` or ``lost`` (somebody killed
    the supervisor)."""
    metrics: dict[str, float | None]
    notes: dict[str, str] = {}
    """For metrics that are ``None``: why; for those from another source than usual: which. Under
    ``profile``: why there is no heap profile."""
    smaps: dict[str, dict[str, int]] = {}
    """By class of mapping: bytes by kind at the end of main."""
    series: list[tuple[float, int]] = []
    """Seconds since the start, resident bytes."""
    tree_series: list[tuple[float, int]] = []
    """The same with all children, from the first child on."""
    processes: list[ChildProcess] = []
    """The children."""
    child_series: list[list[tuple[float, int]]] = []
    """Of each of them."""
    marks: dict[str, dict[str, float | None]] = {}
    """Metrics of snapshots in mid-run: a server's ``idle``, ``loaded``, ``after``, ``settled``, or
    the seconds that were asked for."""
    runtime: dict[str, float | None] = {}
    """All of ``runtime/metrics`` at the end, by its own names; of histograms, quantiles."""
    log: str = ""
    """The end of what the program wrote."""
    load_log: str = ""
    """The end of what the load wrote."""
    inherited: dict[str, str] = {}
    """What it had of the harness's own process, since it could not be set otherwise: by name."""
    go_version: str | None = None
    """``runtime.Version()``, as the probe said."""


def run_trial(request: TrialRequest) -> TrialResult:
    """Run one program to its end, or a server through its phases; whatever is left is killed.

    Whatever the program does is an outcome, never an exception.
    """
    ports = free_ports(request.server.ports if request.server else ["http"])
    words = values(ports, request.directory, request.here)
    serving = _serving(request, words)
    program = Program(
        supervisor=request.supervisor,
        binary=request.binary,
        args=[fill(argument, words) for argument in request.args],
        env=environment(request, words),
        directory=request.working_directory or request.directory,
        cpus=request.cpus,
        copy=request.executable,
        records=request.records,
        probe=request.probe != "off",
        requests=request.server is not None or bool(_moments(request)),
    )
    timeout = request.timeout + (serving.seconds if serving else 0.0)
    keep = BENCHMARK_OUTPUT if request.benchmark else LOG_TAIL
    trace = GCTrace() if request.gctrace else None
    limits = Limits(timeout, request.memory_limit)
    with Watch(program, limits, keep, request.sample_every, trace) as watch:
        served = serving.run(watch) if serving else _run_to_end(watch, _moments(request))
    _write_profile(request, watch.seen)
    return _result(request, watch, served, trace.metrics() if trace else {})


def environment(request: TrialRequest, words: Mapping[str, str]) -> dict[str, str]:
    """The program's whole environment: nothing of the caller's reaches it."""
    home = str(request.directory)
    own = {name: fill(value, words) for name, value in request.env.items()}
    if request.gctrace:
        own["GODEBUG"] = ",".join(filter(None, (own.get("GODEBUG"), "gctrace=1")))
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": home,
        "TMPDIR": home,
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "GOMAXPROCS": str(request.gomaxprocs),
        **own,
    }


def outcome_of(seen: Seen, stop: int | None) -> str:
    """How a program ended.

    Args:
        seen: of the program.
        stop: the signal that told a server to stop, if it was told to.
    """
    if seen.fault:
        return seen.fault
    if seen.ended is None:
        return "lost"
    number, status = seen.ended["signal"], seen.ended["exit"]
    if stop is not None and (number == stop or status == 128 + stop):
        return "ok"
    if number:
        return f"signal {signal_name(number)}"
    return f"exit {status}" if status else "ok"


def signal_name(number: int) -> str:
    """As ``SIGSEGV``; the number itself for one without a name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _serving(request: TrialRequest, words: Mapping[str, str]) -> Serving | None:
    if request.server is None:
        return None
    others = sorted(os.sched_getaffinity(0) - set(request.cpus))
    return Serving(
        spec=request.server,
        words=words,
        supervisor=request.supervisor,
        generator=request.load_generator,
        cpus=others or request.cpus,
        here=request.here,
    )


def _moments(request: TrialRequest) -> list[tuple[float, bool]]:
    """Seconds after the start at which to look at the program, and whether for its profile."""
    profile = request.profile_at is not None and request.probe == "full"
    at = [(request.profile_at or 0.0, True)] if profile else []
    return sorted([(at, False) for at in request.snapshots] + at)


def _run_to_end(watch: Watch, moments: Sequence[tuple[float, bool]]) -> Served:
    served = Served()
    for at, profile in moments:
        watch.run(seconds=at - watch.elapsed)
        if not watch.running():
            break
        if profile:
            watch.save_profile()
        elif snapshot := watch.snapshot() or watch.outside():
            served.marks[f"{at:g}s"] = snapshot
    watch.run()
    return served


def _result(
    request: TrialRequest, watch: Watch, served: Served, traced: dict[str, float | None]
) -> TrialResult:
    seen = watch.seen
    executable = str(request.executable.resolve())
    end = served.marks.get("after") if request.server else seen.end
    stop = signal.Signals[request.server.stop] if request.server and served.told else None
    outcome = outcome_of(seen, stop)
    if request.server and outcome == "ok" and not served.told:
        outcome = "exit 0"  # it ended before anybody told it to
    marks = {name: metrics.of_snapshot(s, executable) for name, s in served.marks.items()}
    found, notes = metrics.of_end(seen, end, executable, alone=not watch.children)
    found |= _binary(request) | _of_marks(marks) | served.load | traced
    if request.benchmark:
        results = benchmarks.parse(watch.log)
        found |= results
        if not results and outcome == "ok":
            outcome = "no benchmark"
    return TrialResult(
        outcome=outcome,
        metrics=_complete(found, _scopes(request)),
        notes=notes | _reasons(found, request, end) | _profile_note(request, seen),
        smaps=metrics.classes(end, executable),
        series=seen.series,
        tree_series=seen.tree_series,
        processes=watch.children,
        child_series=watch.child_series,
        marks=marks,
        runtime=metrics.all_runtime(end),
        log=watch.log[-LOG_TAIL:],
        load_log=served.load_output,
        inherited=seen.inherited,
        go_version=end.version if end else None,
    )


def _scopes(request: TrialRequest) -> set[str]:
    """Which metrics of the catalogue apply."""
    server = {"server"} if request.server else set()
    return {"any"} | server | ({"gctrace"} if request.gctrace else set())


def _complete(found: Mapping[str, float | None], scopes: set[str]) -> dict[str, float | None]:
    """Every metric of the catalogue that applies, then those without a fixed name."""
    names = [m.name for m in CATALOGUE.values() if m.scope in scopes]
    return {name: found.get(name) for name in names} | {
        name: value for name, value in found.items() if name not in CATALOGUE
    }


def _binary(request: TrialRequest) -> dict[str, float | None]:
    size, sections = request.size, request.sections
    if size is None:
        try:
            size, sections = request.binary.stat().st_size, elf.section_sizes(request.binary)
        except OSError:
            return {}
    sums = {m: sum(sections.get(s, 0) for s in names) for m, names in _SECTIONS.items()}
    return {"binary.size": size} | {name: total or None for name, total in sums.items()}


def _of_marks(marks: Mapping[str, Mapping[str, Any]]) -> dict[str, float | None]:
    names = {f"{base}.{mark}" for base in _MARKED for mark in marks} & CATALOGUE.keys()
    found: dict[str, float | None] = {}
    for name in sorted(names):
        base, _, mark = name.rpartition(".")
        found[name] = marks[mark].get(_AT_MARK.get(base, base))
    if {"idle", "loaded"} <= marks.keys():
        before, under = marks["idle"], marks["loaded"]
        found["load.cpu"] = sum(under[n] - before[n] for n in ("cpu.user", "cpu.system"))
    return found


def _write_profile(request: TrialRequest, seen: Seen) -> None:
    """Make a heap profile of the records that the probe has left, if it has."""
    if request.profile is None or request.records is None:
        return
    try:
        if seen.profile_error == "":
            records = parse_records(request.records.read_bytes())
            if records.rate > 0:
                request.profile.write_bytes(encode_profile(records))
            else:  # no record does not mean then that nothing was allocated
                seen.profile_error = "the program has turned the memory profiler off"
    except (OSError, ValueError) as error:
        seen.profile_error = str(error)
    finally:
        request.records.unlink(missing_ok=True)


def _profile_note(request: TrialRequest, seen: Seen) -> dict[str, str]:
    """Why there is no heap profile, where one was asked for."""
    if request.records is None or seen.profile_error == "":
        return {}
    return {"profile": seen.profile_error or "the program ended without one"}


def _reasons(
    found: Mapping[str, float | None], request: TrialRequest, end: Snapshot | None
) -> dict[str, str]:
    """For each metric of the catalogue that is ``None``: why."""
    reasons = {}
    for name, metric in CATALOGUE.items():
        if found.get(name) is not None or metric.scope not in _scopes(request):
            continue
        if name.startswith(("latency.", "requests")):
            reason = "the load was not the built-in generator's, or did not report"
        elif metric.scope == "gctrace":
            reason = "the garbage collector printed nothing"
        elif metric.scope == "server":
            reason = "the server did not come that far, or did not answer the probe"
        elif name == "rss.avg":
            reason = "the program ended before two samples"
        elif request.probe == "off":
            reason = "probe: off"
        elif end is None:
            reason = "the program ended without a snapshot"
        elif name in metrics.RUNTIME:
            reason = f"{end.version} has no {' or no '.join(metrics.RUNTIME[name])}"
        else:
            reason = "nothing was counted, or the kernel did not say"
        reasons[name] = reason
    return reasons
