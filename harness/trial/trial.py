"""One trial: start a program, monitor it, and turn what was observed into a result."""

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext

from harness.errors import HarnessError
from harness.golang.records import BuildRecord
from harness.metrics.catalogue import CATALOGUE, Metric
from harness.profiles.encode import encode_profile, parse_records
from harness.profiles.pages import Pages
from harness.run.records import Measurement
from harness.run.series import Series
from harness.text.words import percent
from harness.trial import numbers
from harness.trial.inputs import open_input, prepare
from harness.trial.observe.gctrace import GCTrace
from harness.trial.observe.monitor import Monitor, Observation, Program
from harness.trial.observe.output import OutputTail
from harness.trial.observe.snapshot import Snapshot
from harness.trial.placeholders import fill, free_ports, values
from harness.trial.process import Job
from harness.trial.request import TrialRequest
from harness.trial.server.server import Served, Server

BENCHMARK_OUTPUT = 1 << 20
"""Bytes of a test binary's output that are read for results."""
_NOTABLE = 0.01
"""Part of a heap profile without stacks that is worth a note."""
_NOT_READ = "the pages were not read"
_SECTIONS = {
    "binary.text": (".text",),
    "binary.rodata": (".rodata", ".typelink", ".itablink", ".gosymtab"),
    "binary.pclntab": (".gopclntab",),
    "binary.data": (".data", ".noptrdata"),
    "binary.bss": (".bss", ".noptrbss"),
}
_AT_MARKS = {"rss": "rss.end", "pss": "pss", "heap.live": "heap.live",
             "runtime.mapped": "runtime.mapped", "unseen": "unseen"}  # fmt: skip
"""Metrics ``NAME.MARK`` of a server, and what of each mark they are."""


class TrialResult(Measurement):
    """What one trial gave, with its series."""

    series: Series = []
    """Of the program."""
    tree_series: Series = []
    """Of the program with all children, from the first child on."""
    child_series: list[Series] = []
    """Of each of ``processes``."""
    go_version: str | None = None
    """``runtime.Version()``, as the probe said."""


def run_trial(request: TrialRequest, needed: Callable[[], bool] = lambda: True) -> TrialResult:
    """Run one program to its end, or a server through its phases; kill whatever is left.

    Whatever the program does is an outcome, never an exception. Once the trial is not ``needed``
    any more the program is killed, and the outcome is ``NOT_NEEDED``.
    """
    workload, limits = request.workload, request.limits
    ports = free_ports(workload.server.ports if workload.server else ["http"])
    placeholders = values(ports, request.directory, request.here)
    if failure := prepare(request, placeholders):
        return TrialResult(outcome="setup failed", log=failure[-request.keep :])
    server = _server(request, placeholders)
    trace = GCTrace() if workload.gctrace else None
    keep = max(request.keep, BENCHMARK_OUTPUT) if workload.benchmark else request.keep
    output = OutputTail(keep, trace)
    timeout = limits.timeout + (server.spec.seconds if server else 0.0)
    try:
        given = open_input(workload, placeholders, request.here)
    except (OSError, HarnessError) as error:
        return TrialResult(outcome="setup failed", log=f"stdin: {error}")
    with given or nullcontext() as opened, Monitor(
        _program(request, placeholders, opened.fileno() if opened else -1), output,
        timeout=timeout, memory_limit=limits.memory_limit, sample_every=limits.sample_every,
        needed=needed,
    ) as monitor:  # fmt: skip
        served = server.run(monitor) if server else _run_to_end(monitor, request.moments)
    observed = monitor.observation()
    profile_error = _write_profile(request, observed.profile_error)
    return _result(request, observed, served, trace.metrics() if trace else {}, profile_error)


def outcome_of(observed: Observation, stop: int | None) -> str:
    """How a program ended.

    Args:
        observed: the program.
        stop: the signal that told a server to stop, if it was told to.
    """
    if observed.fault:
        return observed.fault
    if observed.ended is None:
        return "lost"
    number, status = observed.ended.signal, observed.ended.exit
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


