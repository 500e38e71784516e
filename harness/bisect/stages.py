"""The stages of a bisection: ends, survey, releases, experiments, source, commits."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.bisect.commits.stage import search_commits
from harness.bisect.compare import Classifier, EndsEffect
from harness.bisect.points import Effect, Finding, Point, State
from harness.bisect.prepare import Setup
from harness.bisect.record import Bisection, Stage, StageKind, Step
from harness.bisect.releases import between, first_of_each_minor, search_releases
from harness.bisect.sentences import (
    headline,
    of_confirmation,
    of_ends,
    of_source,
    of_step,
    of_survey,
    passed_over_in_source,
)
from harness.bisect.source.search import first_lines, search_source
from harness.bisect.span import Span
from harness.bisect.toggles import attribute_experiments, suspects_between, untried
from harness.errors import HarnessError
from harness.golang.toolchains.available import Supply, ask_providers, at_hand, every_release
from harness.golang.toolchains.resolve import parse_toolchain, resolve
from harness.golang.versions import GoVersion
from harness.matrix.names import variant_name
from harness.metrics.catalogue import describe

_UNCLEAR = "the two points that are left do not differ clearly enough"


@dataclass(frozen=True)
class _Surveyed:
    """A release between the ends, measured against the older one."""

    span: Span
    classifier: Classifier
    effect: EndsEffect


@dataclass
class Descent:
    """One bisection under way, from stage to stage."""

    setup: Setup
    span: Span
    """Where the change is, as far as known by now."""
    changed: bool | None = None
    stages: list[Stage] = field(default_factory=list)
    supplies: Sequence[Supply] = ()
    """What the providers of releases answered, once they were asked."""

    @property
    def unit(self) -> str:
        """The metric's unit."""
        return describe(self.setup.request.metric).unit

    @property
    def record(self) -> Bisection:
        """What is known so far."""
        setup = self.setup
        bisection = Bisection(
            request=setup.request,
            unit=self.unit,
            direction="regression" if self.span.regression else "fix",
            changed=self.changed,
            headline="",
            stages=tuple(self.stages),
            trials=setup.runner.trials,
            builds=setup.runner.builds,
        )
        return bisection.model_copy(update={"headline": headline(bisection)})

    def run(self) -> Iterator[Stage]:
        """Take each stage in turn, each from what the one before left.

        Raises:
            HarnessError: an end does not build or does not run, so nothing can be compared.
        """
        classifier, effect = self._compare(self.span)
        worse = is_worse(self.setup.request.metric, effect)
        self.changed = None if effect.decision == "undecided" else worse
        yield self._ends(effect)
        if not self.changed:
            found = yield from self._survey()
            if found is None:
                return
            classifier = found
        yield from self._releases(classifier)
        yield from self._experiments()
        yield from self._source()
        yield from self._commits()

    def _compare(self, span: Span) -> tuple[Classifier, EndsEffect]:
        setup = self.setup
        classifier = Classifier(setup.runner, span.good, span.bad, setup.request.smallest)
        return classifier, classifier.compare_ends()

    def _ends(self, effect: EndsEffect) -> Stage:
        worse = bool(self.changed)
        answer = of_ends(self.setup.request, self.span, effect, self.unit, worse=worse)
        return self._stage("ends", "Both ends", _measured(self.span, effect), answer)

    def _survey(self) -> Generator[Stage, None, Classifier | None]:
        """Nothing is worse at the end: has a change come and gone on the way?

        Yields:
            One stage, if minor versions begin between the ends.

        Returns:
            What classifies points between the step into the worst version, or out of it.
        """
        span, request = self.span, self.setup.request
        versions = first_of_each_minor(self._between(span), after=span.older.toolchain.version)
        if not versions:
            return None
        found = [self._against_older(version) for version in versions]
        surveyed = [s for s in found if isinstance(s, _Surveyed)]
        worse = [s for s in surveyed if is_worse(request.metric, s.effect)]
        findings = [
            _of_survey(s, worse=s in worse) if isinstance(s, _Surveyed) else s for s in found
        ]
        title = "First releases of the minor versions between the ends"
        if not worse:
            yield self._stage("survey", title, findings, of_survey(findings), span)
            return None
        worst = max(worse, key=lambda s: abs(s.effect.difference or 0.0))
        answer = (
            f"{worst.span.newer.name} is: {of_step(request, worst.effect, self.unit)} than with "
            f"{span.older.name}"
        )
        self.changed, self.span, classifier = True, worst.span, worst.classifier
        stopped = None
        if request.fix:
            self.span = Span(older=worst.span.newer, newer=span.newer, regression=False)
            classifier, effect = self._compare(self.span)
            if not is_worse(request.metric, effect):
                stopped = f"{worst.span.newer.name} is not shown to be worse than {span.newer.name}"
        yield self._stage("survey", title, findings, answer, span, stopped)
        return None if stopped else classifier

    def _against_older(self, version: str) -> _Surveyed | Finding:
        """Measure a release; or say why it cannot be."""
        try:
            span = Span(older=self.span.older, newer=self._release(version), regression=True)
            return _Surveyed(span, *self._compare(span))
        except HarnessError as error:
            return Finding(point=version, state="unresolved", reason=str(error))

    def _releases(self, classifier: Classifier) -> Iterator[Stage]:
        span = self.span
        versions = self._between(span)
        unlisted = self._unlisted()
        if not versions and not unlisted:
            return
        self.span, findings, why = search_releases(span, versions, classifier, self._release)
        older, newer = _measured(span, classifier.effect)
        answer = self.span.describe("release") + (", of those that can be had" if unlisted else "")
        stage = self._stage("releases", "Releases", (older, *findings, newer), answer, span, why)
        yield stage.model_copy(update={"passed_over": unlisted})

    def _experiments(self) -> Iterator[Stage]:
        """What the newer toolchain turns on or off, or the matrix asks about."""
        span, setup = self.span, self.setup
        newer = span.newer.toolchain.experiments
        asked = setup.matrix.spec.question.suspects if setup.matrix.spec.question else None
        named = list(dict.fromkeys((*(asked or ()), *suspects_between(span.older, span.newer))))
        suspects = [name for name in named if newer.knows(name)]
        if not suspects:
            return
        verdict, findings = attribute_experiments(
            span, suspects, setup.runner, setup.directory, setup.request.metric
        )
        answer = (
            verdict.attributions[0].sentence if verdict.attributions else "nothing was compared"
        )
        stage = self._stage("experiments", "Experiments", findings, answer)
        unknown = (f"{n}: {span.newer.name} does not know it" for n in named if n not in suspects)
        yield stage.model_copy(update={
            "suspects": verdict.suspects, "passed_over": (*unknown, *untried(suspects)),
        })  # fmt: skip

    def _source(self) -> Iterator[Stage]:
        """Which declarations of the standard library."""
        span, setup, runner = self.span, self.setup, self.setup.runner
        if span.good.toolchain.identity == span.bad.toolchain.identity:
            return  # not a question of source
        if span.good.settings != span.bad.settings:
            why = "the points that are left have other settings: name ends with the same ones"
            yield self._not_searched("source", why)
            return
        classifier, effect = self._compare(span)
        if effect.decision != "changed":
            yield self._not_searched("source", _UNCLEAR)
            return
        try:
            found = search_source(
                span.good.toolchain, span.bad.toolchain, runner.source, span.bad.settings,
                runner.build_settings, classifier.classify, setup.cache, setup.say,
            )  # fmt: skip
        except HarnessError as error:
            yield self._not_searched("source", str(error))
            return
        tried = {step.finding.point: step.edits for step in found.steps}
        measured = [classifier.findings[name] for name in tried if name in classifier.findings]
        answer = of_source(found, span)
        stage = self._stage("source", "Source", measured, answer, stopped=found.stopped)
        steps = tuple(_shortened(step, tried[step.finding.point]) for step in stage.steps)
        yield stage.model_copy(update={
            "steps": steps,
            "functions": tuple(culprit.name for culprit in found.culprits),
            "files": tuple(dict.fromkeys(culprit.path for culprit in found.culprits)),
            "confirmed": tuple(of_confirmation(found, span)),
            "patch": found.diff or None,
            "remedy": found.remedy_diff or None,
            "passed_over": tuple(passed_over_in_source(found)),
        })  # fmt: skip

    def _commits(self) -> Iterator[Stage]:
        """With a repository: which commit between both toolchains."""
        span, setup, runner = self.span, self.setup, self.setup.runner
        if setup.request.repository is None:
            return
        classifier, effect = self._compare(span)
        if effect.decision != "changed":
            yield self._not_searched("commits", _UNCLEAR)
            return
        try:
            stage, findings = search_commits(
                Path(setup.request.repository), span, runner.source, runner.build_settings,
                classifier.classify, setup.cache, setup.say,
            )  # fmt: skip
        except HarnessError as error:
            yield self._stage("commits", "Commits", (), "no commit was found", stopped=str(error))
            return
        yield stage.model_copy(update={"steps": self._steps(findings)})

    def _between(self, span: Span) -> list[str]:
        """Releases between the toolchains of two points, in order; none if both are one version."""
        older, newer = (point.toolchain.version for point in (span.older, span.newer))
        if GoVersion.parse(older) == GoVersion.parse(newer):
            return []
        cache = self.setup.cache
        self.supplies = ask_providers(cache)
        return between(every_release(at_hand(cache), self.supplies), older, newer)

    def _unlisted(self) -> tuple[str, ...]:
        """Releases that may lie between as well."""
        return tuple(
            f"releases that only {supply.provider} has: {supply.error}"
            for supply in self.supplies
            if supply.error is not None
        )

    def _release(self, version: str) -> Point:
        """Get a release with the settings of the ends that it knows.

        Raises:
            HarnessError: it cannot be had.
        """
        setup = self.setup
        toolchain = resolve([parse_toolchain(version)], setup.cache, setup.say)[version]
        wanted = dict.fromkeys((*self.span.older.settings, *self.span.newer.settings))
        known = tuple(setting for setting in wanted if toolchain.experiments.knows(setting))
        settings = toolchain.experiments.in_order(known)
        name = variant_name(version, settings, {})
        return Point(name=name, toolchain=toolchain, settings=settings)

    def _not_searched(self, kind: StageKind, why: str) -> Stage:
        """A stage that cannot begin."""
        return self._stage(kind, kind.capitalize(), (), f"{kind} was not searched", stopped=why)

    def _stage(
        self, kind: StageKind, title: str, findings: Iterable[Finding], answer: str,
        span: Span | None = None, stopped: str | None = None,
    ) -> Stage:  # fmt: skip
        span = span or self.span
        return Stage(kind=kind, title=title, older=span.older.name, newer=span.newer.name,
                     steps=self._steps(findings), answer=answer, stopped=stopped)  # fmt: skip

    def _steps(self, findings: Iterable[Finding]) -> tuple[Step, ...]:
        command = self.setup.runner.command
        return tuple(Step(finding=f, command=command(f.point)) for f in findings)


