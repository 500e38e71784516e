"""The search for declarations that make the difference between two toolchains."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from harness.bisect.points import Classify, Finding
from harness.bisect.sentences import first_lines
from harness.bisect.source.answer import DIRECTIONS, OTHER, WANTED, Direction, Outcome, SourceAnswer
from harness.bisect.source.changes import Edit, compare
from harness.bisect.source.grouptest import GroupResult, GroupTest
from harness.bisect.source.hybrids import Changes, Ends, Hybrids
from harness.bisect.source.minimise import Answer, ddmin, halve
from harness.bisect.source.needs import Needs
from harness.bisect.source.patch import ChangedDeclaration, changed_declarations, unified_diff
from harness.bisect.source.split import Splitter, make_splitter
from harness.bisect.source.used import (
    differences,
    library,
    moved_packages,
    out_of_reach,
    used_files,
)
from harness.golang.sources.locate import Source
from harness.golang.toolchains.resolve import Toolchain
from harness.golang.versions import GoVersion
from harness.matrix.models import BuildSpec
from harness.text.words import few

MOST_HYBRIDS = 80
"""Hybrids that are tried to minimise declarations: some six seconds each on two CPUs."""
MOST_HUNKS = 16
"""Hybrids that are tried to minimise the patch within declarations."""


def search_source(
    good: Toolchain, bad: Toolchain, source: Source, settings: tuple[str, ...], build: BuildSpec,
    classify: Classify, cache: Path, say: Callable[[str], None],
) -> SourceAnswer:  # fmt: skip
    """Find the smallest part of the standard library's differences that makes the difference.

    Equal arguments and findings lead to equal questions in the same order.

    Raises:
        HarnessError: the go command cannot list the workload's files.
    """
    newest = max(good, bad, key=lambda toolchain: GoVersion.parse(toolchain.version))
    split = make_splitter(newest, cache)
    used = [used_files(end, source, settings, build, cache) for end in (good, bad)]
    found = differences(good, bad, used[0] | used[1])
    say(
        f"the workload is made of {len(used[0] | used[1])} files of the standard library, of which "
        f"{len(found.good)} differ; so do {found.elsewhere} files that it does not use"
    )
    moved = moved_packages(*used)
    sides = [
        make_splitter(newest, cache, library(end, files), moved)
        for end, files in zip((good, bad), used, strict=True)
    ]
    changes = compare(found.good, found.bad, (sides[0], sides[1]))
    hybrids = Hybrids(Ends(good, bad, settings), classify, split, say)
    packages = {change.package for change in changes.values()}
    unreachable: dict[Direction, frozenset[str]] = {
        "forward": out_of_reach(good, packages), "reverse": out_of_reach(bad, packages)
    }  # fmt: skip
    fields = _Search(hybrids, changes, split, unreachable).run()
    edits = sum(len(change.edits) for change in changes.values())
    return SourceAnswer(elsewhere=found.elsewhere, binary=found.binary, edits=edits,
                        steps=tuple(hybrids.steps), **fields)  # fmt: skip


class _Questions:
    """Answers questions of delta debugging, within a budget."""

    def __init__(self, hybrids: Hybrids, direction: Direction, changes: Changes, most: int) -> None:
        self._hybrids, self._changes = hybrids, changes
        self._direction: Direction = direction
        self._last = hybrids.asked + most
        self._known: dict[frozenset[Edit], Answer] = {}
        self._without: list[frozenset[Edit]] = []
        self.spent = False
        """Whether the budget ran out; further sets count as unresolved."""

    def __call__(self, edits: frozenset[Edit], needs: Needs | None = None) -> Answer:
        """Ask about a set; ``needs`` learn from it if it does not build."""
        if edits not in self._known:
            if any(edits <= known for known in self._without):
                return "no"  # less of what has no effect
            if self._hybrids.asked >= self._last:
                self.spent = True
                return "unresolved"
            self._known[edits] = self._ask(edits, needs)
        return self._known[edits]

    def _ask(self, edits: frozenset[Edit], needs: Needs | None) -> Answer:
        finding = self._hybrids.ask(self._direction, self._changes, edits)
        if finding.state == "unresolved":
            if needs is not None:
                needs.learn(finding.reason or "", edits)
            return "unresolved"
        if finding.state == WANTED[self._direction]:
            return "yes"
        self._without.append(edits)
        return "no"

    def smallest(self, among: frozenset[Edit]) -> frozenset[Edit]:
        """The smallest set known to have the effect; ``among`` has it."""
        having = [edits for edits, answer in self._known.items() if answer == "yes"]
        return min([*having, among], key=lambda edits: (len(edits), sorted(edits)))


@dataclass(frozen=True)
class _Part:
    """Edits that have the effect in one direction."""

    changes: Changes
    edits: frozenset[Edit]
    whole: frozenset[Edit]
    """All that differs in the same declarations, where ``edits`` are some hunks of them."""
    declarations: frozenset[Edit]
    """These declarations, among all differences before any was split into hunks."""
    spent: bool
    """Whether the budget ended the search."""


class _Search:
    """Searches in a direction in which hybrids build, and confirms in the other."""

    def __init__(
        self, hybrids: Hybrids, changes: Changes, split: Splitter,
        unreachable: Mapping[Direction, frozenset[str]],
    ) -> None:  # fmt: skip
        self._hybrids, self._changes, self._split = hybrids, changes, split
        self._edits = frozenset(edit for change in changes.values() for edit in change.edits)
        self._unreachable = unreachable
        self._needs = {d: self._needs_of(d) for d in DIRECTIONS}

    def _needs_of(self, direction: Direction) -> Needs:
        """What the type checker says; failed builds may teach more."""
        return Needs(self._changes, direction, self._unreachable[direction])

    def run(self) -> dict[str, object]:
        """Fields of the answer."""
        if not self._edits:
            return _ended(
                "no difference",
                "no code differs in the files that the workload uses: the difference comes from "
                "the compiler, the assembler, the linker, or files that are not text",
            )
        wholes: list[Finding] = []
        for direction in DIRECTIONS:
            wholes.append(self._hybrids.ask(direction, self._changes, self._edits))
            if wholes[-1].state == WANTED[direction]:
                return self._minimised(direction, self._edits)
            if wholes[-1].state != "unresolved":
                return _beside(direction, wholes[-1])
        return self._in_groups(wholes)

    def _in_groups(self, wholes: Sequence[Finding]) -> dict[str, object]:
        """Search where neither whole library builds on the other toolchain."""
        test = GroupTest(self._hybrids, self._changes, self._needs)
        result = test.run(DIRECTIONS)
        if result.direction is None:
            return self._in_vain(result, wholes)
        fields = self._minimised(result.direction, result.edits)
        other = OTHER[result.direction]
        shown = fields[other]
        if isinstance(shown, Finding) and shown.state not in ("unresolved", WANTED[other]):
            result = test.run((other,))  # these are not all: find the others in the other direction
            if result.direction is not None:
                again = self._minimised(result.direction, result.edits)
                fields = fields if "stopped" in again else again
        return fields

    def _minimised(self, direction: Direction, among: frozenset[Edit]) -> dict[str, object]:
        """Minimise edits that have the effect in one direction, and confirm in the other."""
        part = self._smallest(direction, among)
        other = OTHER[direction]
        confirmed = self._hybrids.ask(other, part.changes, part.edits)
        if confirmed.state != WANTED[other] and part.edits != part.whole:
            again = self._hybrids.ask(other, part.changes, part.whole)
            if again.state == WANTED[other]:
                part, confirmed = replace(part, edits=part.whole), again
        names, diff = self._patch("forward", part)
        fields: dict[str, object] = {"outcome": "found", "culprits": names, "diff": diff}
        fields |= {other: confirmed, direction: self._ask(direction, part)}
        if confirmed.state != WANTED[other]:
            fields |= self._unconfirmed(other, confirmed, part)
        elif part.spent:
            fields["stopped"] = (
                f"the search ended after {self._hybrids.asked} hybrids; "
                "some of these differences may be unnecessary"
            )
        return fields

    def _ask(self, direction: Direction, part: _Part) -> Finding:
        return self._hybrids.ask(direction, part.changes, part.edits)

    def _in_vain(self, result: GroupResult, wholes: Sequence[Finding]) -> dict[str, object]:
        """Nothing was found: what was tried, what was not, and why."""
        count = len(result.untried)
        told = len(self._edits) - count - len(result.unclear)
        lines = [
            (
                "neither standard library builds as a whole on the other toolchain, so "
                f"declarations were taken over in groups; {told} of {len(self._edits)} differences "
                "are in hybrids that build and run, and no such hybrid makes the difference or "
                "removes it"
            )
        ]
        if result.unclear:
            lines.append(f"{len(result.unclear)} are only in hybrids that are like neither end")
        if count:
            where = sorted({self._changes[edit.path].package for edit in result.untried})
            why = "no hybrid with them builds and runs"
            if result.spent:
                asked = self._hybrids.asked
                why += f" of those that were tried; the search ended after {asked} hybrids"
            lines.append(
                f"Not tried are {count} differences in {few(where, 12, 'other packages')}: {why}"
            )
        lines += [
            f"The {end} toolchain with all used files of the {other} one is {_said(finding)}"
            for end, other, finding in zip(("good", "bad"), ("bad", "good"), wholes, strict=True)
        ]
        untried = count + len(result.unclear)
        return {"outcome": "not found", "untried": untried, "stopped": "\n".join(lines)}

    def _smallest(self, direction: Direction, among: frozenset[Edit]) -> _Part:
        """Minimise declarations that have the effect, and then hunks within them."""
        declarations, spent = self._declarations(direction, among)
        changes = dict(self._changes)
        whole: set[Edit] = set()
        hunks: set[Edit] = set()
        for path in sorted({edit.path for edit in declarations}):
            chosen = {edit.piece for edit in declarations if edit.path == path}
            changes[path], inside = changes[path].refined(chosen)
            differing = {e for e in inside if e.piece in changes[path].differing}
            needed = inside & set(changes[path].edits)
            whole |= differing
            hunks |= needed or differing
        questions = _Questions(self._hybrids, direction, changes, MOST_HUNKS)
        if hunks != whole and questions(frozenset(hunks)) != "yes":
            return _Part(changes, frozenset(whole), frozenset(whole), declarations, spent)
        edits = frozenset(ddmin(sorted(hunks), questions))
        return _Part(changes, edits, frozenset(hunks), declarations, spent)

    def _declarations(
        self, direction: Direction, among: frozenset[Edit]
    ) -> tuple[frozenset[Edit], bool]:
        """Minimise declarations; also tells whether the budget ended the search."""
        questions = _Questions(self._hybrids, direction, self._changes, MOST_HYBRIDS)
        left = among
        for needs in (self._needs[direction], self._needs_of(direction)):
            # the second time without what failed builds of larger hybrids have taught, and tied
            left = _halve(needs, questions, left)
        ask = partial(_ask_closed, needs, questions, left)
        return frozenset(ddmin(sorted(left), ask)), questions.spent

    def _patch(
        self, direction: Direction, part: _Part
    ) -> tuple[tuple[ChangedDeclaration, ...], str]:
        """What a part changes in the toolchain that a direction starts from, and the patch."""
        old = {p: c.good if direction == "forward" else c.bad for p, c in part.changes.items()}
        new = self._hybrids.texts(direction, part.changes, part.edits)
        return changed_declarations(old, new, self._split), unified_diff(old, new)

    def _unconfirmed(self, other: Direction, finding: Finding, part: _Part) -> dict[str, object]:
        """Find what works in the other direction, where the part itself does not."""
        if finding.state == "unresolved":  # it may need other declarations there
            related = self._needs[other].close(part.declarations)
            test = GroupTest(self._hybrids, self._changes, self._needs)
            result = test.run((other,), related)
            if result.direction is not None:
                return self._found_otherwise(other, self._smallest(other, result.edits))
        if other == "forward":
            return {
                "stopped": "reverting these differences makes the bad toolchain good, but the good "
                f"one with them is {_said(finding)}"
            }
        stopped = f"with the patch reverted, the bad toolchain is {_said(finding)}"
        if self._hybrids.ask("reverse", self._changes, self._edits).state != "good":
            return {"stopped": f"{stopped}; no other patch was found that makes it good"}
        fields = self._found_otherwise(other, self._smallest(other, self._edits))
        cause = (
            "there is more than one cause" if finding.state == "bad" else "it takes another patch"
        )
        return fields | {other: finding, "stopped": f"{stopped}: {cause}, see the remedy"}

    def _found_otherwise(self, other: Direction, part: _Part) -> dict[str, object]:
        names, diff = self._patch(other, part)
        finding = self._ask(other, part)
        if other == "forward":
            return {other: finding, "besides": names, "diff": diff}
        return {other: finding, "remedy": names, "remedy_diff": diff}


def _ended(outcome: Outcome, why: str) -> dict[str, object]:
    return {"outcome": outcome, "stopped": why}


def _beside(direction: Direction, finding: Finding) -> dict[str, object]:
    """The whole library was taken over, and makes no difference, or only a part of it."""
    end, other = ("good", "bad") if direction == "forward" else ("bad", "good")
    what = f"with all used files of the {other} toolchain the {end} one is {_said(finding)}"
    if finding.state == "doubtful":
        return _ended("doubtful", f"{what}: a part of the difference may be elsewhere")
    return _ended("elsewhere", f"{what}: the difference comes from the compiler, the assembler or "
                  "the linker, or from files that are not text, at least in part")  # fmt: skip


def _halve(needs: Needs, questions: _Questions, edits: frozenset[Edit]) -> frozenset[Edit]:
    """Find few edits with the effect, which all of them have; none needs another one."""

    def ask(some: frozenset[Edit]) -> Answer:
        """Ask about edits and all that they need, as far as failed builds have told by then."""
        asked: frozenset[Edit] | None = None
        answer: Answer = "unresolved"
        while answer == "unresolved" and asked != (closed := needs.close(some) & edits):
            asked, answer = closed, questions(closed, needs)
        return answer

    halve(needs.blocks(edits), ask)
    return questions.smallest(edits)


def _ask_closed(
    needs: Needs, questions: _Questions, among: frozenset[Edit], edits: frozenset[Edit]
) -> Answer:
    """Ask about edits unless they are known to need others."""
    return questions(edits, needs) if needs.close(edits) & among == edits else "unresolved"


def _said(finding: Finding) -> str:
    """A state, with the beginning of its reason: compiler messages can be long."""
    reason = first_lines(finding.reason)
    return f"{finding.state}: {reason}" if reason else finding.state