def _program(request: TrialRequest, placeholders: Mapping[str, str], given: int) -> Program:
    environment = request.environment(placeholders)
    job = Job(
        path=request.build.binary,
        copy_to=request.executable,
        args=(request.build.binary, *(fill(word, placeholders) for word in request.args)),
        env=tuple(f"{name}={value}" for name, value in environment.items()),
        directory=request.working_directory,
        cpus=request.cpus,
    )
    return Program(
        supervisor=request.supervisor,
        job=job,
        probe=request.probe != "off",
        records=request.records,
        pages=request.pages,
        given=given,
        requests=request.workload.server is not None or bool(request.moments),
        counts_end=request.workload.server is None,
    )


def _server(request: TrialRequest, placeholders: Mapping[str, str]) -> Server | None:
    if request.workload.server is None:
        return None
    others = sorted(os.sched_getaffinity(0) - set(request.cpus))
    return Server(
        spec=request.workload.server,
        placeholders=placeholders,
        supervisor=request.supervisor,
        generator=request.load_generator,
        cpus=others or request.cpus,
        here=request.here,
    )


def _run_to_end(monitor: Monitor, moments: Sequence[tuple[float, bool]]) -> Served:
    served = Served()
    for at, profile in moments:
        monitor.run(seconds=at - monitor.elapsed)
        if not monitor.running():
            break
        if profile:
            monitor.snapshot(keep=True)
            monitor.save_profile()
        elif snapshot := monitor.snapshot(at_rest=True) or monitor.kernel_snapshot():
            served.marks[f"{at:g}s"] = snapshot
    monitor.run()
    return served


def _write_profile(request: TrialRequest, error: str | None) -> str:
    """Make a heap profile of the records that the probe has left.

    Args:
        request: of the trial.
        error: what the probe said; ``None`` for nothing.

    Returns:
        Why there is no profile, or what it lacks; empty where one is whole, or none was wanted.
    """
    if request.profile is None or request.records is None or request.pages is None:
        return ""
    if error is None:
        error = "the program ended without one"
    try:
        if not error:
            records = parse_records(request.records.read_bytes())
            if records.rate <= 0:  # without records, but not without allocations
                return "the program has turned the memory profiler off"
            request.profile.write_bytes(encode_profile(records, _read_pages(request)))
            if records.nowhere >= _NOTABLE:
                error = f"{percent(records.nowhere)} of it is without stacks, of which there are "
                error += "more than the probe keeps"
    except (OSError, ValueError) as failure:
        error = str(failure)
    finally:
        request.records.unlink(missing_ok=True)
        request.pages.unlink(missing_ok=True)
    return error


def _read_pages(request: TrialRequest) -> Pages | None:
    """The states of the Go heap's pages; ``None`` where nobody could look at them."""
    if request.pages is None or not request.pages.exists():
        return None
    return Pages.parse(request.pages.read_bytes())


def _result(
    request: TrialRequest, observed: Observation, served: Served,
    traced: numbers.Values, profile_error: str,
) -> TrialResult:  # fmt: skip
    server, executable = request.workload.server, str(request.executable.resolve())
    outcome = outcome_of(
        observed, signal.Signals[server.stop] if server and served.stopped else None
    )
    if server and outcome == "ok" and not served.stopped:
        outcome = "exit 0"  # it ended before it was told to
    end = served.marks.get("after") if server else observed.end
    classes = numbers.classes_of(end, executable) if end else {}
    at_end = numbers.of_snapshot(end, classes) if end else {}
    of_marks = {n: numbers.classes_of(mark, executable) for n, mark in served.marks.items()}
    marks = {n: numbers.of_snapshot(mark, of_marks[n]) for n, mark in served.marks.items()}
    found, notes = numbers.of_end(observed, end, at_end)
    found |= _of_binary(request.build) | served.load | traced
    if server:
        found |= _of_marks(marks)
    if request.workload.benchmark:
        processors = request.limits.processors(request.workload.env | request.env)
        results = numbers.of_benchmarks(observed.log, processors)
        found |= results
        if not results and outcome == "ok":
            outcome = "no benchmark"
    metrics, reasons = _complete(found, request, end)
    return TrialResult(
        outcome=outcome,
        metrics=metrics,
        notes=notes
        | reasons
        | _not_looked(served.marks)
        | ({"profile": profile_error} if profile_error else {}),
        smaps=classes,
        account=numbers.account_of(end, classes) if end else {},
        accounts={n: numbers.account_of(mark, of_marks[n]) for n, mark in served.marks.items()},
        children={n: dict(m.children.account) for n, m in served.marks.items() if m.children.pss},
        series=observed.series,
        tree_series=observed.tree_series,
        processes=tuple(observed.children),
        child_series=observed.child_series,
        marks=marks,
        runtime=numbers.all_runtime(end) if end else {},
        log=observed.log[-request.keep :],
        load_log=served.load_output,
        labels=numbers.labels_of_benchmarks(observed.log) if request.workload.benchmark else {},
        inherited=observed.inherited,
        go_version=end.version if end else None,
    )


