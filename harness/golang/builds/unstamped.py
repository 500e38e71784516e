"""Run one of Go's tools; the linker without what would tell how a program was built.

The go command starts this file by itself (``-toolexec``), with nothing of the harness at hand.
"""

import os
import sys
from pathlib import Path


def unstamped(arguments: list[str]) -> list[str]:
    """The linker's arguments, with a list of packages that has no build information."""
    place = arguments.index("-importcfg") + 1
    source = Path(arguments[place])
    target = source.with_suffix(".unstamped")
    lines = source.read_bytes().splitlines(keepends=True)
    target.write_bytes(b"".join(line for line in lines if not line.startswith(b"modinfo ")))
    return [*arguments[:place], str(target), *arguments[place + 1 :]]


if __name__ == "__main__":
    tool, *given = sys.argv[1:]
    if Path(tool).name == "link" and "-V=full" not in given:
        given = unstamped(given)
    os.execv(tool, [tool, *given])  # noqa: S606 - takes the place of a tool, without a shell
