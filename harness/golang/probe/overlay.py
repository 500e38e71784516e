"""The overlay that puts the probe into a build, without a change to any source file."""

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from harness.golang.probe import layout

ProbeMode = Literal["full", "metrics", "off"]
"""``full``: runtime metrics and heap profile; ``metrics``: no profile, and none of the profiler's
cost in the program; ``off``: no overlay at all."""

OverlayMode = ProbeMode | Literal["runtime"]
"""``runtime``: what the runtime gets in the first two modes, and no probe. With the same runtime,
packages are compiled once for programs with and without the probe."""

_SOURCES = Path(__file__).parent
_ATOMIC = ('"internal/runtime/atomic"', '"runtime/internal/atomic"')
"""Where the package is from Go 1.23 on, and where it was before."""
_STOP = (
    ("stopped := stopTheWorldGC(", "stopTheWorldGC("),
    ("startTheWorldGC(stopped)", "startTheWorldGC()"),
)
"""What changes from Go 1.22 to 1.21."""
_DEATH = "\tif flags&_SigKill != 0 {\n\t\tdieFromSignal(sig)\n"
_CATCH = "\tif flags&_SigKill != 0 {\n\t\tgomatrixDie(sig)\n"
"""What ``sighandler`` does with an unhandled signal in Go 1.21 to 1.27, and what it does with the
probe: the same number of bytes of code, so that what follows stays in place."""
_NEEDED = {
    "proc.go": ("func entersyscallblock() {", "func exitsyscall() {", "func checkdead() {",
                "\trun := mcount() - sched.nmidle - sched.nmidlelocked - sched.nmsys\n"),
    "os_linux.go": ("func futexsleep(addr *uint32, val uint32, ns int64) {",
                    "func futexwakeup(addr *uint32, cnt uint32) {"),
    "stubs2.go": ("func read(fd int32, p unsafe.Pointer, n int32) int32",),
    "signal_unix.go": ("func dieFromSignal(sig uint32) {", _DEATH),
}  # fmt: skip
"""What ``wait.go`` needs of the runtime, as in Go 1.21 to 1.27. Fallback for others (patched or
future ones): programs see the probe's goroutine, and signals kill without a snapshot."""
_SPANS = (
    "allspans []*mspan //", "startAddr uintptr //", "npages uintptr //", "elemsize uintptr //",
    "allocCount uint16 //", "state mSpanStateBox //",
    "type mSpanStateBox struct { s atomic.Uint8 }",
    "mSpanDead mSpanState = iota mSpanInUse // allocated for garbage collected heap mSpanManual //",
)  # fmt: skip
"""What ``spans.go`` and the harness's supervisor need of ``mheap.go``, blanks aside, as in Go 1.21
to 1.27. Fallback for others: nothing is told of spans."""
_SAMPLE = "b := stkbucket(memProfile, size, "
_BOUNDED = "b := gomatrixBucket(memProfile, size, "
"""How ``mProf_Malloc`` gets the record of a stack in Go 1.21 to 1.27, and how with ``bucket.go``:
the same number of bytes of code. Fallback for others: the profiler takes what it takes."""
_OBJECTS = (
    "allspans []*mspan //", "elemsize uintptr //", "state mSpanStateBox //",
    "specials *special // linked list of special records",
    "type special struct { _ sys.NotInHeap next *special // linked list in span offset uint",
    "// span offset of object kind byte // kind of special }",
    "type specialprofile struct { _ sys.NotInHeap special special b *bucket }",
    " s.special.kind = _KindSpecialProfile s.b = b if !addspecial(p, &s.special",
)  # fmt: skip
"""What ``objects.go`` needs of ``mheap.go``, blanks aside, as in Go 1.21 to 1.27. Fallback for
others: nothing is told of objects."""
_HOMES = ("runtime", "runtime/debug", "syscall")
"""Packages that the probe's code is added to, which no package of a user's can be named like."""
_IMPORTER = """package main

import _ "runtime/debug" // holds the probe
"""


def write_overlay(
    goroot: Path,
    package_dir: Path | None,
    directory: Path,
    mode: OverlayMode = "full",
    patched: Mapping[str, str | None] = MappingProxyType({}),
    pads: Collection[str] = (),
    others: Mapping[Path, bytes] = MappingProxyType({}),
    *,
    bounded: bool = True,
) -> Path:
    """Write an overlay for ``go build -overlay`` that adds the probe, and a toolchain's patches.

    Args:
        goroot: the toolchain whose standard library gets the probe.
        package_dir: the workload's main package; ``None`` for a test binary, which imports
            ``runtime/debug`` by itself.
        directory: where to write; made if it is not there.
        mode: ``off`` adds patches only; without any, such a build has no use for an overlay.
        patched: files of the GOROOT, by their path within it, with the text that takes their
            place; ``None`` for one that goes away.
        pads: names of the :mod:`~harness.golang.probe.layout` pads to link.
        others: further files to replace, with their content.
        bounded: whether the memory profiler, in mode ``full``, takes as little memory as the probe
            needs; false for a program that uses the profiler itself, which gets what it expects.

    Returns:
        The JSON file.
    """
    directory.mkdir(parents=True, exist_ok=True)
    source = goroot.resolve() / "src"
    replace: dict[str, str] = {}
    for number, (name, text) in enumerate(patched.items()):
        replacement = directory / f"patched{number}{Path(name).suffix}"
        if text is not None:
            replacement.write_bytes(text.encode())
        replace[str(source.parent / name)] = "" if text is None else str(replacement)
    for number, (path, content) in enumerate(others.items()):
        replacement = directory / f"other{number}{path.suffix}"
        replacement.write_bytes(content)
        replace[str(path)] = str(replacement)
    if mode != "off":
        replace |= _probe(source, directory, mode, patched, pads, bounded=bounded)
    if package_dir is not None and mode not in {"off", "runtime"}:
        importer = directory / "importer.go"
        importer.write_text(_IMPORTER, encoding="utf-8")
        replace[str(_unused_name(package_dir.resolve()))] = str(importer)
    overlay = directory / "overlay.json"
    overlay.write_text(json.dumps({"Replace": replace}), encoding="utf-8")
    return overlay


