"""Which edits need which others, so that most hybrids that are tried compile.

References come from Go's type checker. If a hybrid does not build all the same, the compiler's
message tells what else belongs together, or cannot be had.
"""

import heapq
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from graphlib import TopologicalSorter
from itertools import pairwise

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from harness.bisect.source.answer import Direction
from harness.bisect.source.changes import Edit, FileChange

_COMPLAINTS = (
    r"undefined: (?:\w+\.)?(\w+)",
    r"has no field or method (\w+)",
    r"unknown field (\w+)",
    r"(\w+ does not implement .*missing method \w+)",
    r"arguments in call to (?:\w+\.)*(\w+)",
    r"variables? but (?:\w+\.)*(\w+)(?:\(.*\))? returns",
    r"cannot call non-function (?:\w+\.)*(\w+)",
    r"cannot use (?:\w+\.)*(\w+)\(.*\) \(value of type",
    r"(\w+)\(.*\) \(no value\) used as value",
    r"invalid operation: (?:\w+\.)*(\w+) [-+*/|&]?=.* \(mismatched types",
    r"(\w+) redeclared in this block",
    r"method \w+\.(\w+) already declared",
    r"missing function body: func (\w+)",
    r"relocation target (?:[\w./]+\.)?(\w+) not defined",
    r"(?:symbol|definition of) (?:[\w./]+\.)?(\w+)",
)
"""How the Go compiler and linker say that a name is missing, there twice, or something else."""
_NO_METHOD = re.compile(r"(\w+) does not implement .*missing method (\w+)")
_PACKAGE = re.compile(r"^# ([\w./-]+)")
"""The line above the compiler's messages about a package."""
_QUALIFIED = re.compile(r"(?:undefined:|relocation target|symbol|definition of) ([\w./]+)\.\w+")


def astray(complaint: str) -> list[tuple[str, str]]:
    """Names that a failed build misses, or has twice, each with its package.

    A method that a type should have is named with its type.
    """
    found: dict[tuple[str, str], None] = {}
    package = ""
    for line in complaint.splitlines():
        head = _PACKAGE.match(line)
        package = head[1] if head else package
        qualified = _QUALIFIED.search(line)
        where = qualified[1] if qualified else package
        names = [name for form in _COMPLAINTS for name in re.findall(form, line)]
        found |= {(where, _NO_METHOD.sub(r"\1.\2", name)): None for name in names}
    return list(found)


