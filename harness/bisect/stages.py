"""The stages of a bisection: ends, survey, releases, toggles, sites, source, commits."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.bisect import sentences
from harness.bisect.choose import ROUNDS, choose_among
from harness.bisect.commits.stage import search_commits
from harness.bisect.compare import Classifier, EndsEffect, is_worse
from harness.bisect.points import Effect, Finding, Point, Span, State, point_of
from harness.bisect.prepare import Setup
from harness.bisect.program.requirements import Blamed, screen_requirements
from harness.bisect.program.revisions import Found, search_revisions
from harness.bisect.record import INTERRUPTED, Bisection, Stage, StageKind, Step
from harness.bisect.releases import between, first_of_each_minor, search_releases
from harness.bisect.sites.search import narrow_toggles
from harness.bisect.source.search import search_source
from harness.bisect.toggles import Toggled, Toggles
from harness.errors import HarnessError
from harness.golang.toolchains.providers import ask_providers, every_release
from harness.golang.toolchains.releases import at_hand
from harness.golang.toolchains.resolve import parse_toolchain, resolve
from harness.golang.versions import GoVersion
from harness.metrics.catalogue import describe


@dataclass
class Descent:
    """One bisection under way, from stage to stage."""

    setup: Setup
    span: Span
    """Where the change is, as far as known by now."""
    changed: bool | None = None
    stages: list[Stage] = field(default_factory=list)
    revised: Found | None = None
    """Which commits of the program are neighbours of the change, if they were searched."""
    blamed: Blamed | None = None
    """What screening the requirements between them told."""
    toggled: Toggled | None = None
    """What screening the toggles told; ``None`` before it, and where there are none."""
    _ended: bool = False
    """Whether the two points that are left are too alike to search between them."""
    _screening: Toggles | None = None
    """The toggles, once they are screened."""
    _classifiers: dict[tuple[str, str], Classifier] = field(default_factory=dict)
    """By the names of the good and the bad point."""

    @property
    def unit(self) -> str:
        """The metric's unit."""
        return describe(self.setup.request.metric).unit

    @property
    def record(self) -> Bisection:
        """What is known so far."""
        setup = self.setup
        bisection = Bisection(
            request=setup.request, unit=self.unit, changed=self.changed, headline="",
            direction="regression" if self.span.regression else "fix",
            stages=tuple(self.stages), trials=len(setup.runner.records), builds=setup.runner.builds,
        )  # fmt: skip
        return bisection.model_copy(update={"headline": sentences.headline(bisection)})

    def run(self) -> Iterator[Stage]:
        """Take each stage in turn, each from what the one before left.

        Raises:
            HarnessError: an end does not build or does not run, so nothing can be compared.
        """
        chosen = self._choose() if self.setup.request.patterns else ""
        classifier = self.compare(self.span)
        yield self._ends(classifier.effect, chosen)
        searched = classifier if self.changed else (yield from self._survey())
        if searched is None:
            return
        yield from self._releases(searched)
        steps: tuple[tuple[StageKind, Iterator[Stage], str], ...] = (
            ("revisions", self._revisions(), "the program's commits were not searched"),
            ("requirements", self._requirements(), "the requirements were not told apart"),
            ("toggles", self._toggles(), "the toggles were not told apart"),
            ("sites", self._sites(), "the places were not searched"),
            ("source", self._source(), "the standard library was not searched"),
            ("commits", self._commits(), "the commits were not searched"),
        )
        for kind, stages, otherwise in steps:
            if self._ended:
                return
            try:
                yield from stages
            except HarnessError as error:
                yield self._stage(kind, (), otherwise, stopped=str(error))

    def _choose(self) -> str:
        """Take the metric that moved most of those that the request stands for; says so."""
        setup, ends = self.setup, (self.span.good, self.span.bad)
        request = setup.request
        metric, count = choose_among(setup.runner, ends, request.patterns, request.smallest)
        setup.runner.metric = metric
        self.setup = replace(setup, request=setup.request.model_copy(update={"metric": metric}))
        return f"; of {count} metrics of its benchmarks it moved most in {ROUNDS} rounds before"

    def compare(self, span: Span) -> Classifier:
        """Compare two points, once."""
        names = span.good.name, span.bad.name
        if names not in self._classifiers:
            setup = self.setup
            classifier = Classifier(
                setup.runner, span.good, span.bad, setup.request.smallest, setup.say
            )
            classifier.compare_ends()
            self._classifiers[names] = classifier
        return self._classifiers[names]

    def _ends(self, effect: EndsEffect, chosen: str) -> Stage:
        worse = is_worse(self.setup.request.metric, effect)
        self.changed = None if effect.decision == "undecided" else worse
        answer = sentences.of_ends(self.setup.request, self.span, effect, self.unit, worse=worse)
        return self._stage("ends", _measured(self.span, effect), answer + chosen, title="Both ends")

    def _survey(self) -> Generator[Stage, None, Classifier | None]:
        """Nothing is worse at the end: has a change come and gone on the way?

        Yields one stage, if minor versions begin between the ends; returns what classifies points
        between the step into the worst version, or out of it.
        """
        span, request = self.span, self.setup.request
        versions = first_of_each_minor(self._between(span)[0], span.older.toolchain.version)
        if not versions:
            return None
        found = [self._against_older(version) for version in versions]
        surveyed = [c for c in found if isinstance(c, Classifier)]
        worse = [c for c in surveyed if is_worse(request.metric, c.effect)]
        findings = [f if isinstance(f, Finding) else _of_survey(f, worse=f in worse) for f in found]
        title = "First releases of the minor versions between the ends"
        if not worse:
            yield self._stage("survey", findings, sentences.of_survey(findings), title=title)
            return None
        classifier = max(worse, key=lambda c: abs(c.effect.difference or 0.0))
        worst, step = classifier.bad, sentences.of_step(request, classifier.effect, self.unit)
        answer = f"{worst.name} is: {step} than with {span.older.name}"
        self.changed, stopped = True, None
        self.span = Span(older=span.older, newer=worst, regression=True)
        if request.fix:
            self.span = Span(older=worst, newer=span.newer, regression=False)
            classifier = self.compare(self.span)
            if not is_worse(request.metric, classifier.effect):
                stopped = f"{worst.name} is not shown to be worse than {span.newer.name}"
        yield self._stage("survey", findings, answer, span, title=title, stopped=stopped)
        return None if stopped else classifier

    def _against_older(self, version: str) -> Classifier | Finding:
        """Measure a release; or say why it cannot be."""
        try:
            newer = self._release(version)
            return self.compare(Span(older=self.span.older, newer=newer, regression=True))
        except HarnessError as error:
            return Finding(point=version, state="unresolved", reason=str(error))

    def _releases(self, classifier: Classifier) -> Iterator[Stage]:
        span = self.span
        versions, unlisted = self._between(span)
        if not versions and not unlisted:
            return
        self.span, findings, why = search_releases(span, versions, classifier, self._release)
        older, newer = _measured(span, classifier.effect)
        before, after = self.span.older.name, self.span.newer.name
        answer = f"the first {span.last} release is {after}, after {before}"
        answer += ", of those that can be had" if unlisted else ""
        yield self._stage("releases", (older, *findings, newer), answer, span,
                          stopped=self._why_stopped(why), passed_over=unlisted)  # fmt: skip

    def _revisions(self) -> Iterator[Stage]:
        """Of a program that is built from two commits: which commit between them."""
        span = self.span
        classifier = self._told_apart(span)
        self.revised = found = search_revisions(span, self.setup, classifier.classify)
        if found is None:
            return
        if found.before is not None and found.after is not None:
            self.span = Span(older=found.before, newer=found.after, regression=span.regression)
        stopped = self._why_stopped(found.stage.stopped)
        steps = self._steps(found.findings)
        yield found.stage.model_copy(update={"steps": steps, "stopped": stopped})

    def _requirements(self) -> Iterator[Stage]:
        """Of two neighbouring commits: which changed requirement of go.mod."""
        if self.revised is None or self.revised.before is None:
            return
        self._told_apart(self.span)
        self.blamed = found = screen_requirements(self.span, self.setup)
        if found is not None:
            yield found.stage.model_copy(update={"steps": self._steps(found.findings)})

    def _toggles(self) -> Iterator[Stage]:
        """Of all by which both points differ, and of what the matrix asks about: what matters."""
        effect = self._told_apart(self.span).effect
        screening = Toggles(self.span, self.setup, effect)
        if not screening.plan.suspects:
            return
        self._screening = screening
        self.toggled = screening.run()
        yield self._of_toggles(self.toggled)

    def under_way(self) -> Stage | None:
        """The stage that was interrupted, with what it has told by then, if it tells anything."""
        if self._screening is None or any(stage.kind == "toggles" for stage in self.stages):
            return None
        with suppress(HarnessError):
            return self._of_toggles(self._screening.so_far(), stopped=INTERRUPTED)
        return None

    def _of_toggles(self, found: Toggled, stopped: str | None = None) -> Stage:
        excluded = found.explanation.screening and found.explanation.screening.excluded
        return self._stage(
            "toggles",
            found.findings,
            sentences.NOT_ALL_TOLD if stopped else found.explanation.attribution.sentence,
            suspects=found.explanation.suspects,
            confirmed=(f"of what is ruled out it is shown that {excluded}",) if excluded else (),
            stopped=stopped,
        )

    def _sites(self) -> Iterator[Stage]:
        """Of the toggles that matter: which places in the program need them."""
        found = list(narrow_toggles(self.toggled, self.span, self.setup)) if self.toggled else []
        if found:
            findings = {f.point: f for narrowed in found for f in narrowed.findings}
            yield self._stage(
                "sites",
                findings.values(),
                sentences.of_sites(found),
                title="Places in the program",
                sites=tuple(site for narrowed in found for site in narrowed.sites),
                passed_over=tuple(s for n in found for s in sentences.passed_over_in_sites(n)),
            )

    def _source(self) -> Iterator[Stage]:
        """Which declarations of the standard library."""
        span, setup, runner = self.span, self.setup, self.setup.runner
        if self.toggled is not None and self.toggled.explains_all:
            return
        if span.good.toolchain.identity == span.bad.toolchain.identity:
            return  # not a question of source
        if span.good.settings != span.bad.settings:
            raise HarnessError(
                "the remaining points have different settings; name ends with the same settings"
            )
        found = search_source(
            span.good.toolchain, span.bad.toolchain,
            runner.source_of(runner.variant_of(span.bad)), span.bad.settings,
            runner.build_settings, self._told_apart(span).classify, setup.cache, setup.say,
        )  # fmt: skip
        steps = tuple(map(self._shortened, found.steps))
        yield self._stage(
            "source", (), sentences.of_source(found, span), stopped=found.stopped, steps=steps,
            functions=tuple(culprit.name for culprit in found.culprits),
            files=tuple(dict.fromkeys(culprit.path for culprit in found.culprits)),
            confirmed=tuple(sentences.of_confirmation(found, span)),
            patch=found.diff or None, remedy=found.remedy_diff or None,
            passed_over=tuple(sentences.passed_over_in_source(found)),
        )  # fmt: skip

    def _commits(self) -> Iterator[Stage]:
        """With a repository: which commit between both toolchains."""
        span, setup, runner = self.span, self.setup, self.setup.runner
        if setup.request.repository is None:
            return
        stage, findings = search_commits(
            Path(setup.request.repository), span,
            runner.source_of(runner.variant_of(span.bad)), runner.build_settings,
            self._told_apart(span).classify, setup.cache, setup.say,
        )  # fmt: skip
        yield stage.model_copy(update={"steps": self._steps(findings)})

    def _why_stopped(self, why: str | None) -> str | None:
        """Why a search ended early, and why nothing can be searched between what it has left."""
        try:
            self._told_apart(self.span)
        except HarnessError as error:
            self._ended = True
            return f"{why}; {error}" if why else str(error)
        return why

    def _told_apart(self, span: Span) -> Classifier:
        classifier = self.compare(span)
        if classifier.effect.decision != "changed":
            raise HarnessError(
                f"{span.older.name} and {span.newer.name} by themselves do not differ clearly "
                "enough to search between them"
            )
        return classifier

    def _between(self, span: Span) -> tuple[list[str], tuple[str, ...]]:
        """Releases between two points, in order, and in words those that may lie there as well."""
        older, newer = (point.toolchain.version for point in (span.older, span.newer))
        if GoVersion.parse(older) == GoVersion.parse(newer):
            return [], ()
        supplies = ask_providers(self.setup.cache)
        silent = (supply for supply in supplies if supply.error is not None)
        unlisted = tuple(f"releases that only {s.provider} has: {s.error}" for s in silent)
        return between(every_release(at_hand(self.setup.cache), supplies), older, newer), unlisted

    def _release(self, version: str) -> Point:
        """Get a release with the settings of the ends that it knows."""
        toolchain = resolve([parse_toolchain(version)], self.setup.cache, self.setup.say)[version]
        return point_of(toolchain, (*self.span.older.settings, *self.span.newer.settings))

    def _stage(
        self, kind: StageKind, findings: Iterable[Finding], answer: str, span: Span | None = None,
        **fields: Any,
    ) -> Stage:  # fmt: skip
        span = span or self.span
        fields = {"title": kind.capitalize(), "steps": self._steps(findings)} | fields
        return Stage(
            kind=kind, older=span.older.name, newer=span.newer.name, answer=answer, **fields
        )

    def _shortened(self, step: Step) -> Step:
        """With the command, and of what a compiler says the beginning."""
        finding = step.finding.model_copy(
            update={"reason": sentences.first_lines(step.finding.reason)}
        )
        command = self.setup.runner.command(finding.point)
        return Step(finding=finding, what=step.what, command=command)

    def _steps(self, findings: Iterable[Finding]) -> tuple[Step, ...]:
        command = self.setup.runner.command
        return tuple(Step(finding=f, command=command(f.point)) for f in findings)


def _measured(span: Span, effect: EndsEffect) -> tuple[Finding, Finding]:
    """Both ends as findings, the older one first."""
    same = 1.0 if effect.ratio is not None else None
    good = Finding(point=span.good.name, state="good", ratio=same, difference=0.0,
                   rounds=effect.rounds)  # fmt: skip
    bad = _finding(span.bad, "bad", effect)
    return (good, bad) if span.regression else (bad, good)


def _finding(point: Point, state: State, effect: EndsEffect, reason: str | None = None) -> Finding:
    values = effect.model_dump(include=set(Effect.model_fields))
    return Finding(point=point.name, state=state, reason=reason, **values)


def _of_survey(surveyed: Classifier, *, worse: bool) -> Finding:
    """Good only if it is shown not to differ, or to be better."""
    effect = surveyed.effect
    if effect.decision == "undecided":
        reason = f"no difference is shown in {effect.rounds} rounds"
        return _finding(surveyed.bad, "doubtful", effect, reason)
    return _finding(surveyed.bad, "bad" if worse else "good", effect)
