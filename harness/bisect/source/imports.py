"""The imports of a Go file that is made of two others."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from harness.bisect.source.split import Import, Split

_Side = tuple[Split, str]
"""A file, and the text of its imports."""


def unnamed(imports: Iterable[Import]) -> frozenset[str]:
    """Imports with the name ``_`` or ``.``, and C."""
    return frozenset(
        "C" if i.path == "C" else f"{i.name} {i.path}"
        for i in imports
        if i.name in ("_", ".") or i.path == "C"
    )


def fit_imports(first: _Side, second: _Side, needed: AbstractSet[str]) -> str:
    """The text of imports that neither lack what is needed nor hold what is not.

    It is that of one side, of the first if it fits; if neither fits, it has imports from both. The
    unnamed imports of the first side are kept in any case. What is ``needed`` may hold other names
    than those of packages.
    """
    offered = {name for side in (first, second) for name in _named(side[0])}
    wanted = needed & offered
    for split, text in (first, second):
        alike = unnamed(split.imports) == unnamed(first[0].imports)
        if alike and wanted == _named(split).keys() - _implicit(split):
            return text
        if "C" in unnamed(split.imports):
            return first[1]
    chosen = {i for i in first[0].imports if _name(i) in wanted or i.name in ("_", ".")}
    chosen |= {i for i in first[0].imports if _name(i) in _implicit(first[0])}
    names = {_name(i) for i in chosen}
    chosen |= {i for i in second[0].imports if _name(i) in wanted - names}
    lines = sorted(f'\t{i.name} "{i.path}"'.replace("\t ", "\t") for i in chosen)
    return "\n".join(["", "import (", *lines, ")", "", ""]) if lines else "\n"


def _named(split: Split) -> dict[str, Import]:
    return {_name(i): i for i in split.imports if i.name not in ("_", ".") and i.path != "C"}


def _name(imported: Import) -> str:
    """By what name a file knows a package: in the standard library, the last part of its path."""
    if imported.name:
        return imported.name
    *_, before, last = ["", *imported.path.split("/")]
    is_version = last[:1] == "v" and last[1:].isdigit()
    return before if is_version else last


def _implicit(split: Split) -> frozenset[str]:
    """Imports that the file itself does not use by the name that they are thought to have."""
    used = frozenset[str]().union(*(segment.qualifiers for segment in split.segments))
    return frozenset(name for name in _named(split) if name not in used)
