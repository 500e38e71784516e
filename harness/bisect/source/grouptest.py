"""Group testing of declarations, for two libraries of which neither builds on the other toolchain.

A group of declarations is taken over with all that it needs. If the hybrid builds and makes no
difference, the group is kept, so that causes in several places are found as well; if it does not
build, the group is halved, down to single declarations. Leaf packages, which no other one imports,
come first, and then large groups before small ones. What does not build on one toolchain may build
on the other, so both directions have their turn.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from harness.bisect.points import Finding
from harness.bisect.source.answer import DIRECTIONS, WANTED, Direction
from harness.bisect.source.changes import Edit
from harness.bisect.source.hybrids import Changes, Hybrids
from harness.bisect.source.needs import Needs

MOST = {"measured": 60, "refused": 300}
"""Hybrids, at most: on two CPUs, one that builds takes some six seconds, another about one."""
_REPAIRS = 8
"""How often a hybrid that does not build is extended by what the compiler misses."""
_Edits = frozenset[Edit]


class _Spent(Exception):  # noqa: N818 - a signal, not a fault
    """The budget is used up."""


@dataclass(frozen=True)
class GroupResult:
    """What group testing found."""

    direction: Direction | None
    """The direction in which a hybrid has the effect, if any has."""
    edits: _Edits
    """What that hybrid takes over."""
    untried: _Edits
    """Differences that are in no hybrid that builds and runs."""
    unclear: _Edits
    """Differences that are only in hybrids that are like neither end."""
    spent: bool
    """Whether the budget ended the search."""


@dataclass
class _Side:
    """What is known in one direction."""

    direction: Direction
    needs: Needs
    left: set[Edit]
    """Not yet in a hybrid that is good or bad."""
    kept: _Edits = frozenset()
    """Builds, and makes no difference."""
    unclear: set[Edit] = field(default_factory=set)
    """Those left that are in a hybrid that is like neither end."""

    def with_kept(self, group: Sequence[_Edits]) -> _Edits:
        """What is kept, and a group with all that it needs."""
        return self.kept | self.needs.close(frozenset[Edit]().union(*group))


class GroupTest:
    """Looks for a group of differences that has the effect."""

    def __init__(
        self, hybrids: Hybrids, changes: Changes, needs: Mapping[Direction, Needs]
    ) -> None:
        """Take all differences; nothing is tried yet."""
        self._hybrids = hybrids
        self._changes = changes
        self._edits = frozenset(edit for change in changes.values() for edit in change.edits)
        self._sides = {d: _Side(d, needs[d], set(self._edits)) for d in DIRECTIONS}
        self._used = dict.fromkeys(MOST, 0)
        self._limit: dict[str, int] = {}
        self._known: dict[tuple[Direction, _Edits], Finding] = {}

    def run(
        self, directions: Sequence[Direction], among: AbstractSet[Edit] | None = None
    ) -> GroupResult:
        """Search until a hybrid has the effect, or nothing is left to try.

        What is known is not tried again.
        """
        spent = False
        for number, direction in enumerate(directions):
            side = self._sides[direction]
            self._share_out(len(directions) - number)
            try:
                found = self._search(side, side.needs.blocks(side.left if among is None else among))
            except _Spent:
                spent = True
            else:
                if found is not None:
                    return self._result(direction, found, spent=False)
        return self._result(None, frozenset(), spent=spent)

    def _share_out(self, searches: int) -> None:
        """Give the next of so many searches an equal share of what is left of the budget."""
        for kind, used in self._used.items():
            self._limit[kind] = used + max(0, MOST[kind] - used) // searches

    def _result(self, direction: Direction | None, edits: _Edits, *, spent: bool) -> GroupResult:
        sides = self._sides.values()
        left = frozenset.intersection(*(frozenset(side.left) for side in sides))
        unclear = left.intersection(frozenset[Edit]().union(*(side.unclear for side in sides)))
        return GroupResult(direction, edits, left - unclear, unclear, spent)

    def _search(self, side: _Side, blocks: Sequence[_Edits]) -> _Edits | None:
        """Take over whatever builds; edits with the effect, once there are any."""
        leaves = [block for block in blocks if block & side.needs.leaves]
        others = [block for block in blocks if not block & side.needs.leaves]
        pending = deque([leaves, others])
        while pending:
            group = [block for block in pending.popleft() if side.needs.possible(block)]
            if not group:
                continue
            edits = side.with_kept(group)
            finding = self._try(side, edits)
            if finding.state == WANTED[side.direction]:
                return edits
            if finding.state in ("good", "bad"):
                side.kept = edits
            elif side.needs.learn(finding.reason or "", edits):
                pending.appendleft(group)
            elif len(group) > 1:
                half = len(group) // 2
                pending += [group[:half], group[half:]]
            elif (found := self._alone(side, group[0])) is not None:
                return found
            else:
                side.needs.barred |= group[0]
        return None

    def _alone(self, side: _Side, block: _Edits) -> _Edits | None:
        """Take over a block with what it needs, and with what the compiler misses; nothing else."""
        for _ in range(_REPAIRS):
            if not side.needs.possible(block):
                break
            edits = side.needs.close(block)
            finding = self._try(side, edits)
            if finding.state == WANTED[side.direction]:
                return edits
            if finding.state != "unresolved" or not side.needs.learn(finding.reason or "", edits):
                break
        return None

    def _try(self, side: _Side, edits: _Edits) -> Finding:
        key = side.direction, edits
        if key not in self._known:
            if any(self._used[kind] >= limit for kind, limit in self._limit.items()):
                raise _Spent
            finding = self._hybrids.ask(side.direction, self._changes, edits)
            self._known[key] = finding
            self._used["refused" if finding.state == "unresolved" else "measured"] += 1
        finding = self._known[key]
        if finding.state in ("good", "bad"):
            side.left -= edits
        elif finding.state == "doubtful":
            side.unclear |= edits - side.kept
        return finding
