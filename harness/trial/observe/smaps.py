"""Classify the mappings of a Go process; ``docs/run-directory.md`` has classes and kinds."""

from collections.abc import Iterator, Sequence

from harness.trial.observe.procfs import Mapping

_KINDS = {
    "rss": "Rss",
    "pss": "Pss",
    "dirty": "Private_Dirty",
    "huge": "AnonHugePages",
    "swap": "Swap",
    "free": "LazyFree",
}
_NAMED = {
    "[heap]": "c heap",
    "[stack]": "stack",
    "[vdso]": "vdso",
    "[vvar]": "vdso",
    "[vvar_vclock]": "vdso",
    "[vsyscall]": "vdso",
    "[anon: Go: heap]": "go heap",  # Go 1.25 and later, where the kernel keeps names
}
_GUARD = 64 << 10
_ARENA_HINT = 0xC000000000
"""Where arenas begin on 64-bit systems (``mallocinit`` in ``runtime/malloc.go``), unless the
experiment ``randomizedheapbase64`` chose another place."""


def classify(
    mappings: Sequence[Mapping], executable: str, anchor: int | None
) -> dict[str, dict[str, int]]:
    """Add up bytes by class and kind; ``anchor`` is an address in the Go heap, if known."""
    classes: dict[str, dict[str, int]] = {}
    for mapping, name in _classified(mappings, executable, anchor):
        sums = classes.setdefault(name, dict.fromkeys(("size", "reserved", *_KINDS), 0))
        sums["size"] += mapping.size
        sums["reserved"] += mapping.size if mapping.permissions.startswith("---") else 0
        for kind, field in _KINDS.items():
            sums[kind] += mapping.fields.get(field, 0)
    return classes


def heap_ranges(
    mappings: Sequence[Mapping], executable: str, anchor: int | None
) -> tuple[tuple[int, int], ...]:
    """Start and end of each part of the Go heap that is not only reserved."""
    return tuple(
        (mapping.start, mapping.end)
        for mapping, name in _classified(mappings, executable, anchor)
        if name == "go heap" and not mapping.permissions.startswith("---")
    )


def _classified(
    mappings: Sequence[Mapping], executable: str, anchor: int | None
) -> Iterator[tuple[Mapping, str]]:
    """Each mapping with its class, in order of address."""
    heap = _arenas(mappings, _ARENA_HINT if anchor is None else anchor)
    foreign = any(m.inode and m.name != executable and "x" in m.permissions for m in mappings)
    before: Mapping | None = None
    name = ""
    for mapping in mappings:
        name = _class_of(mapping, executable, heap, before, name, foreign=foreign)
        before = mapping
        yield mapping, name


def _class_of(
    mapping: Mapping, executable: str, heap: range, before: Mapping | None, class_before: str, *,
    foreign: bool,
) -> str:  # fmt: skip
    name = mapping.name
    if name in _NAMED:
        return _NAMED[name]
    if name.startswith("[anon: Go: "):
        return "go metadata"
    if mapping.inode:
        if name != executable:
            return "file"
        return "data" if "w" in mapping.permissions else "text"
    if name:
        return "other"
    if mapping.start in heap:
        return "go heap"
    if before is not None and before.end == mapping.start:
        if class_before == "data":
            return "data"  # bss follows the binary's data and has no name
        if foreign and _is_guard(before) and "w" in mapping.permissions:
            return "thread stack"
    return "other" if foreign else "go metadata"


def _is_guard(mapping: Mapping) -> bool:
    """Return whether a mapping looks like a C library's guard page below a thread's stack."""
    return mapping.permissions.startswith("---") and mapping.size <= _GUARD and not mapping.inode


def _arenas(mappings: Sequence[Mapping], anchor: int) -> range:
    """Return the range of contiguous anonymous mappings around an address."""
    run = range(0)
    for mapping in mappings:
        if mapping.inode or mapping.name.strip():
            continue
        if run and run.stop == mapping.start:
            run = range(run.start, mapping.end)
        elif anchor in run:
            break
        else:
            run = range(mapping.start, mapping.end)
    return run if anchor in run else range(0)
