"""What was found: the names of changed declarations, and a unified diff."""

import difflib
from collections import Counter
from collections.abc import Mapping

from harness.bisect.source.split import Split, Splitter
from harness.golang.patches import split_lines
from harness.models import Frozen

Texts = Mapping[str, str | None]
"""Files by path within a GOROOT; ``None`` for one that is not there."""


class ChangedDeclaration(Frozen):
    """A declaration that differs, or a file that has none."""

    path: str
    """Within the GOROOT, as ``src/runtime/malloc.go``."""
    package: str
    """As ``runtime``."""
    symbol: str | None
    """As stack traces name it, without the package: ``mallocgcLarge``, ``(*mheap).alloc``."""

    @property
    def name(self) -> str:
        """For messages: ``runtime.mallocgcLarge``, or the file."""
        return f"{self.package}.{self.symbol}" if self.symbol else self.path


def changed_declarations(old: Texts, new: Texts, split: Splitter) -> tuple[ChangedDeclaration, ...]:
    """The declarations that differ between two versions of files."""
    paths = [path for path in sorted(old) if old[path] != new[path]]
    splits = split([(path, side[path] or "") for path in paths for side in (old, new)])
    found = []
    for path, before, after in zip(paths, splits[::2], splits[1::2], strict=True):
        package = path.removeprefix("src/").rpartition("/")[0]
        names: list[str | None] = list(_changed(before, after))
        found += [ChangedDeclaration(path=path, package=package, symbol=n) for n in names or [None]]
    return tuple(found)


def _changed(before: Split, after: Split) -> list[str]:
    """Names of symbols whose declarations are not the same, in the order of the files."""
    counts = [
        Counter((s.name, s.text) for segment in split.segments for s in segment.symbols)
        for split in (before, after)
    ]
    differing = (counts[0] - counts[1]) + (counts[1] - counts[0])
    return list(dict.fromkeys(name for name, _ in differing))


def unified_diff(old: Texts, new: Texts) -> str:
    """A patch that ``patch -p1`` applies within a GOROOT."""
    return "".join(_file_diff(path, old[path], new[path]) for path in sorted(old))


def _file_diff(path: str, old: str | None, new: str | None) -> str:
    if old == new:
        return ""
    names = (
        "/dev/null" if old is None else f"a/{path}",
        "/dev/null" if new is None else f"b/{path}",
    )
    lines = list(difflib.unified_diff(split_lines(old or ""), split_lines(new or ""), *names))
    lines = lines or [f"--- {names[0]}\n", f"+++ {names[1]}\n"]  # an empty file
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )
