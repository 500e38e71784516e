"""From what was read of a trial to its metrics. Pure functions."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from harness.measure import procfs, smaps
from harness.measure.catalogue import CATALOGUE
from harness.measure.snapshot import Snapshot

Series = Sequence[tuple[float, int]]
"""Seconds since the start, resident bytes."""

_RUNTIME = {
    "heap.live": ("/gc/heap/live:bytes",),
    "heap.objects": ("/memory/classes/heap/objects:bytes",),
    "heap.unused": ("/memory/classes/heap/unused:bytes",),
    "heap.free": ("/memory/classes/heap/free:bytes",),
    "heap.released": ("/memory/classes/heap/released:bytes",),
    "heap.stacks": ("/memory/classes/heap/stacks:bytes",),
    "allocs.bytes": ("/gc/heap/allocs:bytes",),
    "allocs.objects": ("/gc/heap/allocs:objects", "/gc/heap/tiny/allocs:objects"),
    "gc.cycles": ("/gc/cycles/total:gc-cycles",),
}
"""The runtime/metrics whose sum a metric is; the runtime counts tiny objects apart."""

_STATUS = {"rss.peak": ("VmHWM",), "rss.end": ("VmRSS",), "rss.anon": ("RssAnon",),
           "rss.file": ("RssFile",), "rss.shmem": ("RssShmem",), "threads": ("Threads",),
           "page.tables": ("VmPTE",), "swap": ("VmSwap",)}  # fmt: skip

_PAUSE = {"faults.minor": "minflt", "faults.major": "majflt",
          "switches.voluntary": "nvcsw", "switches.involuntary": "nivcsw"}  # fmt: skip

_NO_SNAPSHOT = "the program ended without a snapshot"


def end_metrics(
    snapshot: Snapshot | None, started: float, series: Series, reason: str = _NO_SNAPSHOT
) -> tuple[dict[str, float | None], dict[str, str]]:
    """Metrics of a trial, and for each that is ``None`` why.

    Args:
        snapshot: at the end of main.
        started: the monotonic clock just before the start, in seconds.
        series: of the trial.
        reason: why there is no snapshot, where there is none.
    """
    found: dict[str, float | None] = {"rss.avg": time_weighted(series)}
    if snapshot is not None:
        found |= _from_kernel(snapshot) | _from_runtime(snapshot.runtime)
        found["wall"] = snapshot.pause["monotonic"] / 1e9 - started
        found["cpu.user"] = snapshot.pause["utime"] / 1e9
        found["cpu.system"] = snapshot.pause["stime"] / 1e9
        found |= {name: snapshot.pause[field] for name, field in _PAUSE.items()}
        found["unseen"] = _difference(found.get("rss.end"), found.get("runtime.mapped"))
    metrics = {name: found.get(name) for name in CATALOGUE}
    notes = {}
    for name, value in metrics.items():
        if value is None:
            notes[name] = _why(name, snapshot, reason)
    return metrics, notes


def time_weighted(series: Series) -> float | None:
    """Mean over time by the trapezoidal rule; ``None`` for fewer than two instants."""
    span = series[-1][0] - series[0][0] if series else 0.0
    if span <= 0:
        return None
    area = sum((t1 - t0) * (v0 + v1) / 2 for (t0, v0), (t1, v1) in pairwise(series))
    return area / span


def _from_kernel(snapshot: Snapshot) -> dict[str, float | None]:
    status = procfs.parse_status(snapshot.kernel.status or b"")
    found = {name: _total(status, fields) for name, fields in _STATUS.items()}
    found["files.open"] = snapshot.kernel.open_files
    if snapshot.kernel.smaps:
        mappings = list(procfs.parse_smaps(snapshot.kernel.smaps))
        for name, field in (("pss", "Pss"), ("huge.pages", "AnonHugePages")):
            found[name] = sum(m.fields.get(field, 0) for m in mappings)
        found["uss"] = sum(
            m.fields.get("Private_Clean", 0) + m.fields.get("Private_Dirty", 0) for m in mappings
        )
    return found


def _from_runtime(runtime: Mapping[str, float | None]) -> dict[str, float | None]:
    found = {name: _total(runtime, sources) for name, sources in _RUNTIME.items()}
    found["runtime.mapped"] = _difference(
        runtime.get("/memory/classes/total:bytes"), found["heap.released"]
    )
    return found


def classes(snapshot: Snapshot | None, executable: str) -> dict[str, dict[str, int]]:
    """Bytes by class of mapping; empty without a snapshot."""
    if snapshot is None or snapshot.kernel.smaps is None:
        return {}
    mappings = list(procfs.parse_smaps(snapshot.kernel.smaps))
    return smaps.classify(mappings, executable, snapshot.pause.get("anchor"))


def _total(values: Mapping[str, float | None], names: Iterable[str]) -> float | None:
    parts = [values.get(name) for name in names]
    return None if None in parts else sum(p for p in parts if p is not None)


def _difference(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b


def _why(name: str, snapshot: Snapshot | None, reason: str) -> str:
    if name == "rss.avg":
        return "the program ended before two samples"
    if snapshot is None:
        return reason
    if name in _RUNTIME or name == "runtime.mapped":
        version = snapshot.version or "the runtime"
        return f"{version} has no {' or no '.join(_RUNTIME.get(name, ('total',)))}"
    return "the kernel did not say"
