"""What lies in the Go heap: objects, garbage, and room for more."""

from harness.analysis.diagnosis.functions import holder, named
from harness.analysis.memory import MOST, Found, MemoryChange
from harness.analysis.pairing import middle
from harness.text.words import amount

_PAGE = 8192
_RECORD = 160
"""Bytes of a span of one page, and of its record (``runtime.mspan``, which grew from 160 bytes)."""
_SPANS = "/memory/classes/metadata/mspan/inuse:bytes"


def live_heap(change: MemoryChange) -> Found:
    """Objects that the last collection found in use."""
    live = change.metric(change.live)
    resident = change.part("live") if change.accounted else live
    if change.material(live) and change.material(resident):
        found, whole = change.evidence.functions, middle(live) or 0.0
        functions = named(change, found, whole) + holder(change, found, whole)
        told = f"{change.live} went from {change.level(change.live)}{functions}"
        yield f"live heap {change.verb}", told


def unknown_heap(change: MemoryChange) -> Found:
    """The Go heap of programs without the probe, of which the kernel alone knows."""
    if change.material(change.part("go heap")):
        told = (
            f"the Go heap went from {change.levels(change.resident('go heap'))}; without the "
            "probe, nothing is known of what it holds"
        )
        yield f"Go heap {change.verb}", told


def fragmentation(change: MemoryChange) -> Found:
    """Room in spans that hold objects."""
    unused = change.between(change.booked("unused", "heap.unused"))
    if not change.material(unused):
        return
    meaning = "reserved for objects in spans, but not used by any"
    yield (
        f"heap fragmentation {change.verb}",
        change.booked_levels("unused", "heap.unused", meaning),
    )
    records = change.runtime(_SPANS)
    if change.shown(change.between(records) * (_PAGE / _RECORD) - MOST * unused):
        spans = change.levels(lambda variant: records(variant) / _RECORD, "count")
        told = (
            f"spans in use went from {spans} (their records: {change.levels(records)}), as many as "
            f"spans of one page ({amount(_PAGE, 'bytes')}) make of it: each stays as long as one "
            "object in it lives"
        )
        yield f"number of small spans {change.verb}", told


def free_spans(change: MemoryChange) -> Found:
    """Spans without any object."""
    if change.material(change.between(change.booked("free", "heap.free"))):
        meaning = "free in the runtime and not returned to the kernel"
        yield f"free spans {change.verb}", change.booked_levels("free", "heap.free", meaning)


def garbage(change: MemoryChange) -> Found:
    """More garbage on the same live heap, by the collector's pacing where that is shown."""
    heap = (
        change.part("live", "garbage", "unused", "free")
        if change.accounted
        else change.metric("heap.objects")
        + change.metric("heap.unused")
        + change.metric("heap.free")
    )
    if change.material(change.metric(change.live)) or not change.material(heap):
        return
    goal = change.metric("heap.goal")
    fewer = change.shown(-change.metric("gc.cycles"))
    later = change.makes_most(goal, heap)
    if later or (fewer and change.makes_most(change.between_collections, heap)):
        # Either shows the pacing; which of them does can hang on one trial, so both are told.
        counts = f"gc.cycles went from {change.level('gc.cycles', 'count')}" if fewer else ""
        goals = f"heap.goal went from {change.level('heap.goal')}" if change.shown(goal) else ""
        told = (
            f"the live heap explains little of it ({change.level(change.live)}), "
            f"but {'; '.join(filter(None, (counts, goals)))}: the collector runs "
            f"{'less' if change.sign > 0 else 'more'} often and lets {change.more} garbage "
            "accumulate"
        )
        yield "GC pacing", told
    elif change.makes_most(change.part("garbage"), change.metric("rss.end")):
        told = (
            f"objects that died and are not yet swept went from "
            f"{change.levels(change.resident('garbage'))} when main ends"
        )
        yield f"garbage {change.verb}", told
