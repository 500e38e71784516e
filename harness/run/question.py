"""The question of a stored run."""

from collections.abc import Iterable

from harness.errors import HarnessError
from harness.plan.question import Question, QuestionError, resolve_question
from harness.plan.variants import find_variant
from harness.run.records import Manifest, Numbers, TrialRecord
from harness.run.store import MANIFEST, Run
from harness.text.suggestions import did_you_mean


def question_of(run: Run) -> Question:
    """The question of a stored run.

    Raises:
        HarnessError: it, or a gate, names what the run does not have.
    """
    try:
        return measured_question(run.manifest, run.trials)
    except QuestionError as error:
        place = ".".join(map(str, error.location))
        raise HarnessError(f"{run.path / MANIFEST}: matrix.{place}: {error}") from None


def measured_question(manifest: Manifest, trials: Iterable[TrialRecord]) -> Question:
    """The question of a run, about the metrics that its benchmarks have reported in some trials.

    Raises:
        QuestionError: it, or a gate, names what the run does not have.
    """
    question = resolve_question(manifest.matrix, manifest.plan)
    open_ones = {w for w, names in question.own.items() if any("*" in name for name in names)}
    measured: dict[str, dict[str, None]] = {}
    seen: set[tuple[str, int]] = set()
    for trial in trials if open_ones else ():
        key = (trial.workload, trial.metrics.shape) if isinstance(trial.metrics, Numbers) else None
        if trial.workload in open_ones and key not in seen:
            seen |= {key} if key else set()
            measured.setdefault(trial.workload, {}).update(dict.fromkeys(trial.metrics))
    return question.of_measured(measured)


def variant_of(run: Run, name: str) -> str:
    """The variant of a stored run that a user means.

    Raises:
        HarnessError: there is none; the message names the nearest.
    """
    found = find_variant(name, run.manifest.plan.variants)
    if found is None:
        hint = did_you_mean(name, [variant.name for variant in run.manifest.plan.variants])
        raise HarnessError(f"{run.path}: there is no variant {name!r}{hint}")
    return found.name
