"""Divide resident memory into named parts that add up. Pure functions.

The kernel says how much of each class of mapping is resident, the runtime what it keeps in them,
and the supervisor, which looks at the pages, what of the latter is resident.
"""

from collections.abc import Mapping

from harness.trial.process import Pages

Parts = dict[str, int]
_RUNTIME_ORDER = (
    ("mspan", "/memory/classes/metadata/mspan/inuse:bytes"),
    ("mcache", "/memory/classes/metadata/mcache/inuse:bytes"),
    ("buckets", "/memory/classes/profiling/buckets:bytes"),
    ("gc", "/memory/classes/metadata/other:bytes"),
    ("runtime other", "/memory/classes/other:bytes"),
    ("mspan", "/memory/classes/metadata/mspan/free:bytes"),
    ("mcache", "/memory/classes/metadata/mcache/free:bytes"),
    ("thread stacks", "/memory/classes/os-stacks:bytes"),
)
"""What the runtime keeps outside the Go heap, in the order in which it is more likely to have been
written and so to be resident: the kernel knows only the sum."""
_TABLE = 179_999 * 8
"""Bytes of the profilers' hash table (``buckHashSize`` in ``runtime/mprof.go``)."""
_ENTRY, _PAGE = 400, 4096
"""Bytes of a profiler's usual bucket; each new one touches at most one page of that table."""
_OTHER_CLASSES = {"text": "text", "data": "data", "c heap": "c heap", "file": "file",
                  "stack": "thread stacks", "thread stack": "thread stacks"}  # fmt: skip


def account(
    resident: int | None,
    classes: Mapping[str, Mapping[str, int]],
    runtime: Mapping[str, float | None],
    pages: Pages | None,
    probe: int,
) -> Parts:
    """Divide the resident bytes of one instant.

    Args:
        resident: as the kernel counts them (VmRSS); without the probe's own.
        classes: bytes by class of mapping and by kind, from smaps.
        runtime: ``runtime/metrics`` by name; empty where they are unknown.
        pages: of the Go heap; ``None`` where nobody looked.
        probe: bytes that the memory profiler keeps for the probe only, outside the Go heap.

    Returns:
        Bytes by part, as in ``harness.metrics.account.PARTS``; parts that are zero are left out.
        They add up to ``resident``. Empty without classes.
    """
    if resident is None or not classes:
        return {}
    rss = {name: kinds.get("rss", 0) for name, kinds in classes.items()}
    parts: Parts = {}

    def book(part: str, size: float) -> None:
        parts[part] = parts.get(part, 0) + round(size)

    rss.pop("go heap", 0)
    for part, size in _heap(classes.get("go heap", {}), runtime, pages).items():
        book(part, size)
    for name, part in _OTHER_CLASSES.items():
        book(part, rss.pop(name, 0))
    left = max(0, sum(rss.values()) - probe)  # anonymous memory: the runtime's, and others'
    collector = parts.pop("work buffers", 0)
    for part, name in _RUNTIME_ORDER:
        known = runtime.get(name) or 0.0
        if part == "buckets":
            known = _touched(known - probe)
        elif part == "gc":
            known = max(0.0, known - collector)
        taken = min(left, round(known))
        book(part, taken)
        left -= taken
    book("gc", collector)
    book("other", left)
    book("remainder", resident - sum(parts.values()))
    return {part: size for part, size in parts.items() if size}


def untouched(runtime: Mapping[str, float | None], heap_rss: int) -> float | None:
    """Bytes that the runtime has mapped for objects, stacks and free spans, not resident."""
    names = ("objects", "unused", "free", "stacks")
    sizes = [runtime.get(f"/memory/classes/heap/{name}:bytes") for name in names]
    known = [size for size in sizes if size is not None]
    return max(0.0, sum(known) - heap_rss) if len(known) == len(sizes) else None


def _heap(
    kinds: Mapping[str, int], runtime: Mapping[str, float | None], pages: Pages | None
) -> dict[str, float]:
    """Divide what is resident of the Go heap; ``kinds`` has bytes by kind, from smaps."""
    rss = kinds.get("rss", 0)
    if runtime.get("/memory/classes/heap/objects:bytes") is None:
        return {"go heap": rss}

    def heap(name: str) -> float:
        return runtime.get(f"/memory/classes/heap/{name}:bytes") or 0.0

    held = heap("objects")
    if pages is not None and pages.divided:
        # the collector may have swept since the runtime was asked
        held = float(pages.held)
        objects, unused, manual = map(float, (pages.objects, pages.unused, pages.manual))
    else:  # what was never touched is most likely a part of large objects
        whole = rss
        manual = min(whole, heap("stacks"))
        unused = min(whole - manual, heap("unused"))
        free = min(whole - manual - unused, heap("free"))
        objects = min(whole - manual - unused - free, heap("objects"))
    rest = max(0.0, rss - objects - unused - manual)
    excess = max(0.0, rest - heap("free"))
    returned = min(excess, kinds.get("free", 0) + kinds.get("huge", 0))
    live = runtime.get("/gc/heap/live:bytes")
    never = runtime.get("/gc/cycles/total:gc-cycles") == 0
    share = 1.0 if live is None or never else min(1.0, live / max(1.0, held))
    return {
        "live": objects * share,
        "garbage": objects * (1 - share),
        "unused": unused,
        "free": rest - returned,
        "returned": returned,
        "stacks": min(manual, heap("stacks")),
        "work buffers": max(0.0, manual - heap("stacks")),
    }


def _touched(buckets: float) -> float:
    """What is resident of the profilers' buckets: their table is mapped whole at the first one."""
    entries = buckets - _TABLE
    if entries < 0:
        return max(0.0, buckets)
    return entries + min(_TABLE, _PAGE * entries / _ENTRY)
