"""What will run: variants, cells and why some do not apply, rounds, order, seed. Pure functions."""

import itertools
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product

from harness.golang.experiments import Experiments, experiment_of
from harness.matrix.models import BuildPattern, BuildSpec, CellSpec, MatrixSpec
from harness.matrix.models.builds import called
from harness.matrix.names import variant_name
from harness.models import Frozen
from harness.plan.suspects import Suspected
from harness.plan.variants import Variant, environment_pairs


class Cell(Frozen):
    """A variant of a workload."""

    workload: str
    variant: str
    reason: str | None = None
    """Why it is not applicable; ``None`` for a cell that runs."""


class Trial(Frozen):
    """One execution of one cell."""

    workload: str
    variant: str
    round: int
    """Counted from 1."""

    @property
    def id(self) -> str:
        """As in node ids: ``large-buffers[go1.24.3+noswissmap-r03]``."""
        return f"{self.workload}[{self.variant}-r{self.round:02}]"

    @property
    def block(self) -> tuple[str, int]:
        """Workload and round, whose trials are measured back to back and compared."""
        return self.workload, self.round


class Plan(Frozen):
    """Everything that a run will do, in data small enough to hand to each worker."""

    variants: tuple[Variant, ...]
    cells: tuple[Cell, ...]
    rounds: int
    """At most; a round is one trial of every variant of a workload."""
    seed: int
    shard: tuple[int, int] = (1, 1)
    """(K, N): of every N rounds, this run does the K-th."""
    left: dict[str, tuple[int, ...]] = {}
    """By workload: rounds that were begun, and are not completed; later ones take their place."""
    suspects: tuple[Suspected, ...] = ()
    """Those that are screened; empty where the variants themselves tell suspects apart."""
    listed: bool = False
    """Whether the matrix lists these suspects, and does not ask for all that differs."""
    varied: str = ""
    """The variant in which suspects are turned back: the candidate, or a newer baseline."""
    turned_back: dict[str, tuple[str, ...]] = {}
    """Of a screening: by variant, the labels of the suspects that are turned back in it."""

    def variant(self, name: str) -> Variant:
        """The variant of that name."""
        return next(v for v in self.variants if v.name == name)

    @property
    def count(self) -> int:
        """Rounds of each workload."""
        first, step = self.shard
        return len(range(first, self.rounds + 1, step))

    def rounds_of(self, workload: str) -> tuple[int, ...]:
        """The numbers of a workload's rounds: every N-th, without those that were left."""
        left = self.left.get(workload, ())
        numbers = (number for number in itertools.count(*self.shard) if number not in left)
        return tuple(itertools.islice(numbers, self.count))

    def trials(self) -> Iterator[Trial]:
        """Every trial in the order in which they are to run: randomised complete blocks.

        Each round of each workload runs all of its variants back to back, shuffled by ``seed``,
        so that neither position nor drift is confounded with a variant.
        """
        by_workload: dict[str, list[str]] = {}
        for cell in self.cells:
            if cell.reason is None:
                by_workload.setdefault(cell.workload, []).append(cell.variant)
        numbers = {workload: self.rounds_of(workload) for workload in by_workload}
        for index in range(self.count):
            for workload, variants in by_workload.items():
                yield from self.block(workload, variants, numbers[workload][index])

    def replacing(self, lost: Sequence[Trial]) -> tuple["Plan", tuple[Trial, ...]]:
        """The plan without a round that will not be completed, and a new one of the same variants.

        ``lost`` are the trials of that round that were to be measured.
        """
        workload, number = lost[0].workload, lost[0].round
        left = self.left | {workload: (*self.left.get(workload, ()), number)}
        plan = self.model_copy(update={"left": left})
        own = {trial.variant for trial in lost}
        new = plan.block(workload, plan.variants_of(workload), plan.rounds_of(workload)[-1])
        return plan, tuple(trial for trial in new if trial.variant in own)

    def variants_of(self, workload: str) -> list[str]:
        """The names of the variants in which a workload runs."""
        return [c.variant for c in self.cells if c.workload == workload and c.reason is None]

    def block(self, workload: str, variants: Iterable[str], number: int) -> tuple[Trial, ...]:
        """A round of some variants of a workload, in its order."""
        shuffled = list(variants)
        order = random.Random(f"{self.seed}/{workload}/{number}")  # noqa: S311 - no secret
        order.shuffle(shuffled)
        return tuple(Trial(workload=workload, variant=v, round=number) for v in shuffled)


