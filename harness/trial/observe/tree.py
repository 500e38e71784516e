"""The process tree of a workload: the processes that it starts belong to its trial."""

import os
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from harness.run.records import ChildProcess
from harness.run.series import Series
from harness.trial.account import account
from harness.trial.observe import procfs
from harness.trial.observe.smaps import classify
from harness.trial.observe.snapshot import Shares

LIMIT = 256
"""Processes of one tree that are sampled; others are ignored."""


@dataclass
class _Child:
    pid: int
    parent: int
    statm: int
    name: str
    own: bool = False
    """Whether it was seen with memory of its own: until its exec, a child made by vfork runs in its
    parent's memory, which must not count twice."""
    rss: int = 0
    cpu: float = 0.0
    pss: int | None = None
    uss: int | None = None
    account: dict[str, int] = field(default_factory=dict)
    series: Series = field(default_factory=list)


@dataclass
class Tree:
    """The descendants of a supervisor except the workload itself, which has its own sampler."""

    supervisor: int = 0
    """Process id; orphans become its children."""
    main: int = 0
    """The workload's process id."""
    _alive: dict[int, _Child] = field(default_factory=dict)
    _found: list[_Child] = field(default_factory=list)
    _newest: bytes = b""

    def discover(self) -> None:
        """Find new children: one small read for each thread of each process.

        Only one read where no process or thread was created anywhere since the last time. Of the
        supervisor only the first thread is read: it starts the workload, and the kernel gives
        orphans to the first thread that is alive (``find_alive_thread``).
        """
        newest = procfs.newest_process()  # first, as another may be created meanwhile
        if not newest or newest != self._newest:
            self._newest = newest
            self._discover()
        for pid, child in self._alive.items():
            if stat := procfs.parse_stat(procfs.read(pid, "stat")):
                child.cpu = stat.user + stat.system
            child.own = child.own or _has_own_memory(child)
            child.name = _name(pid) or child.name  # it changes at exec

    @property
    def has_children(self) -> bool:
        """Whether any child was found with memory of its own."""
        return any(child.own for child in self._found)

    def sample(self, at: float) -> int:
        """Sample all children ``at`` seconds after the start; return resident bytes together."""
        for pid, child in list(self._alive.items()):
            child.own = child.own or _has_own_memory(child)
            rss = procfs.read_statm(child.statm)
            if rss is None:
                os.close(self._alive.pop(pid).statm)
                continue
            child.rss = rss if child.own else 0
            if child.rss:  # a zombie has no memory
                child.series.append((at, child.rss))
        return sum(child.rss for child in self._alive.values())

    def read_shares(self) -> Shares:
        """Read each child's PSS, USS and account, which is costly; return all of them together."""
        self.discover()
        pss, parts = 0, Counter[str]()
        for pid, child in self._alive.items():
            if not child.own:
                continue
            if mappings := procfs.parse_smaps(procfs.read(pid, "smaps")):
                child.pss = _sum(mappings, "Pss")
                child.uss = _sum(mappings, "Private_Clean") + _sum(mappings, "Private_Dirty")
                child.account = _account(pid, mappings)
                pss += child.pss
                parts.update(child.account)
        return Shares(pss, dict(parts))

    def close(self) -> None:
        """Close what is open in ``/proc``."""
        for child in self._alive.values():
            os.close(child.statm)
        self._alive.clear()

    def report(self) -> list[ChildProcess]:
        """List children that had memory of their own, in order of discovery."""
        return [
            ChildProcess(
                pid=c.pid, name=c.name, peak=max((rss for _, rss in c.series), default=0),
                cpu=c.cpu, pss=c.pss, uss=c.uss, account=c.account,
            )
            for c in self._found
            if c.own
        ]  # fmt: skip

    def series(self) -> list[Series]:
        """List the samples of each of them."""
        return [child.series for child in self._found if child.own]

    def _discover(self) -> None:
        top = self.supervisor
        pending = [(top, pid) for pid in children_of_thread(top, top)]
        for _, process in pending:  # it grows
            pending += [(process, pid) for pid in children(process)]
        for parent, pid in pending:
            if pid != self.main and pid not in self._alive and len(self._found) < LIMIT:
                with suppress(OSError):  # it has gone
                    statm = os.open(f"/proc/{pid}/statm", os.O_RDONLY | os.O_CLOEXEC)
                    self._alive[pid] = _Child(pid, parent, statm, _name(pid))
                    self._found.append(self._alive[pid])


def children(pid: int) -> list[int]:
    """List process ids of a process's children; empty if it has gone."""
    found: list[int] = []
    with suppress(OSError):  # it has gone; keep what was found
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - as in procfs.read
            found += children_of_thread(pid, thread)
    return found


def children_of_thread(pid: int, thread: int | str) -> list[int]:
    """List process ids of the children of one thread; empty if it has gone."""
    return [int(child) for child in procfs.read(pid, "task", thread, "children").split()]


def _sum(mappings: Sequence[procfs.Mapping], kind: str) -> int:
    return sum(mapping.fields.get(kind, 0) for mapping in mappings)


def _account(pid: int, mappings: Sequence[procfs.Mapping]) -> dict[str, int]:
    """Divide a child's resident memory, of which the runtime's view is unknown."""
    classes = classify(mappings, procfs.executable(pid), None)
    return account(_sum(mappings, "Rss"), classes, {}, None, 0)


def _has_own_memory(child: _Child) -> bool:
    """Return whether a child has memory that is not its parent's; a zombie has none."""
    rss = procfs.read_statm(child.statm)
    return bool(rss) and not procfs.share_memory(child.pid, child.parent)


def _name(pid: int) -> str:
    return procfs.read(pid, "comm").strip().decode("utf-8", "replace")
