"""A snapshot: one instant of a process, seen by the kernel and by the Go runtime."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from harness.trial.observe import procfs


@dataclass(frozen=True)
class KernelView:
    """What the kernel says of one process; raw text, for it is read while the process waits."""

    status: bytes | None
    smaps: bytes | None
    open_files: int | None

    @classmethod
    def read(cls, pid: int) -> "KernelView":
        """Read a process now; ``None`` stands for what could not be read."""
        return cls(
            status=procfs.read(pid, "status"),
            smaps=procfs.read(pid, "smaps"),
            open_files=procfs.open_files(pid),
        )


@dataclass(frozen=True)
class Snapshot:
    """One instant, put together from both sides."""

    kernel: KernelView
    pause: Mapping[str, int]
    """From the probe: clock, CPU and faults of the process."""
    version: str | None = None
    """``runtime.Version()``."""
    runtime: Mapping[str, float | None] = field(default_factory=dict)
    """All scalars of ``runtime/metrics`` by their own names."""
    histograms: Mapping[str, list[list[float | None]]] = field(default_factory=dict)
    """``[low, high, count]`` of each bucket that is not empty; ``None`` for an infinity."""
    children_pss: int = 0
    """Bytes of PSS in all children, read just after."""

    def with_runtime(self, report: Mapping[str, Any]) -> "Snapshot":
        """The same instant with the runtime's report."""
        return replace(
            self,
            version=report["version"],
            runtime=report["metrics"],
            histograms=report["histograms"],
        )
