"""More allocation, but no more memory retained."""

from harness.analysis.diagnosis.functions import Mover, movers, named
from harness.analysis.memory import PART, Found, MemoryChange
from harness.analysis.pairing import middle
from harness.analysis.samples import Values
from harness.text.words import amount

_SMALLEST = 8
"""Bytes of the runtime's smallest size class."""
_LARGE_LOCAL = 128 << 10
"""Bytes above which Go 1.24 and newer make a declared variable on the heap: ``MaxStackVarSize`` of
cmd/compile/internal/ir/cfg.go, which was 10 MiB before."""


def churn(change: MemoryChange) -> Found:
    """Short-lived objects: more bytes of them, or else more objects."""
    live = change.metric(change.live)
    if not (change.collected and change.stays(live)):
        return
    for metric, kind, unit, least in (
        ("allocs.bytes", "alloc_space", "bytes", 1),
        ("allocs.objects", "alloc_objects", "count", _SMALLEST),
    ):
        allocated = change.metric(metric)
        base = middle(change.table.values(change.baseline, metric))
        if base is None or not change.material(least * allocated):
            continue
        if change.shown(allocated - PART * base):
            told = (
                f"{metric} went from {change.level(metric, unit)}, while the live heap stayed "
                f"({change.level(change.live)}): short-lived objects, which cost CPU more than "
                f"memory{_by(change, kind, allocated, unit)}"
            )
            yield f"allocation churn {change.verb}", told
            return


def _by(change: MemoryChange, kind: str, allocated: Values, unit: str) -> str:
    """Which functions allocate, and whether they hold variables that were on the stack before."""
    found = change.evidence.kinds.get(kind, {})
    whole = middle(allocated) or 0.0
    moved = [m for m in movers(change, found, whole) if _moved_to_heap(change, m)]
    told = named(change, found, whole, unit)
    return f"{told}{_LOCALS.format(amount(_LARGE_LOCAL, 'bytes'))}" if moved else told


_LOCALS = (
    ", which allocated nothing in the baseline: from Go 1.24 on, variables of more than {} are "
    "made on the heap"
)


def _moved_to_heap(change: MemoryChange, mover: Mover) -> bool:
    """Whether only the candidate allocates at a site, and objects as large as such variables."""
    if change.sign < 0 or mover.before:
        return False
    key = (change.table.workload, change.candidate)
    size, count = (
        change.evidence.kinds.get(kind, {}).get(key, {}).get(mover.name, 0.0)
        for kind in ("alloc_space", "alloc_objects")
    )
    return count > 0 and size / count > _LARGE_LOCAL
