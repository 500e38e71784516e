"""When to stop: rounds go on until every primary verdict is decided."""

from harness.analysis.attribution import attribute
from harness.analysis.comparisons import compare_primary
from harness.analysis.question import QuestionError, resolve_question
from harness.analysis.samples import Table, tables
from harness.run import Run


def undecided(run: Run) -> set[str]:
    """The workloads that need further rounds.

    To be asked after each complete round; it keeps nothing between calls. How many looks were taken
    follows from the number of rounds and ``trials.min``, and ``conclude`` corrects for the same.

    Args:
        run: what was measured so far.

    Returns:
        Names of workloads: below ``trials.min`` rounds, or below ``trials.max`` with a primary
        comparison or one of its suspects inconclusive. A workload on which baseline and candidate
        cannot be compared at all (one of them never ends well) is not named once it has
        ``trials.min`` rounds: further ones would not help.
    """
    spec, plan = run.manifest.matrix, run.manifest.plan
    found = tables(run)
    rounds = dict.fromkeys(found, 0)
    for trial in run.trials:
        rounds[trial.workload] = max(rounds.get(trial.workload, 0), trial.round)
    running = {cell.workload for cell in plan.cells if cell.reason is None}
    short = {name for name in running if rounds[name] < spec.trials.min}
    asked = {name: found[name] for name in running - short if rounds[name] < spec.trials.max}
    try:
        question = resolve_question(spec, plan)
    except QuestionError:  # nothing can be decided: every round that was asked for
        return short | asked.keys()
    records = {record.name: record for record in run.manifest.toolchains}
    result = set(short)
    comparisons = compare_primary(found, question, plan, spec.trials)
    for comparison in comparisons:
        table: Table | None = asked.get(comparison.workload)
        if table is None or comparison.n == 0:
            continue
        findings = attribute(table, comparison, question, plan, records, spec.trials)
        if not findings.decided:
            result.add(comparison.workload)
    return result
