"""Prepare a bisection: matrix, ends, workload, and the run directory to measure into."""

import secrets
import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

from harness.bisect.commits.builds import end_of
from harness.bisect.commits.line import comes_after
from harness.bisect.ends import End, check_conditions, parse_end
from harness.bisect.measure import TrialRunner
from harness.bisect.points import Point, Span, point_of
from harness.bisect.record import RECORD, Bisection, Request
from harness.errors import HarnessError, MissingError, writing
from harness.files.document import parse_model
from harness.files.inside import read_inside, remove_inside
from harness.golang.cache import default_cache
from harness.golang.experiments import Experiments, explain_unknown
from harness.golang.sources.locate import Source, locate
from harness.golang.sources.revisions import base_of
from harness.golang.toolchains.resolve import Say, Toolchain, resolve
from harness.golang.versions import GoVersion
from harness.matrix.load import Matrix, load
from harness.matrix.models import BuildSpec, QuestionSpec, ToolchainSpec, WorkloadSpec
from harness.metrics.catalogue import CATALOGUE
from harness.models import Frozen
from harness.plan.plan import Plan
from harness.plan.question import metrics_of
from harness.plan.variants import environment_pairs
from harness.run.directory import ELSEWHERE, reserve
from harness.run.records import Manifest
from harness.run.store import MANIFEST, read_manifest, write_json
from harness.session.bench import HERE, Bench
from harness.session.execute import TEMPORARY
from harness.session.manifest import helpers, make_manifest, with_helpers
from harness.session.names import BY_HEART, is_known_by_heart
from harness.session.prepare import require_linux
from harness.text.suggestions import did_you_mean

_RECORD_BYTES, _RECORD_VALUES = 32 << 20, 1_000_000
"""Limits on a record that is read: it may come from elsewhere."""
Record = TypeVar("Record", bound=Frozen)


class Arguments(Frozen):
    """What the command line says; ``None`` for what the matrix decides, or a random seed."""

    good: str | None = None
    bad: str | None = None
    workload: str | None = None
    metric: str | None = None
    repository: Path | None = None
    fix: bool = False
    smallest: float = 0.01
    seed: int | None = None


@dataclass(frozen=True)
class Setup:
    """A bisection, ready to measure."""

    request: Request
    matrix: Matrix
    directory: Path
    span: Span
    runner: TrialRunner
    cache: Path
    say: Say
    locate: Callable[[Path], Source]
    """Find the workload in a directory that stands for the matrix file's.

    Raises:
        HarnessError: it is not there.
    """


def request_of(matrix: Matrix, arguments: Arguments) -> Request:
    """Fill in from the matrix what the command line leaves open.

    Raises:
        HarnessError: neither names an end or the workload, or a name means nothing here.
    """
    question = matrix.spec.question or QuestionSpec()
    ends = {"good": arguments.good or question.baseline, "bad": arguments.bad or question.candidate}
    for flag, end in ends.items():
        if end is None:
            raise HarnessError(
                f"{matrix.path} has no question to take the {flag} end from; give --{flag}"
            )
    workload = workload_of(matrix, arguments.workload)
    metric, patterns = _metric(matrix, workload, arguments.metric)
    return Request(
        matrix=str(matrix.path), matrix_text=matrix.text, workload=workload.name,
        metric=metric, patterns=patterns, good=str(ends["good"]), bad=str(ends["bad"]),
        repository=str(arguments.repository.resolve()) if arguments.repository else None,
        fix=arguments.fix, smallest=arguments.smallest,
        seed=secrets.randbelow(1 << 31) if arguments.seed is None else arguments.seed,
    )  # fmt: skip


def begin(
    request: Request, *, reports: Path, command: tuple[str, ...], say: Say, bench: Bench = HERE
) -> Setup:
    """Make a new run directory; rounds are measured on ``bench``.

    Raises:
        HarnessError: an end cannot be had, or the workload is no program.
    """
    matrix = load(Path(request.matrix))
    directory = reserve(reports, f"bisect-{request.workload}", datetime.now(UTC))
    try:
        return open_setup(request, matrix, directory, command=command, say=say, bench=bench)
    except BaseException:
        with suppress(OSError):  # something is in it
            directory.rmdir()
        raise