def parse_shard(text: str) -> tuple[int, int]:
    """``K/N`` as numbers.

    Raises:
        ValueError: it is not of that form, or K is not between 1 and N.
    """
    match = re.fullmatch(r"([0-9]+)/([0-9]+)", text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise ValueError(f"{text!r} is not a shard; write it as 1/4, 2/4, and so on")
    return int(match[1]), int(match[2])


def make_plan(
    spec: MatrixSpec,
    experiments: Mapping[str, Experiments],
    *,
    seed: int,
    shard: tuple[int, int] = (1, 1),
) -> Plan:
    """Cross the axes of the matrix, and say of every cell whether it applies.

    ``experiments`` are those of each toolchain, by its name; ``seed`` decides the order of trials
    within rounds.
    """
    variants = tuple(_variants(spec, experiments))
    cells = tuple(
        Cell(
            workload=workload.name,
            variant=variant.name,
            reason=_not_applicable(variant, experiments[variant.toolchain]),
        )
        for workload in spec.workloads
        for variant in variants
        if not any(
            _matches(pattern, variant, workload.name, experiments[variant.toolchain])
            for pattern in spec.exclude
        )
    )
    return Plan(variants=variants, cells=cells, rounds=spec.trials.max, seed=seed, shard=shard)


def _variants(spec: MatrixSpec, experiments: Mapping[str, Experiments]) -> Iterator[Variant]:
    axes = [[(key, value) for value in values] for key, values in spec.env.items()]
    builds = spec.builds()
    crossed = [
        (toolchain.name, tuple(settings), build, dict(env), frozenset[str]())
        for toolchain, settings, build, env in product(
            spec.go, spec.experiments, builds, product(*axes)
        )
    ]
    own = {toolchain.name: toolchain.build for toolchain in reversed(spec.toolchains)}
    included = [
        (
            i.go.name,
            tuple(i.experiments),
            _changed(build, i.build, own[i.go.name]),
            dict(i.env),
            i.build.given,
        )
        for i in spec.include
        for build in builds
    ]
    seen = set()
    for toolchain, settings, (labels, build), values, given in crossed + included:
        ordered = experiments[toolchain].in_order(settings)
        env = {name: value for name, value in values.items() if value}
        name = variant_name(toolchain, ordered, labels | environment_pairs(env))
        variant = Variant(
            name=name, toolchain=toolchain, settings=ordered, build=build, env=env,
            own=own[toolchain].without(given),
        )  # fmt: skip
        if variant.identity not in seen:
            seen.add(variant.identity)
            yield variant


def _changed(
    choice: tuple[dict[str, str], BuildSpec], pattern: BuildPattern, own: BuildPattern
) -> tuple[dict[str, str], BuildSpec]:
    """Apply the settings of an included cell to a build, and name those that differ.

    ``own`` are the settings of its toolchain, from which it differs too.
    """
    labels, build = choice
    changed = pattern.applied_to(build)
    texts, before = changed.texts(), build.texts()
    named = {*labels, *map(called, pattern.given & own.given)}
    told = {k: v for k, v in texts.items() if k in named or v != before[k]}
    return told, changed


def _matches(pattern: CellSpec, variant: Variant, workload: str, experiments: Experiments) -> bool:
    settings = experiments.in_order(tuple(pattern.experiments or ()))
    return (
        pattern.go in (None, variant.toolchain)
        and (pattern.experiments is None or set(settings) == set(variant.settings))
        and all(variant.env.get(key, "") == value for key, value in (pattern.env or {}).items())
        and pattern.build.matches(variant.made_with)
        and pattern.workload in (None, workload)
    )


def _not_applicable(variant: Variant, experiments: Experiments) -> str | None:
    unknown = [experiment_of(s) for s in variant.settings if not experiments.knows(s)]
    if not unknown:
        return None
    noun = "experiment" if len(unknown) == 1 else "experiments"
    return f"{variant.toolchain} does not know the {noun} {', '.join(unknown)}"
