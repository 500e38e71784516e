"""Goes down part by part where two whole libraries cannot be mixed: packages, files, declarations.

Parts are taken over together as long as mixtures build, halved where they do not, and at last one
by one, each with what the compiler misses in it. Leaf packages come first: those that no other one
imports, then those that are tied to the fewest others by imports.
Both directions take turns: what does not build on one toolchain may build on the other.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from harness.bisect.points import Finding
from harness.bisect.source.answer import DIRECTIONS, WANTED, Direction
from harness.bisect.source.changes import Edit
from harness.bisect.source.mixtures import Changes, Mixtures
from harness.bisect.source.needs import Needs, missing

MOST_MEASURED = 90
"""Mixtures that build, at most: some seconds each, some ten minutes in all."""
MOST_REFUSED = 600
"""Mixtures that do not: about a second each, some ten minutes."""
_REPAIRS = 8
"""So often a part is given more of what the compiler misses in it."""
_TIED = 8
"""Declarations that need each other by their names are one part, unless so many do that it is
likelier to be by chance."""
_Unit = frozenset[Edit]
_Level = Literal["packages", "files", "declarations"]
_LEVELS: tuple[_Level, ...] = ("packages", "files", "declarations")


class _Spent(Exception):  # noqa: N818 - a signal, not a fault
    """Enough was asked."""


@dataclass(frozen=True)
class _Cost:
    """Mixtures."""

    measured: int = 0
    refused: int = 0

    def share(self, steps: int) -> "_Cost":
        """What may have been asked after the next of so many steps, after this was asked before.

        Each step has an equal share of what is left, so that the last ones have their turn.
        """
        return _Cost(
            self.measured + max(0, MOST_MEASURED - self.measured) // steps,
            self.refused + max(0, MOST_REFUSED - self.refused) // steps,
        )


@dataclass(frozen=True)
class Descent:
    """What came of it."""

    direction: Direction | None
    """In which a mixture has the effect, if any has."""
    edits: _Unit
    """What that mixture takes over."""
    untried: _Unit
    """Differences that are in no mixture that builds and runs."""
    unclear: _Unit
    """Those that are only in mixtures that are like neither end."""
    spent: bool
    """Whether the search ended before all was asked."""


@dataclass
class _Side:
    """What one direction has told."""

    direction: Direction
    left: set[Edit]
    """Not yet in a mixture that told anything."""
    kept: _Unit = frozenset()
    """Taken over in every mixture of several parts, since it builds and makes no difference."""
    unclear: set[Edit] = field(default_factory=set)
    """Of those left, what is in a mixture that is like neither end."""


class Sieve:
    """One descent."""

    def __init__(self, mixtures: Mixtures, changes: Changes) -> None:
        """Take differences whose wholes cannot be mixed.

        Args:
            mixtures: asks about mixtures.
            changes: all differences.
        """
        self._mixtures = mixtures
        self._changes = changes
        self._ties = ties(changes)
        self._edits = frozenset(edit for change in changes.values() for edit in change.edits)
        self._sides = {d: _Side(d, set(self._edits)) for d in DIRECTIONS}
        self._asked, self._allowed = _Cost(), _Cost()
        self._seen: dict[tuple[Direction, _Unit], Finding] = {}

    def run(self, directions: Sequence[Direction]) -> Descent:
        """Go down until some mixture has the effect, or nothing is left to try.

        Args:
            directions: which ones to try; what is known already is not asked again.
        """
        spent = False
        steps = [(level, self._sides[d]) for level in _LEVELS for d in directions]
        for number, (level, side) in enumerate(steps):
            self._allowed = self._asked.share(len(steps) - number)
            try:
                found = self._sift(side, self._units(level, side))
            except _Spent:
                spent = True
            else:
                if found is not None:
                    return self._told(side.direction, found, spent=False)
        return self._told(None, frozenset(), spent=spent)

    def _told(self, direction: Direction | None, edits: _Unit, *, spent: bool) -> Descent:
        sides = self._sides.values()
        left = frozenset.intersection(*(frozenset(side.left) for side in sides))
        unclear = left.intersection(frozenset[Edit]().union(*(side.unclear for side in sides)))
        return Descent(direction, edits, left - unclear, unclear, spent)

    def _units(self, level: _Level, side: _Side) -> list[_Unit]:
        """What is left on a side, in parts: of leaf packages first.

        Small packages before large ones, which are likelier to be tied to others; but large files
        before small ones, since what the compiler misses in them takes many of the others along.
        """
        groups: dict[str, set[Edit]] = {}
        for edit in sorted(side.left):
            package = self._changes[edit.path].package
            groups.setdefault(edit.path if level == "files" else package, set()).add(edit)
        units = sorted(
            (frozenset(group) for group in groups.values()),
            key=lambda u: (
                self._ties[self._changes[min(u).path].package],
                -len(u) if level == "files" else len(u),
                min(u),
            ),
        )
        if level != "declarations":
            return units
        return [part for unit in units for part in self._declarations(unit, side)]

    def _declarations(self, unit: _Unit, side: _Side) -> Iterator[_Unit]:
        """What is left of one package, in an order in which no declaration needs a later one."""
        paths = {edit.path for edit in unit}
        needs = self._directed(Needs({path: self._changes[path] for path in sorted(paths)}), side)
        for block in needs.blocks(unit):
            if len(block) <= _TIED:
                yield block
            else:
                yield from (frozenset({edit}) for edit in sorted(block))

    @staticmethod
    def _directed(needs: Needs, side: _Side) -> Needs:
        return needs if side.direction == "forward" else needs.reversed()

    def _sift(self, side: _Side, units: Sequence[_Unit]) -> _Unit | None:
        """Take over all units that build; edits with the effect, once there are any."""
        pending = [units] if units else []
        while pending:
            group = pending.pop()
            edits = side.kept.union(*group)
            finding = self._ask(side, edits)
            if finding.state == WANTED[side.direction]:
                return self._narrowed(side, group)
            if finding.state in ("good", "bad"):
                side.kept = edits
            elif len(group) > 1:
                half = len(group) // 2
                pending += [group[half:], group[:half]]
            else:
                found = self._alone(side, group[0])
                if found is not None:
                    return found
        return None

    def _narrowed(self, side: _Side, group: Sequence[_Unit]) -> _Unit:
        """Edits with the effect, out of what is kept and a group that together have it."""
        self._allowed = self._asked.share(1)  # nothing else is left to be found
        try:
            while len(group) > 1:
                half = len(group) // 2
                first = self._ask(side, side.kept.union(*group[:half]))
                if first.state == WANTED[side.direction]:
                    group = group[:half]
                elif first.state in ("good", "bad"):
                    side.kept, group = side.kept.union(*group[:half]), group[half:]
                elif self._has_effect(side, side.kept.union(*group[half:])):
                    group = group[half:]
                else:
                    break
            alone = self._alone(side, frozenset[Edit]().union(*group))
        except _Spent:
            alone = None
        return alone or side.kept.union(*group)

    def _has_effect(self, side: _Side, edits: _Unit) -> bool:
        return self._ask(side, edits).state == WANTED[side.direction]

    def _alone(self, side: _Side, unit: _Unit) -> _Unit | None:
        """One part with nothing but what the compiler misses in it; edits if it has the effect."""
        for edits, finding in completions(lambda e: self._ask(side, e), self._changes, unit):
            if finding.state == WANTED[side.direction]:
                return edits
        return None

    def _ask(self, side: _Side, edits: _Unit) -> Finding:
        key = side.direction, edits
        if key not in self._seen:
            if (
                self._asked.measured >= self._allowed.measured
                or self._asked.refused >= self._allowed.refused
            ):
                raise _Spent
            finding = self._mixtures.ask(side.direction, self._changes, edits)
            self._seen[key] = finding
            refused = finding.state == "unresolved"
            self._asked = _Cost(self._asked.measured + (not refused), self._asked.refused + refused)
        finding = self._seen[key]
        if finding.state in ("good", "bad"):
            side.left -= edits
        elif finding.state == "doubtful":
            side.unclear |= edits - side.kept
        return finding


def ties(changes: Changes) -> dict[str, tuple[bool, int]]:
    """Of each package that differs: whether another one imports it, and with how many it is tied.

    By the imports of files that differ.
    """
    names = {change.package for change in changes.values()}
    users: dict[str, set[str]] = {name: set() for name in names}
    used: dict[str, set[str]] = {name: set() for name in names}
    for change in changes.values():
        for path in {i.path for split in change.splits for i in split.imports} & names:
            used[change.package].add(path)
            users[path].add(change.package)
    return {name: (bool(users[name]), len(users[name] | used[name])) for name in names}


def completions(
    ask: Callable[[_Unit], Finding], changes: Changes, edits: _Unit
) -> Iterator[tuple[_Unit, Finding]]:
    """Edits, and then always with more of what their build complains of, while it is refused.

    Args:
        ask: about a mixture.
        changes: all differences.
        edits: to begin with.
    """
    for _ in range(_REPAIRS):
        finding = ask(edits)
        yield edits, finding
        more = missing(finding.reason or "", changes, edits)
        if finding.state != "unresolved" or not more:
            return
        edits |= more