def resume(
    directory: Path, matrix: Matrix, arguments: Arguments, *, command: tuple[str, ...], say: Say,
    bench: Bench = HERE,
) -> Setup:  # fmt: skip
    """Continue an interrupted bisection.

    The directory may come from elsewhere, so nothing that it names is executed: no program of
    another matrix file, and no toolchain of a path or repository that is not given again.

    Raises:
        HarnessError: the directory holds none, it was made from another matrix file, or it asks
            something else than the command line.
    """
    request = read_bisection(directory).request
    if matrix.text != request.matrix_text:
        raise HarnessError(
            f"{directory} cannot be resumed: {matrix.path} is not the matrix file that it was made "
            f"from ({request.matrix}), or was changed since; name that file, start a new "
            "bisection, or put the old text back"
        )
    for name in ("good", "bad", "repository", "workload", "metric", "seed"):
        said, stored = getattr(arguments, name), getattr(request, name)
        said = str(said.resolve()) if isinstance(said, Path) else said
        flag = "--repo" if name == "repository" else f"--{name}"
        if said not in (None, stored):
            raise HarnessError(
                f"{directory} cannot be resumed with {flag} {said}: it was begun with {stored}"
            )
        if said is None and name in ("good", "bad", "repository") and _is_place(stored):
            raise HarnessError(
                f"{directory} names a toolchain or repository of its own, which may not be yours: "
                f"give it again, with {flag} {shlex.quote(stored)}"
            )
    metric = "" if request.patterns else request.metric  # it is chosen again, from the same rounds
    own = request.model_copy(update={"matrix": str(matrix.path), "metric": metric})
    return open_setup(own, matrix, directory.resolve(), command=command, say=say, bench=bench)


def resuming(setup: Setup) -> str:
    """The command that continues a bisection."""
    request = setup.request
    flags = {"--good": request.good, "--bad": request.bad, "--repo": request.repository}
    given = [word for flag, text in flags.items() if _is_place(text) for word in (flag, str(text))]
    words = ["gomatrix", "bisect", request.matrix, *given, "--resume", str(setup.directory)]
    return shlex.join(words)


def _is_place(text: str | None) -> bool:
    """Whether a text may name a path, and not only a release or a toolchain of the matrix."""
    return text is not None and ("/" in text or "{" in text)


def read_bisection(directory: Path) -> Bisection:
    """Read the bisection of a run directory.

    Raises:
        HarnessError: it has none.
    """
    return read_record(Bisection, directory, RECORD, "not a bisection")


def read_record(model: type[Record], directory: Path, name: str, otherwise: str) -> Record:
    """Read the record of a search, which may come from elsewhere.

    ``otherwise`` says what the directory is without the file.

    Raises:
        HarnessError: there is none, or it was not written by this version.
    """
    try:
        data = read_inside(directory, name, _RECORD_BYTES)
    except MissingError:
        raise HarnessError(f"{directory} is {otherwise}: it has no {name}") from None
    return parse_model(model, data, str(directory / name), values=_RECORD_VALUES)


