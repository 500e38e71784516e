"""Where a program's code lies with the probe in it: in the same half of a cache line as without.

The linker places functions one after the other, each at a multiple of 32 bytes. What the probe adds
moves all that follows; if by an odd number of such steps, every hot loop lies in the other half of
its cache line, and runs up to 3 % faster or slower for it (``docs/measurement.md``). So the runtime
gets pads, functions that do nothing and fill one step each, of which each build links those that
make all shifts even.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from harness.golang.elf import Function

_STEP = 32
"""Bytes that a function is aligned to on amd64 (``funcAlign`` of ``cmd/link/internal/amd64``)."""
_LINE = 64
"""Bytes of a cache line."""
_PROBE = "runtime.gomatrix"


class Pad(NamedTuple):
    """A function of 32 bytes at most, linked or not."""

    name: str
    """Of the file after which it lies; the runtime's files are compiled in their names' order."""
    landmark: str
    """A function behind it that is in every program, and to which no package links by name: such
    functions are compiled behind all others."""


PADS = (
    Pad("aa", "runtime.chansend"),
    Pad("histogram", "runtime.mallocinit"),
    Pad("metrics", "runtime.gcinit"),
    Pad("mgc", "runtime.gcDrain"),
    Pad("mprof", "runtime.(*addrRanges).init"),
    Pad("mstats", "runtime.schedinit"),
    Pad("runtime", "runtime.copystack"),
    Pad("zz", "runtime.memmove"),
)
"""In the order of their places, from Go 1.21 to 1.27: one behind each file that has functions which
the probe needs and many a program does not."""
END = Pad("end", "main.main")
"""In ``runtime/debug``, for the program's own main package."""


def choose(without: Mapping[str, Function], probed: Mapping[str, Function]) -> frozenset[str]:
    """The pads that put each landmark where it would be without the probe, or a cache line away.

    Args:
        without: functions of the program without the probe, but compiled with the same runtime.
        probed: of the same with the probe, and without pads.
    """
    own = [function for name, function in without.items() if name.startswith(_PROBE)]
    chosen: set[str] = set()
    for name, landmark in (*PADS, END):
        if landmark not in without or landmark not in probed:
            continue
        place = without[landmark].address
        moved = sum(_space(function) for function in own if function.address < place)
        shift = probed[landmark].address + _STEP * len(chosen) - (place - moved)
        if shift % _LINE == _STEP:
            chosen.add(name)
    return frozenset(chosen)


def pad_source(pad: Pad) -> str:
    """The file of one of :data:`PADS`, in the runtime.

    The linker finds the function through a variable: a function that another package links to by
    name is compiled behind all others, and would lie in another place.
    """
    name = _name(pad)
    return (
        'package runtime\n\nimport _ "unsafe"\n\n'
        f"//go:noinline\nfunc {name}() {{}}\n\n"
        f"//go:linkname {name}Kept\nvar {name}Kept = {name}\n"
    )


def table_source(pads: Collection[str]) -> str:
    """The file in ``runtime/debug`` that has the linker keep these pads."""
    text = 'package debug\n\nimport _ "unsafe"\n\n'
    for pad in PADS:
        if pad.name in pads:
            kept = f"{_name(pad)}Kept"
            text += f"//go:linkname {kept} runtime.{kept}\nvar {kept} func()\n\n"
    if END.name in pads:
        name = _name(END)
        text += f"//go:noinline\nfunc {name}() {{}}\n\nvar {name}Kept = {name}\n\n"
    table = ", ".join(f"&{_name(pad)}Kept" for pad in (*PADS, END) if pad.name in pads)
    return f"{text}var gomatrixPads = []*func(){{{table}}}\n"


def _name(pad: Pad) -> str:
    return f"gomatrixPad{pad.name.capitalize()}"


def _space(function: Function) -> int:
    """Bytes from its start to the next function's."""
    return -(-function.size // _STEP) * _STEP
