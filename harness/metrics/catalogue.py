"""The metric catalogue: names and meanings."""

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

Unit = Literal["bytes", "seconds", "count", "ratio", "1/s", ""]
"""``ratio`` is a share between 0 and 1, ``1/s`` a rate; nothing: a benchmark's own unit."""
Direction = Literal["lower is better", "higher is better", "neutral"]


class Metric(NamedTuple):
    """A named, directed quantity with a unit and a source."""

    name: str
    unit: Unit
    direction: Direction
    source: str
    """Who reports it: the kernel, the Go runtime, or both."""
    meaning: str
    caveat: str = ""
    scope: Literal["any", "server", "gctrace"] = "any"
    """Which workloads have it: those with ``server:`` or with ``gctrace: true`` only, or any."""

    @property
    def resolution(self) -> float:
        """The smallest value that its source can tell from zero; zero where all can be told."""
        return _RESOLUTIONS.get((self.source, self.unit), 0.0)

    @property
    def has_floor(self) -> bool:
        """Whether ``at_least`` of the question's margin holds for it: memory, but what is exact."""
        return self.unit == "bytes" and self.source in _MEMORY

    @property
    def exact(self) -> bool:
        """Whether it has no noise, so that any difference is real."""
        return self.source == _ELF

    @property
    def margin_free(self) -> bool:
        """Whether a difference on which all rounds agree counts, though it is within the margin.

        It does for what is said of a file or counted by a benchmark. What is measured of a process
        may agree in one probe mode or on one machine, and vary a little in another.
        """
        return self.source in (_ELF, _BENCHMARKS)


_KERNEL = "kernel"
_RUNTIME = "Go runtime"
_ELF = "ELF file"
_LOWER: Direction = "lower is better"
_HIGHER: Direction = "higher is better"
_NEUTRAL: Direction = "neutral"
_LOAD = "load generator"
_BENCHMARKS = "testing.B"
_BOTH = "kernel and Go runtime"
_MEMORY = (_KERNEL, _RUNTIME, _BOTH, "gctrace")
_RESOLUTIONS: dict[tuple[str, Unit], float] = {
    (_KERNEL, "bytes"): 4096, (_BOTH, "bytes"): 4096, (_RUNTIME, "bytes"): 8192,
    ("gctrace", "bytes"): 1 << 20, (_KERNEL, "seconds"): 1e-3, (_RUNTIME, "seconds"): 1e-6,
    (_LOAD, "seconds"): 1e-6, ("gctrace", "seconds"): 1e-6, (_KERNEL, "count"): 1,
    (_RUNTIME, "count"): 1, (_LOAD, "count"): 1, ("gctrace", "count"): 1,
}  # fmt: skip
"""A page of the kernel's, one of the runtime's, the trace's MB; a tick of the CPU's account, the
step of a clock or a histogram; one."""

_GCTRACE: tuple[tuple[str, Unit, Direction, str], ...] = (
    ("cycles", "count", _NEUTRAL, "collections traced"),
    ("stopped", "seconds", _LOWER, "time that the world was stopped for sweeping and marking"),
    ("mark", "seconds", _LOWER, "time in which collections marked beside the program"),
    ("assist.cpu", "seconds", _LOWER, "CPU time of marking that allocations were made to do"),
    ("background.cpu", "seconds", _LOWER, "CPU time of marking in the background"),
    ("idle.cpu", "seconds", _LOWER, "CPU time of marking on processors that were idle"),
    ("heap.start", "bytes", _LOWER, "largest heap at the start of a collection"),
    ("heap.peak", "bytes", _LOWER, "largest heap at the end of a collection"),
    ("goal.peak", "bytes", _NEUTRAL, "largest goal"),
)

