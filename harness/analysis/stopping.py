"""Stopping rule: rounds continue until every primary verdict is decided."""

from collections import Counter

from harness.analysis.attribution import attribute
from harness.analysis.comparisons import compare_primary
from harness.analysis.gates import judge_gates
from harness.analysis.samples import tables
from harness.matrix.models import MatrixSpec
from harness.plan.question import QuestionError
from harness.run.question import measured_question
from harness.run.records import Manifest
from harness.run.store import Run


def undecided(run: Run) -> set[str]:
    """Name the workloads of an unfinished run that need further rounds.

    Those are workloads with fewer than ``trials.min`` rounds, and those with fewer than
    ``trials.max`` and a primary comparison, one of its suspects, or a strict gate still open. If
    baseline and candidate cannot be compared at all (one of them never ends well), ``trials.min``
    rounds are enough: further ones would not help.

    Ask after each complete round. Nothing is kept between calls: the number of looks follows from
    the rounds and ``trials.min``, and ``conclude`` corrects for the same looks.
    """
    spec, plan = of_this_run(run.manifest), run.manifest.plan
    found = tables(run)
    rounds = _rounds(run)
    running = {cell.workload for cell in plan.cells if cell.reason is None}
    short = {name for name in running if rounds[name] < spec.trials.min}
    asked = {name for name in running - short if rounds[name] < spec.trials.max}
    try:
        question = measured_question(run)
    except QuestionError:  # nothing can be decided: run every round
        return short | asked
    strict = [gate for gate in spec.gates if gate.strict]
    gates = judge_gates(strict, found, question, plan, spec.trials)
    short |= {g.workload for g in gates if g.state == "undecided" and g.workload in asked}
    records = {record.name: record for record in run.manifest.toolchains}
    return short | {
        c.workload
        for c in compare_primary(found, question, plan, spec.trials)
        if c.workload in asked and c.n > 0
        and not attribute(found[c.workload], c, question, plan, records, spec.trials).decided
    }  # fmt: skip


def _rounds(run: Run) -> Counter[str]:
    """Count the rounds of each workload, whatever their numbers are."""
    left = run.manifest.plan.left
    blocks = {(t.workload, t.host, t.round) for t in run.trials}
    return Counter(
        workload for workload, _, number in blocks if number not in left.get(workload, ())
    )


def of_this_run(manifest: Manifest) -> MatrixSpec:
    """The matrix with the rounds that this run can have: a shard has only its part of them."""
    spec, plan = manifest.matrix, manifest.plan
    if plan.shard == (1, 1):
        return spec
    most = max(1, plan.count)
    fewer = {"max": most, "min": min(spec.trials.min, most)}
    return spec.model_copy(update={"trials": spec.trials.model_copy(update=fewer)})
