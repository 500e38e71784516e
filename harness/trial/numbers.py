"""Make metrics of what was observed. Pure functions."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from harness.metrics.catalogue import benchmark_metric
from harness.run.series import Series
from harness.trial.account import account, untouched
from harness.trial.observe import smaps
from harness.trial.observe.monitor import Observation
from harness.trial.observe.snapshot import Snapshot
from harness.trial.process import Ended, Usage

Values = dict[str, float | None]
Histogram = Sequence[Sequence[float | None]]
"""``[low, high, count]`` of each bucket that is not empty; ``None`` for infinity."""

RUNTIME = {
    "heap.live": ("/gc/heap/live:bytes",),
    "heap.objects": ("/memory/classes/heap/objects:bytes",),
    "heap.unused": ("/memory/classes/heap/unused:bytes",),
    "heap.free": ("/memory/classes/heap/free:bytes",),
    "heap.released": ("/memory/classes/heap/released:bytes",),
    "heap.stacks": ("/memory/classes/heap/stacks:bytes",),
    "heap.goal": ("/gc/heap/goal:bytes",),
    "runtime.metadata": (
        "/memory/classes/metadata/mcache/free:bytes",
        "/memory/classes/metadata/mcache/inuse:bytes",
        "/memory/classes/metadata/mspan/free:bytes",
        "/memory/classes/metadata/mspan/inuse:bytes",
        "/memory/classes/metadata/other:bytes",
    ),
    "allocs.bytes": ("/gc/heap/allocs:bytes",),
    "allocs.objects": ("/gc/heap/allocs:objects", "/gc/heap/tiny/allocs:objects"),
    "gc.cycles": ("/gc/cycles/total:gc-cycles",),
    "runtime.other": ("/memory/classes/other:bytes",),
    "runtime.buckets": ("/memory/classes/profiling/buckets:bytes",),
    "runtime.os.stacks": ("/memory/classes/os-stacks:bytes",),
    "gc.cpu": ("/cpu/classes/gc/total:cpu-seconds",),
    "goroutines": ("/sched/goroutines:goroutines",),
}
"""By metric: the ``runtime/metrics`` that it sums; the runtime counts tiny objects separately."""

QUANTILES = {"p50": 0.5, "p99": 0.99, "max": 1.0}

_HISTOGRAMS = {
    "gc.pause": ("/sched/pauses/total/gc:seconds", "/gc/pauses:seconds"),
    "sched.latency": ("/sched/latencies:seconds",),
}
"""By metric: histograms of ``runtime/metrics``, of which the first is taken that exists; the second
name is Go 1.21's."""

_STATUS = {"rss.peak": "VmHWM", "rss.end": "VmRSS", "rss.anon": "RssAnon", "rss.file": "RssFile",
           "rss.shmem": "RssShmem", "threads": "Threads", "page.tables": "VmPTE",
           "swap": "VmSwap"}  # fmt: skip

_HOLD_PROBE = ("rss.peak", "rss.end", "rss.anon", "pss", "uss", "runtime.mapped", "runtime.buckets")
"""Metrics from which ``probe.memory`` is taken away."""

_PAUSE = {"faults.minor": "minflt", "faults.major": "majflt",
          "switches.voluntary": "nvcsw", "switches.involuntary": "nivcsw"}  # fmt: skip


_BENCHMARK = re.compile(r"^(Benchmark\S*)\s+(\d+)\t(.*)$", re.MULTILINE)
_LABEL = re.compile(r"^(goos|goarch|pkg|cpu): (.{1,200})$", re.MULTILINE)
_VALUE = re.compile(r"(\S+) (\S+)")


