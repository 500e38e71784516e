"""Gather facts about this machine, without judging them."""

import os
import platform
import shutil
import sys
from pathlib import Path
from typing import Any

import psutil

from harness.golang.toolchains.providers import Supply, ask_providers
from harness.golang.toolchains.releases import at_hand
from harness.models import Frozen
from harness.session.lanes import cpu_quota
from harness.session.memory import available_memory
from harness.trial.cgroup import own_group

_SYS = Path("/sys")
_PROC = Path("/proc")


TOOLCHAIN = 260 << 20
"""Bytes of a Go installation: the largest of 1.21 to 1.27, 1.24, takes 258 MiB (``du``)."""
_PROGRAM = 64 << 20
"""Bytes of the programs of a run and what a trial writes, on a machine that is sent them."""


class Place(Frozen):
    """A directory that runs write to."""

    purpose: str
    """As ``the cache``."""
    path: str
    writable: bool
    free: int | None
    """Bytes; ``None`` where that cannot be told."""
    option: str = "GOMATRIX_CACHE"
    """What names another directory."""
    holds: str = "a toolchain"
    """The largest of what it must have room for at once."""
    least: int = TOOLCHAIN
    """Bytes of that."""


class HostFacts(Frozen):
    """This machine; sizes are in bytes, and ``None`` is what this kernel does not say."""

    platform: str
    """As ``linux``."""
    kernel: str
    cpus: int
    """CPUs that this process may use."""
    quota: float | None = None
    """CPUs' worth of time that its control groups allow; ``None`` without a limit."""
    governors: tuple[str, ...] = ()
    """Frequency governors of the CPUs, without repetition."""
    load: float
    """Runnable processes, averaged over one minute."""
    memory: int
    memory_available: int
    """What this machine and our control groups leave for trials."""
    swap: int
    swap_used: int
    transparent_hugepages: str | None = None
    """The mode in force: ``always``, ``madvise`` or ``never``."""
    max_ptes_none: int | None = None
    """Untouched small pages out of 512 with which the kernel still makes a huge page."""
    overcommit: int | None = None
    """``vm.overcommit_memory``: 0, 1 or 2."""
    aslr: int | None = None
    """``kernel.randomize_va_space``: 0, 1 or 2."""
    ptrace_scope: int | None = None
    """``kernel.yama.ptrace_scope``: from 2 on a process may not read its child's memory."""
    cgroup: str
    """``delegated``: version 2, and this user may make groups; ``version 2``; ``version 1``;
    ``none``."""
    places: tuple[Place, ...] = ()
    toolchains: tuple[str, ...] = ()
    """Go releases that are installed or cached."""
    supplies: tuple[Supply, ...] = ()
    """What the providers that need the network answer."""


def gather(cache: Path, reports: Path) -> HostFacts:
    """Gather facts about this machine and the providers of toolchains."""
    machine = gather_machine(
        _place("the cache", cache), _place("the run directories", reports, option="--reports")
    )
    known = {"toolchains": tuple(at_hand(cache)), "supplies": tuple(ask_providers(cache))}
    return machine.model_copy(update=known)


def gather_worker(cache: Path, directory: Path) -> HostFacts:
    """Gather facts about a machine that measures for another, which needs no toolchains."""
    sent = {"holds": "a program with its inputs", "least": _PROGRAM}
    return gather_machine(
        _place("the cache", cache, **sent),
        _place("trials", directory, **sent, option="--directory"),
    )


def gather_machine(*places: Place) -> HostFacts:
    """Gather facts about this machine alone."""
    quota = cpu_quota()
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    return HostFacts(
        platform=sys.platform,
        kernel=platform.release(),
        cpus=len(psutil.Process().cpu_affinity() or ()) or (os.cpu_count() or 1),
        quota=None if quota == float("inf") else quota,
        governors=tuple(sorted(_governors())),
        load=psutil.getloadavg()[0],
        memory=memory.total,
        memory_available=available_memory(),
        swap=swap.total,
        swap_used=swap.used,
        transparent_hugepages=_chosen(_SYS / "kernel/mm/transparent_hugepage/enabled"),
        max_ptes_none=_number(_SYS / "kernel/mm/transparent_hugepage/khugepaged/max_ptes_none"),
        overcommit=_number(_PROC / "sys/vm/overcommit_memory"),
        aslr=_number(_PROC / "sys/kernel/randomize_va_space"),
        ptrace_scope=_number(_PROC / "sys/kernel/yama/ptrace_scope"),
        cgroup=_cgroup(),
        places=places,
    )


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def _number(path: Path) -> int | None:
    text = _read(path)
    return int(text) if text and text.isdigit() else None


def _chosen(path: Path) -> str | None:
    """The word in brackets, as in ``always [madvise] never``."""
    text = _read(path) or ""
    return next((word.strip("[]") for word in text.split() if word.startswith("[")), None)


def _governors() -> set[str]:
    files = (_SYS / "devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_governor")
    return {text for text in map(_read, files) if text}


def _cgroup() -> str:
    """Which control groups there are, and whether this user may limit a trial's memory by them."""
    place = own_group(_read(_PROC / "self/cgroup") or "", _read(_PROC / "self/mountinfo") or "")
    root = _SYS / "fs/cgroup"
    if place is None:
        return "version 1" if root.is_dir() and any(root.iterdir()) else "none"
    own, top = place
    groups = [group for group in (own, *own.parents) if group.is_relative_to(top)]
    usable = [g for g in groups if "memory" in (_read(g / "cgroup.controllers") or "").split()]
    if not usable and any(root.glob("memory*")):
        return "version 1"  # version 2 is there, beside it, and limits nothing
    writable = any(os.access(g, os.W_OK) and os.access(g / "cgroup.procs", os.W_OK) for g in usable)
    return "delegated" if writable else "version 2"


def _place(purpose: str, path: Path, **kind: Any) -> Place:
    """A directory, or the one above in which it would be made; ``kind`` are other fields."""
    existing = next(p for p in (path, *path.absolute().parents) if p.exists())
    try:
        free = shutil.disk_usage(existing).free
    except OSError:
        free = None
    writable = existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
    return Place(purpose=purpose, path=str(path), writable=writable, free=free, **kind)
