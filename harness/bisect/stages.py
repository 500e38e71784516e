"""The stages of a bisection: ends, releases, experiments, source, commits."""

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
)
from harness.bisect.source.answer import SourceAnswer
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


@dataclass
class Descent:
    """One bisection under way."""

    setup: Setup
    span: Span
    """Where the change is, as far as known by now."""
    changed: bool | None = None
    stages: list[Stage] = field(default_factory=list)
    supplies: Sequence[Supply] = ()
    """What the providers of releases said, once they were asked."""

    @property
    def unit(self) -> str:
        """Of the metric."""
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


def stages(descent: Descent) -> Iterator[Stage]:
    """Take each stage in turn, from what the one before left; the descent follows.

    Raises:
        HarnessError: an end does not build or does not run, so that there is nothing to compare.
    """
    classifier, change = _compare(descent, descent.span)
    worse = _is_worse(descent.setup.request.metric, change)
    descent.changed = None if change.decision == "undecided" else worse
    yield _ends(descent, change)
    if not descent.changed:
        found = yield from _survey(descent)
        if found is None:
            return
        classifier = found
    yield from _releases(descent, classifier)
    yield from _experiments(descent)
    yield from _source(descent)
    yield from _commits(descent)


def _compare(descent: Descent, span: Span) -> tuple[Classifier, EndsEffect]:
    classifier = Classifier(
        descent.setup.runner, span.good, span.bad, descent.setup.request.smallest
    )
    return classifier, classifier.compare_ends()


def _ends(descent: Descent, change: EndsEffect) -> Stage:
    answer = of_ends(
        descent.setup.request,
        descent.span,
        change,
        descent.unit,
        worse=bool(descent.changed),
    )
    return _stage(descent, "ends", "Both ends", _ends_measured(descent.span, change), answer)


def _ends_measured(span: Span, change: EndsEffect) -> tuple[Finding, Finding]:
    """Both as findings, the older one first."""
    same = 1.0 if change.ratio is not None else None
    good = Finding(point=span.good.name, state="good", ratio=same, difference=0.0,
                   rounds=change.rounds)  # fmt: skip
    bad = _finding(span.bad, "bad", change)
    return (good, bad) if span.regression else (bad, good)


def _finding(point: Point, state: State, change: EndsEffect, reason: str | None = None) -> Finding:
    effect = change.model_dump(include=set(Effect.model_fields))
    return Finding(point=point.name, state=state, rounds=change.rounds, reason=reason, **effect)


def _survey(descent: Descent) -> Generator[Stage, None, Classifier | None]:
    """Nothing is worse at the end: has something come and gone on the way?

    Yields:
        One stage, if minor versions begin between the ends.

    Returns:
        A classifier for the step, where there is one: into the worst of them, or out of it.
    """
    span, request = descent.span, descent.setup.request
    versions = first_of_each_minor(_between(descent, span), after=span.older.toolchain.version)
    if not versions:
        return None
    found = [_against_older(descent, version) for version in versions]
    surveyed = [s for s in found if isinstance(s, _Surveyed)]
    worse = [s for s in surveyed if _is_worse(request.metric, s.change)]
    findings = [_of_survey(s, worse=s in worse) if isinstance(s, _Surveyed) else s for s in found]
    title = "First releases of the minor versions between the ends"
    if not worse:
        answer = of_survey(findings)
        yield _stage(descent, "survey", title, findings, answer, span)
        return None
    worst = max(worse, key=lambda s: abs(s.change.difference or 0.0))
    answer = (
        f"{worst.span.newer.name} is: {of_step(request, worst.change, descent.unit)} than with "
        f"{span.older.name}"
    )
    descent.changed, descent.span, classifier = True, worst.span, worst.classifier
    stopped = None
    if request.fix:
        descent.span = Span(older=worst.span.newer, newer=span.newer, regression=False)
        classifier, change = _compare(descent, descent.span)
        if not _is_worse(request.metric, change):
            stopped = f"{worst.span.newer.name} is not shown to be worse than {span.newer.name}"
    yield _stage(descent, "survey", title, findings, answer, span, stopped)
    return None if stopped else classifier


