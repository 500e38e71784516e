"""Screening of a stored run: which suspects explain a change, as far as was measured.

The search is replayed over the trials of ``RUN/screening`` each time. Where it asks for rounds that
the run does not have, it stops there: a session measures them and replays it again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from harness.analysis.models import Comparison
from harness.analysis.samples import Table, tables
from harness.analysis.screening.models import Answer, Ask, Back, Failed, Outcome, Row
from harness.analysis.screening.search import ROUNDS, screen
from harness.plan.plan import Plan
from harness.plan.suspects import Settled, Suspected, undone
from harness.run.records import TrialRecord
from harness.run.store import Run

_MOST_FAILURES = 2
"""Rounds of a variant that may fail before it counts as one that cannot be measured."""
_EVENTS = "/godebug/non-default-behavior/{}:events"


@dataclass(frozen=True)
class Screened:
    """What screening tells of one change so far."""

    settled: Mapping[str, Settled]
    """By label: suspects that are known without a comparison."""
    made: Mapping[Back, "Made"] = field(default_factory=dict)
    """Sets of suspects that are not settled, and what was made for each."""
    outcome: Outcome | None = None
    """What the search found; ``None`` where it is not at its end."""
    ask: Ask | None = None
    """What must be measured before it can go on; settled suspects may be turned back as well."""

    @property
    def missing(self) -> tuple[Back, ...]:
        """The sets to be measured: a set that is asked for, with settled ones as it was made."""
        sets = self.ask.sets if self.ask else ()
        return tuple(self.made[back].back if back in self.made else back for back in sets)


class Made(NamedTuple):
    """What was made for a set of suspects."""

    variant: str
    back: Back
    """All that is turned back in it: the set, and suspects that are settled."""


def screened(run: Run, comparison: Comparison, limit: float) -> Screened:
    """Replay the search for what explains a change; ``limit`` is the question's."""
    plan, workload = run.manifest.plan, comparison.workload
    trials = _Trials(run, comparison)
    settled = {s.label: s.settled[workload] for s in plan.suspects if workload in s.settled}
    for suspect in plan.suspects:
        if suspect.label not in settled and (known := trials.settled(suspect)):
            settled[suspect.label] = known
    open_ = [s for s in plan.suspects if s.label not in settled]
    if not open_:
        return Screened(settled)
    labels, free = [s.label for s in open_], [s.label for s in open_ if s.free]
    most = max(ROUNDS, run.manifest.matrix.trials.max)
    search = screen(labels, free=free, limit=limit, most=most)
    made = trials.made(frozenset(settled))
    answers = _Answers(trials, made)
    try:
        ask = next(search)
        while (answer := answers(ask)) is not None:
            ask = search.send(answer)
    except StopIteration as end:
        return Screened(settled, made, outcome=end.value)
    return Screened(settled, made, ask=ask)