def of_snapshot(snapshot: Snapshot, classes: Mapping[str, Mapping[str, int]]) -> Values:
    """Every metric of one instant; ``None`` for what neither the kernel nor the runtime told."""
    found = _from_kernel(snapshot) | _from_runtime(snapshot)
    found |= _of_pages(snapshot, classes)
    found["probe.memory"] = snapshot.profiler
    found |= _without(snapshot.profiler or 0, found, _HOLD_PROBE)
    found["cpu.user"] = snapshot.pause["utime"] / 1e9
    found["cpu.system"] = snapshot.pause["stime"] / 1e9
    found |= {name: snapshot.pause.get(field) for name, field in _PAUSE.items()}
    pss = found["pss"]
    found["tree.pss"] = None if pss is None else pss + snapshot.children.pss
    found["unseen"] = _difference(found["rss.end"], found["runtime.mapped"])
    heap = classes.get("go heap", {})
    mapped = heap.get("size", 0) - heap.get("reserved", 0)
    found["heap.resident"] = heap["rss"] / mapped if mapped else None
    return found


def of_end(
    observed: Observation, end: Snapshot | None, at_end: Values
) -> tuple[Values, dict[str, str]]:
    """Metrics of a whole trial, and notes on those that are not from the usual source.

    Without a snapshot, the kernel's account at the program's end stands in (``wait4``). That counts
    the children that the program waited for, so it is used only for a program that had none.
    """
    found: Values = {"rss.avg": time_weighted(observed.series)}
    found |= of_tree(observed.ended, end, observed.tree_series)
    if end is not None:
        probe = at_end.get("probe.memory") or 0.0
        found |= _without(probe, found, ("rss.avg", "tree.rss.peak"))
        return found | at_end | {"wall": end.pause["monotonic"] / 1e9 - observed.started}, {}
    if observed.ended is None or observed.children:
        return found, {}
    usage = observed.ended.usage
    account: Values = {
        "rss.peak": usage.maxrss,
        "cpu.user": usage.utime / 1e9,
        "cpu.system": usage.stime / 1e9,
        "wall": observed.ended.monotonic / 1e9 - observed.started,
    } | {name: getattr(usage, field) for name, field in _PAUSE.items()}
    note = "the kernel's account after the program's end (wait4); there was no snapshot"
    return found | account, dict.fromkeys(account, note)


def of_tree(ended: Ended | None, end: Snapshot | None, tree_series: Series) -> Values:
    """Metrics of the workload with its children.

    The peak is the highest of four lower bounds: the sum over processes at one sample, and the
    kernel's own maxima of the workload, of any one child that it waited for, and of any orphan.
    """
    usages: list[Usage] = [ended.usage, ended.orphans] if ended else []
    bounds = [rss for _, rss in tree_series] + [usage.maxrss for usage in usages[1:]]
    if end is not None:
        bounds += [end.kernel.status.get("VmHWM", 0), end.pause.get("children_maxrss", 0)]
    else:  # usage does not separate the workload's own peak from its children's
        bounds += [usage.maxrss for usage in usages[:1]]
    return {
        "tree.rss.peak": max(bounds, default=None),
        "tree.cpu.user": sum(u.utime for u in usages) / 1e9 if usages else None,
        "tree.cpu.system": sum(u.stime for u in usages) / 1e9 if usages else None,
    }


def of_benchmarks(output: str, processors: int) -> Values:
    """Metrics by name (``BENCHMARK UNIT``) from lines in the Go benchmark format.

    ``BenchmarkX-8  100  12345 ns/op  64 B/op``: the number after the last dash is GOMAXPROCS, where
    that is not 1; it is the same for all variants and dropped. Values are in the units of the
    catalogue.
    """
    metrics: Values = {}
    suffix = f"-{processors}" if processors > 1 else ""
    for whole, iterations, rest in _BENCHMARK.findall(output):
        name = whole.removesuffix(suffix)
        metrics[f"{name} iterations"] = float(iterations)
        for value, unit in _VALUE.findall(rest):
            metric, factor = benchmark_metric(name, unit)
            try:
                metrics[metric] = float(value) * factor
            except ValueError:  # something else printed on the same line
                continue
    return metrics


def labels_of_benchmarks(output: str) -> dict[str, str]:
    """What a test binary says before its benchmarks: ``goos``, ``goarch``, ``pkg`` and ``cpu``."""
    return dict(_LABEL.findall(output.partition("\nBenchmark")[0]))


