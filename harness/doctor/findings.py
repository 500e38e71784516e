"""Turn facts about a machine into findings with remedies. Pure functions."""

from collections.abc import Iterator
from typing import Literal

from harness.doctor.facts import HostFacts, Place
from harness.golang.toolchains.available import Supply
from harness.models import Frozen

Level = Literal["ok", "warning", "error"]
"""``warning``: numbers may be worse than they could be; ``error``: a run cannot work."""

_GIB = 1 << 30
_BUSY = 0.5
"""Load for each CPU from which trials are disturbed: every second one meets another process."""
_TOOLCHAIN = 260 << 20
"""Bytes of a Go installation: the largest of 1.21 to 1.27, 1.24, takes 258 MiB (``du``)."""
_ROOM = 2 * _GIB
"""Bytes for two toolchains and the builds of a dozen variants."""
_MEMORY = _GIB
"""Bytes: below that, two trials and the harness itself (170 MB) have to wait for each other."""


class Finding(Frozen):
    """One thing that was looked at."""

    check: str
    """What was looked at, in a word: ``swap``."""
    level: Level
    says: str
    """What it is, and why that matters."""
    remedy: str = ""
    """What to do; empty where nothing need be done."""


def judge_host(facts: HostFacts) -> list[Finding]:
    """Say what the facts mean for a measurement."""
    return [
        _system(facts),
        _load(facts),
        _quota(facts),
        _governor(facts),
        _memory(facts),
        _swap(facts),
        _overcommit(facts),
        _huge_pages(facts),
        _aslr(facts),
        _cgroup(facts),
        *(_place(place) for place in facts.places),
        *_toolchains(facts),
    ]


def _system(facts: HostFacts) -> Finding:
    if facts.platform == "linux":
        return Finding(check="system", level="ok", says=f"Linux {facts.kernel}")
    return Finding(
        check="system", level="error", says=f"this is {facts.platform}; measuring needs Linux",
        remedy="measure on Linux; report, compare, verdict and merge work here on runs made there",
    )  # fmt: skip


def _load(facts: HostFacts) -> Finding:
    says = f"{facts.load:.2f} processes on {facts.cpus} CPUs in the last minute"
    if facts.load <= _BUSY * facts.cpus:
        return Finding(check="load", level="ok", says=says)
    return Finding(
        check="load", level="warning", says=f"{says}; they disturb wall and CPU time",
        remedy="wait until the machine is idle, or stop other processes; memory suffers less",
    )  # fmt: skip


def _quota(facts: HostFacts) -> Finding:
    if facts.quota is None:
        return Finding(check="CPU quota", level="ok", says="none")
    says = f"the control group allows {facts.quota:g} of {facts.cpus} CPUs"
    if facts.quota >= facts.cpus:
        return Finding(check="CPU quota", level="ok", says=says)
    return Finding(
        check="CPU quota", level="warning",
        says=f"{says}; a process that exceeds this is stopped for a while, which shows in wall "
        "times and latencies",
        remedy="give the container whole CPUs (docker run --cpuset-cpus=0-1), not a --cpus limit",
    )  # fmt: skip


def _governor(facts: HostFacts) -> Finding:
    if not facts.governors:
        return Finding(
            check="CPU frequency", level="ok", says="not set by this system (no cpufreq)"
        )
    says = f"governor {', '.join(facts.governors)}"
    if facts.governors == ("performance",):
        return Finding(check="CPU frequency", level="ok", says=says)
    return Finding(
        check="CPU frequency", level="warning",
        says=f"{says}: the clock follows the load, so wall and CPU times vary more",
        remedy="cpupower frequency-set --governor performance",
    )  # fmt: skip


def _memory(facts: HostFacts) -> Finding:
    says = f"{facts.memory_available / _GIB:.1f} of {facts.memory / _GIB:.1f} GiB available"
    if facts.memory_available >= _MEMORY:
        return Finding(check="memory", level="ok", says=says)
    return Finding(
        check="memory", level="warning",
        says=f"{says}: trials wait for each other, and the kernel may end them",
        remedy="free memory, or measure on a machine with more",
    )  # fmt: skip