@dataclass(frozen=True)
class _Trials:
    """What was measured on one workload with suspects turned back."""

    run: Run
    comparison: Comparison

    @property
    def _sides(self) -> tuple[str, str]:
        """The side in which suspects are turned back, and the other."""
        baseline, candidate = self.comparison.baseline, self.comparison.candidate
        return (candidate, baseline) if self._plan.varied == candidate else (baseline, candidate)

    @property
    def _plan(self) -> Plan:
        return self.run.manifest.plan

    def settled(self, suspect: Suspected) -> Settled | None:
        """What builds and counters tell of a suspect."""
        for variant, back in self._variants.items():
            if suspect.label in back and variant in self._same:
                together = [s for s in self._plan.suspects if s.label in back]
                reason = (
                    f"with {undone(together)}, the program is the same byte for byte, but for its "
                    "version and build information"
                )
                return Settled(verdict="ruled out", certainty="identical code", reason=reason)
        if not suspect.counted:
            return None
        name = _EVENTS.format(suspect.name)
        counts = [
            trial.runtime.get(name)
            for variant, back in self._variants.items()
            if suspect.label in back
            for trial in self._by_variant.get(variant, ())
            if trial.ok
        ]
        if not counts or any(count != 0 for count in counts):
            return None
        trials = "one trial" if len(counts) == 1 else f"{len(counts)} trials"
        reason = f"turned back, {suspect.name} was never consulted in {trials}"
        return Settled(verdict="ruled out", certainty="never consulted", reason=reason)

    def made(self, settled: frozenset[str]) -> Mapping[Back, Made]:
        """The variant for each set; settled suspects make no difference in one."""
        found: dict[Back, Made] = {}
        for variant, back in self._variants.items():
            found.setdefault(back - settled, Made(variant, back))
        return found

    def rows(self, variant: str, count: int) -> list[Row]:
        """The first rounds that have a variant and both sides."""
        if self._table is None:
            return []
        varied, other = self._sides
        value = varied if variant in self._same else variant
        names = (other, varied, value)
        columns = np.column_stack([self._table.values(n, self.comparison.metric) for n in names])
        known = columns[np.isfinite(columns).all(axis=1)][:count]
        return [Row(*map(float, row)) for row in known]

    def failure(self, variant: str) -> str | None:
        """Why a variant cannot be measured."""
        screening = self.run.screening
        if screening is None:
            return None
        plan = screening.manifest.plan
        build = screening.manifest.build_of(self.comparison.workload, plan.variant(variant))
        if build is not None and build.error is not None:
            return f"{variant} does not build: " + build.error.partition("\n")[0]
        rounds = self._rounds(variant)
        failed = [t for trials in rounds for t in trials if not t.ok]
        if len(rounds) - len(self.rows(variant, len(rounds))) < _MOST_FAILURES:
            return None
        if failed:
            return f"{failed[-1].variant}: {failed[-1].outcome}"
        return f"{variant}: some trials have no {self.comparison.metric}"

    def _rounds(self, variant: str) -> list[list[TrialRecord]]:
        """The trials of each round that measured a variant and both sides, however they ended."""
        wanted = {variant, *self._sides}
        by_round: dict[int, list[TrialRecord]] = {}
        for name in wanted:
            for trial in self._by_variant.get(name, ()):
                by_round.setdefault(trial.round, []).append(trial)
        return [trials for trials in by_round.values() if len(trials) == len(wanted)]

    @cached_property
    def _table(self) -> Table | None:
        screening = self.run.screening
        return None if screening is None else tables(screening).get(self.comparison.workload)

    @cached_property
    def _variants(self) -> Mapping[str, Back]:
        """The variants that were made for this workload, with what is turned back in them."""
        if self.run.screening is None:
            return {}
        plan = self.run.screening.manifest.plan
        made = {cell.variant for cell in plan.cells if cell.workload == self.comparison.workload}
        return {v: frozenset(labels) for v, labels in plan.turned_back.items() if v in made}

    @cached_property
    def _by_variant(self) -> Mapping[str, Sequence[TrialRecord]]:
        found: dict[str, list[TrialRecord]] = {}
        for trial in self.run.screening.trials if self.run.screening else ():
            if trial.workload == self.comparison.workload:
                found.setdefault(trial.variant, []).append(trial)
        return found

    @cached_property
    def _same(self) -> frozenset[str]:
        """The variants that run the varied side's code in its environment."""
        return frozenset(variant for variant in self._variants if self._same_code(variant))

    def _same_code(self, variant: str) -> bool:
        """Whether a variant runs the varied side's code in its environment."""
        screening = self.run.screening
        if screening is None:
            return False
        manifest, names = screening.manifest, {v.name for v in screening.manifest.plan.variants}
        varied = self._sides[0]
        if not {variant, varied} <= names or variant == varied:
            return False
        one, other = (manifest.plan.variant(name) for name in (variant, varied))
        builds = [manifest.build_of(self.comparison.workload, v) for v in (one, other)]
        codes = {build.code for build in builds if build is not None}
        return one.env == other.env and len(codes) == 1 and "" not in codes and all(builds)


@dataclass(frozen=True)
class _Answers:
    """Answers a search from what was measured."""

    trials: _Trials
    made: Mapping[Back, Made]

    def __call__(self, ask: Ask) -> Answer | None:
        """The rounds that were asked for; ``None`` where some are missing."""
        found: dict[Back, Sequence[Row] | Failed] = {}
        for back in ask.sets:
            if back not in self.made:
                return None
            variant = self.made[back].variant
            rows = self.trials.rows(variant, ask.rounds)
            if len(rows) == ask.rounds:
                found[back] = rows
            elif (reason := self.trials.failure(variant)) is not None:
                found[back] = Failed(reason)
            else:
                return None
        return found
