"""Which toggles explain the change: all by which both points differ are screened in groups."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.analysis.attribution import Explanation
from harness.analysis.comparisons import compare_primary
from harness.analysis.models import Comparison, ScreeningStep
from harness.analysis.samples import tables
from harness.analysis.screened import Screened, screened
from harness.analysis.screening.models import Ask, Culprit, Decision
from harness.analysis.screening_verdicts import attribute_screened
from harness.bisect.compare import EndsEffect
from harness.bisect.effect import effect_of
from harness.bisect.ends import parse_end
from harness.bisect.points import Effect, Finding, Point, Span, State
from harness.bisect.prepare import Setup
from harness.golang.toolchains.resolve import parse_toolchain
from harness.matrix.load import Matrix
from harness.matrix.models import QuestionSpec, SuspectSpec, ToolchainSpec, TrialsSpec
from harness.plan.plan import Cell, Plan
from harness.plan.question import resolve_question
from harness.plan.suspects import Suspected
from harness.plan.variants import Variant
from harness.report import wording
from harness.run.store import Run
from harness.session.lanes import available_lanes
from harness.session.prepare import Prepared
from harness.session.screening import Screening
from harness.session.suspecting import with_suspects
from harness.text.words import listed

_FEWEST, _MOST = 40, 80
"""Rounds of one set, at most, of slow and of quick programs. Simulated with 1 % noise and a change
of 5 % that no toggle makes, 40 rounds rule out all of 11 toggles in 7 of 100 searches, 80 in 92."""
_LONGER = 60.0
"""Seconds that rounds of a set beyond the first 40 may take."""
_VALUES = 3
"""Trials of a round with one set."""


def most_rounds(seconds: float | None, lanes: int) -> int:
    """How often a set is measured, at most, if a trial takes so long, as far as that is known."""
    more = _LONGER * lanes / (_VALUES * seconds) if seconds else 0
    return int(min(_MOST, _FEWEST + more))


@dataclass(frozen=True)
class Toggled:
    """What screening the toggles between two points told."""

    explanation: Explanation
    findings: tuple[Finding, ...]
    culprits: tuple[Culprit, ...]
    suspects: Mapping[str, Suspected]
    """By label."""
    limit: float
    """Share of the change that counts."""
    explains_all: bool
    """Whether the culprits leave less than that share unexplained, so that no source is searched.
    """


class Toggles:
    """The toggles between two points, and those that the matrix asks about, under way."""

    def __init__(self, span: Span, setup: Setup, effect: EndsEffect) -> None:
        """Find out which there are.

        Raises:
            HarnessError: a suspect of the matrix names what no toolchain has.
        """
        self._span, self._runner = span, setup.runner
        self._effect, self._say = effect, setup.say
        points = (span.older, span.newer)
        variants = tuple(map(self._runner.variant_of, points))
        workload = setup.request.workload
        cells = tuple(Cell(workload=workload, variant=variant.name) for variant in variants)
        plan = Plan(variants=variants, cells=cells, rounds=0, seed=setup.request.seed)
        request = setup.request
        matrix = _asking(setup, span, (request.metric,))
        limits = matrix.spec.trials
        most = most_rounds(self._seconds(variants), len(available_lanes(limits.cpus, limits.lanes)))
        self._trials = TrialsSpec(min=5, max=most)
        limits = limits.model_copy(update={"max": max(most, limits.max)})
        self._matrix = matrix._replace(spec=matrix.spec.model_copy(update={"trials": limits}))
        self._question = resolve_question(self._matrix.spec, plan)
        toolchains = {point.toolchain.name: point.toolchain for point in points}
        sources = {(workload, text): s for text, s in self._runner.sources.items()}
        self.plan = with_suspects(
            self._matrix, plan, self._question, toolchains, sources, setup.cache, setup.say
        )
        self._workload, self._metric = workload, setup.request.metric
        asked = self._runner.manifest.matrix.question  # code lies elsewhere where a time is asked
        built = _asking(setup, span, (asked.metrics if asked else None) or [request.metric])
        prepared = Prepared(built, toolchains, sources, self.plan, setup.cache)
        self._sets = Screening(prepared, self._runner, self.plan, variants, workload, setup.say)

    def run(self) -> Toggled:
        """Measure until the search is at its end."""
        self._sets.begin()
        comparison = self._comparison()
        return self._told(self._sets.finish(lambda: self._look(comparison), self._progress))

    def so_far(self) -> Toggled:
        """What an unfinished search has told."""
        return self._told(self._look(self._comparison()))

    def _look(self, comparison: Comparison) -> Screened:
        return screened(self._run, comparison, self._question.limit)

    def _told(self, found: Screened) -> Toggled:
        run = self._run
        table = tables(run)[self._workload]
        explanation = attribute_screened(
            run, table, self._comparison(), self._question, self._trials
        )
        steps = explanation.screening.steps if explanation.screening else ()
        culprits = found.outcome.culprits if found.outcome else ()
        together = found.outcome.explained if found.outcome else None
        limit = self._question.limit
        return Toggled(
            explanation,
            tuple(map(self._finding, steps)),
            culprits,
            {suspect.label: suspect for suspect in self.plan.suspects},
            limit,
            explains_all=bool(culprits and together and together.value >= 1 - limit),
        )

    def _seconds(self, variants: Sequence[Variant]) -> float | None:
        """How long a trial of both points takes; the same when the search is resumed."""
        names = {variant.name for variant in variants}
        known = (r.metrics.get("wall") for r in self._runner.records if r.variant in names)
        seconds = [value for value in known if value]
        return sum(seconds) / len(seconds) if seconds else None

    def _progress(self, ask: Ask) -> str:
        sizes = listed([str(len(back)) for back in ask.sets])
        return f"{sizes} of {len(self.plan.suspects)} toggles turned back, round {ask.rounds}"

    @property
    def _run(self) -> Run:
        """What is measured so far, as a run that asks about both points."""
        runner, names = self._runner, {variant.name for variant in self.plan.variants}
        manifest = runner.manifest.model_copy(
            update={"plan": self.plan, "matrix": self._matrix.spec}
        )
        trials = tuple(record for record in runner.records if record.variant in names)
        return runner.within(Run(runner.directory, manifest, trials))

    def _comparison(self) -> Comparison:
        """Both points compared: that they differ is known already."""
        (found,) = compare_primary(tables(self._run), self._question, self.plan, self._trials)
        more = (self._effect.sign > 0) == self._span.regression
        return found.model_copy(update={"decision": "increase" if more else "decrease"})

    def _finding(self, step: ScreeningStep) -> Finding:
        effect = self._effect_of(step.variant)
        return finding_of(step.effect, step.variant, step.share, step.reason, effect, self._span)

    def _effect_of(self, variant: str) -> Effect:
        """A variant against the good end."""
        table, metric = tables(self._run.screening or self._run)[self._workload], self._metric
        columns = (table.values(name, metric) for name in (self._span.good.name, variant))
        return effect_of([
            (float(good), float(own)) for good, own in zip(*columns, strict=True)
            if math.isfinite(good) and math.isfinite(own)
        ])  # fmt: skip


def finding_of(
    decision: Decision, point: str, share: float | None, reason: str, effect: Effect, span: Span
) -> Finding:
    """Which end a point is like that has something turned back; ``effect`` is against the good."""
    gone, kept = span.older, span.newer
    states: dict[Decision, Point] = {"all": gone, "nothing": kept, "opposite": kept}
    state: State = "unresolved" if decision == "failed" else "doubtful"
    if decision in states:
        state = "good" if states[decision] is span.good else "bad"
    taken = None if share is None else wording.taken(share)
    return Finding(point=point, state=state, reason=reason or taken, **effect.model_dump())


def _asking(setup: Setup, span: Span, metrics: Sequence[str]) -> Matrix:
    """The matrix with the question about both points, and their toolchains."""
    spec = setup.matrix.spec
    asked = (spec.question.suspects if spec.question else None) or []
    question = QuestionSpec(
        baseline=span.older.name, candidate=span.newer.name, metrics=list(metrics),
        suspects=[*asked, SuspectSpec(auto=True)],
    )  # fmt: skip
    changed = {"question": question, "gates": [], "go": _toolchains(setup, span)}
    return setup.matrix._replace(spec=spec.model_copy(update=changed))


def _toolchains(setup: Setup, span: Span) -> list[ToolchainSpec]:
    """The matrix's toolchains, and those of both points, which patches are added to."""
    request, spec = setup.request, setup.matrix.spec
    repository = Path(request.repository) if request.repository else None
    ends = [parse_end(end, spec, repository).toolchain for end in (request.good, request.bad)]
    known = {toolchain.name for toolchain in (*spec.go, *ends)}
    names = {point.toolchain.name for point in (span.older, span.newer)} - known
    return [*spec.go, *ends, *map(parse_toolchain, sorted(names))]
