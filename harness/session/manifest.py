"""Make the manifest of a run on this machine, and the helper programs that its trials need."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path

import harness
from harness.golang.builds.build import build_tool
from harness.golang.records import ToolchainRecord
from harness.golang.toolchains.resolve import Toolchain
from harness.matrix.load import Matrix
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


def with_helpers(manifest: Manifest, toolchains: Iterable[Toolchain], cache: Path) -> Manifest:
    """Add the helper programs that a run's trials need; they are built where they are missing."""
    workloads, used = manifest.matrix.workloads, tuple(toolchains)
    served = any(w.server is not None and not w.server.load.command for w in workloads)
    toolchain, probed = newest(used), manifest.matrix.probe != "off"
    made = {"supervisor": str(build_helper("supervisor", toolchain, cache, probed=probed))}
    if served:
        made["load_generator"] = str(build_helper("loadgen", toolchain, cache, probed=probed))
    return manifest.model_copy(update=made)


def build_helper(name: str, toolchain: Toolchain, cache: Path, *, probed: bool) -> Path:
    """Build ``supervisor`` or ``loadgen`` of ``harness.trial``."""
    with as_file(files("harness.trial") / name) as source:
        return build_tool(source, toolchain, cache, probed=probed)


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
