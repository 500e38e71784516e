"""What the runtime needs by itself: stacks, threads, its own structures, and queues."""

import numpy as np

from harness.analysis.memory import Found, MemoryChange, Of, size_of
from harness.text.words import amount

_STRUCTURES = ("mspan", "mcache", "gc")
_WAIT = "/sched/goroutines/waiting:goroutines"
"""Counted from Go 1.26 on, as the queues."""
_QUEUES = ("finalizers", "cleanups")
_FEWEST = 100.0
"""Goroutines, or finalizers in a queue, by which healthy programs may differ."""
_OF_THREAD = 32 << 10
"""Bytes of stack that the runtime allocates for each thread's signals (runtime/os_linux.go);
without cgo it allocates 16 KiB more (runtime/proc.go)."""


def stacks(change: MemoryChange) -> Found:
    """Stacks of goroutines, and of the threads that run them."""
    grown = change.between(change.booked("stacks", "heap.stacks"))
    if not change.material(grown):
        return
    cause = "more goroutines, or deeper" if change.sign > 0 else "fewer goroutines, or shallower"
    because = f"{cause} calls"
    if change.shown(change.metric("goroutines") - _FEWEST):
        because = f"goroutines went from {change.level('goroutines', 'count')}"
    if change.makes_most(change.metric("threads") * _OF_THREAD, grown):
        because = (
            f"threads went from {change.level('threads', 'count')}, and each has "
            f"{amount(_OF_THREAD, 'bytes')} of stacks or more for itself, of which it uses a part"
        )
    yield (
        f"goroutine stacks {change.verb}",
        change.booked_levels("stacks", "heap.stacks", because),
    )


def thread_stacks(change: MemoryChange) -> Found:
    """Stacks of threads that C code or the C library made."""
    values = change.resident("thread stacks")
    if change.material(change.between(values)):
        told = (
            f"stacks of threads outside the Go heap went from {change.levels(values)}; threads "
            f"went from {change.level('threads', 'count')}"
        )
        yield f"thread stacks {change.verb}", told


def goroutines(change: MemoryChange) -> Found:
    """Goroutines that did not end, and what they hold on to."""
    if not change.material(change.metric(change.live)):
        return
    if change.shown(change.metric("goroutines") - _FEWEST):
        waiting = change.runtime(_WAIT)
        known = np.isfinite(change.between(waiting)).any()
        idle = f" ({change.levels(waiting, 'count')} of them wait)" if known else ""
        told = (
            f"goroutines went from {change.level('goroutines', 'count')} when main ends{idle}: "
            "what their calls still use stays alive"
        )
        yield f"number of goroutines {change.verb}", told


def queues(change: MemoryChange) -> Found:
    """Objects that are kept by finalizers or cleanups that have not run."""
    if not change.material(change.metric(change.live)):
        return
    for kind in _QUEUES:
        waiting = _waiting(change, kind)
        if change.shown(change.between(waiting) - _FEWEST):
            told = (
                f"{kind} that are queued and have not run went from "
                f"{change.levels(waiting, 'count')}: what their objects hold stays alive until "
                "they have, and one that blocks holds up those behind it"
            )
            yield f"queue of {kind} {change.verb}", told


def metadata(change: MemoryChange) -> Found:
    """Structures of allocator and collector: by what is resident of them, where that is known."""
    if not change.accounted:
        if change.material(change.runtime_metadata):
            size = size_of(change.runtime_metadata)
            yield (
                f"runtime metadata {change.verb}",
                (f"the runtime's own structures take {size} {change.more}"),
            )
        return
    whole = change.part(*_STRUCTURES)
    if change.material(whole):
        told = (
            f"the runtime's own structures went from {change.levels(change.resident(*_STRUCTURES))}"
            f" resident{change.mostly(_STRUCTURES, whole)}"
        )
        yield f"runtime metadata {change.verb}", told


def buckets(change: MemoryChange) -> Found:
    """Stacks that the program's own profilers keep."""
    values = change.resident("buckets")
    if change.material(change.between(values)):
        cure = (
            ". From Go 1.23 on a profile keeps 128 frames of a stack, 32 before: "
            "GODEBUG=profstackdepth=32 keeps as many again, a lower rate keeps fewer stacks"
            if change.sign > 0
            else ""
        )
        told = (
            "the stacks that the runtime's memory, block and mutex profiles keep went from "
            f"{change.levels(values)}; they are never freed{cure}"
        )
        yield f"profiler buckets {change.verb}", told


def other(change: MemoryChange) -> Found:
    """What the runtime allocates for the program's sake outside the heap."""
    values = change.resident("runtime other")
    if change.material(change.between(values)):
        told = (
            f"other memory of the runtime went from {change.levels(values)}: its records of "
            "finalizers, cleanups, weak pointers and connections, its list of spans, and "
            "execution traces"
        )
        yield f"other memory of the runtime {change.verb}", told


def _waiting(change: MemoryChange, kind: str) -> Of:
    """Give how many are queued and have not run."""
    queued, executed = (
        change.runtime(f"/gc/{kind}/{word}:{kind}") for word in ("queued", "executed")
    )
    return lambda variant: queued(variant) - executed(variant)
