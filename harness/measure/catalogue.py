"""The metric catalogue: the one place that says what each metric is called and means."""

from dataclasses import dataclass
from typing import Literal

Direction = Literal["lower is better", "higher is better", "neutral"]


@dataclass(frozen=True)
class Metric:
    """A named, directed quantity with a unit and a source."""

    name: str
    unit: Literal["bytes", "seconds", "count"]
    direction: Direction
    source: str
    """Who says so: the kernel, the Go runtime, or both."""
    meaning: str
    caveat: str = ""


_KERNEL = "kernel"
_RUNTIME = "Go runtime"
_LOWER: Direction = "lower is better"
_NEUTRAL: Direction = "neutral"

_METRICS = (
    Metric("rss.peak", "bytes", _LOWER, _KERNEL, "highest resident set size (VmHWM)"),
    Metric("rss.end", "bytes", _LOWER, _KERNEL, "resident set size when main ends (VmRSS)"),
    Metric("rss.avg", "bytes", _LOWER, _KERNEL, "resident set size, averaged over time"),
    Metric("rss.anon", "bytes", _LOWER, _KERNEL, "anonymous resident memory when main ends"),
    Metric("rss.file", "bytes", _LOWER, _KERNEL, "file-backed resident memory when main ends"),
    Metric(
        "unseen", "bytes", _LOWER, "kernel and Go runtime",
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
    Metric("threads", "count", _LOWER, _KERNEL, "threads when main ends"),
    Metric("files.open", "count", _LOWER, _KERNEL, "open descriptors when main ends"),
    Metric("switches.voluntary", "count", _NEUTRAL, _KERNEL, "context switches to wait"),
    Metric("switches.involuntary", "count", _NEUTRAL, _KERNEL, "context switches by preemption"),
)  # fmt: skip

CATALOGUE: dict[str, Metric] = {metric.name: metric for metric in _METRICS}