class Needs:
    """What each edit needs, from references and from failed builds."""

    def __init__(
        self, changes: Mapping[str, FileChange], direction: Direction = "forward",
        unreachable: AbstractSet[str] = frozenset(),
    ) -> None:  # fmt: skip
        """Start with references.

        ``forward`` makes edits on the good side, ``reverse`` reverts them on the bad side.
        Packages that are ``unreachable`` cannot be added to that side's toolchain.
        """
        ranks, backwards = _ranks(changes), direction == "reverse"
        edits = sorted((e for c in changes.values() for e in c.edits), reverse=backwards)
        self._edits = tuple(sorted(edits, key=lambda e: ranks[changes[e.path].package]))
        self.leaves = frozenset(e for e in edits if not ranks[changes[e.path].package][0])
        """Edits in packages that no other one imports."""
        self._pieces = {edit: changes[edit.path].pieces[edit.piece] for edit in self._edits}
        self._definers: dict[str, set[Edit]] = defaultdict(set)
        self._users: dict[str, set[Edit]] = defaultdict(set)
        for edit, piece in self._pieces.items():
            for key in piece.good.uses | piece.bad.uses:
                self._users[key].add(edit)
            for key in piece.good.defines | piece.bad.defines:
                self._definers[key].add(edit)
        self._keys: dict[str, set[str]] = defaultdict(set)
        for key in (*self._users, *self._definers):
            self._keys[key.rpartition(".")[2]].add(key)
        self._needs: dict[Edit, set[Edit]] = {edit: set() for edit in self._edits}
        self._introduced_and_removed(changes, backwards=backwards)
        self._moved()
        self._other_types()
        self.barred = {e for e in self._edits if changes[e.path].package in unreachable}
        """Edits that no hybrid can have."""

    def possible(self, edits: AbstractSet[Edit]) -> bool:
        """Whether a hybrid can have these edits and what they need."""
        return self.barred.isdisjoint(self.close(edits))

    def close(self, edits: AbstractSet[Edit]) -> frozenset[Edit]:
        """Add to edits all that they need."""
        closed: set[Edit] = set()
        pending = list(edits)
        while pending:
            edit = pending.pop()
            if edit not in closed:
                closed.add(edit)
                pending += self._needs[edit]
        return frozenset(closed)

    def blocks(self, edits: AbstractSet[Edit]) -> list[frozenset[Edit]]:
        """Group edits that need each other, in an order in which no block needs a later one."""
        chosen = [edit for edit in self._edits if edit in edits]
        labels = dict(zip(chosen, self._components(chosen), strict=True))
        members: dict[int, set[Edit]] = defaultdict(set)
        first: dict[int, int] = {}
        for rank, (edit, label) in enumerate(labels.items()):
            members[label].add(edit)
            first.setdefault(label, rank)
        needed = {
            label: {labels[n] for e in group for n in self._needs[e] if n in labels} - {label}
            for label, group in members.items()
        }
        return [frozenset(members[label]) for label in _in_order(needed, first)]

    def learn(self, complaint: str, chosen: AbstractSet[Edit]) -> bool:
        """Learn from a failed build's message; returns whether it told anything new."""
        before = sum(map(len, self._needs.values())) + len(self.barred)
        for package, name in astray(complaint):
            owner, _, last = name.rpartition(".")
            for key in sorted(self._keys[last]):
                own = key.rpartition("/")[2].partition(".")[0]
                if package.rpartition("/")[2] != own:
                    continue
                if not owner:
                    self._missed(key, chosen)
                elif key.endswith(f".{name}"):
                    self._without_method(key, chosen)
        return sum(map(len, self._needs.values())) + len(self.barred) > before

    def _missed(self, key: str, chosen: AbstractSet[Edit]) -> None:
        """Tie users of a key to its definers; if all are chosen already, bar the users."""
        definers, users = self._definers[key], self._users[key]
        if definers - chosen:
            for user in (users | definers) & chosen:
                self._needs[user] |= definers - chosen
        elif definers and users - chosen:
            for definer in definers:
                self._needs[definer] |= users - chosen
        else:
            self.barred |= users & chosen or definers

    def _without_method(self, key: str, chosen: AbstractSet[Edit]) -> None:
        """Tie whoever uses a type to a method of it: some of them use it as an interface."""
        owner = key.rpartition(".")[0]
        for user in (self._users[owner] | self._definers[owner]) & chosen:
            self._needs[user] |= self._definers[key] - chosen

    def _components(self, chosen: Sequence[Edit]) -> list[int]:
        numbers = {edit: number for number, edit in enumerate(chosen)}
        arrows = [(numbers[e], numbers[n]) for e in chosen for n in self._needs[e] if n in numbers]
        rows, columns = np.array(arrows, dtype=int).reshape(-1, 2).T
        graph = coo_array((np.ones(len(arrows)), (rows, columns)), shape=(len(chosen),) * 2)
        return [int(label) for label in connected_components(graph, connection="strong")[1]]

    def _tie(self, edits: Iterable[Edit]) -> None:
        """Make edits need each other."""
        ordered = sorted(edits)
        for one, other in pairwise(ordered):
            self._needs[one].add(other)
            self._needs[other].add(one)

    def _introduced_and_removed(
        self, changes: Mapping[str, FileChange], *, backwards: bool
    ) -> None:
        """A name that only one side has: its users need its declaration, or its removal them."""

        def need(one: Edit, other: Edit) -> None:
            self._needs[other if backwards else one].add(one if backwards else other)

        known: tuple[set[str], set[str]] = (set(), set())
        for change in changes.values():
            for side, split in zip(known, change.splits, strict=True):
                side.update(*(segment.uses | segment.defines for segment in split.segments))
        for edit, piece in self._pieces.items():
            for name in piece.bad.defines - known[0]:
                for user in self._users[name] - {edit}:
                    need(user, edit)
            for name in piece.good.defines - known[1]:
                for user in self._users[name] - {edit}:
                    need(edit, user)

    def _moved(self) -> None:
        """A declaration that moved within its package leaves and arrives at once."""
        places: dict[tuple[str, str], tuple[set[Edit], set[Edit]]] = defaultdict(
            lambda: (set(), set())
        )
        for edit, piece in self._pieces.items():
            names = [
                {symbol.name for symbol in side.symbols} - {"init", "_"}
                for side in (piece.good, piece.bad)
            ]
            for name in names[0] ^ names[1]:
                places[edit.path.rpartition("/")[0], name][name in names[1]].add(edit)
        for left, came in places.values():
            if left and came:
                self._tie(left | came)

    def _other_types(self) -> None:
        """A function, field or variable whose type changed goes together with its users."""
        for edit, piece in self._pieces.items():
            good, bad = piece.good.signatures, piece.bad.signatures
            names = _first_words(good ^ bad) & _first_words(good) & _first_words(bad)
            self._tie({edit}.union(*(self._users[name] for name in names)))


def _first_words(signatures: Iterable[str]) -> set[str]:
    return {signature.partition(" ")[0] for signature in signatures}


def _in_order(needed: Mapping[int, AbstractSet[int]], place: Mapping[int, int]) -> Iterator[int]:
    """Sort topologically, and otherwise by place."""
    sorter = TopologicalSorter(needed)
    sorter.prepare()
    ready: list[tuple[int, int]] = []
    while sorter:
        for label in sorter.get_ready():
            heapq.heappush(ready, (place[label], label))
        _, label = heapq.heappop(ready)
        yield label
        sorter.done(label)


def _ranks(changes: Mapping[str, FileChange]) -> dict[str, tuple[bool, int, int]]:
    """Rank packages: first those that no other one imports, then by how many they are tied to.

    Ties are the imports of files that differ; small packages come before large ones.
    """
    size: dict[str, int] = defaultdict(int)
    for change in changes.values():
        size[change.package] += len(change.edits)
    ties: dict[str, set[str]] = {package: set() for package in size}
    imported = set()
    for change in changes.values():
        for path in {i.path for split in change.splits for i in split.imports} & size.keys():
            ties[change.package].add(path)
            ties[path].add(change.package)
            imported.add(path)
    return {name: (name in imported, len(ties[name]), size[name]) for name in size}
