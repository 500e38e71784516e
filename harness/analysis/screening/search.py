"""Which sets to turn back next, and what follows from them. Pure: a generator of requests.

First all toggles are turned back. If that has no effect, all are ruled out together; otherwise the
set is halved down to a smallest one that has an effect (Zeller and Hildebrandt, Simplifying and
isolating failure-inducing input, IEEE Trans. Software Eng. 28, 2002), and what is left of the
toggles is turned back without it, until nothing is left that has an effect. Last, toggles that were
ruled out together are told apart, so that no two of them can hide by cancelling each other.
"""

import math
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Literal, TypeVar

from harness.analysis.screening.evidence import FIRST_LOOK, SequentialTest
from harness.analysis.screening.models import (
    Answer,
    Ask,
    Back,
    Culprit,
    Decision,
    Failed,
    Outcome,
    Row,
    Step,
)
from harness.text.words import listed

T = TypeVar("T")
Asking = Generator[Ask, Answer, T]

ERROR = 0.05
"""Error probability of a whole screening: of any false statement in it."""
ROUNDS = 40
"""Rounds of a set, at most, unless told otherwise."""
_GROWTH = 1.2
"""Of a set's rounds, from one look to the next."""
_PATIENCE = 8
"""Rounds of one set before another is measured beside it."""
_COMPARED = 16
"""Rounds up to which two sets are compared; with more noise, another build costs less."""
_NOT_MEASURED = Failed("it was not measured")

State = Literal["nothing", "part", "opposite", "unclear", "failed"]


def screen(
    toggles: Sequence[str],
    *,
    free: Collection[str] = (),
    limit: float = 0.2,
    smallest: float = 0.0,
    most: int = ROUNDS,
) -> Asking[Outcome]:
    """Find the smallest sets of toggles that explain a change.

    Send it what it asks for; the same answers give the same requests. ``toggles`` are in order of
    preference; ``free`` are those that need no build of their own. A toggle is ruled out if it is
    shown to explain less than ``limit`` of the change, or to change the metric by less than the
    part ``smallest``. A set that ``most`` rounds do not decide stays open.
    """
    test = SequentialTest(
        limit, smallest, ERROR / _decisions(len(set(toggles))), max(most, FIRST_LOOK)
    )
    search = _Search(tuple(dict.fromkeys(toggles)), frozenset(free), test)
    yield from search.run()
    return search.outcome()


def _decisions(toggles: int) -> int:
    """Decisions to expect: all, two for each halving, the rest, and telling apart."""
    return 2 + 3 * math.ceil(math.log2(max(toggles, 1)))


