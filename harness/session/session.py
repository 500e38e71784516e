"""One invocation from matrix file to report: prepare, start, measure, finish.

pytest decides when each step is taken and in which process; what the steps do is here and knows
nothing of pytest.
"""

import secrets
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import harness
from harness.analysis.models import Verdict
from harness.errors import HarnessError, told, writing
from harness.files.inside import directory_inside, remove_inside, write_inside
from harness.golang.builds.build import BuildRequest, build_all, build_tool
from harness.golang.cache import default_cache
from harness.golang.experiments import explain_unknown
from harness.golang.records import BuildRecord, ToolchainRecord
from harness.golang.sources.locate import Source, locate
from harness.golang.toolchains.resolve import Toolchain, ToolchainError, resolve
from harness.golang.versions import GoVersion
from harness.matrix.load import Matrix, load
from harness.matrix.models import WorkloadSpec
from harness.plan.feasible import check_trials, require_sides
from harness.plan.plan import Cell, Plan, Trial, make_plan
from harness.plan.question import QuestionError, resolve_question
from harness.run.directory import ELSEWHERE, reserve
from harness.run.host import describe_host, host_id
from harness.run.store import (
    MANIFEST,
    Manifest,
    Run,
    TrialRecord,
    continued,
    point_latest,
    read_manifest,
    stem_of,
    write_json,
    write_series,
)
from harness.session.judge import judge_apart
from harness.session.lanes import available_lanes, claim_lane
from harness.session.memory import Ledger, memory_budget
from harness.session.resuming import rounds_to_leave
from harness.trial import benchmarks
from harness.trial.trial import TrialRequest, TrialResult, run_trial

TEMPORARY = "tmp"
"""What of a run directory is there only while it is measured."""
Say = Callable[[str], None]
"""Called with one line of progress at a time."""


@dataclass(frozen=True)
class Prepared:
    """A matrix with its toolchains at hand and its plan made; nothing is built yet."""

    matrix: Matrix
    toolchains: Mapping[str, Toolchain]
    sources: Mapping[str, Source]
    plan: Plan
    cache: Path


@dataclass(frozen=True)
class Opened:
    """A run that is about to start or to go on."""

    prepared: Prepared
    directory: Path
    """The run directory; of a new run, what will hold it until ``reserved`` has named it."""
    resumed: bool
    done: frozenset[str]
    """Ids of the trials that it has already."""


def lanes_for(path: Path) -> int:
    """How many trials of a matrix file can run at a time here.

    Raises:
        HarnessError: the file is no matrix, or this system cannot measure.
    """
    require_linux()
    trials = load(path).spec.trials
    return len(available_lanes(trials.cpus, trials.lanes))


def prepare(
    matrix: Matrix, *, seed: int | None, shard: tuple[int, int] = (1, 1), say: Say
) -> Prepared:
    """Get the toolchains, locate the workloads, make the plan.

    Args:
        matrix: the matrix, loaded.
        seed: for the order of trials; ``None`` takes the matrix's own or a new one.
        shard: (K, N), the K-th of N runs that share the rounds.
        say: told of downloads.

    Raises:
        HarnessError: what the matrix names cannot be had; with line and column.
    """
    require_linux()
    spec = matrix.spec
    cache = default_cache()
    toolchains = _toolchains(matrix, cache, say)
    _check_experiments(matrix, toolchains)
    newest = max(toolchains.values(), key=lambda t: GoVersion.parse(t.version))
    sources = {}
    for index, workload in enumerate(spec.workloads):
        try:
            sources[workload.name] = locate(
                workload, matrix.path.parent, newest, cache, spec.build.tags
            )
        except HarnessError as error:
            raise matrix.error(("workloads", index, "package"), str(error)) from None
    known = {name: toolchain.experiments for name, toolchain in toolchains.items()}
    chosen = next(s for s in (seed, spec.trials.seed, secrets.randbelow(1 << 31)) if s is not None)
    plan = make_plan(spec, known, seed=chosen, shard=shard)
    try:
        question = resolve_question(spec, plan, {name for e in known.values() for name in e.known})
    except QuestionError as error:
        raise matrix.error(error.location, str(error)) from None
    plan = _without_newer(plan, sources, toolchains)
    require_sides(matrix, plan, question)
    check_trials(matrix, plan)
    return Prepared(matrix, toolchains, sources, plan, cache)


