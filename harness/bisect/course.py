"""The course of a bisection: stage after stage, each from what the one before left."""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from harness.analysis.models import Verdict
from harness.bisect.bench import Bench, Change
from harness.bisect.experiments import attribute_experiments, suspects_between
from harness.bisect.findings import Finding, Point
from harness.bisect.opening import Opened
from harness.bisect.record import RECORD, Bisection, Stage, StageKind, Step
from harness.bisect.releases import between, newest_of_each_minor, search_releases
from harness.bisect.span import Span
from harness.bisect.words import headline, of_ends, of_step
from harness.golang.cache import in_use
from harness.golang.toolchains import available, parse_toolchain, resolve
from harness.golang.versions import GoVersion
from harness.measure.catalogue import describe
from harness.plan import variant_name
from harness.report.bisection import write_bisection
from harness.run import point_latest, write_json
from harness.session import clean


@dataclass
class Course:
    """One bisection under way."""

    opened: Opened
    span: Span
    """Where the change is, as far as known by now."""
    changed: bool | None = None
    stages: list[Stage] = field(default_factory=list)

    @property
    def record(self) -> Bisection:
        """What is known so far."""
        opened = self.opened
        bisection = Bisection(
            request=opened.request,
            unit=describe(opened.request.metric).unit,
            direction="regression" if self.span.regression else "fix",
            changed=self.changed,
            headline="",
            stages=tuple(self.stages),
            trials=opened.laboratory.trials,
            builds=opened.laboratory.builds,
        )
        return bisection.model_copy(update={"headline": headline(bisection)})


def run_course(opened: Opened) -> Bisection:
    """Go down as far as possible, and keep each stage when it is done.

    Raises:
        HarnessError: an end does not build or does not run, so that there is nothing to compare.
    """
    course = Course(opened, opened.span)
    _keep(course)
    with in_use(opened.cache), opened.laboratory.open():
        for stage in _stages(course):
            course.stages.append(stage)
            _keep(course)
            opened.say(f"{stage.title}: {stage.answer}")
    finished = course.record.model_copy(update={"finished": True})
    write_json(opened.directory / RECORD, finished)
    write_bisection(opened.directory, finished)
    clean(opened.directory)
    point_latest(opened.directory)
    return finished


def _keep(course: Course) -> None:
    write_json(course.opened.directory / RECORD, course.record)


def _stages(course: Course) -> Iterator[Stage]:
    bench, change = _compare(course, course.span)
    course.changed = {"changed": True, "unchanged": False, "undecided": None}[change.decision]
    yield _ends(course, change)
    if not course.changed:
        found = yield from _survey(course)
        if found is None:
            return
        bench = found
    yield from _releases(course, bench)
    yield from _experiments(course)


def _compare(course: Course, span: Span) -> tuple[Bench, Change]:
    bench = Bench(course.opened.laboratory, span.good, span.bad, course.opened.request.smallest)
    return bench, bench.compare_ends()


def _ends(course: Course, change: Change) -> Stage:
    span = course.span
    ends = (_finding(span.good, "good", None), _finding(span.bad, "bad", change))
    answer = of_ends(course.opened.request, span, change)
    return _stage(course, "ends", "Both ends", ends, answer)


def _finding(point: Point, state: Literal["good", "bad"], change: Change | None) -> Finding:
    if change is None:
        return Finding(point=point.name, state=state, ratio=1.0)
    return Finding(
        point=point.name, state=state, ratio=change.ratio, ci=change.ci, rounds=change.rounds
    )


def _survey(course: Course) -> Generator[Stage, None, Bench | None]:
    """The ends are alike: has something come and gone between them?

    Yields:
        One stage, if there are minor versions between the ends.

    Returns:
        A bench for the step, where there is one: into what deviates, or out of it.
    """
    span = course.span
    versions = newest_of_each_minor(_between(course, span))
    inner = [v for v in versions if GoVersion.parse(v).minor not in _minors(span)]
    if not inner:
        return None
    findings = []
    for version in inner:
        point = _release(course, version)
        step = span.model_copy(update={"older": span.older, "newer": point, "regression": True})
        bench, change = _compare(course, step)
        state: Literal["good", "bad"] = "bad" if change.decision == "changed" else "good"
        findings.append(_finding(point, state, change))
        if state == "bad":
            break
    answer = "no minor version between them differs from both either"
    deviating = None
    if findings[-1].state == "bad":
        deviating = point
        answer = f"{point.name} differs from both ends: {of_step(course.opened.request, change)}"
        course.changed = True
        course.span = step
        if course.opened.request.fix:
            course.span = Span(older=point, newer=span.newer, regression=False)
            bench, change = _compare(course, course.span)
    yield _stage(course, "survey", "Minor versions between the ends", findings, answer, span)
    return bench if deviating else None


