"""What neither the Go heap nor the runtime holds: C code, mappings, the binary."""

import numpy as np

from harness.analysis.memory import MOST, Found, MemoryChange, size_of
from harness.analysis.samples import Values
from harness.metrics.account import PARTS
from harness.text.words import listed

_FOREIGN = ("c heap", "other")
_OF_FILES = ("text", "data", "file")
_CLASSES = {
    "c heap": "C heap", "other": "other mappings", "stack": "the first thread's stack",
    "thread stack": "stacks of C threads", "go metadata": "unnamed mappings",
}  # fmt: skip


def outside(change: MemoryChange) -> Found:
    """Anonymous memory outside the Go heap and the runtime's own structures."""
    kinds = _booked(change) if change.accounted else _mapped(change)
    whole: Values = sum(kinds.values(), np.zeros(1))
    if not change.material(whole):
        return
    most = [
        f"{words} {size_of(values)}"
        for words, values in kinds.items()
        if change.shown(values - MOST * whole)
    ]
    told = (
        f"{size_of(whole)} {change.more} is resident in mappings that are not the Go heap's "
        f"({listed(most) or 'several kinds'}), unknown to the runtime: C code, mmap and the like"
    )
    yield f"memory outside the Go heap {change.verb}", told


def files(change: MemoryChange) -> Found:
    """The binary with its variables, and files that the program maps."""
    values = change.resident(*_OF_FILES)
    if not change.accounted:
        yield from _files_by_mapping(change)
    elif change.material(whole := change.between(values)):
        told = (
            f"the binary and the files that it maps went from {change.levels(values)} resident"
            f"{change.mostly(_OF_FILES, whole)}"
        )
        yield f"binary and file pages {change.verb}", told


def _booked(change: MemoryChange) -> dict[str, Values]:
    return {PARTS[part]: change.part(part) for part in _FOREIGN}


def _mapped(change: MemoryChange) -> dict[str, Values]:
    """By class of mapping, less what the runtime explains of it, for runs without an account."""
    kinds = {name: change.mappings([name]) for name in _CLASSES}
    own = "go metadata" if np.any(kinds["go metadata"]) else "other"  # the latter beside C code
    explained = (
        change.runtime_metadata,
        *(change.between(change.runtime(f"/memory/classes/{name}:bytes"))
          for name in ("profiling/buckets", "other")),
    )  # fmt: skip
    kinds[own] = kinds[own] - sum(np.maximum(np.nan_to_num(known), 0.0) for known in explained)
    return {words: kinds[name] for name, words in _CLASSES.items()}


def _files_by_mapping(change: MemoryChange) -> Found:
    values = change.metric("rss.file")
    if not np.isfinite(values).any():
        values = change.mappings(["text", "file"])
    if change.material(values):
        told = (
            f"{size_of(values)} {change.more} of resident memory is backed by files "
            f"(rss.file {change.level('rss.file')}): the binary, or files that it maps"
        )
        yield f"binary and file pages {change.verb}", told