def open_run(
    matrix: Matrix,
    *,
    reports: Path,
    resume: Path | None,
    seed: int | None,
    shard: tuple[int, int],
    say: Say,
) -> Opened:
    """Prepare a new run or one that is resumed.

    Args:
        matrix: the matrix, loaded.
        reports: where run directories land.
        resume: a run directory to go on with.
        seed: for the order of trials.
        shard: (K, N), the K-th of N runs that share the rounds.
        say: told of downloads.

    Raises:
        HarnessError: what the matrix names cannot be had, or there is no such run.
    """
    if resume is None:
        prepared = prepare(matrix, seed=seed, shard=shard, say=say)
        _require_cells(prepared)
        return Opened(prepared, reports, resumed=False, done=frozenset())
    run = Run.load(resume.resolve())
    plan = run.manifest.plan
    prepared = prepare(matrix, seed=plan.seed, shard=plan.shard, say=say)
    left = rounds_to_leave(run, host_id())
    prepared = replace(prepared, plan=prepared.plan.model_copy(update={"left": left}))
    done = frozenset(record.trial.id for record in run.trials)
    return Opened(prepared, run.path, resumed=True, done=done)


def reserved(opened: Opened) -> Opened:
    """The same with a run directory of its own, empty, if it is a new run.

    Raises:
        HarnessError: it cannot be made.
    """
    if opened.resumed:
        return opened
    directory = reserve(opened.directory, opened.prepared.matrix.name, datetime.now(UTC))
    return replace(opened, directory=directory)


def give_back(opened: Opened) -> None:
    """Remove the run directory of a run that did not start."""
    if not opened.resumed:
        with suppress(OSError):  # something is in it
            opened.directory.rmdir()


def _require_cells(prepared: Prepared) -> None:
    """A run in which no cell is applicable would pass, and say nothing."""
    if all(cell.reason is not None for cell in prepared.plan.cells):
        reasons = dict.fromkeys(cell.reason or "" for cell in prepared.plan.cells)
        raise HarnessError(
            f"{prepared.matrix.path}: no cell is applicable ({'; '.join(reasons)}); add a newer Go "
            "under go:, or change experiments: and exclude:"
        )


def start(
    opened: Opened, trials: Iterable[Trial], *, command: tuple[str, ...], say: Say
) -> Manifest:
    """Build what the chosen trials need, and fill the run directory or go on with it.

    Args:
        opened: the run, reserved.
        trials: those that will run.
        command: the command line, for the record.
        say: told of builds.

    Raises:
        HarnessError: the run to resume was made from something else, or the run directory
            cannot be written.
    """
    prepared, directory = opened.prepared, opened.directory
    matrix, plan = prepared.matrix, prepared.plan
    requests = build_requests(prepared, ((trial.workload, trial.variant) for trial in trials))
    manifest = Manifest(
        name=directory.name,
        created=datetime.now(UTC),
        harness=harness.__version__,
        matrix_path=str(matrix.path),
        matrix_text=matrix.text,
        matrix=matrix.spec,
        toolchains=tuple(record_of(t) for t in prepared.toolchains.values()),
        builds=tuple(build_all(requests, prepared.cache, say)),
        supervisor=str(build_helper("supervisor", prepared.toolchains.values(), prepared.cache)),
        load_generator=load_generator(
            matrix.spec.workloads, prepared.toolchains.values(), prepared.cache
        ),
        plan=plan,
        host=describe_host(),
        lanes=len(available_lanes(matrix.spec.trials.cpus, matrix.spec.trials.lanes)),
        memory_budget=memory_budget(),
        command=command,
    )
    if opened.resumed:
        manifest = continued(read_manifest(directory), manifest)
    with writing(directory, ELSEWHERE):
        remove_inside(directory, TEMPORARY)  # a run that is resumed may come from a stranger
        write_json(directory / MANIFEST, manifest)
    return manifest


def build_requests(prepared: Prepared, cells: Iterable[tuple[str, str]]) -> list[BuildRequest]:
    """What to build for cells; variants that differ only in their run environment share a build.

    Args:
        prepared: the matrix.
        cells: workload and variant of each, by name.
    """
    requests = {}
    for workload, name in dict.fromkeys(cells):
        variant = prepared.plan.variant(name)
        build = variant.build.model_dump_json()
        requests[workload, variant.toolchain, variant.settings, build] = BuildRequest(
            source=prepared.sources[workload],
            toolchain=prepared.toolchains[variant.toolchain],
            settings=variant.settings,
            build=variant.build,
            probe=prepared.matrix.spec.probe,
        )
    return list(requests.values())