def time_weighted(series: Series) -> float | None:
    """Mean over time by the trapezoidal rule; ``None`` for fewer than two instants."""
    span = series[-1][0] - series[0][0] if series else 0.0
    if span <= 0:
        return None
    area = sum((t1 - t0) * (v0 + v1) / 2 for (t0, v0), (t1, v1) in pairwise(series))
    return area / span


def reduce_histogram(histogram: Histogram) -> Values:
    """Count and quantiles of a histogram; each quantile is its bucket's upper edge.

    The last bucket has no upper edge in ``runtime/metrics``; there the lower one stands.
    """
    counts = [bucket[2] or 0 for bucket in histogram]
    total = sum(counts)
    found: Values = {"count": total}
    for name, quantile in QUANTILES.items():
        reached = 0.0
        found[name] = None
        for (low, high, *_), count in zip(histogram, counts, strict=True):
            reached += count
            if count and reached >= quantile * total:
                found[name] = low if high is None else high
                break
    return found


def account_of(snapshot: Snapshot, classes: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Bytes by part, resident at a snapshot, as ``harness.metrics.account`` names them."""
    probe = snapshot.profiler or 0
    resident = snapshot.kernel.status.get("VmRSS")
    return account(
        None if resident is None else resident - probe, classes, snapshot.runtime, snapshot.pages,
        probe,
    )  # fmt: skip


def all_runtime(snapshot: Snapshot) -> Values:
    """All of ``runtime/metrics`` by its own names; of histograms ``NAME p50`` and so on."""
    found = dict(snapshot.runtime)
    for name, histogram in snapshot.histograms.items():
        found |= {f"{name} {key}": v for key, v in reduce_histogram(histogram).items()}
    return found


def classes_of(snapshot: Snapshot, executable: str) -> dict[str, dict[str, int]]:
    """Bytes by class of mapping and by kind, in a process of ``executable``."""
    found = smaps.classify(snapshot.kernel.mappings, executable, snapshot.pause.get("anchor"))
    stacks = snapshot.runtime.get("/memory/classes/heap/stacks:bytes")
    if "go heap" in found and stacks is not None:
        found["go heap"]["stacks"] = int(stacks)
    return found


def _without(probe: float, found: Values, names: Iterable[str]) -> Values:
    """Metrics by these names, less what only the probe keeps."""
    known = {name: found[name] for name in names}
    return {n: value if value is None else max(0.0, value - probe) for n, value in known.items()}


def _from_kernel(snapshot: Snapshot) -> Values:
    kernel, mappings = snapshot.kernel, snapshot.kernel.mappings
    found: Values = {name: kernel.status.get(field) for name, field in _STATUS.items()}
    found["files.open"] = kernel.open_files
    for name, fields in (("pss", ("Pss",)), ("huge.pages", ("AnonHugePages",)),
                         ("uss", ("Private_Clean", "Private_Dirty"))):  # fmt: skip
        total = sum(m.fields.get(field, 0) for m in mappings for field in fields)
        found[name] = total if mappings else None
    return found


def _of_pages(snapshot: Snapshot, classes: Mapping[str, Mapping[str, int]]) -> Values:
    pages = snapshot.pages
    return {
        "heap.zero": None if pages is None or pages.error else pages.zero,
        "heap.untouched": untouched(snapshot.runtime, classes.get("go heap", {}).get("rss", 0)),
    }


def _from_runtime(snapshot: Snapshot) -> Values:
    found = {name: _total(snapshot.runtime, sources) for name, sources in RUNTIME.items()}
    found["runtime.mapped"] = _difference(
        snapshot.runtime.get("/memory/classes/total:bytes"), found["heap.released"]
    )
    for name, sources in _HISTOGRAMS.items():
        histogram = next((h for s in sources if (h := snapshot.histograms.get(s)) is not None), [])
        reduced = reduce_histogram(histogram)
        found |= {f"{name}.{key}": reduced[key] for key in QUANTILES}
    return found


def _total(values: Mapping[str, float | None], names: Iterable[str]) -> float | None:
    parts = [values.get(name) for name in names]
    return None if None in parts else sum(p for p in parts if p is not None)


def _difference(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b
