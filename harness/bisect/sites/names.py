"""The names of the functions that source lines are in."""

import re
from pathlib import Path

from harness.bisect.record import Frame
from harness.bisect.sites.places import is_library, root_of
from harness.bisect.source.split import Segment, make_splitter
from harness.errors import HarnessError
from harness.files.inside import read_inside
from harness.golang.sources.locate import Source
from harness.golang.toolchains.resolve import Toolchain

_LIMIT = 8 << 20
"""Bytes of a source file."""
_CLAUSE = re.compile(r"^\s*package\s+(\w+)", re.MULTILINE)


class Names:
    """Reads source files of a program's own module and of its standard library."""

    def __init__(self, source: Source, toolchain: Toolchain, cache: Path) -> None:
        """Take a program, and the toolchain that it is built with."""
        self._source, self._toolchain, self._cache = source, toolchain, cache

    def named(self, frame: Frame) -> Frame:
        """A line with its function, as ``main.serve``; without where that cannot be told."""
        if is_library(frame, self._source):
            root, file = self._toolchain.goroot / "src", frame.file
        else:
            root, file = self._source.module, frame.file.removeprefix(root_of(self._source))
        try:
            text = read_inside(root, file, _LIMIT).decode(errors="replace")
            (split,) = make_splitter(self._toolchain, self._cache)([(file, text)])
        except HarnessError:
            return frame
        name = _function(split.segments, frame.line)
        clause = _CLAUSE.search(split.segments[0].text)
        package = f"{clause[1]}." if clause else ""
        return frame.model_copy(update={"function": f"{package}{name}"}) if name else frame


def _function(segments: tuple[Segment, ...], line: int) -> str:
    """The function that a line is in; empty if it is in none."""
    first = 1
    for segment in segments:
        last = first + segment.text.count("\n")
        if first <= line <= last and segment.kind == "func" and segment.symbols:
            return segment.symbols[0].name
        first = last
    return ""