def measure(directory: Path, manifest: Manifest, trial: Trial) -> TrialRecord:
    """Run one trial on the first free lane, and store its own files in the run directory.

    Args:
        directory: the run directory.
        manifest: its manifest.
        trial: which one.
    """
    limits = manifest.matrix.trials
    build = manifest.build(trial.workload, manifest.plan.variant(trial.variant))
    if build.error is not None:
        return _trial_record(trial, outcome="build failed", log=build.error)
    lanes = available_lanes(limits.cpus, limits.lanes)
    shared = temporary_directory(directory)
    ledger = Ledger(shared, manifest.memory_budget)
    with (
        claim_lane(shared, len(lanes)) as lane,
        ledger.claim(trial.workload, lane, limits.memory_limit),
    ):
        record = _run_build(directory, manifest, trial, build, lane, lanes[lane])
    ledger.observe(trial.workload, record.metrics.get("tree.rss.peak"))
    return record


def _run_build(
    directory: Path,
    manifest: Manifest,
    trial: Trial,
    build: BuildRecord,
    lane: int,
    cpus: tuple[int, ...],
) -> TrialRecord:
    spec = manifest.matrix
    variant = manifest.plan.variant(trial.variant)
    workload = next(w for w in spec.workloads if w.name == trial.workload)
    started = datetime.now(UTC).timestamp()
    scratch = Path(tempfile.mkdtemp(prefix="trial-", dir=temporary_directory(directory)))
    profile = scratch.absolute().with_name(f"{scratch.name}.pb.gz")
    try:
        result = run_trial(
            TrialRequest(
                supervisor=Path(manifest.supervisor),
                binary=Path(build.binary),
                size=build.size,
                sections=build.sections,
                args=_arguments(workload),
                env=workload.env | variant.env,
                cpus=cpus,
                gomaxprocs=spec.trials.cpus,
                timeout=spec.trials.timeout,
                memory_limit=spec.trials.memory_limit,
                directory=scratch,
                profile=profile,
                probe=spec.probe,
                snapshots=tuple(workload.snapshots),
                profile_at=workload.profile_at,
                sample_every=spec.trials.sample_every,
                gctrace=workload.gctrace,
                benchmark=workload.benchmark is not None,
                working_directory=Path(build.directory) if workload.benchmark else None,
                server=workload.server,
                load_generator=Path(manifest.load_generator) if manifest.load_generator else None,
                here=Path(manifest.matrix_path).resolve().parent,
            )
        )
        files, notes = _store_files(directory, manifest, trial, result, profile)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        profile.unlink(missing_ok=True)
    return _trial_record(
        trial,
        lane=lane,
        started=started,
        outcome=result.outcome,
        metrics=result.metrics,
        notes=result.notes | notes,
        smaps=result.smaps,
        **files,
        log="" if result.outcome == "ok" else result.log,
        load_log="" if result.outcome == "ok" else result.load_log,
        marks=result.marks,
        processes=tuple(result.processes),
        runtime=result.runtime,
        inherited=result.inherited,
    )


def _store_files(
    directory: Path, manifest: Manifest, trial: Trial, result: TrialResult, profile: Path
) -> tuple[dict[str, str], dict[str, str]]:
    """Put a trial's series and profile into the run directory.

    Returns:
        Their paths there; and for what could not be written, why: the trial was measured, and its
        numbers do not need them.
    """
    stem = stem_of(
        trial,
        (workload.name for workload in manifest.matrix.workloads),
        (variant.name for variant in manifest.plan.variants),
    )
    written, notes = {}, {}
    try:
        name = f"series/{stem}.json"
        write_series(directory, name, result.series, result.tree_series, result.child_series)
        written["series"] = name
    except (OSError, HarnessError) as error:
        notes["series"] = _unwritten(error)
    try:
        if profile.exists():
            name = f"profiles/{stem}.pb.gz"
            write_inside(directory, name, profile.read_bytes())
            written["profile"] = name
    except (OSError, HarnessError) as error:
        notes["profile"] = _unwritten(error)
    return written, notes


def _unwritten(error: OSError | HarnessError) -> str:
    return f"it could not be written: {told(error) if isinstance(error, OSError) else error}"


