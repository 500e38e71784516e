"""All rules of diagnosis, and what they find."""

from collections.abc import Callable

import numpy as np

from harness.analysis.diagnosis import allocation, heap, outside, overtime, residency, runtime
from harness.analysis.memory import Evidence, Found, MemoryChange
from harness.analysis.models import Diagnosis
from harness.analysis.samples import Table
from harness.plan.question import Question

RULES: tuple[Callable[[MemoryChange], Found], ...] = (
    residency.residency, residency.never_written, heap.live_heap, runtime.queues,
    runtime.goroutines, heap.unknown_heap, heap.fragmentation, heap.free_spans, heap.garbage,
    allocation.churn, runtime.stacks, runtime.thread_stacks, runtime.metadata, runtime.buckets,
    runtime.other, outside.outside, outside.files, overtime.transient, overtime.growth,
    overtime.runtime_growth,
)  # fmt: skip


def diagnose(table: Table, question: Question, evidence: Evidence) -> tuple[Diagnosis, ...]:
    """Apply every rule to baseline and candidate."""
    baseline, candidate = question.baseline, question.candidate
    if candidate is None:
        return ()
    with np.errstate(over="ignore", invalid="ignore"):  # values beyond floats show nothing
        change = MemoryChange.of(table, baseline, candidate, question.margin, evidence)
        found = [pair for rule in RULES for pair in rule(change)] if change else []
    return tuple(
        Diagnosis(
            workload=table.workload, baseline=baseline, candidate=candidate,
            signature=signature, evidence=told,
        )
        for signature, told in found
    )  # fmt: skip
