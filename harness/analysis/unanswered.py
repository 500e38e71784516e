"""Whether a run has anything to answer with, and the exit status. Pure functions."""

from collections.abc import Collection, Iterable

from harness.analysis.models import Verdict
from harness.errors import HarnessError
from harness.plan.plan import Trial
from harness.plan.question import Question
from harness.run.question import question_of
from harness.run.store import Run


def exit_status(run: Run, verdict: Verdict) -> int:
    """What a command that judges a stored run exits with, as the one that measured it did.

    0 if all gates held, 1 if one failed or a trial went wrong.

    Raises:
        HarnessError: the run answers nothing; commands exit with 2.
    """
    why = unanswered(verdict, question_of(run), run.trials)
    if not run.trials:
        why = "nothing could be measured: no trial has ended"
    if why is not None:
        raise HarnessError(f"{run.path}: {why}")
    held = all(gate.passed for gate in verdict.gates)
    return 0 if held and all(record.ok for record in run.trials) else 1


def unanswered(verdict: Verdict, question: Question, trials: Iterable[Trial]) -> str | None:
    """Say on one line why a run answers nothing; ``None`` if it answers for some workload.

    ``trials`` are those selected to run; without a side of the question they only collect samples.
    """
    rounds: dict[str, dict[int, set[str]]] = {}
    for trial in trials:
        rounds.setdefault(trial.workload, {}).setdefault(trial.round, set()).add(trial.variant)
    reasons = [
        _why_not(verdict, question, workload, by_round.values())
        for workload, by_round in rounds.items()
    ]
    if not reasons or None in reasons:
        return None
    return "nothing could be measured: " + "; ".join(reason for reason in reasons if reason)


def _why_not(
    verdict: Verdict, question: Question, workload: str, rounds: Collection[set[str]]
) -> str | None:
    chosen = set().union(*rounds)
    cells = {c.variant: c for c in verdict.cells if c.workload == workload}
    sampled = {v for v in chosen & cells.keys() if cells[v].status in ("measured", "partial")}
    if not sampled:
        known = sorted(chosen & cells.keys())
        said = "; ".join(dict.fromkeys(why for v in known if (why := cells[v].reason)))
        return f"{workload}: no trial ended well" + (f" ({said})" if said else "")
    sides = {"baseline": question.baseline, "candidate": question.candidate or question.baseline}
    if not any(set(sides.values()) <= variants for variants in rounds):
        return None
    missing = [
        f"{role} {name} has no sample ({cells[name].reason or 'no trial was run'})"
        for role, name in sides.items()
        if name not in sampled
    ]
    if missing or question.candidate is None:
        return f"{workload}: {', '.join(missing)}" if missing else None
    paired = any(
        c.n > 0
        for c in verdict.comparisons
        if (c.workload, c.baseline, c.candidate) == (workload, *sides.values()) and c.primary
    )
    metrics = ", ".join(question.asked(workload))
    return None if paired else f"{workload}: no round has {metrics} of baseline and candidate"