class _Search:
    """The state of one screening."""

    def __init__(self, toggles: Sequence[str], free: Back, test: SequentialTest) -> None:
        self._toggles, self._free, self._test = toggles, free, test
        self._rows: dict[Back, Sequence[Row] | Failed] = {}
        self._asked: dict[Back, int] = {}
        self._states: dict[Back, State] = {}
        self._culprits: list[Culprit] = []
        self._cleared: list[Back] = []
        """Groups without an effect, which are ruled out if nothing hides in them."""
        self._inferred: list[Back] = []
        """Sets that add nothing to a culprit."""
        self._open: dict[str, str] = {}

    def run(self) -> Asking[None]:
        """Examine all toggles, and then whatever is left, until each has its place."""
        pending = [frozenset(self._toggles)] if self._toggles else []
        while pending:
            yield from self._examine(pending.pop(), pending)
            if not pending:
                pending = yield from self._hidden()
        yield from self._beside_culprits()

    def _examine(self, group: Back, pending: list[Back]) -> Asking[None]:
        """Find out what a group does, and put what is left of it on the stack."""
        (state,) = yield from self._measure(group)
        if state == "nothing":
            self._cleared.append(group)
        elif state == "unclear":
            self._leave_open_noisy(group)
        elif state != "failed":
            rest = group - (yield from self._find(group))
            pending.extend([rest] if rest else [])
        elif len(group) > 1:
            pending.extend(reversed(self._halves(group)))
        else:
            rows = self._rows[group]
            self._leave_open(group, rows.reason if isinstance(rows, Failed) else "")

    def _find(self, group: Back) -> Asking[Back]:
        """Name a smallest part of a group that has an effect; returns what that settles."""
        found = yield from self._narrow((yield from self._likely(group)), frozenset())
        found, proven = yield from self._without_needless(found)
        (state,) = yield from self._measure(found)
        rows = self._rows[found]
        share = None if isinstance(rows, Failed) else self._test.share(rows)
        if _has_effect(state) and proven and share is not None:
            self._culprits.append(Culprit(found, share, joint=len(found) > 1))
        else:
            why = "but which of them could not be told: smaller sets fail or are too noisy"
            self._leave_open(found, f"{self._words(found)} together have an effect, {why}")
        return found

    def _likely(self, group: Back) -> Asking[Back]:
        """Find a small part of a group that acts, quickly if one toggle does all that it does.

        Then sets that hold one of any two toggles tell which it is, side by side: those that hold
        it are like the group, and the others like none. That is soon seen, and confirmed by the
        set that it leads to.
        """
        codes = list(self._codes([group], within=group))
        rounds = min(max(self._asked[group], _PATIENCE), self._test.most)
        while early := [
            back
            for back in codes
            if self._asked.get(back, 0) < rounds and self._is_like(back, group) is None
        ]:
            yield from self._look(early)
        alike = {back: self._is_like(back, group) for back in codes}
        likely = group
        for back, is_like in alike.items():
            likely = likely & back if is_like else likely - back
        if likely and None not in alike.values():
            yield from self._acting(likely)
        acting = [s for s in self._asked if s <= group and _has_effect(self._states.get(s))]
        return min(acting, key=len)

    def _is_like(self, back: Back, group: Back) -> bool | None:
        """Whether a part of a group does as much as all of it, or nothing, as far as it seems."""
        rows, whole = self._rows.get(back, ()), self._rows[group]
        if isinstance(whole, Failed) or isinstance(rows, Failed):
            return None
        return False if self._states.get(back) == "nothing" else self._test.is_like(rows, whole)

    def _narrow(self, group: Back, beside: Back) -> Asking[Back]:
        """Find a smallest part of a group that has an effect together with ``beside``.

        The whole group has one together with ``beside``, which has none by itself.
        """
        if len(group) == 1:
            return group
        first, second = self._halves(group)
        acting = yield from self._acting(first | beside, second | beside)
        if acting is not None:
            return (yield from self._narrow(acting - beside, beside))
        states = {self._states[half | beside] for half in (first, second)}
        if states == {"nothing"}:
            mine = yield from self._narrow(first, second | beside)
            return mine | (yield from self._narrow(second, mine | beside))
        if "unclear" in states:
            return group
        return (yield from self._narrow_finely(group, beside))

    def _narrow_finely(self, group: Back, beside: Back) -> Asking[Back]:
        """Do the same where halves fail: take ever smaller parts, and all but each, as ddmin."""
        count = 2
        while count < len(group):
            count = min(2 * count, len(group))
            parts = self._parts(group, count)
            for part in (*parts, *(group - part for part in parts)):
                if (yield from self._acting(part | beside)) is not None:
                    return (yield from self._narrow(part, beside))
        return group

    def _without_needless(self, found: Back) -> Asking[tuple[Back, bool]]:
        """Leave out what is not needed; and whether all that is left is shown to be needed."""
        if len(found) == 1:
            return found, True
        smaller = [found - {toggle} for toggle in self._ordered(found)]
        states = yield from self._measure(*smaller)
        for back, state in zip(smaller, states, strict=True):
            if _has_effect(state):
                return (yield from self._without_needless(back))
        return found, set(states) == {"nothing"}

    def _hidden(self) -> Asking[list[Back]]:
        """Tell toggles apart that were ruled out together; returns groups to examine again."""
        yield from self._compare_with_culprits()
        classes = self._classes()
        codes = list(self._codes(classes, within=_union(self._cleared)))
        yield from self._measure(*codes)
        failed = [back for back in codes if self._states[back] == "failed"]
        others = [_union(classes) - back for back in failed]
        yield from self._measure(*others)
        for back in (*codes, *others):
            if _has_effect(self._states[back]):
                return self._reopened((yield from self._find(back)))
        doubtful = self._classes()
        for members in doubtful:
            words = self._words(members)
            self._leave_open(members, f"{words} have no effect together, but may cancel each other")
        return self._reopened(_union(doubtful))

    def _reopened(self, found: Back) -> list[Back]:
        """Groups that were ruled out together with something that has its own place now."""
        again = [group for group in self._cleared if group & found]
        self._cleared = [group for group in self._cleared if not group & found]
        return [group - found for group in again if group - found]

    def _compare_with_culprits(self) -> Asking[None]:
        """Tell toggles apart by sets that do no more than the culprit in them, without a build."""
        rounds = min(_COMPARED, self._test.most)
        for culprit in self._culprits:
            for back in list(self._asked):
                rest = back - culprit.toggles
                if not back > culprit.toggles or not rest <= _union(self._cleared):
                    continue
                classes = self._classes()
                if not classes or _bits(_split(classes, rest)) == _bits(classes):
                    continue
                while not (same := self._is_same(back, culprit.toggles)):
                    early = [s for s in (back, culprit.toggles) if self._asked[s] < rounds]
                    if not early:
                        break
                    yield from self._look(early)
                if same:
                    self._inferred.append(rest)

    def _beside_culprits(self) -> Asking[None]:
        """Leave open what was ruled out, if some of it acts only beside what was found."""
        sets = frozenset(self._toggles), _union(culprit.toggles for culprit in self._culprits)
        rounds = min(_COMPARED, self._test.most)
        while (differ := self._differ(*sets)) is None:
            early = [back for back in sets if self._asked[back] < rounds]
            if not early:
                return
            yield from self._look(early)
        if differ and (cleared := _union(self._cleared)):
            self._cleared = []
            found = self._words(sets[1])
            self._leave_open(cleared, f"{self._words(cleared)} have an effect beside {found} only")

    def _differ(self, first: Back, second: Back) -> bool | None:
        """Whether two sets are shown to differ; ``None`` if it only seems so."""
        rows, others = self._rows.get(first), self._rows.get(second)
        if isinstance(rows, Failed | None) or isinstance(others, Failed | None):
            return False
        return self._test.differ(rows, others)

    def _is_same(self, first: Back, second: Back) -> bool:
        """Whether two sets are shown to do the same."""
        rows, others = self._rows[first], self._rows[second]
        if isinstance(rows, Failed) or isinstance(others, Failed):
            return False
        return self._test.is_same(rows, others)

    def _classes(self) -> list[Back]:
        """Toggles that were ruled out, but never one without the other."""
        nothing = [*self._without_effect(), *self._inferred]
        classes: dict[tuple[bool, ...], list[str]] = {}
        for toggle in self._ordered(_union(self._cleared)):
            classes.setdefault(tuple(toggle in back for back in nothing), []).append(toggle)
        return [frozenset(members) for members in classes.values() if len(members) > 1]

    def _codes(self, classes: Sequence[Back], within: Back) -> Iterator[Back]:
        """Sets that hold one of any two members of a class; as few as can be newly built."""
        for back in list(self._asked):
            known = self._states.get(back) in ("failed", "unclear")
            if classes and back <= within and not known:
                halves = _split(classes, back)
                if _bits(halves) < _bits(classes):
                    yield back
                    classes = halves
        while classes := [members for members in classes if len(members) > 1]:
            pairs = [self._halves(members) for members in classes]
            yield _union(first for first, _ in pairs)
            classes = [half for pair in pairs for half in pair]

    def _without_effect(self) -> list[Back]:
        """Sets without an effect, of toggles that were ruled out."""
        cleared = _union(self._cleared)
        return [s for s, state in self._states.items() if state == "nothing" and s <= cleared]

    def _acting(self, *sets: Back) -> Asking[Back | None]:
        """Find the set that is seen to act first; ``None`` if each is decided and does not.

        One set after the other is built and measured for a while. From then on all are measured
        side by side until one acts: that takes fewer rounds than to show that the others do not,
        which is shown for all together in the end.
        """
        while True:
            for back in sets:
                if _has_effect(self._states.get(back)):
                    return back
            undecided = [back for back in sets if back not in self._states]
            if not undecided:
                return None
            early = self._asked.get(undecided[0], 0) < _PATIENCE
            yield from self._look(undecided[:1] if early else undecided)

    def _measure(self, *sets: Back) -> Asking[list[State]]:
        """Ask for rounds until each set is decided."""
        while undecided := [back for back in dict.fromkeys(sets) if back not in self._states]:
            yield from self._look(undecided)
        return [self._states[back] for back in sets]

    def _look(self, sets: Sequence[Back]) -> Asking[None]:
        """Ask for further rounds of those sets that have the fewest."""
        fewest = min(self._asked.get(back, 0) for back in sets)
        asked = tuple(back for back in sets if self._asked.get(back, 0) == fewest)
        rounds = min(self._test.most, max(FIRST_LOOK, math.ceil(fewest * _GROWTH)))
        answer = yield Ask(asked, rounds)
        for back in asked:
            self._take(back, rounds, answer.get(back, _NOT_MEASURED))

    def _take(self, back: Back, rounds: int, found: Sequence[Row] | Failed) -> None:
        self._asked[back] = rounds
        self._rows[back] = found if isinstance(found, Failed) else (rows := found[:rounds])
        if back in self._states:
            return
        if isinstance(found, Failed):
            self._states[back] = "failed"
        elif (decision := self._test.decide(rows)) is not None:
            self._states[back] = decision
        elif rounds == self._test.most:
            self._states[back] = "unclear"

    def _halves(self, group: Back) -> tuple[Back, Back]:
        """Toggles that need no build, and the others; else the first half, and the second."""
        free = group & self._free
        if free and free != group:
            return free, group - free
        first, second = self._parts(group, 2)
        return first, second

    def _parts(self, group: Back, count: int) -> list[Back]:
        """Parts of about the same size."""
        members = self._ordered(group)
        ends = [len(members) * i // count for i in range(count + 1)]
        return [frozenset(members[a:b]) for a, b in pairwise(ends)]

    def _ordered(self, group: Iterable[str]) -> list[str]:
        return sorted(group, key=self._toggles.index)

    def _words(self, group: Back) -> str:
        return listed(self._ordered(group))

    def _leave_open(self, toggles: Back, reason: str) -> None:
        self._open |= dict.fromkeys(self._ordered(toggles), reason)

    def _leave_open_noisy(self, group: Back) -> None:
        """Leave open what a noisy group holds, but for toggles that were ruled out alone."""
        alone = [frozenset((toggle,)) for toggle in self._ordered(group)]
        known = [back for back in alone if self._states.get(back) == "nothing"]
        self._cleared += known
        words = self._words(group)
        self._leave_open(group - _union(known), f"too noisy to tell what turning back {words} does")

    def outcome(self) -> Outcome:
        """What was found."""
        steps = tuple(self._step(back) for back in self._asked)
        whole = next((step.share for step in steps if len(step.back) == len(self._toggles)), None)
        ruled_out = {toggle: self._how(toggle) for toggle in self._ordered(_union(self._cleared))}
        return Outcome(
            culprits=tuple(self._culprits), ruled_out=ruled_out, open=self._open, steps=steps,
            explained=whole, excluded=self._excluded(len(ruled_out)),
        )  # fmt: skip

    def _how(self, toggle: str) -> str:
        """By the smallest set without an effect that holds a toggle."""
        size = min(len(back) for back in self._without_effect() if toggle in back)
        return "alone" if size == 1 else f"in a group of {size}"

    def _excluded(self, ruled_out: int) -> str:
        if ruled_out <= 1:  # of one toggle its verdict says all
            return ""
        other = "other " if self._culprits or self._open else ""
        return (
            f"no {other}toggle alone, no two that cancel each other, and no set of them matters, "
            "unless the effects of three or more cancel each other in each set measured"
        )

    def _step(self, back: Back) -> Step:
        rows = self._rows[back]
        decision: Decision = self._states.get(back, "unclear")
        if isinstance(rows, Failed):
            return Step(back, 0, "failed", None, rows.reason)
        share = self._test.share(rows)
        if decision == "part" and share is not None and share.value > 1 - self._test.limit:
            decision = "all"
        return Step(back, len(rows), decision, share)


def _split(classes: Iterable[Back], by: Back) -> list[Back]:
    """Members of each class that are in a set, and those that are not."""
    return [half for members in classes for half in (members & by, members - by) if half]


def _bits(classes: Iterable[Back]) -> int:
    """Sets that it takes to tell members of each class apart."""
    return max((len(members) - 1).bit_length() for members in classes)


def _has_effect(state: State | None) -> bool:
    return state in ("part", "opposite")


def _union(sets: Iterable[Back]) -> Back:
    return frozenset[str]().union(*sets)
