"""Diagnosis: where the memory sits by which two variants differ.

Each rule looks at paired differences in bytes between candidate and baseline: the kernel's numbers,
the runtime's, and resident bytes by class of mapping. A rule holds only if its difference is shown
to be material, and it gives the numbers. Several rules may hold, or none.

A function or a class of memory is named only if its own change has the sign of the whole and makes
at least half of it.
"""

import numpy as np

from harness.analysis.memory import Evidence, MemoryChange
from harness.analysis.models import Diagnosis
from harness.analysis.samples import Table
from harness.analysis.signatures import RULES


def diagnose(
    table: Table, baseline: str, candidate: str, margin: float, evidence: Evidence
) -> tuple[Diagnosis, ...]:
    """Apply every rule to one pair of variants.

    Args:
        table: the workload's samples.
        baseline: a variant's name.
        candidate: a variant's name.
        margin: part of the baseline's resident set below which no difference is material.
        evidence: profiles and series, if they were read.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # values beyond floats show nothing
        change = MemoryChange.of(table, baseline, candidate, margin, evidence)
        if change is None:
            return ()
        return tuple(
            Diagnosis(
                workload=table.workload,
                baseline=baseline,
                candidate=candidate,
                signature=signature,
                evidence=sentence,
            )
            for rule in RULES
            for signature, sentence in rule(change)
        )
