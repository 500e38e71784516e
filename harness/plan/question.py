"""The question of a matrix, with its defaults filled in."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from harness.errors import HarnessError
from harness.golang.experiments import experiment_of
from harness.matrix.models import GateSpec, MatrixSpec, QuestionSpec
from harness.metrics.catalogue import CATALOGUE, is_of_benchmarks, matching
from harness.plan.plan import Plan
from harness.plan.variants import Conditions, Variant, counterpart, find_variant, toggles_between
from harness.text.suggestions import did_you_mean

Location = tuple[str | int, ...]
_OF_BENCHMARKS = ("* ns/op", "* B/op", "* allocs/op")


class QuestionError(HarnessError):
    """A name in the question or in a gate that means nothing in this matrix.

    Attributes:
        location: keys and indices of the offending field in ``matrix.yaml``.
    """

    def __init__(self, location: Location, message: str) -> None:
        super().__init__(message)
        self.location = location


class Question(NamedTuple):
    """Which comparison the run is about."""

    baseline: str
    """A variant's name."""
    candidate: str | None
    """A variant's name; ``None`` for a matrix of one variant, where nothing can be compared."""
    suspects: tuple[str, ...]
    """Experiments that may explain a change, where the plan has no suspects to be screened."""
    metrics: tuple[str, ...]
    """Primary metrics of all workloads; of benchmarks that did not run yet, patterns."""
    margin: float
    """Part of the baseline."""
    limit: float
    floor: float = 0.0
    """Bytes: a smaller change of memory counts as equivalent, whatever part of the baseline."""
    own: Mapping[str, tuple[str, ...]] = {}
    """By workload: its primary metrics, where they are not all of them."""

    def asked(self, workload: str) -> tuple[str, ...]:
        """The primary metrics of one workload."""
        return self.own.get(workload, self.metrics)

    def of_measured(self, measured: Mapping[str, Iterable[str]]) -> "Question":
        """With the metrics that benchmarks reported, by workload, in place of patterns."""
        own = dict(self.own)
        for workload, names in measured.items():
            found = [n for m in self.asked(workload) for n in (matching(m, names) or [m])]
            own[workload] = tuple(dict.fromkeys(found))
        return self._replace(own=own, metrics=_all_of(own.values()))


def resolve_question(matrix: MatrixSpec, plan: Plan, known: Collection[str] = ()) -> Question:
    """Fill in what the matrix leaves open, and check every name of its question and gates.

    ``known`` are the experiments that the toolchains know; where given, suspects are checked too.

    Raises:
        QuestionError: the first name that is not there, with the nearest that is.
    """
    asked = matrix.question or QuestionSpec()
    if not plan.variants:
        raise QuestionError(("question",), "the plan has no variant to ask about")
    for index, gate in enumerate(matrix.gates):
        _check_metric(matrix, gate.metric, ("gates", index, "metric"))
        _named(gate.baseline, plan, ("gates", index, "baseline"))
        _named(gate.candidate, plan, ("gates", index, "candidate"))
    workloads = matrix.workloads
    for index, metric in enumerate(asked.metrics or ()):
        _check_metric(matrix, metric, ("question", "metrics", index))
    toggled = toggled_experiments(plan.variants)
    for index, suspect in enumerate(asked.suspects or () if known else ()):
        if suspect.experiment is not None:
            place = ("question", "suspects", index)
            _check(suspect.experiment, {*known, *toggled}, place, "experiment")
    candidate = _named(asked.candidate, plan, ("question", "candidate"))
    baseline = _named(asked.baseline, plan, ("question", "baseline"))
    if baseline is None:
        baseline = _default_baseline(plan, candidate)
    if candidate is None:
        candidate = _default_candidate(plan, baseline)
    if candidate == baseline:
        field = "candidate" if asked.candidate else "baseline"
        raise QuestionError(
            ("question", field), f"{baseline!r} is both baseline and candidate; name two variants"
        )
    listed = (s.experiment for s in asked.suspects or () if s.experiment is not None)
    suspects = toggled if asked.suspects is None else tuple(dict.fromkeys(listed))
    suspects = () if plan.suspects else suspects
    own = {w.name: metrics_of(asked, of_benchmarks=w.benchmark is not None) for w in workloads}
    metrics = _all_of(own.values())
    share, floor = asked.margin.share, asked.margin.at_least
    question = Question(baseline, candidate, suspects, metrics, share, asked.limit, floor, own)
    for index, gate in enumerate(matrix.gates):
        _check_sides(gate, index, question, plan)
    return question