def _arguments(workload: WorkloadSpec) -> tuple[str, ...]:
    if workload.benchmark is None:
        return tuple(workload.args)
    return tuple(benchmarks.arguments(workload.benchmark.run, workload.benchmark.time))


def _trial_record(trial: Trial, **fields: Any) -> TrialRecord:
    identity = trial.model_dump() | {"host": host_id()}
    return TrialRecord.model_validate(identity | fields)


def temporary_directory(directory: Path) -> Path:
    """Where the trials of a run have their temporary directories; removed when the run ends."""
    return directory_inside(directory, TEMPORARY)


def finish(directory: Path) -> Verdict:
    """Judge a run and make it the latest."""
    verdict = judge_apart(directory)
    with writing(directory, ELSEWHERE):
        point_latest(directory)
    return verdict


def clean(directory: Path) -> None:
    """Remove what was temporary, once no worker is left to use it."""
    with suppress(OSError):
        remove_inside(directory, TEMPORARY)


def require_linux() -> None:
    """Refuse to measure elsewhere.

    Raises:
        HarnessError: this system is not Linux.
    """
    if sys.platform != "linux":
        raise HarnessError(
            f"measuring needs Linux, and this is {sys.platform}; "
            "gomatrix report, compare, verdict and merge work here on runs made there"
        )


def build_helper(name: str, toolchains: Iterable[Toolchain], cache: Path) -> Path:
    """A program of ``harness.trial`` that trials need, built with the newest of the toolchains.

    Args:
        name: ``supervisor`` or ``loadgen``.
        toolchains: those of the run.
        cache: the harness's cache directory.
    """
    newest = max(toolchains, key=lambda t: GoVersion.parse(t.version))
    with as_file(files("harness.trial") / name / "main.go") as source:
        return build_tool(source, newest, cache)


def load_generator(
    workloads: Iterable[WorkloadSpec], toolchains: Iterable[Toolchain], cache: Path
) -> str:
    """The path of the program that puts servers under load; empty where none is needed."""
    needed = any(w.server is not None and w.server.load.url for w in workloads)
    return str(build_helper("loadgen", toolchains, cache)) if needed else ""


def record_of(toolchain: Toolchain) -> ToolchainRecord:
    """What a run keeps of a toolchain."""
    return ToolchainRecord(
        name=toolchain.name,
        version=toolchain.version,
        provider=toolchain.provider,
        goroot=str(toolchain.goroot),
        sha256=toolchain.sha256,
        digest=toolchain.identity,
        on=tuple(name for name in toolchain.experiments.known if name in toolchain.experiments.on),
    )


def _toolchains(matrix: Matrix, cache: Path, say: Say) -> dict[str, Toolchain]:
    spec = matrix.spec
    places = {t.name: ("go", i) for i, t in reversed(list(enumerate(spec.go)))}
    included = {c.go.name: ("include", i, "go") for i, c in enumerate(spec.include)}
    try:
        return resolve(
            [*spec.go, *(cell.go for cell in spec.include)], cache, say, matrix.path.parent
        )
    except ToolchainError as error:
        raise matrix.error((included | places)[error.name], str(error)) from None


def _check_experiments(matrix: Matrix, toolchains: Mapping[str, Toolchain]) -> None:
    """An experiment that no toolchain knows is a mistake, not a cell that cannot run."""
    known = [toolchain.experiments for toolchain in toolchains.values()]
    spec = matrix.spec
    places = [
        (("experiments", i, j), setting)
        for i, settings in enumerate(spec.experiments)
        for j, setting in enumerate(settings)
    ] + [
        (("include", i, "experiments", j), setting)
        for i, cell in enumerate(spec.include)
        for j, setting in enumerate(cell.experiments)
    ]
    for location, setting in places:
        if not any(experiments.knows(setting) for experiments in known):
            raise matrix.error(
                location, f"no toolchain of this matrix knows {explain_unknown(setting, known)}"
            )


def _without_newer(
    plan: Plan, sources: Mapping[str, Source], toolchains: Mapping[str, Toolchain]
) -> Plan:
    """Mark the cells whose go.mod asks for a newer Go as not applicable."""

    def judge(cell: Cell) -> Cell:
        version = toolchains[plan.variant(cell.variant).toolchain].version
        reason = cell.reason or sources[cell.workload].needs_newer(version)
        return cell.model_copy(update={"reason": reason})

    return plan.model_copy(update={"cells": tuple(judge(cell) for cell in plan.cells)})
