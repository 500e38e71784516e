"""Which experiments the packages of a program look at."""

import re
from pathlib import Path

from harness.golang.sources.listing import Cell, list_packages

_MENTION = re.compile(rb"goexperiment[._](\w+)", re.IGNORECASE)
_SUFFIXES = (".go", ".s", ".h")
_BYTES = 4 << 20
"""Of a file that is looked at; the largest source file of the standard library has 2 MB."""


def experiments_mentioned(cell: Cell, cache: Path) -> frozenset[str]:
    """The experiments that the source of a program's packages names, also in build constraints.

    Only the compiler can make the others matter to the program.

    Raises:
        HarnessError: its packages cannot be listed.
    """
    text = list_packages(cell, cache, "-deps", "-f", "{{.Dir}}")
    found: set[str] = set()
    for directory in {Path(line) for line in text.splitlines() if line}:
        if directory.name == "goexperiment":  # it names them all
            continue
        for path in directory.iterdir():
            if path.suffix in _SUFFIXES and path.is_file():
                with path.open("rb") as file:
                    found |= {word.decode().lower() for word in _MENTION.findall(file.read(_BYTES))}
    return frozenset(found | {word.removesuffix("int") for word in found})