def metrics_of(asked: QuestionSpec, *, of_benchmarks: bool) -> tuple[str, ...]:
    """What is asked of a workload: names of metrics, and patterns of benchmarks' own."""
    if of_benchmarks:
        return tuple(dict.fromkeys(asked.metrics or _OF_BENCHMARKS))
    named = tuple(dict.fromkeys(asked.program_metrics))
    return tuple(name for name in named if not is_of_benchmarks(name)) or named


def _all_of(own: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(metric for metrics in own for metric in metrics))


def toggled_experiments(variants: Iterable[Variant]) -> tuple[str, ...]:
    """Every experiment that some variant sets, in order of first appearance."""
    names = (experiment_of(setting) for variant in variants for setting in variant.settings)
    return tuple(name for name in dict.fromkeys(names) if name != "none")


def default_variants(variants: Iterable[Variant]) -> dict[tuple[str, Conditions], Variant]:
    """The variant without settings (else the first) of each toolchain in equal conditions."""
    defaults: dict[tuple[str, Conditions], Variant] = {}
    for variant in variants:
        key = (variant.toolchain, variant.conditions)
        if key not in defaults or (defaults[key].settings and not variant.settings):
            defaults[key] = variant
    return defaults


def gate_pair(gate: GateSpec, question: Question, plan: Plan) -> tuple[str | None, str | None]:
    """Baseline and candidate of a gate.

    Where it names one of them only, the other is the question's, in the conditions of the one that
    it names, as far as the matrix has that.
    """
    baseline, candidate = (
        found.name if name and (found := find_variant(name, plan.variants)) else name
        for name in (gate.baseline, gate.candidate)
    )
    return (
        baseline or _beside(candidate, question.baseline, plan),
        candidate or _beside(baseline, question.candidate, plan),
    )


def _beside(named: str | None, default: str | None, plan: Plan) -> str | None:
    """The default variant, in the conditions of the named one."""
    by_name = {variant.name: variant for variant in plan.variants}
    if named not in by_name or default not in by_name:
        return default
    found = counterpart(plan.variants, by_name[default], by_name[named].conditions)
    return found.name if found and found.name != named else default


def _named(name: str | None, plan: Plan, location: Location) -> str | None:
    if name is None:
        return None
    found = find_variant(name, plan.variants)
    if found is None:
        raise _unknown(name, [variant.name for variant in plan.variants], location, "variant")
    return found.name


def _default_baseline(plan: Plan, candidate: str | None) -> str:
    defaults = list(default_variants(plan.variants).values())
    if candidate is None:
        return defaults[0].name
    chosen = plan.variant(candidate)
    same = [v for v in defaults if v.conditions == chosen.conditions]
    nearest = sorted(defaults, key=lambda v: len(toggles_between(chosen, v)))
    return next((v.name for v in (*same, *nearest) if v.name != candidate), candidate)


def _default_candidate(plan: Plan, baseline: str) -> str | None:
    """Another toolchain in the baseline's conditions; else what differs from it the least."""
    base = plan.variant(baseline)
    others = [v for v in default_variants(plan.variants).values() if v.toolchain != base.toolchain]
    alike = [v for v in others if v.conditions == base.conditions]
    if alike:
        return alike[-1].name
    rest = [v for v in plan.variants if v.name != baseline]
    nearest = min(rest, key=lambda v: len(toggles_between(base, v)), default=None)
    return nearest.name if nearest else None


def _check_sides(gate: GateSpec, index: int, question: Question, plan: Plan) -> None:
    """Refuse a limit on the increase of a variant over itself: it would always hold."""
    if gate.max_increase is None:
        return
    baseline, candidate = gate_pair(gate, question, plan)
    if candidate is None:
        message = "an increase needs two variants, and this matrix has one"
        raise QuestionError(
            ("gates", index, "max_increase"), f"{message}; set max, or add a variant"
        )
    if baseline == candidate:
        field = "baseline" if gate.candidate is None else "candidate"
        message = f"{baseline!r} is both baseline and candidate of this gate"
        raise QuestionError(("gates", index, field), f"{message}; name two variants")


def _check_metric(matrix: MatrixSpec, metric: str, location: Location) -> None:
    """Check a metric; benchmarks may have any name, and report any unit."""
    benchmarks = any(workload.benchmark for workload in matrix.workloads)
    if not metric.startswith("/") and not (benchmarks and is_of_benchmarks(metric)):
        _check(metric, CATALOGUE, location, "metric")


def _check(name: str, valid: Collection[str], location: Location, noun: str) -> None:
    if name not in valid:
        raise _unknown(name, valid, location, noun)


def _unknown(name: str, valid: Collection[str], location: Location, noun: str) -> QuestionError:
    hint = did_you_mean(name, valid)
    return QuestionError(location, f"there is no {noun} {name!r} in this matrix{hint}")
