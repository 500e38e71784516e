"""Source files split into segments, one for each declaration."""

import itertools
import json
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.golang.builds.tools import build_tool, tool_of
from harness.golang.patches import split_lines
from harness.golang.toolchains.resolve import Toolchain
from harness.models import Frozen

_TEXT = re.compile(r"^TEXT\s+([^\s(,]+)\(SB\)")
"""How a function begins in Go's assembler."""
_REFERENCE = re.compile(r"([\w\u2215.]*)·(\w+)")
"""A symbol in Go's assembler: its package, which is empty for the file's own, and its name."""
_SLASH = "\u2215"
"""Stands for a slash there."""
_OFFSET = re.compile(r"\b([A-Za-z]\w*?)_(\w+)\b")
"""How ``go_asm.h`` names where a field is in a type, or a constant's value."""
_ASSEMBLY = (".s", ".S")


class Symbol(Frozen):
    """Something that is declared at package level."""

    name: str
    """As stack traces name it: ``f``, ``T.m``, ``(*T).m``."""
    text: str
    """Its declaration."""


class Segment(Frozen):
    """A part of a file; all segments together are the file."""

    kind: str
    """``head``, ``imports``, ``const``, ``func``, ``type``, ``var``, ``tail`` or ``text``."""
    text: str
    code: str
    """What the compiler sees: a digest, or the text without comments."""
    symbols: tuple[Symbol, ...] = ()
    signatures: frozenset[str] = frozenset()
    """Keys with the types of what they name."""
    defines: frozenset[str] = frozenset()
    """Keys of what is declared: ``runtime.mallocgc``, ``runtime.mspan.base``."""
    uses: frozenset[str] = frozenset()
    """Keys of what is referred to; of functions without a body, their own."""
    qualifiers: frozenset[str] = frozenset()
    """Identifiers that may name a package: the ``x`` of ``x.Sel``."""


class Import(Frozen):
    """One import of a Go file."""

    name: str
    """Empty if the file does not say it."""
    path: str


class Split(Frozen):
    """A file as segments."""

    segments: tuple[Segment, ...]
    imports: tuple[Import, ...] = ()
    error: str = ""
    """Why a Go file cannot be parsed; it is then one segment."""


Sources = Sequence[tuple[str, str]]
"""Files as path within the GOROOT and text."""
Splitter = Callable[[Sources], list[Split]]


def make_splitter(
    toolchain: Toolchain, cache: Path, library: Sources = (), moved: Mapping[str, str] | None = None
) -> Splitter:
    """Make a splitter, which runs a small Go program of the harness, built by the newest toolchain.

    ``library`` holds all Go files of a GOROOT that a program uses, to resolve references; without
    them, segments of Go files do not tell what they define and use. ``moved`` holds other names of
    packages in keys.
    """
    tool = build_tool(tool_of("harness.bisect.source", "decls", toolchain), cache)

    def split(sources: Sources) -> list[Split]:
        go = [(path, text) for path, text in sources if path.endswith(".go")]
        parsed = iter(_ask(tool, go, library, moved or {}) if go else [])
        return [
            next(parsed) if path.endswith(".go") else split_other(path, text)
            for path, text in sources
        ]

    return split


def _ask(tool: Path, go: Sources, library: Sources, moved: Mapping[str, str]) -> list[Split]:
    asked = {
        "files": [{"path": path, "text": text} for path, text in go],
        "library": [{"path": path, "text": text} for path, text in library],
        "moved": dict(moved),
    }
    done = subprocess.run(
        [tool], input=json.dumps(asked).encode(), capture_output=True, check=False
    )
    if done.returncode != 0:
        raise HarnessError(f"{tool} failed: {done.stderr.decode(errors='replace').strip()}")
    return [
        _split_go(text, found) for (_, text), found in zip(go, json.loads(done.stdout), strict=True)
    ]


def _split_go(text: str, found: dict[str, Any]) -> Split:
    if found["error"]:
        return Split(segments=(_whole(text),), error=found["error"])
    content = text.encode()

    def with_text(place: dict[str, Any]) -> dict[str, Any]:
        return place | {"text": content[place.pop("start") : place.pop("end")].decode()}

    for segment in found["segments"]:
        segment["symbols"] = [with_text(symbol) for symbol in segment["symbols"]]
    segments = [with_text(segment) for segment in found["segments"]]
    return Split.model_validate({"imports": found["imports"], "segments": segments})


def split_other(path: str, text: str) -> Split:
    """Split a file that is not Go: assembly at its functions, any other not at all."""
    if not path.endswith(_ASSEMBLY):
        return Split(segments=(_whole(text),))
    lines = split_lines(text)
    starts = {_with_comment(lines, n) for n, line in enumerate(lines) if _TEXT.match(line)}
    cuts = [*sorted({0, *starts}), len(lines)]
    parts = ["".join(lines[a:b]) for a, b in itertools.pairwise(cuts)]
    package = path.removeprefix("src/").rpartition("/")[0]
    segments = (_assembly(part, package, first=n == 0) for n, part in enumerate(parts))
    return Split(segments=tuple(segments))


def _with_comment(lines: Sequence[str], number: int) -> int:
    while number and lines[number - 1].startswith("//"):
        number -= 1
    return number


def _assembly(text: str, package: str, *, first: bool) -> Segment:
    found = next((m for line in split_lines(text) if (m := _TEXT.match(line))), None)
    name = re.sub(r"<.*>$", "", found[1]).rpartition("·")[2] if found else ""
    return Segment(
        kind="func" if found else "head",
        text=text,
        code=text if first else without_comments(text),  # the first may hold build constraints
        symbols=(Symbol(name=name, text=text),) if name else (),
        defines=_symbol_keys(found[1], package) if found else frozenset(),
        uses=_assembly_uses(text, package),
    )


def _assembly_uses(text: str, package: str) -> frozenset[str]:
    offsets = {f"{package}.{owner}.{name}" for owner, name in _OFFSET.findall(text)}
    constants = {f"{package}.{m[2]}" for m in _OFFSET.finditer(text) if m[1] == "const"}
    return _symbol_keys(text, package) | offsets | constants


def _symbol_keys(text: str, package: str) -> frozenset[str]:
    found = _REFERENCE.findall(text)
    return frozenset(f"{where.replace(_SLASH, '/') or package}.{name}" for where, name in found)


def _whole(text: str) -> Segment:
    return Segment(kind="text", text=text, code=text)


def without_comments(text: str) -> str:
    """Drop blank lines and comment lines, unless they may be in a string."""
    if "`" in text or "/*" in text:
        return text
    lines = (line.strip() for line in split_lines(text))
    return "\n".join(line for line in lines if line and not _is_comment(line))


def _is_comment(line: str) -> bool:
    return line.startswith("//") and not line.startswith(("//go:", "//line ", "//export "))
