"""Goes down declaration by declaration where two whole libraries cannot be mixed.

Declarations are taken over together, each with all that it needs, as long as mixtures build, and
halved where they do not, down to single ones. What builds and makes no difference is kept, so that
causes that lie in several places are found as well. Leaf packages come first: those that no other
one imports. What does not build on one toolchain may build on the other, so that both directions
have their turn.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.bisect.points import Finding
from harness.bisect.source.answer import DIRECTIONS, WANTED, Direction
from harness.bisect.source.changes import Edit
from harness.bisect.source.mixtures import Changes, Mixtures
from harness.bisect.source.needs import Needs

MOST_MEASURED = 60
"""Mixtures that build, at most: some seconds each, some seven minutes in all."""
MOST_REFUSED = 300
"""Mixtures that do not: about a second each, some five minutes."""
_REPAIRS = 8
"""So often a mixture that does not build is given what the compiler misses in it."""
_Unit = frozenset[Edit]


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
    needs: Needs
    left: set[Edit]
    """Not yet in a mixture that told anything."""
    kept: _Unit = frozenset()
    """Taken over in every mixture of several parts, since it builds and makes no difference."""
    unclear: set[Edit] = field(default_factory=set)
    """Of those left, what is in a mixture that is like neither end."""


class Sieve:
    """One descent."""

    def __init__(
        self, mixtures: Mixtures, changes: Changes, needs: Mapping[Direction, Needs]
    ) -> None:
        """Take differences whose wholes cannot be mixed.

        Args:
            mixtures: asks about mixtures.
            changes: all differences.
            needs: what each difference needs, in each direction.
        """
        self._mixtures = mixtures
        self._changes = changes
        self._edits = frozenset(edit for change in changes.values() for edit in change.edits)
        self._sides = {d: _Side(d, needs[d], set(self._edits)) for d in DIRECTIONS}
        self._asked, self._allowed = _Cost(), _Cost()
        self._seen: dict[tuple[Direction, _Unit], Finding] = {}

    def run(self, directions: Sequence[Direction]) -> Descent:
        """Go down until some mixture has the effect, or nothing is left to try.

        Args:
            directions: which ones to try; what is known already is not asked again.
        """
        spent = False
        for number, direction in enumerate(directions):
            side = self._sides[direction]
            self._allowed = self._asked.share(len(directions) - number)
            try:
                found = self._sift(side, side.needs.blocks(side.left))
            except _Spent:
                spent = True
            else:
                if found is not None:
                    return self._told(direction, found, spent=False)
        return self._told(None, frozenset(), spent=spent)

    def _told(self, direction: Direction | None, edits: _Unit, *, spent: bool) -> Descent:
        sides = self._sides.values()
        left = frozenset.intersection(*(frozenset(side.left) for side in sides))
        unclear = left.intersection(frozenset[Edit]().union(*(side.unclear for side in sides)))
        return Descent(direction, edits, left - unclear, unclear, spent)

    def _sift(self, side: _Side, units: Sequence[_Unit]) -> _Unit | None:
        """Take over all units that build; edits with the effect, once there are any."""
        pending = deque([units])  # large parts first: if they build, they tell much
        while pending:
            group = [unit for unit in pending.popleft() if side.needs.possible(unit)]
            if not group:
                continue
            edits = side.kept | side.needs.close(frozenset[Edit]().union(*group))
            finding = self._ask(side, edits)
            if finding.state == WANTED[side.direction]:
                return self._narrowed(side, group)
            if finding.state in ("good", "bad"):
                side.kept = edits
            elif side.needs.learn(finding.reason or "", edits):
                pending.appendleft(group)
            elif len(group) > 1:
                half = len(group) // 2
                pending += [group[:half], group[half:]]
            else:
                found = self._alone(side, group[0])
                if found is not None:
                    return found
                side.needs.barred |= group[0]
        return None

    def _narrowed(self, side: _Side, group: Sequence[_Unit]) -> _Unit:
        """Edits with the effect, out of what is kept and a group that together have it."""
        self._allowed = self._asked.share(1)  # nothing else is left to be found
        try:
            while len(group) > 1:
                half = len(group) // 2
                first = side.kept | side.needs.close(frozenset[Edit]().union(*group[:half]))
                finding = self._ask(side, first)
                if finding.state == WANTED[side.direction]:
                    group = group[:half]
                elif finding.state in ("good", "bad"):
                    side.kept, group = first, group[half:]
                else:
                    break
            alone = self._alone(side, frozenset[Edit]().union(*group))
        except _Spent:
            alone = None
        return alone or side.kept | side.needs.close(frozenset[Edit]().union(*group))

    def _alone(self, side: _Side, unit: _Unit) -> _Unit | None:
        """One part with nothing but what it needs; edits if it has the effect."""
        for edits, finding in completions(lambda e: self._ask(side, e), side.needs, unit):
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


def completions(
    ask: Callable[[_Unit], Finding], needs: Needs, edits: _Unit
) -> Iterator[tuple[_Unit, Finding]]:
    """Edits with what they need, and then always with more of what their build complains of.

    Args:
        ask: about a mixture.
        needs: learns from the complaints.
        edits: to begin with.
    """
    for _ in range(_REPAIRS):
        if not needs.possible(edits):
            return
        closed = needs.close(edits)
        finding = ask(closed)
        yield closed, finding
        if finding.state != "unresolved" or not needs.learn(finding.reason or "", closed):
            return
