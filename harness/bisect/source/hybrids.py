"""Hybrids: toolchains whose standard library has some declarations of another one."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from harness.bisect.points import Classify, Finding, point_of
from harness.bisect.record import Step
from harness.bisect.sentences import against
from harness.bisect.source.answer import Direction
from harness.bisect.source.changes import Edit, FileChange, Unparsable, combine
from harness.bisect.source.split import Splitter
from harness.golang.toolchains.resolve import Toolchain

_FEW = 3
"""So many declarations are named one by one."""

Changes = Mapping[str, FileChange]
"""By path within the GOROOT."""


class Ends(NamedTuple):
    """What is mixed."""

    good: Toolchain
    bad: Toolchain
    settings: tuple[str, ...]


class Hybrids:
    """Makes hybrids of two toolchains, has each one measured once, and records the results."""

    def __init__(
        self, ends: Ends, classify: Classify, split: Splitter, say: Callable[[str], None]
    ) -> None:
        self.steps: list[Step] = []
        self.asked = 0
        """Hybrids that were built, or that the compiler refused."""
        self._ends, self._classify, self._split, self._say = ends, classify, split, say
        self._known: dict[str, Finding] = {}

    def ask(self, direction: Direction, changes: Changes, edits: AbstractSet[Edit]) -> Finding:
        """What becomes of one end when some differences are taken over from the other."""
        base = self._ends.good if direction == "forward" else self._ends.bad
        try:
            texts = self.texts(direction, changes, edits)
        except Unparsable as error:
            name = _name(base, sorted(edits))
            refused = Finding(point=name, state="unresolved", reason=str(error))
            return self._known.get(name) or self._note(name, changes, edits, refused)
        own = {c.path: c.good if direction == "forward" else c.bad for c in changes.values()}
        mixed = {path: text for path, text in texts.items() if text != own[path]}
        name = _name(base, sorted(mixed.items()))
        if name in self._known:
            return self._known[name]
        toolchain = base._replace(name=name, patched={**base.patched, **mixed})
        self.asked += 1
        finding = self._classify(point_of(toolchain, self._ends.settings))
        return self._note(name, changes, edits, finding)

    def texts(
        self, direction: Direction, changes: Changes, edits: AbstractSet[Edit]
    ) -> dict[str, str | None]:
        """All files that differ, as they are in a hybrid.

        Raises:
            Unparsable: a mixed file is no Go.
        """
        chosen = edits
        if direction == "reverse":
            chosen = {Edit(c.path, n) for c in changes.values() for n in c.differing} - edits
        return combine(changes, chosen, self._split)

    def _note(
        self, name: str, changes: Changes, edits: AbstractSet[Edit], finding: Finding
    ) -> Finding:
        words = describe(changes, edits)
        size = f" ({against(finding, '')} against the good end)" if finding.rounds else ""
        self.steps.append(Step(finding=finding, what=words))
        self._say(f"{finding.point}, {words}: {finding.state}{size}")
        self._known[name] = finding
        return finding


def describe(changes: Changes, edits: AbstractSet[Edit]) -> str:
    """Edits in words: by name if they are few, else by where they are."""
    if len(edits) <= _FEW:
        return ", ".join(dict.fromkeys(_label(changes[e.path], e.piece) for e in sorted(edits)))
    paths = {edit.path for edit in edits}
    packages = sorted({changes[path].package for path in paths})
    where = ", ".join(packages) if len(packages) <= _FEW else f"{len(packages)} packages"
    return f"{len(edits)} differences in {len(paths)} files of {where}"


def _label(change: FileChange, number: int) -> str:
    name = change.pieces[number].name
    return f"{change.package}.{name}" if name else change.path


def _name(base: Toolchain, content: Sequence[object]) -> str:
    """A toolchain's name after what it is mixed with."""
    digest = hashlib.sha256(json.dumps([base.name, base.digest, content]).encode()).hexdigest()
    return f"{base.name}{'-' if '~' in base.name else '~'}mix-{digest[:8]}"