@dataclass(frozen=True)
class _Surveyed:
    """A release between the ends, measured against the older one."""

    span: Span
    classifier: Classifier
    change: EndsEffect


def _against_older(descent: Descent, version: str) -> _Surveyed | Finding:
    """Measured; or why it could not be."""
    try:
        newer = _release(descent, version)
        span = Span(older=descent.span.older, newer=newer, regression=True)
        return _Surveyed(span, *_compare(descent, span))
    except HarnessError as error:
        return Finding(point=version, state="unresolved", reason=str(error))


def _of_survey(surveyed: _Surveyed, *, worse: bool) -> Finding:
    """Good only if it is shown not to differ, or to be better."""
    state: State = "bad" if worse else "good"
    reason = None
    if surveyed.change.decision == "undecided":
        state, reason = "doubtful", f"no difference is shown in {surveyed.change.rounds} rounds"
    return _finding(surveyed.span.newer, state, surveyed.change, reason)


def _is_worse(metric: str, change: EndsEffect) -> bool:
    """Whether the bad end is shown to be the worse one; where none is better, to be another."""
    if change.decision != "changed":
        return False
    direction = describe(metric).direction
    if change.sign == 0 or direction == "neutral":
        return True
    return (change.sign > 0) == (direction == "lower is better")


def _releases(descent: Descent, classifier: Classifier) -> Iterator[Stage]:
    span = descent.span
    versions = _between(descent, span)
    if not versions and not _unlisted(descent):
        return
    found, findings, why = search_releases(
        span, versions, classifier, lambda version: _release(descent, version)
    )
    descent.span = found
    older, newer = _ends_measured(span, classifier.change)
    path = (older, *findings, newer)
    answer = found.describe("release")
    if _unlisted(descent):
        answer += ", of those that can be had"
    stage = _stage(descent, "releases", "Releases", path, answer, span, why)
    yield stage.model_copy(update={"passed_over": _unlisted(descent)})


def _experiments(descent: Descent) -> Iterator[Stage]:
    """What the newer toolchain turns on or off, or the matrix asks about."""
    span, setup = descent.span, descent.setup
    newer = span.newer.toolchain.experiments
    asked = setup.matrix.spec.question.suspects if setup.matrix.spec.question else None
    named = list(dict.fromkeys((*(asked or ()), *suspects_between(span.older, span.newer))))
    suspects = [name for name in named if newer.knows(name)]
    if not suspects:
        return
    verdict, findings = attribute_experiments(
        span, suspects, setup.runner, setup.directory, setup.request.metric
    )
    answer = verdict.attributions[0].sentence if verdict.attributions else "nothing was compared"
    stage = _stage(descent, "experiments", "Experiments", findings, answer, span)
    unknown = (f"{n}: {span.newer.name} does not know it" for n in named if n not in suspects)
    yield stage.model_copy(update={
        "suspects": verdict.suspects, "passed_over": (*unknown, *untried(suspects)),
    })  # fmt: skip


def _source(descent: Descent) -> Iterator[Stage]:
    """Which declarations of the standard library, where the two libraries can be mixed."""
    span, setup, runner = descent.span, descent.setup, descent.setup.runner
    if span.good.toolchain.identity == span.bad.toolchain.identity:
        return  # not a question of source
    if span.good.settings != span.bad.settings:
        yield _not_searched(
            descent, "source", "Source", "the points that are left have other settings: "
            "name ends with the same ones",
        )  # fmt: skip
        return
    classifier, change = _compare(descent, span)
    if change.decision != "changed":
        yield _not_searched(descent, "source", "Source", _UNCLEAR)
        return
    try:
        found = search_source(
            span.good.toolchain, span.bad.toolchain, runner.source, span.bad.settings,
            runner.build_settings, classifier.classify, setup.cache, setup.say,
        )  # fmt: skip
    except HarnessError as error:
        yield _not_searched(descent, "source", "Source", str(error))
        return
    asked = {step.finding.point: step.edits for step in found.steps}
    measured = [classifier.findings[name] for name in asked if name in classifier.findings]
    answer = of_source(found, span)
    stage = _stage(descent, "source", "Source", measured, answer, stopped=found.stopped)
    steps = [s.model_copy(update={
        "what": asked[s.finding.point],
        "finding": s.finding.model_copy(update={"reason": first_lines(s.finding.reason)}),
    }) for s in stage.steps]  # fmt: skip
    yield stage.model_copy(update={
        "steps": tuple(steps),
        "functions": tuple(culprit.name for culprit in found.culprits),
        "files": tuple(dict.fromkeys(culprit.path for culprit in found.culprits)),
        "confirmed": tuple(of_confirmation(found, span)),
        "patch": found.diff or None,
        "remedy": found.remedy_diff or None,
        "passed_over": tuple(_passed_over(found)),
    })  # fmt: skip