def open_setup(
    request: Request, matrix: Matrix, directory: Path, *, command: tuple[str, ...], say: Say,
    metrics: Sequence[str] = (), candidate: Literal["good", "bad"] | None = None,
    bench: Bench = HERE,
) -> Setup:  # fmt: skip
    """Prepare to measure into a run directory that exists, and may hold an earlier invocation's.

    Args:
        request: what is asked.
        matrix: the matrix, loaded.
        directory: the run directory.
        command: the command line, for the record.
        say: told of downloads and builds.
        metrics: those of the run's question; the request's alone if there are none.
        candidate: which end is the candidate of the run's question, and so the newer one of two
            of one release; not given, it is the bad one, unless it seems to be the older.
        bench: where rounds are measured.

    Raises:
        HarnessError: an end cannot be had, the workload is no program, or the directory holds
            another bisection.
    """
    require_linux()
    spec, cache = matrix.spec, default_cache()
    workload = workload_of(matrix, request.workload)
    repository = Path(request.repository) if request.repository else None
    ends = [parse_end(text, spec, repository) for text in (request.good, request.bad)]
    check_conditions(*ends)
    for end in ends:
        if is_known_by_heart(end.toolchain):
            _check_settings(end, BY_HEART)
    base = matrix.path.parent
    toolchains = _toolchains([end.toolchain for end in ends], base, cache, say)
    good, bad = _points(ends, toolchains)
    if good.name == bad.name:
        raise HarnessError(f"{good.name} is both the good and the bad end; name two variants")
    newest = max(toolchains.values(), key=lambda t: GoVersion.parse(t.version))
    texts = dict.fromkeys(end.toolchain.build.applied_to(end.build).source for end in ends)
    find = partial(_locate, workload, newest, cache, ends[0].build.tags)
    sources = {text: find(base_of(text, base, cache)) for text in texts}
    sides = (bad, good) if candidate == "good" else (good, bad)
    asked = metrics or request.patterns or [request.metric]
    question = QuestionSpec(baseline=sides[0].name, candidate=sides[1].name,
                            metrics=list(asked), suspects=[])  # fmt: skip
    manifest = _manifest(directory, matrix, question, request.seed, toolchains, cache, command)
    with writing(directory, ELSEWHERE):
        remove_inside(directory, TEMPORARY)
    runner = TrialRunner(
        directory, manifest, sources, metric=request.metric, build=ends[0].build, env=ends[0].env,
        cache=cache, say=say, bench=bench,
    )  # fmt: skip
    span = _span(good, bad, sources, repository, candidate)
    return Setup(request, matrix, directory, span, runner, cache, say, find)


def _locate(
    workload: WorkloadSpec, go: Toolchain, cache: Path, tags: tuple[str, ...], base: Path
) -> Source:
    return locate(workload, base, go, cache, [tags])


def _toolchains(
    specs: Sequence[ToolchainSpec], base: Path, cache: Path, say: Say
) -> dict[str, Toolchain]:
    """Toolchains by name; a commit with the tools of a release does not build its own."""
    made = {spec.name: end_of(spec, base, cache, say) for spec in specs}
    others = resolve([spec for spec in specs if made[spec.name] is None], cache, say, base)
    return others | {name: toolchain for name, toolchain in made.items() if toolchain}


def _span(
    good: Point, bad: Point, sources: Mapping[str, Source], repository: Path | None,
    newer: Literal["good", "bad"] | None,
) -> Span:  # fmt: skip
    """Which end is the newer one.

    Of one release it is ``newer``; if that is not given the one with the newer go line, or else
    with fewer compiler switches turned off, or else the bad one.
    """
    one, other = (_age(point, sources) for point in (good, bad))
    mended = one > other
    if newer is not None and one[0] == other[0]:
        mended = newer == "good"
    if one == other and repository is not None:
        mended = comes_after(repository, good, bad)
    return Span(older=bad if mended else good, newer=good if mended else bad, regression=not mended)


def _age(point: Point, sources: Mapping[str, Source]) -> tuple[GoVersion, GoVersion, int]:
    build = point.own.applied_to(point.build or BuildSpec())
    source = sources.get(build.source) or next(iter(sources.values()))  # of both, if it names none
    line = GoVersion.parse(f"go{build.go_line or source.go or '1.16'}")
    return GoVersion.parse(point.toolchain.version), line, -build.gcflags.count("-d=")


def _points(ends: Sequence[End], toolchains: Mapping[str, Toolchain]) -> tuple[Point, Point]:
    """Both ends, named with the conditions by which they differ."""
    good, bad = ends
    if good.conditions == bad.conditions:
        return _point(good, toolchains), _point(bad, toolchains)
    texts = [e.build.texts() | environment_pairs(e.env) for e in (good, bad)]
    same = texts[0].items() & texts[1].items()
    said = [{k: v for k, v in text.items() if v and (k, v) not in same} for text in texts]
    return _point(good, toolchains, said[0]), _point(bad, toolchains, said[1])