def is_worse(metric: str, effect: EndsEffect) -> bool:
    """Whether the bad end is shown to be worse; or to differ, if neither direction is worse."""
    if effect.decision != "changed":
        return False
    direction = describe(metric).direction
    if effect.sign == 0 or direction == "neutral":
        return True
    return (effect.sign > 0) == (direction == "lower is better")


def _measured(span: Span, effect: EndsEffect) -> tuple[Finding, Finding]:
    """Both ends as findings, the older one first."""
    same = 1.0 if effect.ratio is not None else None
    good = Finding(point=span.good.name, state="good", ratio=same, difference=0.0,
                   rounds=effect.rounds)  # fmt: skip
    bad = _finding(span.bad, "bad", effect)
    return (good, bad) if span.regression else (bad, good)


def _finding(point: Point, state: State, effect: EndsEffect, reason: str | None = None) -> Finding:
    values = effect.model_dump(include=set(Effect.model_fields))
    return Finding(point=point.name, state=state, rounds=effect.rounds, reason=reason, **values)


def _of_survey(surveyed: _Surveyed, *, worse: bool) -> Finding:
    """Good only if it is shown not to differ, or to be better."""
    state: State = "bad" if worse else "good"
    reason = None
    if surveyed.effect.decision == "undecided":
        state, reason = "doubtful", f"no difference is shown in {surveyed.effect.rounds} rounds"
    return _finding(surveyed.span.newer, state, surveyed.effect, reason)


def _shortened(step: Step, what: str) -> Step:
    """A hybrid in words, and of what a compiler says the beginning."""
    finding = step.finding.model_copy(update={"reason": first_lines(step.finding.reason)})
    return step.model_copy(update={"what": what, "finding": finding})
