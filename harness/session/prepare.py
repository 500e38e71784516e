"""Prepare a run: resolve toolchains, locate workloads, make the plan, list the builds."""

import secrets
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from harness.errors import HarnessError
from harness.golang.builds.request import BuildRequest
from harness.golang.cache import default_cache
from harness.golang.godebugs import removed_of, settings_of
from harness.golang.sources.locate import Source, Sources, locate_all
from harness.golang.sources.revisions import base_of
from harness.golang.toolchains.resolve import Toolchain, ToolchainError, resolve
from harness.golang.versions import GoVersion
from harness.matrix.load import Matrix, load
from harness.matrix.models import MatrixSpec
from harness.matrix.paths import beside
from harness.plan.feasible import check_trials, require_sides
from harness.plan.plan import Cell, Plan, make_plan
from harness.plan.question import QuestionError, resolve_question
from harness.plan.variants import Variant
from harness.session.lanes import available_lanes
from harness.session.names import check_experiments, check_godebugs, check_names
from harness.session.suspecting import with_suspects

Say = Callable[[str], None]
"""Called with one line of progress at a time."""


class Prepared(NamedTuple):
    """A matrix with its toolchains, sources and plan; nothing is built yet."""

    matrix: Matrix
    toolchains: Mapping[str, Toolchain]
    sources: Sources
    plan: Plan
    cache: Path

    def source(self, workload: str, variant: Variant) -> Source:
        """What a variant of a workload is built from."""
        return self.sources[workload, variant.made_with.source]


def require_linux() -> None:
    """Check that this system can measure.

    Raises:
        HarnessError: it is not Linux.
    """
    if sys.platform != "linux":
        raise HarnessError(
            f"measuring needs Linux, and this is {sys.platform}; "
            "gomatrix report, compare, verdict and merge work here on runs made there"
        )


def lanes_for(path: Path) -> int:
    """How many trials of a matrix file can run at a time on this machine.

    Raises:
        HarnessError: the file is not a valid matrix, or this system cannot measure.
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
        seed: for the order of trials; by default the matrix's own, or a random one.
        shard: (K, N): measure the K-th of every N rounds.
        say: told of downloads.

    Raises:
        HarnessError: something that the matrix names is not available; with line and column.
    """
    require_linux()
    spec = matrix.spec
    check_names(matrix)
    _check_inputs(matrix)
    cache = default_cache()
    toolchains = _toolchains(matrix, cache, say)
    check_experiments(matrix, [toolchain.experiments for toolchain in toolchains.values()])
    _check_godebugs(matrix, toolchains)
    sources = _sources(matrix, newest(toolchains.values()), cache)
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
    plan = with_suspects(matrix, plan, question, toolchains, sources, cache, say)
    return Prepared(matrix, toolchains, sources, plan, cache)


def build_requests(prepared: Prepared, cells: Iterable[tuple[str, str]]) -> list[BuildRequest]:
    """The builds that cells, pairs of workload and variant, need.

    Variants that differ only in their run environment share a build.
    """
    requests = {}
    for workload, name in dict.fromkeys(cells):
        variant = prepared.plan.variant(name)
        build = variant.made_with.model_dump_json()
        requests[workload, variant.toolchain, variant.settings, build] = build_request(
            prepared.matrix.spec,
            prepared.source(workload, variant),
            prepared.toolchains[variant.toolchain],
            variant,
        )
    return list(requests.values())


def build_request(
    spec: MatrixSpec, source: Source, toolchain: Toolchain, variant: Variant
) -> BuildRequest:
    """What a variant of a workload needs built; ``toolchain`` is the variant's."""
    return BuildRequest(
        source=source, toolchain=toolchain, settings=variant.settings, build=variant.made_with,
        probe=spec.probe, aligned=spec.measures_time,
    )  # fmt: skip


def newest(toolchains: Iterable[Toolchain]) -> Toolchain:
    """The toolchain with the highest version."""
    return max(toolchains, key=lambda toolchain: GoVersion.parse(toolchain.version))


def _toolchains(matrix: Matrix, cache: Path, say: Say) -> dict[str, Toolchain]:
    spec = matrix.spec
    places = {t.name: ("go", i) for i, t in reversed(list(enumerate(spec.go)))}
    included = {c.go.name: ("include", i, "go") for i, c in enumerate(spec.include)}
    try:
        return resolve(spec.toolchains, cache, say, matrix.path.parent)
    except ToolchainError as error:
        raise matrix.error((included | places)[error.name], str(error)) from None


def _sources(matrix: Matrix, toolchain: Toolchain, cache: Path) -> Sources:
    spec, sources = matrix.spec, {}
    included = (cell.build.source for cell in spec.include)
    own = [build.source for _, build in spec.builds()]
    for text in dict.fromkeys([*own, *(source for source in included if source)]):
        base = _base(matrix, text, cache)
        found = locate_all(spec.workloads, base, toolchain, cache, spec.tags)
        for index, (workload, source) in enumerate(zip(spec.workloads, found, strict=True)):
            try:
                sources[workload.name, text] = source.result()
            except HarnessError as error:
                told = f"{error} (in the source {text})" if text else str(error)
                raise matrix.error(("workloads", index, "package"), told) from None
    return sources


def _base(matrix: Matrix, source: str, cache: Path) -> Path:
    """The directory that workloads are looked for in."""
    spec = matrix.spec
    texts = [listed.text for listed in spec.source]
    place = ("source", texts.index(source)) if source in texts else ("include",)
    for index, workload in enumerate(spec.workloads):
        if source and workload.module is not None:
            told = "a published module is built from no other source; take one of both away"
            raise matrix.error(("workloads", index, "module"), told)
    try:
        return base_of(source, matrix.path.parent, cache)
    except HarnessError as error:
        raise matrix.error(place, str(error)) from None


def _check_inputs(matrix: Matrix) -> None:
    """Refuse an input that is not there now, before anything is built."""
    for index, workload in enumerate(matrix.spec.workloads):
        places: dict[tuple[str | int, ...], str] = {
            ("files", i): f for i, f in enumerate(workload.files)
        }
        if workload.stdin and workload.stdin.file and "{" not in workload.stdin.file:
            places["stdin", "file"] = workload.stdin.file
        for place, said in places.items():
            try:
                found = beside(matrix.path.parent, said).exists()
            except HarnessError as error:
                raise matrix.error(("workloads", index, *place), str(error)) from None
            if not found:
                raise matrix.error(
                    ("workloads", index, *place),
                    f"there is no {said!r} beside the matrix file; write another path",
                )


def _check_godebugs(matrix: Matrix, toolchains: Mapping[str, Toolchain]) -> None:
    suspects = (matrix.spec.question.suspects if matrix.spec.question else None) or ()
    if any(suspect.godebug for suspect in suspects):
        roots = [toolchain.goroot for toolchain in toolchains.values()]
        known = [{*settings_of(root), *removed_of(root)} for root in roots]
        check_godebugs(matrix, set[str]().union(*known))


def _without_newer(plan: Plan, sources: Sources, toolchains: Mapping[str, Toolchain]) -> Plan:
    """Mark cells whose go.mod needs a newer Go as not applicable."""

    def check(cell: Cell) -> Cell:
        variant = plan.variant(cell.variant)
        version, line = toolchains[variant.toolchain].version, variant.made_with.go_line
        source = sources[cell.workload, variant.made_with.source]
        reason = cell.reason or source.needs_newer(version, line)
        return cell.model_copy(update={"reason": reason})

    return plan.model_copy(update={"cells": tuple(check(cell) for cell in plan.cells)})