def _swap(facts: HostFacts) -> Finding:
    if facts.swap == 0:
        return Finding(check="swap", level="ok", says="none")
    return Finding(
        check="swap", level="warning",
        says=f"{facts.swap / _GIB:.1f} GiB, {facts.swap_used / _GIB:.1f} GiB in use: swapped-out "
        "pages are missing from the resident set",
        remedy="swapoff -a while you measure",
    )  # fmt: skip


def _overcommit(facts: HostFacts) -> Finding:
    if facts.overcommit != 2:  # noqa: PLR2004 - proc_sys_vm(5): "always check"
        return Finding(
            check="overcommit", level="ok", says=f"vm.overcommit_memory={facts.overcommit}"
        )
    return Finding(
        check="overcommit", level="warning",
        says="vm.overcommit_memory=2: Go reserves more address space than it uses, which the "
        "kernel may then refuse",
        remedy="sysctl vm.overcommit_memory=0",
    )  # fmt: skip


def _huge_pages(facts: HostFacts) -> Finding:
    mode = facts.transparent_hugepages
    if mode != "always":
        says = mode or "this kernel has none"
        return Finding(check="transparent huge pages", level="ok", says=says)
    return Finding(
        check="transparent huge pages", level="warning",
        says=f"always (max_ptes_none {facts.max_ptes_none}): the kernel makes untouched memory "
        "resident, at unpredictable times",
        remedy="use production's setting; if that is madvise: "
        "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
    )  # fmt: skip


def _aslr(facts: HostFacts) -> Finding:
    if facts.aslr != 0:
        return Finding(
            check="address layout", level="ok",
            says=f"random in each process (kernel.randomize_va_space={facts.aslr})",
        )  # fmt: skip
    return Finding(
        check="address layout", level="warning",
        says="the same in every process, so a lucky or unlucky layout looks like an effect of Go",
        remedy="sysctl kernel.randomize_va_space=2",
    )  # fmt: skip


def _cgroup(facts: HostFacts) -> Finding:
    if facts.cgroup == "delegated":
        return Finding(check="control groups", level="ok", says="version 2, delegated to this user")
    return Finding(
        check="control groups", level="warning",
        says=f"{facts.cgroup}, not delegated to this user: trials.memory_limit is enforced "
        "by sampling, up to 10 ms late",
        remedy="on systemd: systemd-run --user --scope -p Delegate=yes gomatrix run; not needed "
        "without trials.memory_limit",
    )  # fmt: skip


def _place(place: Place) -> Finding:
    check = f"disk for {place.purpose}"
    if not place.writable:
        what = "GOMATRIX_CACHE" if "cache" in place.purpose else "--reports"
        return Finding(
            check=check, level="error", says=f"{place.path} cannot be written",
            remedy=f"name another directory with {what}",
        )  # fmt: skip
    if place.free is None:
        return Finding(check=check, level="ok", says=f"{place.path}, of unknown size")
    says = f"{place.free / _GIB:.1f} GiB free in {place.path}"
    if place.free >= _ROOM:
        return Finding(check=check, level="ok", says=says)
    level: Level = "warning" if place.free >= _TOOLCHAIN else "error"
    return Finding(
        check=check, level=level, says=f"{says}; a toolchain takes {_TOOLCHAIN >> 20} MiB",
        remedy="gomatrix cache prune --max-size 1GiB, gomatrix runs prune, or another disk",
    )  # fmt: skip


def _toolchains(facts: HostFacts) -> Iterator[Finding]:
    reachable = [supply for supply in facts.supplies if supply.error is None]
    if facts.toolchains or reachable:
        here = f"installed or cached: {', '.join(facts.toolchains) or 'none'}"
        yield Finding(check="Go", level="ok", says=here)
    else:
        yield Finding(
            check="Go", level="error", says="not installed, and no provider can be reached",
            remedy="see the providers below, install Go, or name a local one: {path: /opt/go}",
        )  # fmt: skip
    for supply in facts.supplies:
        yield _supply(supply)


def _supply(supply: Supply) -> Finding:
    if supply.error is None:
        says = f"has {len(supply.versions)} releases"
        return Finding(check=supply.provider, level="ok", says=says)
    return Finding(
        check=supply.provider, level="warning",
        says=f"cannot be asked: {' '.join(supply.error.split())}", remedy=supply.remedy,
    )  # fmt: skip