def _releases(course: Course, bench: Bench) -> Iterator[Stage]:
    span = course.span
    versions = _between(course, span)
    if not versions:
        return
    found, findings, why = search_releases(
        span, versions, bench, lambda version: _release(course, version)
    )
    course.span = found
    yield _stage(course, "releases", "Releases", findings, found.describe("release"), span, why)


def _experiments(course: Course) -> Iterator[Stage]:
    """What the newer toolchain turns on or off, or the matrix asks about."""
    span, opened = course.span, course.opened
    newer = span.newer.toolchain.experiments
    asked = opened.matrix.spec.question.suspects if opened.matrix.spec.question else None
    default = suspects_between(span.older.toolchain.experiments, newer)
    suspects = [name for name in dict.fromkeys((*(asked or ()), *default)) if newer.knows(name)]
    if not suspects:
        return
    verdict, unbuilt = attribute_experiments(
        span, suspects, opened.laboratory, opened.directory, opened.request.metric
    )
    findings = [*_flips(verdict, span, opened.request.metric), *unbuilt]
    answer = verdict.attributions[0].sentence if verdict.attributions else "nothing was compared"
    stage = _stage(course, "experiments", "Experiments", findings, answer, span)
    yield stage.model_copy(update={"suspects": verdict.suspects})


def _flips(verdict: Verdict, span: Span, metric: str) -> Iterator[Finding]:
    """The flipped variants as findings: which end each is equivalent to."""
    found = {(c.baseline, c.candidate): c for c in verdict.comparisons if c.metric == metric}
    names = dict.fromkeys(cell.variant for cell in verdict.cells)
    for name in (n for n in names if n not in (span.older.name, span.newer.name)):
        against = {state: found.get((end.name, name))
                   for state, end in (("good", span.good), ("bad", span.bad))}  # fmt: skip
        alike = [state for state, c in against.items() if c and c.decision == "equivalent"]
        good = against["good"]
        yield Finding(
            point=name,
            state=alike[0] if len(alike) == 1 else "doubtful",
            ratio=good.ratio if good else None,
            ci=good.ci if good else None,
            rounds=good.n if good else 0,
            reason=None if len(alike) == 1 else "it is equivalent to neither end alone",
        )


def _between(course: Course, span: Span) -> list[str]:
    """Releases between the toolchains of two points, in order; none where both are one version."""
    older, newer = (point.toolchain.version for point in (span.older, span.newer))
    if GoVersion.parse(older) == GoVersion.parse(newer):
        return []
    versions, _ = available(course.opened.cache)
    return between(versions, older, newer)


def _minors(span: Span) -> set[int]:
    return {GoVersion.parse(p.toolchain.version).minor for p in (span.older, span.newer)}


def _release(course: Course, version: str) -> Point:
    """A release with the settings of the ends, as far as it knows them."""
    opened = course.opened
    found = resolve([parse_toolchain(version)], opened.cache, opened.say)
    toolchain = found[version]
    wanted = dict.fromkeys((*course.span.older.settings, *course.span.newer.settings))
    known = tuple(setting for setting in wanted if toolchain.experiments.knows(setting))
    settings = toolchain.experiments.in_order(known)
    name = variant_name(version, settings, {})
    return Point(name=name, toolchain=toolchain, settings=settings)


def _stage(
    course: Course, kind: StageKind, title: str, findings: Iterable[Finding], answer: str,
    span: Span | None = None, stopped: str | None = None,
) -> Stage:  # fmt: skip
    laboratory, span = course.opened.laboratory, span or course.span
    steps = tuple(Step(finding=f, command=laboratory.command(f.point)) for f in findings)
    return Stage(kind=kind, title=title, older=span.older.name, newer=span.newer.name, steps=steps,
                 answer=answer, stopped=stopped)  # fmt: skip