def _of_binary(build: BuildRecord) -> dict[str, float | None]:
    sums = {m: sum(build.sections.get(s, 0) for s in names) for m, names in _SECTIONS.items()}
    return {"binary.size": build.size} | {name: total or None for name, total in sums.items()}


def _of_marks(marks: Mapping[str, numbers.Values]) -> numbers.Values:
    """Metrics of a server's marks."""
    found = {
        f"{name}.{mark}": at.get(source)
        for mark, at in marks.items()
        for name, source in _AT_MARKS.items()
    }
    if {"idle", "loaded"} <= marks.keys():
        cpu = [(marks["loaded"][n], marks["idle"][n]) for n in ("cpu.user", "cpu.system")]
        found["load.cpu"] = sum((under or 0.0) - (before or 0.0) for under, before in cpu)
    return found


def _complete(
    found: Mapping[str, float | None], request: TrialRequest, end: Snapshot | None
) -> tuple[dict[str, float | None], dict[str, str]]:
    """Every metric of the catalogue that applies, then those without a fixed name; and notes.

    A note says for each metric of the catalogue that is ``None`` why.
    """
    scopes = {"any", "server" if request.workload.server else "",
              "gctrace" if request.workload.gctrace else ""}  # fmt: skip
    catalogued = [metric for metric in CATALOGUE.values() if metric.scope in scopes]
    metrics = {metric.name: found.get(metric.name) for metric in catalogued}
    reasons = {
        metric.name: _reason(metric, request, end)
        for metric in catalogued
        if metrics[metric.name] is None
    }
    return metrics | {n: v for n, v in found.items() if n not in CATALOGUE}, reasons


def _not_looked(marks: Mapping[str, Snapshot]) -> dict[str, str]:
    """Notes on snapshots in mid-run at which the pages of the Go heap could not be read."""
    return {
        f"heap.zero at {name}": f"{_NOT_READ}: {mark.pages.error}"
        for name, mark in marks.items()
        if mark.pages and mark.pages.error
    }


def _reason(metric: Metric, request: TrialRequest, end: Snapshot | None) -> str:
    """Why a metric has no value."""
    if metric.name.startswith(("latency.", "requests")):
        return "the load was not the built-in generator's, or did not report"
    if metric.scope == "gctrace":
        return "the garbage collector printed nothing"
    if metric.scope == "server":
        return "the server did not come that far, or did not answer the probe"
    if metric.name == "rss.avg":
        return "the program ended before two samples"
    if request.probe == "off":
        return "probe: off"
    if end is None:
        return "the program ended without a snapshot"
    if metric.name == "heap.zero":
        return f"{_NOT_READ}: {end.pages.error if end.pages else 'the program did not say where'}"
    if metric.name == "probe.memory":
        return f"{end.version or 'the program'} does not tell what its memory profiler keeps"
    if metric.name in numbers.RUNTIME:
        return f"{end.version} has no {' or no '.join(numbers.RUNTIME[metric.name])}"
    return "nothing was counted, or the kernel did not say"
