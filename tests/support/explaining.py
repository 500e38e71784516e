"""Simulated explanations: from both ends through each step to the cure, with known truth."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from bisecting import Simulation, point
from screened import Bench, drive

from harness.analysis.screening.search import screen
from harness.bisect.compare import Classifier
from harness.bisect.points import Finding, Point, Span
from harness.bisect.releases import search_releases
from harness.bisect.source.minimise import Answer, ddmin, halve

Kind = Literal["toggle", "declaration", "nothing"]

RELEASES = tuple(f"go1.24.{patch}" for patch in range(9))
TOGGLES = tuple("abcdefghijk")
DECLARATIONS = 200
LIMIT, SMALLEST = 0.2, 0.01


@dataclass(frozen=True)
class Truth:
    """What changed, if anything did."""

    kind: Kind
    release: str | None = None
    """The first that has it."""
    cause: str | None = None
    """A toggle or a declaration."""


def truths(kind: Kind, random: np.random.Generator) -> Truth:
    """Draw where the change is."""
    if kind == "nothing":
        return Truth(kind)
    release = str(random.choice(RELEASES[1:]))
    if kind == "toggle":
        return Truth(kind, release, str(random.choice(TOGGLES)))
    return Truth(kind, release, f"declaration {random.integers(DECLARATIONS)}")


@dataclass
class Search:
    """One explanation under way."""

    truth: Truth
    change: float
    noise: float
    seed: int
    named: set[str] = field(default_factory=set)
    """What was said to be the cause, or to have it."""
    steps: Counter[str] = field(default_factory=Counter)
    """Where it ended, and what it left open on the way."""
    trials: int = 0

    def __post_init__(self) -> None:
        """Begin with releases alone."""
        self._changed = {
            name for name in RELEASES if self.truth.release and name >= self.truth.release
        }
        self._runner = Simulation(self._value, self.noise, seed=self.seed)

    def _value(self, measured: Point) -> float:
        return 1e8 * (1 + self.change if measured.name in self._changed else 1.0)

    def run(self) -> Literal["right", "wrong", "open"]:
        """Search, and judge what was named."""
        restored = self._explain()
        self.trials += self._runner.trials
        if self.named - {self.truth.release, self.truth.cause}:
            return "wrong"
        if self.truth.kind == "nothing":
            return "right" if self.steps["unchanged"] else "open"
        return "right" if restored and self.truth.cause in self.named else "open"

    def _explain(self) -> bool:
        """Take each step; returns whether the cure restored the older end."""
        older, newer = point(RELEASES[0]), point(RELEASES[-1])
        ends = Classifier(self._runner, older, newer, SMALLEST)
        decision = ends.compare_ends().decision
        if decision != "changed":
            self.steps[decision] += 1
            return False
        span = Span(older=older, newer=newer, regression=True)
        span, _, why = search_releases(span, RELEASES[1:-1], ends, point)
        if why is None:
            self.named.add(span.newer.name)
        else:
            self.steps["releases left open"] += 1
        culprits, explained = self._toggles(span)
        named = set() if explained else self._declarations(span)
        self.named |= culprits | named
        return self._cure(ends, newer, culprits or named)

    def _toggles(self, span: Span) -> tuple[set[str], bool]:
        """Those that are to blame, and whether they explain all."""
        sizes = [self._value(end) for end in (span.older, span.newer)]
        bench = Bench(
            lambda back: float(self.truth.cause in back), change=sizes[1] / sizes[0] - 1,
            noise=self.noise, seed=[self.seed, 1],
        )  # fmt: skip
        outcome = drive(screen(TOGGLES, limit=LIMIT), bench.answer)
        self.trials += bench.trials
        self.steps["toggles left open"] += len(outcome.open)
        self.steps["toggles ruled out"] += len(outcome.ruled_out)
        if self.truth.cause in outcome.ruled_out:
            self.steps["the cause ruled out"] += 1
        culprits = {toggle for culprit in outcome.culprits for toggle in culprit.toggles}
        share = outcome.explained
        explained = bool(culprits and share and share.value >= 1 - LIMIT)
        if culprits and not explained:
            self.steps["toggles seem to explain a part"] += 1
        return culprits, explained

    def _declarations(self, span: Span) -> set[str]:
        """A smallest set of declarations that makes the difference, and the way back."""
        classifier = Classifier(self._runner, span.good, span.bad, SMALLEST)
        if classifier.compare_ends().decision != "changed":
            self.steps["releases not told apart"] += 1
            return set()
        names = [f"declaration {number}" for number in range(DECLARATIONS)]

        def hybrid(end: Point, taken: frozenset[str]) -> Finding:
            """One release with declarations of the other."""
            numbers = ",".join(sorted(name.partition(" ")[2] for name in taken))
            made = point(f"{end.name}<{numbers}")
            if (end.name in self._changed) != (self.truth.cause in taken):
                self._changed.add(made.name)
            return classifier.classify(made)

        def ask(taken: frozenset[str]) -> Answer:
            state = hybrid(span.good, taken).state
            return "yes" if state == "bad" else "unresolved" if state == "unresolved" else "no"

        if ask(frozenset(names)) != "yes":
            self.steps["not in the declarations"] += 1
            return set()
        few = halve([frozenset([name]) for name in names], ask)
        found = frozenset(ddmin(sorted(few), ask))
        if hybrid(span.bad, found).state != "good":
            self.steps["not confirmed"] += 1
        return set(found)

    def _cure(self, ends: Classifier, newer: Point, remedy: set[str]) -> bool:
        """Turn what was found back in the newer end."""
        if not remedy:
            return False
        cured = point(f"{newer.name}~cured")
        if self.truth.cause not in remedy and newer.name in self._changed:
            self._changed.add(cured.name)
        if ends.classify(cured).state != "good":
            self.steps["cure not shown"] += 1
            return False
        return True


def searches(kind: Kind, count: int, seed: int, change: float, noise: float) -> Iterator[Search]:
    """Searches for causes of one kind."""
    for number in range(count):
        random = np.random.default_rng([seed, number])
        truth = truths(kind, random)
        yield Search(truth, change, noise, int(random.integers(1 << 31)))
