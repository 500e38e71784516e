"""Compiler switches that came in between releases, and texts of ``-gcflags``."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from harness.golang.versions import GoVersion
from harness.models import Frozen


class Switch(Frozen):
    """Something that the compiler does by default from one minor version of Go on."""

    name: str
    meaning: str
    """What it does, in a sentence."""
    debug: str
    """The compiler's ``-d`` setting that turns it off."""
    first: int
    """The first minor version of Go that does it; 25 means Go 1.25."""
    last: int | None = None
    """The last one that can turn it off; ``None`` if the newest that is known can."""
    search: str = ""
    """The ``-d`` setting that takes a pattern of golang.org/x/tools/cmd/bisect, to find the places
    in a program that need it."""
    line: int | None = None
    """Done only in packages whose module has this go line or a newer one; then it is safe to turn
    off in the main module alone, for others were written for it."""
    pgo: bool = False
    """Whether it is done only in builds with a profile."""
    source: str
    """Where the compiler's source decides on it, below ``cmd/compile/internal``."""

    def gcflags(self, module: str) -> str:
        """The text for ``-gcflags`` that turns it off; ``module`` is the main module's path."""
        return f"{f'{module}/...' if self.line else 'all'}=-d={self.debug}"

    def in_effect(self, version: str, go_line: str) -> bool:
        """Whether a toolchain does it for a main module with this go line, and can be kept from it.

        Raises:
            ValueError: that is no version, or no go line.
        """
        minor = GoVersion.parse(version).minor
        line = GoVersion.parse(f"go{go_line or '1.16'}").minor
        return self.first <= minor <= (self.last or minor) and line >= (self.line or 0)


SWITCHES = (
    Switch(
        name="loopvar", first=22, line=22, debug="loopvarhash=qn", search="loopvarhash",
        meaning="Each iteration of a loop has its own variables, which may be allocated each time.",
        source="noder/writer.go (distinctVars), base/flag.go",
    ),
    Switch(
        name="zerocopy", first=22, debug="zerocopy=0",
        meaning="A conversion of a string to bytes that are only read copies nothing.",
        source="escape/escape.go",
    ),
    Switch(
        name="pgofuncdevirtualize", first=22, debug="pgodevirtualize=1", search="pgohash", pgo=True,
        meaning="Hot indirect calls of functions become direct ones, which can be inlined.",
        source="devirtualize/pgo.go",
    ),
    Switch(
        name="sccp", first=22, debug="ssa/sccp/off",
        meaning="Constants are followed through branches, and code that cannot be reached is left "
        "out.",
        source="ssa/sccp.go",
    ),
    Switch(
        name="mergelocals", first=23, debug="mergelocals=0", search="mergelocalshash",
        meaning="Local variables that are not in use at the same time share a place on the stack.",
        source="liveness/mergelocals.go",
    ),
    Switch(
        name="alignhot", first=23, debug="alignhot=0", pgo=True,
        meaning="Hot blocks of code are aligned.",
        source="ssagen/ssa.go",
    ),
    Switch(
        name="deadlocals", first=24, debug="nodeadlocals=1",
        meaning="Assignments to local variables that nothing uses are left out.",
        source="deadlocals/deadlocals.go",
    ),
    Switch(
        name="variablemake", first=25, debug="variablemakehash=n", search="variablemakehash",
        meaning="Small slices whose size is known only at run time are made on the stack.",
        source="walk/builtin.go, ssagen/ssa.go, slice/slice.go",
    ),
    Switch(
        name="literalalloc", first=25, debug="literalallochash=n", search="literalallochash",
        meaning="Variables that hold a constant need no allocation as an interface's value or a "
        "slice's size.",
        source="escape/escape.go, walk/order.go",
    ),
    Switch(
        name="knownbits", first=27, debug="ssa/known_bits/off",
        meaning="Bits that are known at compile time are not calculated.",
        source="ssa/compile.go",
    ),
    Switch(
        name="licm", first=27, debug="ssa/loop_invariant/off",
        meaning="Calculations that do not change in a loop are done before it.",
        source="ssa/compile.go",
    ),
)  # fmt: skip
"""What releases since Go 1.21 do by default, in memory or CPU time, and can be kept from doing.

Out of ``base/debug.go``, ``base/flag.go`` and the passes in ``ssa/compile.go`` of Go 1.21 to 1.27.
Left out: ``freeappend`` (1.26), which does something only with the experiment runtimefreegc;
``converthash`` (1.26), which is off by default; and the pass ``pair`` (1.25), for arm64 alone.
"""


def came_between(
    before: str, after: str, lines: tuple[str, str], *, pgo: bool = False
) -> list[Switch]:
    """The switches by which a build with ``after`` differs from one with ``before``.

    Args:
        before: the version of the baseline's toolchain, as ``go1.24.3``.
        after: the version of the candidate's.
        lines: the go line of the main module on either side.
        pgo: whether the candidate is built with a profile.

    Raises:
        ValueError: a version or go line is none.
    """
    return [
        switch for switch in SWITCHES
        if switch.in_effect(after, lines[1]) and not switch.in_effect(before, lines[0])
        and (pgo or not switch.pgo)
    ]  # fmt: skip


class _Flags(NamedTuple):
    """Flags for the packages that a pattern matches; empty for those of the command line."""

    pattern: str
    flags: str


_NEXT = re.compile(r"\s-gcflags=")
_PATTERN = re.compile(r"([^-\s=][^=]*)=(.*)", re.DOTALL)


def split_gcflags(text: str) -> list[str]:
    """The values of ``-gcflags`` in a text such as ``all=-d=a=n -gcflags=example.org/m/...=-N``."""
    return [value.strip() for value in _NEXT.split(text) if value.strip()]


def merge_gcflags(text: str, more: Iterable[str]) -> str:
    """A text that has the effect of another, and for each package also that of each of ``more``.

    For each package the go command keeps the last ``-gcflags`` whose pattern matches it, so flags
    for overlapping patterns must be repeated. In the compiler later flags win.
    """
    merged = [_flags(value) for value in split_gcflags(text)]
    for value in (value for added in more for value in split_gcflags(added)):
        merged = _with(merged, _flags(value))
    last = {entry.pattern: index for index, entry in enumerate(merged)}
    kept = [entry for index, entry in enumerate(merged) if last[entry.pattern] == index]
    return " -gcflags=".join(f"{e.pattern}={e.flags}" if e.pattern else e.flags for e in kept)


def _flags(value: str) -> _Flags:
    match = _PATTERN.fullmatch(value)
    return _Flags(match[1].strip(), match[2]) if match else _Flags("", value)


def _with(entries: Sequence[_Flags], more: _Flags) -> list[_Flags]:
    found = [more]
    for entry in entries:
        both = entry.flags if _has(entry.flags, more.flags) else f"{entry.flags} {more.flags}"
        if _within(entry.pattern, more.pattern):
            found.append(_Flags(entry.pattern, both))
        else:
            found.append(entry)
            if _within(more.pattern, entry.pattern):
                found.append(_Flags(more.pattern, both))
    return found


def _has(flags: str, more: str) -> bool:
    return f" {flags} ".endswith(f" {more} ")


def _within(inner: str, outer: str) -> bool:
    """Whether one pattern matches packages of another only; the command line's are the module's."""
    if outer in ("all", inner):
        return True
    head = outer.removesuffix("...")
    return head != outer and (inner == "" or f"{inner}/".startswith(head))
