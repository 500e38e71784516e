"""Make the manifest of a run on this machine, and the helper programs that its trials need."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import harness
from harness.golang.builds.tools import Tool, build_tool, tool_of
from harness.golang.records import ToolchainRecord
from harness.golang.toolchains.resolve import Toolchain
from harness.matrix.load import Matrix
from harness.matrix.models import MatrixSpec
from harness.plan.plan import Plan
from harness.run.host import describe_host
from harness.run.records import Manifest
from harness.session.lanes import available_lanes
from harness.session.memory import memory_budget
from harness.session.prepare import newest


def make_manifest(
    name: str,
    matrix: Matrix,
    plan: Plan,
    toolchains: Iterable[Toolchain],
    *,
    command: Sequence[str],
) -> Manifest:
    """Describe a run on this machine, now, of which nothing is built yet."""
    spec = matrix.spec
    return Manifest(
        name=name,
        created=datetime.now(UTC),
        harness=harness.__version__,
        matrix_path=str(matrix.path),
        matrix_text=matrix.text,
        matrix=spec,
        toolchains=tuple(record_of(toolchain) for toolchain in toolchains),
        builds=(),
        plan=plan,
        host=describe_host(),
        lanes=len(available_lanes(spec.trials.cpus, spec.trials.lanes)),
        memory_budget=memory_budget(),
        command=tuple(command),
    )


def helpers(spec: MatrixSpec, toolchains: Iterable[Toolchain]) -> dict[str, Tool]:
    """The helper programs that a matrix's trials need, by the field of a manifest."""
    served = any(w.server is not None and not w.server.load.command for w in spec.workloads)
    toolchain, probed = newest(toolchains), spec.probe != "off"
    names = {"supervisor": "supervisor"} | ({"load_generator": "loadgen"} if served else {})
    return {field: helper(name, toolchain, probed=probed) for field, name in names.items()}


def with_helpers(manifest: Manifest, tools: Mapping[str, Tool], cache: Path) -> Manifest:
    """Add helper programs, which are built where they are missing."""
    made = {field: str(build_tool(tool, cache)) for field, tool in tools.items()}
    return manifest.model_copy(update=made)


def helper(name: str, toolchain: Toolchain, *, probed: bool) -> Tool:
    """``supervisor`` or ``loadgen`` of ``harness.trial``."""
    return tool_of("harness.trial", name, toolchain, probed=probed)


def record_of(toolchain: Toolchain) -> ToolchainRecord:
    """Describe a toolchain for ``run.json``."""
    return ToolchainRecord(
        name=toolchain.name,
        version=toolchain.version,
        provider=toolchain.provider,
        goroot=str(toolchain.goroot),
        sha256=toolchain.sha256,
        digest=toolchain.identity,
        on=tuple(name for name in toolchain.experiments.known if name in toolchain.experiments.on),
    )
