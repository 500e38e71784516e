"""What a user may write in ``matrix.yaml``. Pure data: nothing here reads a file or runs Go."""

from harness.matrix.models.builds import BuildAxesSpec, BuildPattern, BuildSpec
from harness.matrix.models.cells import CellSpec, IncludedCell
from harness.matrix.models.matrix import MatrixSpec
from harness.matrix.models.question import GateSpec, MarginSpec, QuestionSpec
from harness.matrix.models.scalars import Bytes, Fraction
from harness.matrix.models.servers import LoadSpec, ReadySpec, RequestSpec, ServerSpec
from harness.matrix.models.sources import SourceSpec
from harness.matrix.models.suspects import SuspectSpec
from harness.matrix.models.toolchains import ToolchainSpec
from harness.matrix.models.trials import TrialsSpec
from harness.matrix.models.workloads import BenchmarkSpec, InputSpec, WorkloadSpec

__all__ = [
    "BenchmarkSpec",
    "BuildAxesSpec",
    "BuildPattern",
    "BuildSpec",
    "Bytes",
    "CellSpec",
    "Fraction",
    "GateSpec",
    "IncludedCell",
    "InputSpec",
    "LoadSpec",
    "MarginSpec",
    "MatrixSpec",
    "QuestionSpec",
    "ReadySpec",
    "RequestSpec",
    "ServerSpec",
    "SourceSpec",
    "SuspectSpec",
    "ToolchainSpec",
    "TrialsSpec",
    "WorkloadSpec",
]
