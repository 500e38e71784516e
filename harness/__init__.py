"""Which Go feature is to blame? A matrix of Go versions and experiments, measured under pytest.

This is the public interface; everything else may change between releases. A name is imported from
where it lives when it is first used, so that ``import harness`` costs next to nothing: the pytest
plugin is loaded by every pytest that it is installed beside.

To measure and compare:
    ``measure_matrix(matrix, reports=…) -> MatrixRun``: measure a ``matrix.yaml`` now.
    ``MatrixRun``: a run to compare variants of; ``MatrixRun.load(directory)`` reads one. Tests
        get it from the pytest fixture ``matrix_run``.
    ``Change``: candidate against baseline on one workload and metric: ``ratio``, its 95 % interval
        ``ci``, ``decision``, ``within(margin)``.

What a run directory holds:
    ``Run``: ``Run.load(directory)``; ``run.manifest``, and ``run.trials``, one ``TrialRecord`` for
        each finished trial, in the order in which they ended.
    ``Manifest``: what was measured: the matrix, toolchains, builds, plan, host.
    ``TrialRecord``: outcome, and ``metrics``, a ``dict`` from a metric's name to its value in the
        metric's base unit (bytes, seconds, counts), or ``None``, whose reason is in ``notes``.
    ``describe_metric(name) -> Metric``: a metric's unit, direction and source.

What follows from it:
    ``compare(run, candidate, baseline) -> tuple[Comparison, …]``: any two variants, one comparison
        for each workload and metric.
    ``conclude(run, margin=…, floor=…, evidence=…) -> Verdict``: everything that ``verdict.json``
        holds: one ``Comparison``, ``Suspect``, ``Diagnosis`` or ``GateResult`` for each finding.
    ``read_evidence(run) -> Evidence``: the heap profiles and series that diagnoses use.
    ``merge_runs(runs, destination) -> Run``: join runs of one matrix, from shards or machines.
    ``load_matrix(path) -> Matrix``: read and check a ``matrix.yaml``; nothing is measured.

``HarnessError`` is what all of them raise for what a user can mend; its text is the whole message.
Ratios are candidate / baseline, shares and margins parts of one (``0.05`` is 5 %), times seconds,
sizes bytes, and variants are named as in reports: ``go1.24.3+noswissmap GOGC=50``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.analysis.conclusion import compare, conclude
    from harness.analysis.evidence import read_evidence
    from harness.analysis.memory import Evidence
    from harness.analysis.models import Comparison, Diagnosis, GateResult, Suspect, Verdict
    from harness.errors import HarnessError
    from harness.matrix.load import Matrix
    from harness.matrix.load import load as load_matrix
    from harness.metrics.catalogue import Metric
    from harness.metrics.catalogue import describe as describe_metric
    from harness.pytest_plugin.testing import Change, MatrixRun, measure_matrix
    from harness.run.merge import merge as merge_runs
    from harness.run.records import Manifest, TrialRecord
    from harness.run.store import Run

__version__ = "0.1.0"

__all__ = [
    "Change",
    "Comparison",
    "Diagnosis",
    "Evidence",
    "GateResult",
    "HarnessError",
    "Manifest",
    "Matrix",
    "MatrixRun",
    "Metric",
    "Run",
    "Suspect",
    "TrialRecord",
    "Verdict",
    "compare",
    "conclude",
    "describe_metric",
    "load_matrix",
    "measure_matrix",
    "merge_runs",
    "read_evidence",
]

_HOMES = {
    "analysis.conclusion": ("compare", "conclude"),
    "analysis.memory": ("Evidence",),
    "analysis.models": ("Comparison", "Diagnosis", "GateResult", "Suspect", "Verdict"),
    "errors": ("HarnessError",),
    "analysis.evidence": ("read_evidence",),
    "metrics.catalogue": ("Metric", "describe_metric"),
    "run.merge": ("merge_runs",),
    "run.store": ("Manifest", "Run", "TrialRecord"),
    "matrix.load": ("Matrix", "load_matrix"),
    "pytest_plugin.testing": ("Change", "MatrixRun", "measure_matrix"),
}
_NAMES_AT_HOME = {"describe_metric": "describe", "load_matrix": "load", "merge_runs": "merge"}
"""Where a name would clash with a module's, or say too little, the public one is longer."""


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            found = getattr(import_module(f"harness.{home}"), _NAMES_AT_HOME.get(name, name))
            globals()[name] = found
            return found
    raise AttributeError(f"module 'harness' has no attribute {name!r}")
