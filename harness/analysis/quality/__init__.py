"""Suspicious data: what a reader should know before trusting a run, each with its remedy."""

from collections.abc import Mapping

from harness.analysis.models import Caution
from harness.analysis.quality.machine import machine_cautions
from harness.analysis.quality.metrics import metric_cautions
from harness.analysis.quality.rounds import pace_of, round_cautions
from harness.analysis.samples import Table
from harness.plan.question import Question
from harness.run.store import Run

_ERROR = 0.005
"""Of each kind of warning, in a whole run without a problem: needless warnings teach people to
ignore them. A check that is made several times divides it (Bonferroni)."""


def cautions(run: Run, tables: Mapping[str, Table], question: Question) -> tuple[Caution, ...]:
    """Check rounds, primary metrics and the machine, workload by workload."""
    found: list[Caution] = []
    pace = pace_of(run)
    for table in tables.values():
        found += round_cautions(table, question, pace)
        for metric in question.metrics:
            part = _ERROR / (len(tables) * len(question.metrics))
            found += metric_cautions(table, metric, question, part)
        found += machine_cautions(table, _ERROR / len(tables))
    return tuple(found)
