"""The machine that measures: its identity, and what of it affects memory."""

import hashlib
import os
import platform
from pathlib import Path

from harness.models import Frozen


class Host(Frozen):
    """The machine that measured."""

    id: str
    """A digest of the machine's identity; trials are compared only within one host."""
    name: str
    kernel: str
    cpu: str
    cpus: int
    """CPUs that the harness may use."""
    memory: int
    """Bytes."""
    transparent_hugepages: str
    swap: int
    """Bytes."""
    machine: str = ""
    """As the kernel calls it: ``x86_64``; empty in runs of older harnesses."""


def describe_host() -> Host:
    """Describe this machine."""
    import psutil  # noqa: PLC0415 - whoever reads a run need not wait for it

    return Host(
        id=host_id(),
        name=platform.node(),
        kernel=platform.release(),
        cpu=_cpu_model(),
        cpus=len(os.sched_getaffinity(0)),
        memory=psutil.virtual_memory().total,
        transparent_hugepages=_read("/sys/kernel/mm/transparent_hugepage/enabled"),
        swap=psutil.swap_memory().total,
        machine=platform.machine(),
    )


def host_id() -> str:
    """The id of this machine."""
    identity = _read("/etc/machine-id") + platform.node()
    return hashlib.sha256(identity.encode()).hexdigest()[:12]


def _cpu_model() -> str:
    lines = _read("/proc/cpuinfo").splitlines()
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _read(path: str) -> str:
    """A kernel file's text; empty where this kernel does not have it."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
