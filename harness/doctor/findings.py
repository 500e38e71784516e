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
_ROOM = 2 * _GIB
"""Bytes for two toolchains and the builds of a dozen variants."""
_CHILDREN = 1
"""``kernel.yama.ptrace_scope`` up to which a process may read its children's memory."""
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
    """Say what the facts mean for a measurement, and for builds."""
    return [*judge_machine(facts), *_toolchains(facts)]


def judge_machine(facts: HostFacts) -> list[Finding]:
    """Say what the facts mean for a measurement."""
    return [
        _system(facts),
        *_time(facts),
        *_memory(facts),
        *_isolation(facts),
        *(_place(place) for place in facts.places),
    ]


def _fine(check: str, says: str) -> Finding:
    return Finding(check=check, level="ok", says=says)


def _check(check: str, says: str, *, fine: bool, worry: str, remedy: str) -> Finding:
    """Fine, or a warning that adds the worry to what it is."""
    if fine:
        return _fine(check, says)
    return Finding(check=check, level="warning", says=f"{says}{worry}", remedy=remedy)


def _system(facts: HostFacts) -> Finding:
    if facts.platform == "linux":
        return _fine("system", f"Linux {facts.kernel}")
    return Finding(
        check="system", level="error", says=f"this is {facts.platform}; measuring needs Linux",
        remedy="measure on Linux; report, compare, verdict and merge work here on runs made there",
    )  # fmt: skip


def _time(facts: HostFacts) -> Iterator[Finding]:
    """What makes wall and CPU times vary."""
    yield _check(
        "load", f"{facts.load:.2f} processes on {facts.cpus} CPUs in the last minute",
        fine=facts.load <= _BUSY * facts.cpus, worry="; they disturb wall and CPU time",
        remedy="wait until the machine is idle, or stop other processes; memory suffers less",
    )  # fmt: skip
    if facts.quota is None:
        yield _fine("CPU quota", "none")
    else:
        yield _check(
            "CPU quota", f"the control group allows {facts.quota:g} of {facts.cpus} CPUs",
            fine=facts.quota >= facts.cpus,
            worry="; a process that exceeds this is stopped for a while, which shows in wall times "
            "and latencies",
            remedy="give the container whole CPUs (docker run --cpuset-cpus=0-1), not a --cpus "
            "limit",
        )  # fmt: skip
    if not facts.governors:
        yield _fine("CPU frequency", "not set by this system (no cpufreq)")
    else:
        yield _check(
            "CPU frequency", f"governor {', '.join(facts.governors)}",
            fine=facts.governors == ("performance",),
            worry=": the clock follows the load, so wall and CPU times vary more",
            remedy="cpupower frequency-set --governor performance",
        )  # fmt: skip


def _memory(facts: HostFacts) -> Iterator[Finding]:
    """What keeps a trial's memory from being what Go asked for."""
    yield _check(
        "memory", f"{facts.memory_available / _GIB:.1f} of {facts.memory / _GIB:.1f} GiB available",
        fine=facts.memory_available >= _MEMORY,
        worry=": trials wait for each other, and the kernel may end them",
        remedy="free memory, or measure on a machine with more",
    )  # fmt: skip
    swap = f"{facts.swap / _GIB:.1f} GiB, {facts.swap_used / _GIB:.1f} GiB in use"
    yield _check(
        "swap", swap if facts.swap else "none", fine=facts.swap == 0,
        worry=": swapped-out pages are missing from the resident set",
        remedy="swapoff -a while you measure",
    )  # fmt: skip
    yield _check(
        "overcommit", f"vm.overcommit_memory={facts.overcommit}",
        fine=facts.overcommit != 2,  # noqa: PLR2004 - proc_sys_vm(5): "always check"
        worry=": Go reserves more address space than it uses, which the kernel may then refuse",
        remedy="sysctl vm.overcommit_memory=0",
    )  # fmt: skip
    yield _check(
        "transparent huge pages", facts.transparent_hugepages or "this kernel has none",
        fine=facts.transparent_hugepages != "always",
        worry=f" (max_ptes_none {facts.max_ptes_none}): the kernel makes untouched memory "
        "resident, at unpredictable times",
        remedy="use production's setting; if that is madvise: "
        "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
    )  # fmt: skip


def _isolation(facts: HostFacts) -> Iterator[Finding]:
    """What makes one process like the next, or lets it take more than its share."""
    random, delegated = facts.aslr != 0, facts.cgroup == "delegated"
    layout = f"random in each process (kernel.randomize_va_space={facts.aslr})"
    yield _check(
        "address layout", layout if random else "the same in every process", fine=random,
        worry=", so a lucky or unlucky layout looks like an effect of Go",
        remedy="sysctl kernel.randomize_va_space=2",
    )  # fmt: skip
    scope = facts.ptrace_scope or 0
    yield _check(
        "memory of programs", "can be read" if scope <= _CHILDREN else "cannot be read",
        fine=scope <= _CHILDREN,
        worry=f" (kernel.yama.ptrace_scope={scope}): heap.zero is unknown, and an account's parts "
        "of the heap are estimates",
        remedy="sysctl kernel.yama.ptrace_scope=1",
    )  # fmt: skip
    yield _check(
        "control groups", "version 2, delegated to this user" if delegated else facts.cgroup,
        fine=delegated,
        worry=", not delegated to this user: trials.memory_limit is enforced by sampling, up to "
        "10 ms late",
        remedy="on systemd: systemd-run --user --scope -p Delegate=yes gomatrix run; not needed "
        "without trials.memory_limit",
    )  # fmt: skip


def _place(place: Place) -> Finding:
    check = f"disk for {place.purpose}"
    if not place.writable:
        return Finding(check=check, level="error", says=f"{place.path} cannot be written",
                       remedy=f"name another directory with {place.option}")  # fmt: skip
    if place.free is None:
        return _fine(check, f"{place.path}, free space unknown")
    says = f"{place.free / _GIB:.1f} GiB free in {place.path}"
    if place.free >= _ROOM:
        return _fine(check, says)
    return Finding(
        check=check, level="warning" if place.free >= place.least else "error",
        says=f"{says}; {place.holds} takes {place.least >> 20} MiB",
        remedy="gomatrix cache prune --max-size 1GiB, gomatrix runs prune, or another disk",
    )  # fmt: skip


def _toolchains(facts: HostFacts) -> Iterator[Finding]:
    if facts.toolchains or any(supply.error is None for supply in facts.supplies):
        yield _fine("Go", f"installed or cached: {', '.join(facts.toolchains) or 'none'}")
    else:
        yield Finding(
            check="Go", level="error", says="not installed, and no provider can be reached",
            remedy="see the providers below, install Go, or name a local one: {path: /opt/go}",
        )  # fmt: skip
    for supply in facts.supplies:
        if supply.error is None:
            yield _fine(supply.provider, f"has {len(supply.versions)} releases")
        else:
            says = f"cannot be queried: {' '.join(supply.error.split())}"
            yield Finding(check=supply.provider, level="warning", says=says, remedy=supply.remedy)
