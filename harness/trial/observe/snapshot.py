"""A snapshot: one instant of a process, as the kernel and the Go runtime see it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

from harness.trial.observe import procfs
from harness.trial.process import Pages


@dataclass(frozen=True)
class KernelView:
    """The kernel's view of a process; parsed later, as the process waits while it is read."""

    status_text: bytes
    """``/proc/PID/status``; empty if it could not be read."""
    smaps_text: bytes
    """``/proc/PID/smaps``."""
    open_files: int | None

    @classmethod
    def read(cls, pid: int) -> "KernelView":
        """Read a process now."""
        status, smaps = procfs.read(pid, "status"), procfs.read(pid, "smaps")
        return cls(status, smaps, procfs.open_files(pid))

    @cached_property
    def status(self) -> dict[str, int]:
        """Numbers by field name, in bytes where they are sizes."""
        return procfs.parse_status(self.status_text)

    @cached_property
    def mappings(self) -> list[procfs.Mapping]:
        """The address space, in order of address."""
        return procfs.parse_smaps(self.smaps_text)


class Shares(NamedTuple):
    """Memory of several processes together."""

    pss: int = 0
    """Bytes."""
    account: Mapping[str, int] = MappingProxyType({})
    """Resident bytes by part (``metrics.account.PARTS``), a Go heap in one."""


@dataclass(frozen=True)
class Snapshot:
    """One instant, seen from both sides."""

    kernel: KernelView
    pause: Mapping[str, int]
    """From the probe: clock, CPU and faults of the process."""
    version: str | None = None
    """``runtime.Version()``."""
    runtime: Mapping[str, float | None] = field(default_factory=dict)
    """All scalars of ``runtime/metrics`` by their own names."""
    histograms: Mapping[str, list[list[float | None]]] = field(default_factory=dict)
    """``[low, high, count]`` of each bucket that is not empty; ``None`` for an infinity."""
    children: Shares = field(default_factory=Shares)
    """Of all children, read just after."""
    pages: Pages | None = None
    """What the pages of the Go heap held; ``None`` where nobody looked."""

    @property
    def profiler(self) -> int | None:
        """Bytes that the memory profiler keeps for the probe only; ``None`` where unknown."""
        size = self.pause.get("profiler", -1)
        return size if size >= 0 else None
