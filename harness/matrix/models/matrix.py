"""The whole of ``matrix.yaml``."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from harness.matrix.models.builds import BuildAxesSpec, BuildPattern, BuildSpec, called
from harness.matrix.models.cells import CellSpec, IncludedCell
from harness.matrix.models.question import GateSpec, QuestionSpec
from harness.matrix.models.scalars import EnvName, Name, OneOrMany, Setting, Value, one_or_many
from harness.matrix.models.sources import Source
from harness.matrix.models.toolchains import Toolchain, ToolchainSpec
from harness.matrix.models.trials import TrialsSpec, expand_trials
from harness.matrix.models.workloads import WorkloadSpec
from harness.metrics.catalogue import describe
from harness.models import Frozen


class MatrixSpec(Frozen):
    """A whole ``matrix.yaml``."""

    name: Name | None = None
    """The name of run directories; by default that of the directory or the file."""
    go: Annotated[list[Toolchain], BeforeValidator(one_or_many), Field(min_length=1)]
    """Toolchains to compare."""
    experiments: Annotated[
        list[Annotated[list[Setting], BeforeValidator(one_or_many)]], Field(min_length=1)
    ] = [[]]
    """Sets of experiment settings to cross with every toolchain; ``[]`` is the toolchain's
    default."""
    env: dict[EnvName, OneOrMany[Value]] = {}
    """Run-time axes: variables with lists of values, one of which each variant gets. They need no
    rebuild."""
    build: BuildAxesSpec = BuildAxesSpec()
    """Settings of every build; a list of values makes an axis."""
    source: Annotated[list[Source], BeforeValidator(one_or_many)] = []
    """Commits or directories to build the workloads from; what is there now if none is listed."""
    include: list[IncludedCell] = []
    """Variants to add to the product of the axes."""
    exclude: list[CellSpec] = []
    """Patterns of cells to leave out."""
    question: QuestionSpec | None = None
    """What the run should answer."""
    workloads: Annotated[list[WorkloadSpec], Field(min_length=1)]
    """Programs to measure."""
    trials: Annotated[TrialsSpec, BeforeValidator(expand_trials)] = TrialsSpec()
    """How often to measure, and within which limits; a number sets ``min`` and ``max``."""
    gates: Annotated[list[GateSpec], Field(max_length=1000)] = []
    """Limits; the run fails where one is exceeded."""
    probe: Literal["full", "metrics", "off"] = "full"
    """What to add to each binary: a probe with heap profiles, one without, or nothing."""

    @property
    def toolchains(self) -> list[ToolchainSpec]:
        """Those of ``go:`` and of ``include:``; one there without ``build:`` has its namesake's."""
        listed = {t.name: t for t in reversed(self.go)}
        included = (cell.go for cell in self.include)
        return [*self.go, *(_as_listed(toolchain, listed) for toolchain in included)]

    def builds(self) -> list[tuple[dict[str, str], BuildSpec]]:
        """Every combination of build settings and sources, with their values in variants' names."""
        choices = self.build.choices()
        if not self.source:
            return choices
        texts = [source.text for source in self.source]
        return [
            (
                {**labels, **({"source": text} if len(texts) > 1 else {})},
                build.model_copy(update={"source": text}),
            )
            for labels, build in choices
            for text in texts
        ]

    @property
    def measures_time(self) -> bool:
        """Whether the question or a gate is about a time or a rate."""
        question = self.question or QuestionSpec()
        if question.metrics is None and any(workload.benchmark for workload in self.workloads):
            return True
        names = (*question.program_metrics, *(gate.metric for gate in self.gates))
        return any(describe(name).unit in ("seconds", "1/s") for name in names)

    @property
    def tags(self) -> tuple[tuple[str, ...], ...]:
        """The build tags of cells, each list of them once; those under ``build:`` first."""
        patterns = (*(t.build for t in self.go), *(cell.build for cell in self.include))
        own = [pattern.tags for pattern in patterns if pattern.tags is not None]
        return tuple(dict.fromkeys(map(tuple, [self.build.tags, *own])))

    @model_validator(mode="after")
    def _axes_have_own_names(self) -> Self:
        axes = self.build.axes().items()
        if self.source and "source" in self.env:
            raise ValueError("source is an axis of its own and one of env:")
        both = {called(key) for key, values in axes if len(values) > 1} & set(self.env)
        if both:
            raise ValueError(f"{', '.join(sorted(both))} is an axis of both build: and env:")
        for toolchain in self.toolchains:
            both = {key for key, values in axes if len(values) > 1} & toolchain.build.given
            if both:
                raise ValueError(
                    f"{', '.join(sorted(both))} is an axis of build:, and {toolchain.name} has a "
                    "build: with one value of it; give it in one of the two places"
                )
        return self


def _as_listed(toolchain: ToolchainSpec, listed: Mapping[str, ToolchainSpec]) -> ToolchainSpec:
    own = listed.get(toolchain.name, toolchain)
    same = own.model_copy(update={"build": BuildPattern()}) == toolchain
    return own if same else toolchain
