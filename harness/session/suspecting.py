"""What the toolchains tell of a question's suspects, before anything is built."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.errors import HarnessError
from harness.golang.godebugs import parse, removed_of, settings_of
from harness.golang.sources.inputs import inputs_of
from harness.golang.sources.listing import Cell
from harness.golang.sources.locate import Source, Sources
from harness.golang.sources.settled import settled
from harness.golang.toolchains.resolve import Say, Toolchain, resolve
from harness.matrix.load import Matrix
from harness.matrix.models import MatrixSpec, SuspectSpec, ToolchainSpec
from harness.plan.plan import Plan
from harness.plan.question import Question, toggled_experiments
from harness.plan.sides import Side, Sides, suspects_of
from harness.plan.variants import Variant


def with_suspects(
    matrix: Matrix, plan: Plan, question: Question, toolchains: Mapping[str, Toolchain],
    sources: Sources, cache: Path, say: Say,
) -> Plan:  # fmt: skip
    """Add the suspects that are to be screened to a plan; none where its variants tell them apart.

    Raises:
        HarnessError: a patch does not apply; with line and column.
    """
    asked = (matrix.spec.question.suspects if matrix.spec.question else None) or []
    if question.candidate is None or not asked or _are_told_apart(asked, plan, question):
        return plan
    running = [
        workload for workload in dict.fromkeys(workload for workload, _ in sources)
        if {question.baseline, question.candidate}
        <= {c.variant for c in plan.cells if c.workload == workload and c.reason is None}
    ]  # fmt: skip
    variants = [plan.variant(name) for name in (question.baseline, question.candidate)]
    baseline, candidate = (
        _side(v, toolchains, {w: sources[w, v.made_with.source] for w in running}, cache)
        for v in variants
    )
    sides = Sides.of(baseline, candidate)
    varied = sides.varied.variant
    for index, suspect in enumerate(asked):
        if suspect.patch is not None:
            spec = patched(matrix.spec, varied.toolchain, [suspect.patch], "patched")
            try:
                resolve([spec], cache, say, matrix.path.parent)
            except HarnessError as error:
                place = ("question", "suspects", index, "patch")
                raise matrix.error(place, str(error)) from None
    return plan.model_copy(
        update={
            "suspects": suspects_of(asked, sides, running),
            "varied": varied.name,
            "listed": not any(suspect.auto for suspect in asked),
        }
    )


def patched(spec: MatrixSpec, toolchain: str, patches: Sequence[str], name: str) -> ToolchainSpec:
    """A toolchain of the matrix with further patches, under another name."""
    own = next(t for t in spec.toolchains if t.name == toolchain)
    return own.model_copy(update={"patch": [*own.patch, *patches], "label": name})


def _are_told_apart(asked: Sequence[SuspectSpec], plan: Plan, question: Question) -> bool:
    """Whether the matrix itself has variants in which each suspect is toggled."""
    toolchain = plan.variant(question.candidate or question.baseline).toolchain
    variants = (v for v in plan.variants if v.toolchain == toolchain)
    return {suspect.experiment for suspect in asked} <= set(toggled_experiments(variants))


def _side(
    variant: Variant, toolchains: Mapping[str, Toolchain], sources: Mapping[str, Source],
    cache: Path,
) -> Side:  # fmt: skip
    toolchain = toolchains[variant.toolchain]
    cells = {
        name: Cell(source, toolchain, variant.settings, variant.made_with)
        for name, source in sources.items()
    }
    cells = {name: cell._replace(build=settled(cell, cache)) for name, cell in cells.items()}
    return Side(
        variant=variant,
        version=toolchain.version,
        experiments=toolchain.experiments,
        godebugs=settings_of(toolchain.goroot),
        removed=removed_of(toolchain.goroot),
        defaults={name: parse(inputs_of(cell, cache).godebug) for name, cell in cells.items()},
        guided=frozenset(n for n, cell in cells.items() if cell.build.pgo != "off"),
        lines={n: variant.made_with.go_line or source.go or "" for n, source in sources.items()},
    )