def probe_digest(mode: ProbeMode = "full") -> str:
    """Digest what the probe adds to a build in this mode; part of each build key."""
    digest = hashlib.sha256(mode.encode())
    if mode != "off":
        words = (_IMPORTER, _CATCH, _NEEDED, _SPANS, _SAMPLE, _BOUNDED, _OBJECTS, _STOP)
        digest.update(f"{words}".encode())
        digest.update(Path(layout.__file__).read_bytes())
        for path in sorted(_SOURCES.glob("*.go")):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def is_probe(function: str, file: str) -> bool:
    """Whether a frame of a stack is the probe's own, and not the program's.

    Args:
        function: its full name, as ``runtime/debug.(*gomatrixState).end``.
        file: where it is written, as far as that is known.
    """
    directory, slash, rest = function.rpartition("/")
    package, _, name = rest.partition(".")
    return directory + slash + package in _HOMES and (
        name.lstrip("(*").startswith("gomatrix") or "gomatrix_" in file.rpartition("/")[2]
    )


def _probe(
    source: Path,
    directory: Path,
    mode: OverlayMode,
    patched: Mapping[str, str | None],
    pads: Collection[str],
    *,
    bounded: bool,
) -> dict[str, str]:
    """Write the probe's files for this toolchain; return their targets in its source, and paths."""
    handler, hides = _handler(source, patched)
    runtime, debug = source / "runtime", source / "runtime" / "debug"
    texts = {runtime / f"{pad.name}_gomatrix_pad.go": layout.pad_source(pad) for pad in layout.PADS}
    texts[source / "syscall" / "zz_gomatrix_environment.go"] = _text("environment.go", source)
    heap = " ".join(_runtime_text(source, patched, "mheap.go").split())
    spans = "spans.go" if all(heap.count(text) == 1 for text in _SPANS) else "spans_plain.go"
    texts[runtime / "zz_gomatrix_spans.go"] = _text(spans, source)
    profiler = _runtime_text(source, patched, "mprof.go")
    if profiler.count(_SAMPLE) == 1:
        texts[runtime / "mprof.go"] = profiler.replace(_SAMPLE, _BOUNDED)
        texts[runtime / "zz_gomatrix_bucket.go"] = _text("bucket.go", source)
    else:
        texts[runtime / "zz_gomatrix_bucket.go"] = _text("bucket_plain.go", source)
    objects = "objects.go" if all(heap.count(t) == 1 for t in _OBJECTS) else "objects_plain.go"
    texts[runtime / "zz_gomatrix_objects.go"] = _text(objects, source)
    if hides:
        texts[runtime / "signal_unix.go"] = handler
        texts[runtime / "zz_gomatrix_wait.go"] = _text("wait.go", source)
    if mode != "runtime":
        has_exithook = (source / "internal" / "runtime" / "exithook").is_dir()
        names = [
            "probe.go",
            "hook_exithook.go" if has_exithook else "hook_linkname.go",
            "wait_link.go" if hides else "wait_plain.go",
            *(["profile.go"] if mode == "full" else []),
            *(["bounded.go"] if mode == "full" and bounded else []),
        ]
        texts |= {debug / f"gomatrix_{name}": _text(name, source) for name in names}
        texts[debug / "gomatrix_pads.go"] = layout.table_source(pads)
    for target, text in texts.items():
        (directory / target.name).write_text(text, encoding="utf-8")
    return {str(target): str(directory / target.name) for target in texts}


def _text(name: str, source: Path) -> str:
    """Return one of the probe's files as this toolchain accepts it."""
    text = (_SOURCES / name).read_text(encoding="utf-8")
    if not (source / "internal" / "runtime" / "atomic").is_dir():
        text = text.replace(*_ATOMIC)
    if "type worldStop struct" not in (source / "runtime" / "proc.go").read_text(encoding="utf-8"):
        for new, old in _STOP:
            text = text.replace(new, old)
    return text


def _handler(source: Path, patched: Mapping[str, str | None]) -> tuple[str, bool]:
    """Return the runtime's signal handler with the probe's line, and whether it is known."""
    texts = {name: _runtime_text(source, patched, name) for name in _NEEDED}
    known = all(texts[name].count(word) == 1 for name, words in _NEEDED.items() for word in words)
    return texts["signal_unix.go"].replace(_DEATH, _CATCH), known


def _runtime_text(source: Path, patched: Mapping[str, str | None], name: str) -> str:
    """Return a file of package runtime, as patched; empty where there is none."""
    path = source / "runtime" / name
    text = patched.get(f"src/runtime/{name}", path.read_text("utf-8") if path.exists() else "")
    return text or ""


def _unused_name(package_dir: Path) -> Path:
    """Return a file name that the package does not use."""
    path = package_dir / "zz_gomatrix_probe.go"
    number = 2
    while path.exists():
        path = package_dir / f"zz_gomatrix_probe{number}x.go"
        number += 1
    return path