_METRICS = (
    Metric("rss.peak", "bytes", _LOWER, _KERNEL, "highest resident set size (VmHWM)"),
    Metric("rss.end", "bytes", _LOWER, _KERNEL, "resident set size when main ends (VmRSS)"),
    Metric("rss.avg", "bytes", _LOWER, _KERNEL, "resident set size, averaged over time"),
    Metric("rss.anon", "bytes", _LOWER, _KERNEL, "anonymous resident memory when main ends"),
    Metric("rss.file", "bytes", _LOWER, _KERNEL, "file-backed resident memory when main ends"),
    Metric(
        "unseen", "bytes", _LOWER, _BOTH,
        "rss.end less runtime.mapped: resident memory that the runtime does not account for",
        "negative where the runtime has mapped memory that was never touched",
    ),
    Metric("runtime.mapped", "bytes", _LOWER, _RUNTIME, "mapped by the runtime, less released"),
    Metric("heap.live", "bytes", _LOWER, _RUNTIME, "heap found live by the last collection"),
    Metric("heap.objects", "bytes", _LOWER, _RUNTIME, "bytes in objects, live or not yet swept"),
    Metric("heap.unused", "bytes", _LOWER, _RUNTIME, "reserved for objects in spans, but unused"),
    Metric("heap.free", "bytes", _LOWER, _RUNTIME, "free heap memory not returned to the kernel"),
    Metric("heap.released", "bytes", _NEUTRAL, _RUNTIME, "free heap memory returned to the kernel"),
    Metric("heap.stacks", "bytes", _LOWER, _RUNTIME, "goroutine stacks"),
    Metric("allocs.bytes", "bytes", _LOWER, _RUNTIME, "bytes allocated over the whole trial"),
    Metric("allocs.objects", "count", _LOWER, _RUNTIME, "objects allocated over the whole trial"),
    Metric("gc.cycles", "count", _NEUTRAL, _RUNTIME, "completed garbage collections"),
    Metric("cpu.user", "seconds", _LOWER, _KERNEL, "CPU time in user mode"),
    Metric("cpu.system", "seconds", _LOWER, _KERNEL, "CPU time in the kernel"),
    Metric("wall", "seconds", _LOWER, _KERNEL, "from start to the end of main"),
    Metric("faults.minor", "count", _LOWER, _KERNEL, "page faults without I/O"),
    Metric("faults.major", "count", _LOWER, _KERNEL, "page faults with I/O"),
    Metric("rss.shmem", "bytes", _LOWER, _KERNEL, "shared resident memory when main ends"),
    Metric("pss", "bytes", _LOWER, _KERNEL, "proportional set size when main ends"),
    Metric("uss", "bytes", _LOWER, _KERNEL, "resident memory of this process alone when main ends"),
    Metric("huge.pages", "bytes", _NEUTRAL, _KERNEL, "anonymous memory in transparent huge pages"),
    Metric("swap", "bytes", _LOWER, _KERNEL, "swapped out when main ends"),
    Metric("page.tables", "bytes", _LOWER, _KERNEL, "page tables when main ends"),
    Metric("threads", "count", _LOWER, _KERNEL, "threads when main ends",
           "one is the probe's, two in a server or with snapshots"),
    Metric("files.open", "count", _LOWER, _KERNEL, "open descriptors when main ends"),
    Metric("switches.voluntary", "count", _NEUTRAL, _KERNEL, "context switches to wait"),
    Metric("switches.involuntary", "count", _NEUTRAL, _KERNEL, "context switches by preemption"),
    Metric(
        "tree.rss.peak", "bytes", _LOWER, _KERNEL,
        "highest resident memory of the program with its children",
        "a lower bound: the sum over processes at one sample, or the exact peak of any one of "
        "them, whichever is more; pages that processes share count in each",
    ),
    Metric("tree.pss", "bytes", _LOWER, _KERNEL,
           "proportional set size of the program with its children when main ends",
           "of those children that still live then"),
    Metric("tree.cpu.user", "seconds", _LOWER, _KERNEL, "CPU time in user mode, with all children",
           "holds the probe's own end, a garbage collection and the heap profile"),
    Metric("tree.cpu.system", "seconds", _LOWER, _KERNEL, "CPU time in the kernel, with children",
           "holds the probe's own end, a garbage collection and the heap profile"),
    Metric(
        "heap.resident", "ratio", _NEUTRAL, _KERNEL,
        "part of the Go heap's accessible address space that is resident",
    ),
    Metric("heap.goal", "bytes", _NEUTRAL, _RUNTIME, "heap size at which the next GC starts"),
    Metric("heap.untouched", "bytes", _NEUTRAL, _BOTH,
           "mapped by the runtime for objects, stacks and free spans, and not resident"),
    Metric("heap.zero", "bytes", _LOWER, _KERNEL,
           "resident pages of the Go heap that hold only zeros when main ends",
           "never written, or cleared; a page of the kernel's own zeros is not resident"),
    Metric("runtime.metadata", "bytes", _LOWER, _RUNTIME, "the runtime's own book-keeping"),
    Metric("runtime.buckets", "bytes", _LOWER, _RUNTIME, "stacks that the program's profilers keep",
           "a table of 1.4 MB among them, which is mapped whole at the first"),
    Metric("runtime.other", "bytes", _LOWER, _RUNTIME,
           "other structures of the runtime: of the scheduler, finalizers, timers and more"),
    Metric("runtime.os.stacks", "bytes", _LOWER, _RUNTIME,
           "stacks of threads that the runtime made with the operating system"),
    Metric("probe.memory", "bytes", _NEUTRAL, _RUNTIME,
           "what the memory profiler keeps that only the probe has turned on",
           "no other metric of memory holds it"),
    Metric("gc.cpu", "seconds", _LOWER, _RUNTIME, "CPU time spent on garbage collection",
           "an estimate of the runtime's, brought up to date at each collection"),
    Metric("gc.pause.p50", "seconds", _LOWER, _RUNTIME, "median stop-the-world pause of the GC",
           "upper edge of the histogram's bucket; before Go 1.22 another histogram of the same"),
    Metric("gc.pause.p99", "seconds", _LOWER, _RUNTIME, "99th percentile of the GC's pauses",
           "upper edge of the histogram's bucket"),
    Metric("gc.pause.max", "seconds", _LOWER, _RUNTIME, "longest pause of the GC",
           "upper edge of the histogram's bucket"),
    Metric("sched.latency.p50", "seconds", _LOWER, _RUNTIME, "median wait of a runnable goroutine",
           "upper edge of the histogram's bucket"),
    Metric("sched.latency.p99", "seconds", _LOWER, _RUNTIME, "99th percentile of that wait",
           "upper edge of the histogram's bucket"),
    Metric("sched.latency.max", "seconds", _LOWER, _RUNTIME, "longest wait of a runnable goroutine",
           "upper edge of the histogram's bucket"),
    Metric("goroutines", "count", _LOWER, _RUNTIME, "goroutines when main ends",
           "from Go 1.26 on also the runtime's own, one or two of them the probe's"),
    Metric("binary.size", "bytes", _LOWER, _ELF, "size of the program's binary file",
           "linked without the probe; the probe's place in the runtime stays, about 7 kB of it"),
    Metric("binary.text", "bytes", _LOWER, _ELF, "machine code (.text)",
           "without the probe, as all of `binary.*`"),
    Metric("binary.rodata", "bytes", _LOWER, _ELF, "constants, types and tables (.rodata …)"),
    Metric("binary.pclntab", "bytes", _LOWER, _ELF, "the runtime's tables of functions"),
    Metric("binary.data", "bytes", _LOWER, _ELF, "initialised variables (.data, .noptrdata)"),
    Metric("binary.bss", "bytes", _LOWER, _ELF, "zeroed variables (.bss, .noptrbss)"),
    *(
        Metric(f"{name}.{mark}", "bytes", _LOWER, source, f"{name} {when}", scope="server")
        for name, source in (("rss", _KERNEL), ("pss", _KERNEL), ("heap.live", _RUNTIME),
                             ("runtime.mapped", _RUNTIME), ("unseen", _BOTH))
        for mark, when in (("idle", "when ready, before the load"),
                           ("loaded", "at the end of the load"),
                           ("after", "some time after the load"),
                           ("settled", "after the load and two garbage collections"))
    ),
    Metric("load.cpu", "seconds", _LOWER, _KERNEL, "CPU time between idle and loaded",
           scope="server"),
    Metric("requests", "count", _HIGHER, _LOAD, "requests answered", scope="server"),
    Metric("requests.failed", "count", _LOWER, _LOAD,
           "requests that failed, or were not sent in time", scope="server"),
    Metric("requests.missed", "count", _LOWER, _LOAD,
           "requests that were due and never sent, as too many were in flight", scope="server"),
    Metric("requests.in_flight", "count", _NEUTRAL, _LOAD,
           "most requests in flight at one time", scope="server"),
    Metric("load.connections", "count", _NEUTRAL, _LOAD,
           "connections that the generator opened", scope="server"),
    Metric("load.late", "seconds", _NEUTRAL, _LOAD,
           "99th percentile of the time from the instant at which a request was due to its start",
           "the generator's own delay, not the server's", scope="server"),
    Metric("requests.rate", "1/s", _HIGHER, _LOAD, "requests answered in a second", scope="server"),
    *(
        Metric(f"gctrace.{name}", unit, direction, "gctrace", meaning, scope="gctrace")
        for name, unit, direction, meaning in _GCTRACE
    ),
    *(
        Metric(f"latency.{name}", "seconds", _LOWER, _LOAD,
               f"{meaning} from the instant at which a request was due to the end of its answer",
               scope="server")
        for name, meaning in (("p50", "median time"), ("p90", "90th percentile of the time"),
                              ("p99", "99th percentile of the time"),
                              ("p999", "99.9th percentile of the time"),
                              ("max", "longest time"))
    ),
)  # fmt: skip

