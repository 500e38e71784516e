"""Classes of mappings: which part of a Go process's address space belongs to what."""

from collections.abc import Sequence

from harness.measure.procfs import Mapping

CLASSES = ("go heap", "go metadata", "text", "data", "c heap", "stack", "file", "vdso", "other")
"""``go heap`` holds goroutine stacks too: the runtime takes both from its arenas."""

_KINDS = {
    "rss": "Rss",
    "pss": "Pss",
    "dirty": "Private_Dirty",
    "huge": "AnonHugePages",
    "swap": "Swap",
}
_ARENA_HINT = 0xC000000000
"""Where arenas begin on 64-bit systems (``mallocinit`` in ``runtime/malloc.go``), unless the
experiment ``randomizedheapbase64`` chose another place."""


def classify(
    mappings: Sequence[Mapping], executable: str, anchor: int | None
) -> dict[str, dict[str, int]]:
    """Bytes by class and by kind (``size``, ``rss``, ``pss``, ``dirty``, ``huge``, ``swap``).

    Args:
        mappings: of one process, in order of address.
        executable: path of the process's binary.
        anchor: the address of an object in the Go heap, where it is known.
    """
    heap = _arenas(mappings, _ARENA_HINT if anchor is None else anchor)
    foreign = any(m.inode and m.name != executable and "x" in m.permissions for m in mappings)
    classes: dict[str, dict[str, int]] = {}
    previous = ""
    for mapping in mappings:
        name = _class_of(mapping, executable, previous, heap, foreign=foreign)
        previous = name
        sums = classes.setdefault(name, dict.fromkeys(("size", *_KINDS), 0))
        sums["size"] += mapping.size
        for kind, field in _KINDS.items():
            sums[kind] += mapping.fields.get(field, 0)
    return classes


def _class_of(
    mapping: Mapping, executable: str, previous: str, heap: range, *, foreign: bool
) -> str:
    name = mapping.name
    if name.startswith("[anon: Go: "):  # Go 1.25 and later, where the kernel keeps names
        return "go heap" if name == "[anon: Go: heap]" else "go metadata"
    if name == "[heap]":
        return "c heap"
    if name == "[stack]":
        return "stack"
    if name in ("[vdso]", "[vvar]", "[vvar_vclock]", "[vsyscall]"):
        return "vdso"
    if mapping.inode:
        if name != executable:
            return "file"
        return "data" if "w" in mapping.permissions else "text"
    if name:
        return "other"
    if mapping.start in heap:
        return "go heap"
    if previous == "data":
        return "data"  # bss follows the binary's own data without a name
    return "other" if foreign else "go metadata"


def _arenas(mappings: Sequence[Mapping], anchor: int) -> range:
    """The addresses of the contiguous anonymous mappings around an address."""
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
