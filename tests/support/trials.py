"""Requests for single trials, of binaries that a test has built by itself."""

from pathlib import Path
from typing import Any

from harness.golang.records import BuildRecord
from harness.matrix.models import TrialsSpec, WorkloadSpec
from harness.trial.request import TrialRequest

_LIMITS = {"timeout", "memory_limit", "sample_every"}
_OF_WORKLOAD = {"env", "server", "snapshots", "profile_at", "gctrace", "benchmark"}


def trial_request(
    supervisor: Path, binary: Path, *args: str, package: Path | None = None, **options: Any
) -> TrialRequest:
    """A request to run a binary.

    Args:
        supervisor: the binary made from ``supervisor/``.
        binary: what to run.
        args: its arguments.
        package: the directory of a benchmark's package.
        options: fields of the workload, of ``trials:``, and of the request.
    """
    source = {} if "benchmark" in options else {"package": "./any", "args": list(args)}
    own = {name: options.pop(name) for name in _OF_WORKLOAD & options.keys()}
    limits = {name: options.pop(name) for name in _LIMITS & options.keys()}
    build = BuildRecord(
        workload="any", toolchain="any", settings=(), key="", binary=str(binary), sha256="",
        size=1, command="", directory=str(package or ""), seconds=0.0, cached=True,
        sections=dict.fromkeys((".text", ".rodata", ".gopclntab", ".data", ".bss"), 1),
    )  # fmt: skip
    return TrialRequest(
        supervisor=supervisor,
        workload=WorkloadSpec.model_validate({"name": "any"} | source | own),
        build=build,
        limits=TrialsSpec().model_copy(update=limits),  # a test may go beyond what users may
        **options,
    )
