"""Stopping rule: rounds continue until every primary verdict is decided."""

from collections.abc import Iterable
from itertools import chain

from harness.analysis.attribution import attribute
from harness.analysis.comparisons import compare_primary
from harness.analysis.gates import judge_gates
from harness.analysis.samples import Table, table_of
from harness.matrix.models import MatrixSpec
from harness.plan.question import QuestionError
from harness.run.question import measured_question
from harness.run.records import Manifest, TrialRecord
from harness.run.store import Run


def undecided(run: Run) -> set[str]:
    """Name the workloads of an unfinished run that need further rounds."""
    looks = Looks(run.manifest)
    looks.add(run.trials)
    running = {cell.workload for cell in run.manifest.plan.cells if cell.reason is None}
    return {workload for workload in running if not looks.decided(workload)}


class Looks:
    """An unfinished run, as the stopping rule sees it after each complete round.

    What a look finds follows from the rounds and ``trials.min`` alone, and ``conclude`` corrects
    for the same looks. Only workloads that have new rounds are arranged anew; all are compared, as
    they share a correction.
    """

    def __init__(self, manifest: Manifest) -> None:
        """Begin without any trials."""
        self._manifest, self._spec = manifest, of_this_run(manifest)
        self._trials: dict[str, list[TrialRecord]] = {c.workload: [] for c in manifest.plan.cells}
        self._tables: dict[str, Table] = {}

    def add(self, trials: Iterable[TrialRecord]) -> None:
        """Add the trials of complete rounds."""
        for trial in trials:
            self._trials[trial.workload].append(trial)
            self._tables.pop(trial.workload, None)

    def decided(self, workload: str) -> bool:
        """Whether a workload needs no more rounds.

        More are needed below ``trials.min``, and below ``trials.max`` while a primary comparison,
        one of its suspects, or a strict gate is still open. If baseline and
        candidate cannot be compared at all (one of them never ends well), ``trials.min`` rounds
        are enough: further ones would not help.
        """
        plan, limits, rounds = self._manifest.plan, self._spec.trials, self._rounds(workload)
        if rounds < limits.min or rounds >= limits.max:
            return rounds >= limits.max
        try:
            question = measured_question(self._manifest, chain(*self._trials.values()))
        except QuestionError:  # nothing can be decided: run every round
            return False
        for name in self._trials.keys() - self._tables.keys():
            self._tables[name] = table_of(name, self._trials[name])
        tables = {name: self._tables[name] for name in self._trials}
        strict = [gate for gate in self._spec.gates if gate.strict]
        own = {workload: tables[workload]}
        if any(g.state == "undecided" for g in judge_gates(strict, own, question, plan, limits)):
            return False
        records = {record.name: record for record in self._manifest.toolchains}
        return all(
            attribute(tables[workload], c, question, plan, records, limits).decided
            for c in compare_primary(tables, question, plan, limits)
            if c.workload == workload and c.n > 0
        )

    def _rounds(self, workload: str) -> int:
        """Count the rounds of a workload, whatever their numbers are."""
        left = self._manifest.plan.left.get(workload, ())
        blocks = {(trial.host, trial.round) for trial in self._trials[workload]}
        return sum(number not in left for _, number in blocks)


def of_this_run(manifest: Manifest) -> MatrixSpec:
    """The matrix with the rounds that this run can have: a shard has only its part of them."""
    spec, plan = manifest.matrix, manifest.plan
    if plan.shard == (1, 1):
        return spec
    most = max(1, plan.count)
    fewer = {"max": most, "min": min(spec.trials.min, most)}
    return spec.model_copy(update={"trials": spec.trials.model_copy(update=fewer)})