def _point(
    end: End, toolchains: Mapping[str, Toolchain], said: Mapping[str, str] | None = None
) -> Point:
    """An end; with what its name says of the conditions that it alone has, if it has any."""
    toolchain = toolchains[end.toolchain.name]
    _check_settings(end, toolchain.experiments)
    conditions = None if said is None else end.conditions
    point = point_of(toolchain, end.settings, conditions, said)
    return point.model_copy(update={"own": end.toolchain.build})


def _check_settings(end: End, experiments: Experiments) -> None:
    for setting in end.settings:
        if not experiments.knows(setting):
            unknown = explain_unknown(setting, [experiments])
            raise HarnessError(f"{end.toolchain.name} does not know {unknown}")


def _manifest(
    directory: Path, matrix: Matrix, question: QuestionSpec, seed: int,
    toolchains: Mapping[str, Toolchain], cache: Path, command: tuple[str, ...],
) -> Manifest:  # fmt: skip
    plan = Plan(variants=(), cells=(), rounds=0, seed=seed)
    used = tuple(toolchains.values())
    manifest = make_manifest(directory.name, matrix, plan, used, command=command)
    manifest = with_helpers(manifest, helpers(matrix.spec, used), cache)
    asked = matrix.spec.model_copy(update={"question": question, "gates": []})
    manifest = manifest.model_copy(update={"matrix": asked, "toolchains": ()})  # points add theirs
    if (directory / MANIFEST).exists():
        return _continued(read_manifest(directory), manifest)
    with writing(directory, ELSEWHERE):
        write_json(directory / MANIFEST, manifest)
    return manifest


def _continued(old: Manifest, new: Manifest) -> Manifest:
    """Keep an earlier manifest's points, but nothing of it that could be executed.

    Points are built again when their turn comes (``TrialRunner``), and then compared.
    """
    if (old.matrix, old.plan.seed) != (new.matrix, new.plan.seed):
        raise HarnessError(
            f"{old.name} cannot be resumed: its run.json and its {RECORD} do not say the same; "
            "start a new bisection"
        )
    kept = {name: getattr(old, name) for name in ("name", "created", "host", "toolchains")}
    builds = tuple(build.without_paths() for build in old.builds)
    plan = old.plan.model_copy(update={"turned_back": {}})  # noted again as it is asked for
    return new.model_copy(update={**kept, "builds": builds, "plan": plan})


def workload_of(matrix: Matrix, name: str | None) -> WorkloadSpec:
    """The workload of that name, or the only one.

    Raises:
        HarnessError: there is none, or there are several and none is named.
    """
    workloads = {workload.name: workload for workload in matrix.spec.workloads}
    if name is None and len(workloads) > 1:
        raise HarnessError(
            f"{matrix.path} has several workloads; give --workload, one of {', '.join(workloads)}"
        )
    name = name or next(iter(workloads))
    if name not in workloads:
        raise HarnessError(
            f"there is no workload {name!r}{did_you_mean(name, workloads)}; there are "
            f"{', '.join(workloads)}"
        )
    return workloads[name]


def metric_of(matrix: Matrix, name: str | None) -> str:
    """The metric of that name, or the first of the matrix's question.

    Raises:
        HarnessError: there is none of that name, or it is a pattern.
    """
    metric = name or (matrix.spec.question or QuestionSpec()).program_metrics[0]
    if "*" in metric:
        raise HarnessError(f"{metric!r} stands for several metrics; name one with --metric")
    own = metric.startswith("/") or any(w.benchmark for w in matrix.spec.workloads)
    if metric not in CATALOGUE and not own:
        raise HarnessError(f"there is no metric {metric!r}{did_you_mean(metric, CATALOGUE)}")
    return metric


def _metric(
    matrix: Matrix, workload: WorkloadSpec, name: str | None
) -> tuple[str, tuple[str, ...]]:
    """The metric; or an empty name, and what it is to be chosen from: of benchmarks alone."""
    asked, of_benchmarks = matrix.spec.question or QuestionSpec(), workload.benchmark is not None
    metrics = metrics_of(asked, of_benchmarks=of_benchmarks)
    if name is None and of_benchmarks and (len(metrics) > 1 or "*" in metrics[0]):
        return "", metrics
    return metric_of(matrix, name or metrics[0]), ()
