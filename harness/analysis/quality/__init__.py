"""Suspicious data: what a reader should know before trusting a run, each with its remedy."""

from collections.abc import Iterator, Mapping

from harness.analysis.models import Caution
from harness.analysis.quality.hosts import host_cautions
from harness.analysis.quality.load import load_cautions
from harness.analysis.quality.machine import machine_cautions
from harness.analysis.quality.metrics import metric_cautions
from harness.analysis.quality.probe import probe_cautions
from harness.analysis.quality.rounds import Pace, pace_of, round_cautions
from harness.analysis.samples import Table
from harness.plan.question import Question
from harness.run.store import Run

_ERROR = 0.005
"""Of each kind of warning, in a whole run without a problem: needless warnings teach people to
ignore them. A check that is made several times divides it (Bonferroni)."""


def cautions(run: Run, tables: Mapping[str, Table], question: Question) -> tuple[Caution, ...]:
    """Check rounds, primary metrics and the machine, workload by workload, then the hosts."""
    pace = pace_of(run)
    return (
        *(
            caution.model_copy(update={"workload": table.workload})
            for table in tables.values()
            for caution in _of_workload(table, question, pace, len(tables))
        ),
        *host_cautions(run, tables, question, _ERROR),
    )


def _of_workload(table: Table, question: Question, pace: Pace, workloads: int) -> Iterator[Caution]:
    """Warnings without the name of their workload."""
    yield from round_cautions(table, question, pace)
    asked = question.asked(table.workload)
    for metric in asked:
        part = _ERROR / (workloads * len(asked))
        yield from metric_cautions(table, metric, part)
        yield from probe_cautions(table, metric, question.margin)
    yield from load_cautions(table)
    yield from machine_cautions(table, _ERROR / workloads)
