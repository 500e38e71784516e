"""Turn facts about a machine into findings with remedies. Pure functions."""

from collections.abc import Iterator
from typing import Literal

from harness.doctor.facts import HostFacts, Place
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


def _ok(check: str, says: str) -> Finding:
    return Finding(check=check, level="ok", says=says)


def _warning(check: str, says: str, remedy: str) -> Finding:
    return Finding(check=check, level="warning", says=says, remedy=remedy)


def _error(check: str, says: str, remedy: str) -> Finding:
    return Finding(check=check, level="error", says=says, remedy=remedy)


def _system(facts: HostFacts) -> Finding:
    if facts.platform == "linux":
        return _ok("system", f"Linux {facts.kernel}")
    return _error(
        "system", f"this is {facts.platform}; measuring needs Linux",
        "measure on Linux; report, compare, verdict and merge work here on runs made there",
    )  # fmt: skip


def _load(facts: HostFacts) -> Finding:
    says = f"{facts.load:.2f} processes on {facts.cpus} CPUs in the last minute"
    if facts.load <= _BUSY * facts.cpus:
        return _ok("load", says)
    return _warning(
        "load", f"{says}; they disturb wall and CPU time",
        "wait until the machine is idle, or stop other processes; memory suffers less",
    )  # fmt: skip


def _quota(facts: HostFacts) -> Finding:
    if facts.quota is None:
        return _ok("CPU quota", "none")
    says = f"the control group allows {facts.quota:g} of {facts.cpus} CPUs"
    if facts.quota >= facts.cpus:
        return _ok("CPU quota", says)
    return _warning(
        "CPU quota", f"{says}; a process that exceeds this is stopped for a while, which shows in "
        "wall times and latencies",
        "give the container whole CPUs (docker run --cpuset-cpus=0-1), not a --cpus limit",
    )  # fmt: skip


def _governor(facts: HostFacts) -> Finding:
    if not facts.governors:
        return _ok("CPU frequency", "not set by this system (no cpufreq)")
    says = f"governor {', '.join(facts.governors)}"
    if facts.governors == ("performance",):
        return _ok("CPU frequency", says)
    return _warning(
        "CPU frequency", f"{says}: the clock follows the load, so wall and CPU times vary more",
        "cpupower frequency-set --governor performance",
    )  # fmt: skip


def _memory(facts: HostFacts) -> Finding:
    says = f"{facts.memory_available / _GIB:.1f} of {facts.memory / _GIB:.1f} GiB available"
    if facts.memory_available >= _MEMORY:
        return _ok("memory", says)
    return _warning(
        "memory", f"{says}: trials wait for each other, and the kernel may end them",
        "free memory, or measure on a machine with more",
    )  # fmt: skip


def _swap(facts: HostFacts) -> Finding:
    if facts.swap == 0:
        return _ok("swap", "none")
    return _warning(
        "swap", f"{facts.swap / _GIB:.1f} GiB, {facts.swap_used / _GIB:.1f} GiB in use: "
        "swapped-out pages are missing from the resident set",
        "swapoff -a while you measure",
    )  # fmt: skip


def _overcommit(facts: HostFacts) -> Finding:
    says = f"vm.overcommit_memory={facts.overcommit}"
    if facts.overcommit != 2:  # noqa: PLR2004 - proc_sys_vm(5): "always check"
        return _ok("overcommit", says)
    return _warning(
        "overcommit",
        f"{says}: Go reserves more address space than it uses, which the kernel may then refuse",
        "sysctl vm.overcommit_memory=0",
    )  # fmt: skip


def _huge_pages(facts: HostFacts) -> Finding:
    check, mode = "transparent huge pages", facts.transparent_hugepages
    if mode != "always":
        return _ok(check, mode or "this kernel has none")
    return _warning(
        check, f"always (max_ptes_none {facts.max_ptes_none}): the kernel makes untouched memory "
        "resident, at unpredictable times",
        "use production's setting; if that is madvise: "
        "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
    )  # fmt: skip


def _aslr(facts: HostFacts) -> Finding:
    says = f"random in each process (kernel.randomize_va_space={facts.aslr})"
    if facts.aslr != 0:
        return _ok("address layout", says)
    return _warning(
        "address layout",
        "the same in every process, so a lucky or unlucky layout looks like an effect of Go",
        "sysctl kernel.randomize_va_space=2",
    )  # fmt: skip


def _cgroup(facts: HostFacts) -> Finding:
    if facts.cgroup == "delegated":
        return _ok("control groups", "version 2, delegated to this user")
    return _warning(
        "control groups", f"{facts.cgroup}, not delegated to this user: trials.memory_limit is "
        "enforced by sampling, up to 10 ms late",
        "on systemd: systemd-run --user --scope -p Delegate=yes gomatrix run; not needed "
        "without trials.memory_limit",
    )  # fmt: skip


def _place(place: Place) -> Finding:
    check = f"disk for {place.purpose}"
    if not place.writable:
        what = "GOMATRIX_CACHE" if "cache" in place.purpose else "--reports"
        return _error(
            check, f"{place.path} cannot be written", f"name another directory with {what}"
        )
    if place.free is None:
        return _ok(check, f"{place.path}, of unknown size")
    says = f"{place.free / _GIB:.1f} GiB free in {place.path}"
    if place.free >= _ROOM:
        return _ok(check, says)
    small = _warning if place.free >= _TOOLCHAIN else _error
    return small(
        check, f"{says}; a toolchain takes {_TOOLCHAIN >> 20} MiB",
        "gomatrix cache prune --max-size 1GiB, gomatrix runs prune, or another disk",
    )  # fmt: skip


def _toolchains(facts: HostFacts) -> Iterator[Finding]:
    if facts.toolchains or any(supply.error is None for supply in facts.supplies):
        yield _ok("Go", f"installed or cached: {', '.join(facts.toolchains) or 'none'}")
    else:
        yield _error(
            "Go", "not installed, and no provider can be reached",
            "see the providers below, install Go, or name a local one: {path: /opt/go}",
        )  # fmt: skip
    for supply in facts.supplies:
        if supply.error is None:
            yield _ok(supply.provider, f"has {len(supply.versions)} releases")
        else:
            says = f"cannot be asked: {' '.join(supply.error.split())}"
            yield _warning(supply.provider, says, supply.remedy)
