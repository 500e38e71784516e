"""From two versions to the cause: compare, follow what changed, check the cure, step by step."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from harness.analysis.conclusion import conclude
from harness.analysis.evidence import read_evidence
from harness.analysis.models import Verdict
from harness.analysis.stats.scale import typical_size
from harness.bisect.choose import choose_among
from harness.bisect.compare import EndsEffect
from harness.bisect.effect import effect_of
from harness.bisect.points import Point
from harness.bisect.prepare import Setup
from harness.bisect.record import Bisection
from harness.bisect.stages import Descent
from harness.errors import HarnessError
from harness.explain import sentences
from harness.explain.budget import OutOfTime
from harness.explain.cure import Remedy, is_like_older, remedy_of
from harness.explain.prepare import Inquiry
from harness.explain.record import Cause, Change, Cure, Explanation, Where
from harness.matrix.models import QuestionSpec
from harness.metrics.catalogue import describe, is_of_benchmarks
from harness.run.records import TrialRecord
from harness.run.store import Run, read_trials

_FOLLOWED = (
    "rss.peak", "tree.rss.peak", "rss.avg", "heap.live", "allocs.bytes", "allocs.objects",
    "gc.cpu", "cpu.user", "wall", "requests.rate",
)  # fmt: skip
"""Metrics of which one is followed where the question's own did not change; of benchmarks it is one
of theirs, since totals depend on how often they ran."""
_ROUNDS = 5
"""Rounds of both ends, at least, before other metrics are judged where the first did not change."""


@dataclass
class Search:
    """One explanation under way."""

    inquiry: Inquiry
    doing: str = "preparing"
    """What is under way."""
    changes: list[Change] = field(default_factory=list)
    causes: list[Cause] = field(default_factory=list)
    where: tuple[Where, ...] = ()
    moved: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    """Why a comparison could not be made."""
    finished: bool = False
    _builds: set[str] = field(default_factory=set)
    _remedies: list[tuple[Remedy, Cause]] = field(default_factory=list)
    """What removes a change again, and which."""

    @property
    def record(self) -> Explanation:
        """What is known so far."""
        known = Explanation(
            request=self.inquiry.request, headline="", changes=tuple(self.changes),
            where=self.where, moved=self.moved, refused=self.refused, causes=tuple(self.causes),
            finished=self.finished, doing="" if self.finished else self.doing,
            trials=len(read_trials(self.inquiry.directory)), builds=len(self._builds),
        )  # fmt: skip
        return known.model_copy(update={"headline": sentences.headline(known)})

    def run(self) -> Iterator[str]:
        """Take each step, and yield what it told, in a sentence.

        Raises:
            HarnessError: an end does not build or does not run.
        """
        refused: dict[str, HarnessError] = {}
        for workload in self.inquiry.workloads:
            try:
                for metric in self._metrics(workload):
                    yield self._compare(workload, metric).answer
            except HarnessError as error:
                refused[workload] = error
        if not self.changes:
            raise next(iter(refused.values()))
        for name, why in refused.items():
            yield f"{name} could not be compared: {why}"
        self.refused = tuple(map(str, refused.values()))
        yield from self._look_around()
        for change in sorted(self._changed(), key=sentences.weight, reverse=True):
            yield from self._follow(change)
        if self.causes:
            self._tell_where(self._verdict())
        self.finished = True

    def _changed(self) -> list[Change]:
        return [change for change in self.changes if change.changed]

    def _metrics(self, workload: str) -> tuple[str, ...]:
        """What to compare; of several metrics of benchmarks, the one that moved most."""
        asked = self.inquiry.metrics_of(workload)
        alone = len(asked) == 1 and "*" not in asked[0]
        if alone or not any(map(is_of_benchmarks, asked)):
            return asked
        self.doing = f"looking which metric of {workload} moved most"
        setup = self.inquiry.setup(workload, asked[0])
        ends = setup.span.good, setup.span.bad
        metric, _ = choose_among(setup.runner, ends, asked, setup.request.smallest)
        return (metric,)

    def _compare(self, workload: str, metric: str) -> Change:
        """Compare both ends, and note the change."""
        self.doing = f"comparing {metric} of {workload} between both versions"
        self.inquiry.say(self.doing)
        setup = self.inquiry.setup(workload, metric)
        descent = Descent(setup, setup.span)
        try:
            effect = descent.compare(setup.span).effect
        except OutOfTime:
            known, good, bad = setup.runner.records, setup.span.good, setup.span.bad
            if early := effect_so_far(known, metric, good.name, bad.name):
                self.changes.append(sentences.change_of(setup.request, setup.span, early))
            raise
        if effect.decision != "changed" and effect.rounds < _ROUNDS:
            setup.runner.rounds((setup.span.good, setup.span.bad), _ROUNDS - effect.rounds)
        self._note(setup)
        change = sentences.change_of(setup.request, setup.span, effect)
        self.changes.append(change)
        return change

    def _look_around(self) -> Iterator[str]:
        """Where memory sits and what else moved; follow that if nothing else did."""
        self.doing = "judging all metrics"
        verdict = self._verdict()
        self._tell_where(verdict)
        if self._changed() or self.inquiry.request.metric is not None:
            return
        for workload in self.inquiry.workloads:
            own = [c for c in verdict.comparisons if c.workload == workload]
            telling = [c.metric for c in own if is_of_benchmarks(c.metric)] or _FOLLOWED
            metric = sentences.most_telling([c for c in own if c.changed], telling)
            if metric is not None:
                yield self._compare(workload, metric).answer

    def _verdict(self) -> Verdict:
        """On both versions, whatever else was measured."""
        run = Run.load(self.inquiry.directory)
        asked = run.manifest.matrix.question or QuestionSpec()
        verdict = conclude(run, evidence=read_evidence(run))
        return sentences.between(verdict, asked.baseline, asked.candidate)

    def _tell_where(self, verdict: Verdict) -> None:
        changed = {change.workload for change in self._changed()}
        self.where = tuple(
            Where(workload=d.workload, sentence=f"{d.signature}: {d.evidence}")
            for d in verdict.diagnosis if d.workload in changed
        )  # fmt: skip
        self.moved = tuple(sentences.moved(verdict, self.changes))

    def _follow(self, change: Change) -> Iterator[str]:
        """Follow a change to its cause, unless it is one that is known."""
        what = f"{change.metric} of {change.workload}"
        self.doing = f"following {what}"
        setup = self.inquiry.setup(change.workload, change.metric, better=change.worse is False)
        descent = Descent(setup, setup.span)
        for remedy, cause in self._remedies:
            if self._is_cured(descent, remedy):
                told = change.model_copy(update={"same_as": cause.workload})
                self.changes[self.changes.index(change)] = told
                self._note(setup)
                yield f"{what} has the same cause: {remedy.what}, the change is gone"
                return
        self.causes.append(
            Cause(workload=change.workload, metric=change.metric, bisection=descent.record)
        )
        try:
            for stage in descent.run():
                descent.stages.append(stage)
                self._update(descent.record)
                self._note(setup)
                if stage.kind == "ends" and not descent.changed:
                    return
                self.doing = f"following {what}, after the step {stage.title!r}"
                if stage.kind != "ends":
                    yield f"{stage.title}: {stage.answer}"
        except OutOfTime:
            if begun := descent.under_way():
                descent.stages.append(begun)
                self._update(descent.record)
            raise
        finally:
            self._note(setup)
        yield from self._check(descent)
        self._note(setup)

    def _check(self, descent: Descent) -> Iterator[str]:
        """Turn the cause that was found back in the newer version."""
        remedy, cure = remedy_of(descent), None
        if remedy is not None:
            self.doing = f"checking the cure of {self.causes[-1].workload}"
            cure, point = self._cure(descent, remedy)
            if cure.restored and cure.finding is not None and point is not None:
                gone = self._gone(descent.setup, point, cure.finding.rounds)
                cure = cure.model_copy(update={"gone": gone})
        self._update(descent.record.model_copy(update={"finished": True}), cure)
        if remedy is not None and cure is not None:
            if cure.restored:
                self._remedies.append((remedy, self.causes[-1]))
            yield f"Cure: {cure.answer}"

    def _update(self, bisection: Bisection, cure: Cure | None = None) -> None:
        self.causes[-1] = self.causes[-1].model_copy(update={"bisection": bisection, "cure": cure})

    def _is_cured(self, descent: Descent, remedy: Remedy) -> bool:
        """Whether what removed another change removes this one as well."""
        effect = descent.compare(descent.setup.span).effect
        return effect.decision == "changed" and self._cure(descent, remedy)[0].restored is True

    def _cure(self, descent: Descent, remedy: Remedy) -> tuple[Cure, Point | None]:
        """What a remedy does, and the point with it where it was measured."""
        setup = descent.setup
        newer = setup.span.newer.name
        try:
            point = remedy.apply(setup)
        except HarnessError as error:
            answer = f"the cure could not be checked: {error}"
            return Cure(what=remedy.what, answer=answer), None
        if point.name == setup.span.older.name:
            answer = f"{newer} with {remedy.what} is {point.name}: there is nothing else"
            return Cure(what=remedy.what, restored=True, answer=answer), None
        found = descent.compare(setup.span).classify(point)
        restored = is_like_older(setup.span, found.state)
        answer = sentences.of_cure(setup.span, found, remedy.what, describe(setup.request.metric))
        return Cure(what=remedy.what, finding=found, restored=restored, answer=answer), point

    def _gone(self, setup: Setup, cured: Point, rounds: int) -> tuple[str, ...]:
        """Other metrics of the same workload whose change the cure takes away as well."""
        span = setup.span
        if rounds < _ROUNDS:
            setup.runner.rounds((span.good, span.bad, cured), _ROUNDS - rounds)
        moved = [
            c.metric for c in self._verdict().comparisons
            if c.workload == setup.request.workload and c.changed and not c.primary
        ]  # fmt: skip
        records = [r for r in setup.runner.records if r.ok]
        names = (span.older.name, span.newer.name, cured.name)
        return tuple(sentences.gone(moved, records, names))

    def _note(self, setup: Setup) -> None:
        """Count what was built."""
        names = {build.label for build in setup.runner.manifest.builds}
        self._builds |= names


def effect_so_far(
    records: Iterable[TrialRecord], metric: str, good: str, bad: str
) -> EndsEffect | None:
    """How two variants compare over the rounds that have both, undecided; ``None`` below two."""
    rounds: dict[int, dict[str, float]] = {}
    for record in records:
        value = record.metrics.get(metric)
        if record.ok and value is not None:
            rounds.setdefault(record.round, {})[record.variant] = float(value)
    pairs = [(row[good], row[bad]) for row in rounds.values() if good in row and bad in row]
    if len(pairs) < 2:  # noqa: PLR2004 - one has no interval
        return None
    return EndsEffect(size=typical_size(pairs), **effect_of(pairs).model_dump())
