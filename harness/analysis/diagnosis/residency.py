"""What is resident of the Go heap beyond what the runtime counts: which pages, and why."""

from typing import NamedTuple

import numpy as np

from harness.analysis.diagnosis.functions import named
from harness.analysis.memory import Found, MemoryChange, size_of
from harness.analysis.pairing import middle
from harness.analysis.samples import Values
from harness.metrics.account import HEAP, PARTS

_UNSEEN = "resident but unseen by the runtime"


class Pages(NamedTuple):
    """Pages that the runtime does not see, and what shows it."""

    which: str
    shown_by: str


def residency(change: MemoryChange) -> Found:
    """Resident in the Go heap's mappings, while the runtime's own account did not grow."""
    heap = change.heap_unaccounted
    whole = change.metric("rss.end" if change.accounted else "unseen")
    known = np.isfinite(heap).any()
    if not change.material(heap if change.accounted else whole):
        return
    if known and not change.makes_most(heap, whole):
        return
    pages = _pages(change, heap if change.accounted else whole)
    counts = f"(runtime.mapped) went from {change.level('runtime.mapped')}"
    if change.accounted:
        resident = change.levels(change.resident(*HEAP))
        told = (
            f"{pages.shown_by}; the Go heap's resident memory went from {resident} while the "
            f"runtime's own account {counts}{_booked(change, heap)}"
        )
    else:
        unseen = f"unseen went from {change.level('unseen')}"
        told = f"{unseen} while the runtime's own account {counts}; {pages.shown_by}"
    yield f"{_UNSEEN}: {pages.which}", told


def never_written(change: MemoryChange) -> Found:
    """Pages of objects that hold only zeros, where the runtime counts as much more."""
    zero = change.metric("heap.zero")
    if change.material(change.heap_unaccounted):
        return
    objects = change.part("live", "garbage")
    if change.makes_most(zero, change.metric("rss.end")) and change.makes_most(objects, zero):
        yield f"never written heap memory {change.verb}", _zeros(change, zero)


def _pages(change: MemoryChange, whole: Values) -> Pages:
    huge, free = (change.mappings(["go heap"], kind) for kind in ("huge", "free"))
    released, zero = change.metric("heap.released"), change.metric("heap.zero")
    if change.makes_most(huge, whole):
        return Pages(
            "transparent huge pages",
            f"{size_of(huge)} {change.more} of the Go heap is in huge pages, which make 2 MiB "
            "resident when any part of them is touched",
        )
    if change.makes_most(free, whole):
        return Pages(
            "pages not returned to the OS",
            f"{size_of(free)} {change.more} of the Go heap was given back by MADV_FREE, which "
            "the kernel counts as resident until it needs the pages: GODEBUG=madvdontneed=1 "
            "returns them at once",
        )
    if change.makes_most(released, whole):
        return Pages(
            "pages not returned to the OS",
            f"the runtime released {size_of(released)} {change.more}, but the kernel still "
            "counts these pages as resident",
        )
    grown = "became" if change.sign > 0 else "are no longer"
    if np.isfinite(zero).any() and not change.makes_most(zero, whole):
        return Pages(
            f"heap pages that the program writes {grown} resident",
            f"{size_of(whole)} {change.more} of memory that the runtime counts on both sides is "
            f"written to{_sites(change, 'resident_space', whole)}",
        )
    return Pages(f"untouched heap pages {grown} resident", _untouched(change, zero, grown))


def _untouched(change: MemoryChange, zero: Values, grown: str) -> str:
    if np.isfinite(zero).any():
        return f"{_zeros(change, zero)}, as when the allocator zeroes memory that is zero already"
    heap = change.heap_unaccounted
    where = (
        f"beyond what the runtime accounts for, {size_of(heap)} {change.more} of the Go heap's "
        "mappings is resident: "
        if np.isfinite(heap).any()
        else ""
    )
    return (
        f"{where}pages that the program allocated and has not used {grown} resident, as when "
        "the allocator zeroes memory that is already zero"
    )


def _zeros(change: MemoryChange, zero: Values) -> str:
    return (
        f"{size_of(zero)} {change.more} resident memory of the Go heap was never written (only "
        f"zeros: {change.level('heap.zero')}){_sites(change, 'zero_space', zero)}"
    )


def _sites(change: MemoryChange, kind: str, whole: Values) -> str:
    found = change.evidence.kinds.get(kind, {})
    told = named(change, found, middle(whole) or 0.0, lead="allocated by")
    return told.replace("; ", ", ", 1)


def _booked(change: MemoryChange, heap: Values) -> str:
    """Under which name the account has these bytes."""
    part = next((p for p in HEAP if change.makes_most(change.part(p), heap)), None)
    return f"; the account books them as {PARTS[part]}" if part else ""