CATALOGUE: dict[str, Metric] = {metric.name: metric for metric in _METRICS}
"""Every metric that has a fixed name. Where a meaning says that main ends, a server counts as ended
when it is about to be told to stop, before its garbage is collected."""

_BENCHMARK_UNITS: dict[str, tuple[Unit, float]] = {
    "ns/op": ("seconds", 1e-9),
    "B/op": ("bytes", 1.0),
    "allocs/op": ("count", 1.0),
    "iterations": ("count", 1.0),
    "MB/s": ("1/s", 1e6),
}
_WORDS: dict[str, Unit] = {"bytes": "bytes", "seconds": "seconds", "cpu-seconds": "seconds",
                           "percent": "ratio"}  # fmt: skip


def benchmark_metric(benchmark: str, unit: str) -> tuple[str, float]:
    """The metric for one unit of a Go benchmark, and the factor to the metric's own unit.

    The name is ``BENCHMARK UNIT``, as in ``BenchmarkDecode/small ns/op``.
    """
    return f"{benchmark} {unit}", _BENCHMARK_UNITS.get(unit, ("", 1.0))[1]


def is_of_benchmarks(name: str) -> bool:
    """Whether a metric, or a pattern of metrics, is one that benchmarks report."""
    benchmark, space, _ = name.rpartition(" ")
    return bool(space) and (benchmark.startswith("Benchmark") or "*" in benchmark)


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """The names that are a pattern's, whose ``*`` stands for anything."""
    written = re.compile(".*".join(map(re.escape, pattern.split("*"))))
    return [name for name in names if name == pattern or written.fullmatch(name)]


def describe(name: str) -> Metric:
    """Describe any metric: of the catalogue, of a benchmark, or of ``runtime/metrics``.

    A benchmark's unit that ends in ``/op`` is better when lower and one that ends in ``/s`` when
    higher, as in ``golang.org/x/perf/benchunit``; of any other, nothing is known.
    """
    if name in CATALOGUE:
        return CATALOGUE[name]
    first, _, last = name.rpartition(" ")
    if is_of_benchmarks(name):
        unit = _BENCHMARK_UNITS.get(last, ("", 1.0))[0]
        direction = _HIGHER if last.endswith("/s") else _LOWER if last.endswith("/op") else _NEUTRAL
        return Metric(name, unit, direction, _BENCHMARKS, f"{last} of {first}")
    if name.startswith("/"):
        word = name.partition(":")[2].partition(" ")[0]
        return Metric(name, "count" if last == "count" else _WORDS.get(word, "count"), _NEUTRAL,
                      _RUNTIME, "as the documentation of runtime/metrics says")  # fmt: skip
    return Metric(name, "", _NEUTRAL, "unknown", "not in this version's catalogue")