def _not_searched(descent: Descent, kind: StageKind, title: str, why: str) -> Stage:
    """A stage that cannot begin."""
    return _stage(descent, kind, title, (), f"{kind} was not searched", stopped=why)


def _passed_over(found: SourceAnswer) -> Iterator[str]:
    if found.elsewhere:
        yield f"{found.elsewhere} files that differ, but are no part of the workload"
    if found.untried:
        yield f"{found.untried} of {found.edits} differences, see where it stopped"
    if found.binary:
        yield f"{len(found.binary)} files that differ, but are no text"
    refused = sum(step.finding.state == "unresolved" for step in found.steps)
    if refused:
        yield f"{refused} hybrids that do not build or run"


def _commits(descent: Descent) -> Iterator[Stage]:
    """With a repository: which commit between both toolchains."""
    span, setup, runner = descent.span, descent.setup, descent.setup.runner
    if setup.request.repository is None:
        return
    classifier, change = _compare(descent, span)
    if change.decision != "changed":
        yield _not_searched(descent, "commits", "Commits", _UNCLEAR)
        return
    try:
        found = search_commits(
            Path(setup.request.repository), span, runner.source, runner.build_settings,
            classifier.classify, setup.cache, setup.say,
        )  # fmt: skip
    except HarnessError as error:
        yield _stage(descent, "commits", "Commits", (), "no commit was found", stopped=str(error))
        return
    stage = _stage(
        descent, "commits", "Commits", found.findings, found.answer, stopped=found.stopped
    )
    yield stage.model_copy(update={
        "culprit": found.culprit, "confirmed": found.confirmed, "again": found.again,
        "passed_over": found.passed_over,
    })  # fmt: skip


def _between(descent: Descent, span: Span) -> list[str]:
    """Releases between the toolchains of two points, in order; none where both are one version."""
    older, newer = (point.toolchain.version for point in (span.older, span.newer))
    if GoVersion.parse(older) == GoVersion.parse(newer):
        return []
    cache = descent.setup.cache
    descent.supplies = ask_providers(cache)
    return between(every_release(at_hand(cache), descent.supplies), older, newer)


def _unlisted(descent: Descent) -> tuple[str, ...]:
    """Releases that may lie between as well."""
    return tuple(
        f"releases that only {supply.provider} has: {supply.error}"
        for supply in descent.supplies
        if supply.error is not None
    )


def _release(descent: Descent, version: str) -> Point:
    """A release with the settings of the ends, as far as it knows them."""
    setup = descent.setup
    found = resolve([parse_toolchain(version)], setup.cache, setup.say)
    toolchain = found[version]
    wanted = dict.fromkeys((*descent.span.older.settings, *descent.span.newer.settings))
    known = tuple(setting for setting in wanted if toolchain.experiments.knows(setting))
    settings = toolchain.experiments.in_order(known)
    name = variant_name(version, settings, {})
    return Point(name=name, toolchain=toolchain, settings=settings)


def _stage(
    descent: Descent, kind: StageKind, title: str, findings: Iterable[Finding], answer: str,
    span: Span | None = None, stopped: str | None = None,
) -> Stage:  # fmt: skip
    runner, span = descent.setup.runner, span or descent.span
    steps = tuple(Step(finding=f, command=runner.command(f.point)) for f in findings)
    return Stage(kind=kind, title=title, older=span.older.name, newer=span.newer.name, steps=steps,
                 answer=answer, stopped=stopped)  # fmt: skip
