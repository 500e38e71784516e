"""What the run is to answer: the question of the matrix, with its defaults filled in."""

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from harness.golang.experiments import experiment_of
from harness.measure.catalogue import CATALOGUE
from harness.plan import Plan, Variant
from harness.spec.models import GateSpec, MatrixSpec, QuestionSpec

Location = tuple[str | int, ...]


class QuestionError(ValueError):
    """A name in the question or in a gate that means nothing in this matrix.

    Attributes:
        location: keys and indices of the offending field in ``matrix.yaml``.
    """

    def __init__(self, location: Location, message: str) -> None:
        super().__init__(message)
        self.location = location


@dataclass(frozen=True)
class Question:
    """Which comparison the run is about."""

    baseline: str
    """A variant's name."""
    candidate: str | None
    """A variant's name; ``None`` for a matrix of one variant, where nothing can be compared."""
    suspects: tuple[str, ...]
    """Experiments that may explain a change."""
    metrics: tuple[str, ...]
    """Primary metrics."""
    margin: float
    limit: float


def resolve_question(matrix: MatrixSpec, plan: Plan, known: Collection[str] = ()) -> Question:
    """Fill in what the matrix leaves open, and check every name of its question and gates.

    Args:
        matrix: the matrix.
        plan: its plan.
        known: experiments that the toolchains know; where given, suspects are checked too.

    Raises:
        QuestionError: the first name that is not there, with the nearest that is.
    """
    asked = matrix.question or QuestionSpec()
    by_key = {_key(variant.name): variant.name for variant in plan.variants}
    for index, gate in enumerate(matrix.gates):
        _check_gate(matrix, gate, index, by_key)
    for index, metric in enumerate(asked.metrics):
        _check_metric(matrix, metric, ("question", "metrics", index))
    toggled = toggled_experiments(plan.variants)
    if known and asked.suspects:
        for index, suspect in enumerate(asked.suspects):
            _check(suspect, {*known, *toggled}, ("question", "suspects", index), "experiment")
    candidate = _named(asked.candidate, by_key, ("question", "candidate"))
    baseline = _named(asked.baseline, by_key, ("question", "baseline"))
    if baseline is None:
        baseline = _default_baseline(plan, candidate)
    if candidate is None:
        candidate = _default_candidate(plan, baseline)
    if candidate == baseline:
        field = "candidate" if asked.candidate else "baseline"
        raise QuestionError(
            ("question", field), f"{baseline!r} is both baseline and candidate; name two variants"
        )
    suspects = toggled if asked.suspects is None else tuple(dict.fromkeys(asked.suspects))
    return Question(
        baseline,
        candidate,
        suspects,
        tuple(dict.fromkeys(asked.metrics)),
        asked.margin,
        asked.limit,
    )


def toggled_experiments(variants: Iterable[Variant]) -> tuple[str, ...]:
    """Every experiment that some variant sets, in order of first appearance."""
    names = (experiment_of(setting) for variant in variants for setting in variant.settings)
    return tuple(name for name in dict.fromkeys(names) if name != "none")


def default_variants(variants: Iterable[Variant]) -> dict[tuple[str, tuple[str, ...]], Variant]:
    """The variant without settings (else the first) of each toolchain and environment."""
    defaults: dict[tuple[str, tuple[str, ...]], Variant] = {}
    for variant in variants:
        key = (variant.toolchain, environment_key(variant))
        if key not in defaults or (defaults[key].settings and not variant.settings):
            defaults[key] = variant
    return defaults


def environment_key(variant: Variant) -> tuple[str, ...]:
    """The run environment, comparable."""
    return tuple(sorted(f"{key}={value}" for key, value in variant.env.items()))


def find_variant(name: str, plan: Plan) -> str | None:
    """The plan's variant that a user means, who may write settings in any order."""
    return {_key(variant.name): variant.name for variant in plan.variants}.get(_key(name))


def nearest_variant(name: str, plan: Plan) -> str:
    """The end of an error about a variant that is not there."""
    return _hint(name, [variant.name for variant in plan.variants])


def _key(name: str) -> tuple[str, frozenset[str], frozenset[str]]:
    head, *env = name.split()
    toolchain, _, settings = head.partition("+")
    return toolchain, frozenset(settings.split(",")), frozenset(env)


def _named(
    name: str | None, by_key: Mapping[tuple[str, frozenset[str], frozenset[str]], str],
    location: Location,
) -> str | None:  # fmt: skip
    if name is None:
        return None
    found = by_key.get(_key(name)) if name.strip() else None
    if found is None:
        _check(name, by_key.values(), location, "variant")
    return found


def _default_baseline(plan: Plan, candidate: str | None) -> str:
    defaults = list(default_variants(plan.variants).values())
    if candidate is None:
        return defaults[0].name
    chosen = plan.variant(candidate)
    same = [v for v in defaults if environment_key(v) == environment_key(chosen)] + defaults
    return next((v.name for v in same if v.name != candidate), candidate)


def _default_candidate(plan: Plan, baseline: str) -> str | None:
    base = plan.variant(baseline)
    key = environment_key(base)
    others = [
        variant
        for variant in default_variants(plan.variants).values()
        if variant.toolchain != base.toolchain
    ]
    same = [variant for variant in others if environment_key(variant) == key]
    if same or others:
        return (same or others)[-1].name
    return next((v.name for v in plan.variants if v.name != baseline), None)


def _check_gate(
    matrix: MatrixSpec, gate: GateSpec, index: int,
    by_key: Mapping[tuple[str, frozenset[str], frozenset[str]], str],
) -> None:  # fmt: skip
    _check_metric(matrix, gate.metric, ("gates", index, "metric"))
    _named(gate.baseline, by_key, ("gates", index, "baseline"))
    _named(gate.candidate, by_key, ("gates", index, "candidate"))


def _check_metric(matrix: MatrixSpec, metric: str, location: Location) -> None:
    """A benchmark may report units of its own, which only its trials can tell."""
    if not any(workload.benchmark for workload in matrix.workloads) and not metric.startswith("/"):
        _check(metric, CATALOGUE, location, "metric")


def _check(name: str, valid: Collection[str], location: Location, noun: str) -> None:
    if name in valid:
        return
    raise QuestionError(
        location, f"there is no {noun} {name!r} in this matrix; {_hint(name, valid)}"
    )


def _hint(name: str, valid: Collection[str]) -> str:
    close = difflib.get_close_matches(name, valid, n=1)
    return f"did you mean {close[0]!r}?" if close else f"valid here: {', '.join(valid)}"
