"""The search in a line of commits: cheap points first, and none of them believed unchecked.

What a true build shows is a fact. What a library shows with the tools of another commit is a
supposition: it leads the search, but where a fact contradicts it, all suppositions are dropped and
the search goes on with facts alone.
"""

from collections.abc import Callable, Sequence

from harness.bisect.commits.history import Commit
from harness.bisect.commits.points import Made, Workshop
from harness.bisect.points import Finding, Judge, State
from harness.bisect.search import first_change, nearest_to_middle
from harness.errors import HarnessError

_TASTED = (0, 1, -1, 2, -2, 3, -3)
"""Which candidates are looked at for one that needs no true build, in twelfths of what is left from
its middle: at a quarter from one end, an answer is still worth 0.8 of one at the middle."""
_PARTS = 12


class Hunt:
    """One search under way."""

    def __init__(
        self, line: Sequence[Commit], relevant: frozenset[int], workshop: Workshop, judge: Judge,
        first: State, last: State,
    ) -> None:  # fmt: skip
        """Take a line of commits; nothing is measured yet.

        Args:
            line: oldest first, from one that is like the older end to one like the newer.
            relevant: positions of the commits that can matter.
            workshop: makes points of them.
            judge: measures points.
            first: the state of the first commit.
            last: of the last one.
        """
        self._line, self._relevant = line, relevant
        self._workshop, self._judge = workshop, judge
        self._first, self._last = first, last
        self._facts: dict[int, State] = {}
        self._supposed: dict[int, State] = {}
        self._trusted = True
        self.passed: dict[int, Finding] = {}
        """Commits that told nothing, by position."""
        self.findings: dict[str, tuple[int, Finding]] = {}
        """Every point that was judged, by name, with its position."""
        self.shown: dict[int, tuple[Made, Finding]] = {}
        """The facts that were measured, by position."""

    def assume(self, position: int, state: State) -> None:
        """Take a commit's state for granted, since it is an end itself."""
        self._facts[position] = state

    @property
    def astray(self) -> bool:
        """Whether an end of the line turned out not to be on its own side."""
        ends = (self._facts.get(0), self._facts.get(len(self._line) - 1))
        return ends[0] == self._last or ends[1] == self._first

    @property
    def bracket(self) -> tuple[int, int]:
        """The last commit before the change and the first after it, as far as known."""
        known = self._supposed | self._facts
        ceiling = min((p for p, s in self._facts.items() if s == self._last),
                      default=len(self._line) - 1)  # fmt: skip
        floor = max((p for p, s in self._facts.items() if s == self._first and p < ceiling),
                    default=0)  # fmt: skip
        high = min((p for p, s in known.items() if s == self._last and floor < p < ceiling),
                   default=ceiling)  # fmt: skip
        low = max((p for p, s in known.items() if s == self._first and floor < p < high),
                  default=floor)  # fmt: skip
        return low, high

    def run(self) -> tuple[int, int]:
        """Search until both sides of the change are facts, or nothing is left to ask.

        Returns:
            The bracket; its two commits are neighbours unless all between them were passed over.
        """
        while not self.astray:
            low, high = self.bracket
            between = [p for p in range(low + 1, high) if p not in self.passed]
            inner = [p for p in between if p in self._relevant]
            if inner:
                self._narrow(low, inner, high)
            elif high not in self._facts:
                self.show(high)
            elif between and high - 1 not in self.passed and high - 1 not in self.shown:
                self.show(high - 1)
            elif between:
                self._narrow(low, between, high)
            elif low not in self._facts:
                self.show(low)
            else:
                break
        return self.bracket

    def look(self, position: int) -> Finding:
        """Ask about a commit in the cheapest way that works."""
        found = self._workshop.best(position, near=self._trusted)
        if found is None or (found[1] == "same" and found[0].released):
            return self.show(position)
        base, how = found
        finding = self._measure(position, lambda: self._workshop.mixed(position, base, how))
        if finding.state == "unresolved" and how == "near":  # which need not be the commit's fault
            return self.show(position)
        if finding.state in (self._first, self._last):
            self._supposed[position] = finding.state
            self.passed.pop(position, None)
        else:
            self.passed[position] = finding
        return finding

    def show(self, position: int) -> Finding:
        """Ask about a commit with tools of its own, or of a release with the same sources."""
        made: list[Made] = []

        def make() -> Made:
            made.append(self._truly(position))
            return made[0]

        finding = self._measure(position, make)
        supposed = self._supposed.pop(position, None)
        if finding.state in (self._first, self._last):
            self._facts[position] = finding.state
            self.shown[position] = made[0], finding
            self.passed.pop(position, None)
            if supposed not in (None, finding.state):
                self._supposed.clear()
                self._trusted = False
        else:
            self.passed[position] = finding
        return finding

    def _truly(self, position: int) -> Made:
        release = self._workshop.release(position)
        if release is not None:
            return self._workshop.mixed(position, release, "same")
        return self._workshop.true(position)

    def _measure(self, position: int, make: Callable[[], Made]) -> Finding:
        try:
            point = make().point
        except HarnessError as error:
            name = f"git-{self._line[position].short}"
            finding = Finding(point=name, state="unresolved", reason=str(error))
        else:
            finding = self._judge(point)
        self.findings[finding.point] = position, finding
        return finding

    def _narrow(self, low: int, inner: Sequence[int], high: int) -> None:
        line = [low, *inner, high]
        first_change(line, self.look, self._last, self._chooser(line))

    def _chooser(self, line: Sequence[int]) -> Callable[[int, int, Sequence[int]], int]:
        """Prefers a candidate near the middle that needs no true build."""

        def choose(low: int, high: int, untried: Sequence[int]) -> int:
            for twelfths in _TASTED:
                wanted = (low + high) / 2 + twelfths * (high - low) / _PARTS
                index = min(untried, key=lambda i: (abs(i - wanted), i))
                if self._workshop.best(line[index], near=self._trusted) is not None:
                    return index
            return nearest_to_middle(low, high, untried)

        return choose
