"""Memory limits enforced by the kernel: a cgroup (version 2) for each trial, where allowed.

See ``Documentation/admin-guide/cgroup-v2.rst`` in the Linux source. Where no cgroup is delegated
with the memory controller, only the sampler enforces the limit.
"""

import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from harness.trial.observe import procfs

_LEAF = "gomatrix-harness"
"""For the harness's own processes: a cgroup that distributes memory may hold none itself."""
_TRIES = 5
"""Attempts to move all processes: others may start meanwhile."""
_PATIENCE = 2.0
"""Seconds to wait for a cgroup's processes to end."""


class MemoryGroup:
    """The cgroup of one process tree, below a parent that distributes the memory controller."""

    def __init__(self, parent: Path, limit: int) -> None:
        """Make it, with a limit in bytes.

        Raises:
            OSError: it cannot be created.
        """
        self.path = Path(tempfile.mkdtemp(prefix="gomatrix-", dir=parent))
        try:
            (self.path / "cgroup.kill").stat()  # needs Linux 5.14; everything else here is older
            (self.path / "memory.max").write_text(str(limit))
            (self.path / "memory.oom.group").write_text("1")  # the tree dies as a whole
            with suppress(OSError):  # a kernel without swap
                (self.path / "memory.swap.max").write_text("0")
        except OSError:
            self.close()
            raise

    def exceeded(self) -> bool:
        """Whether the kernel has killed a process for exceeding the limit."""
        words = _words(self.path / "memory.events")
        return any(int(count) for name, count in zip(words[::2], words[1::2], strict=False)
                   if name in ("oom_kill", "oom_group_kill"))  # fmt: skip

    def close(self) -> None:
        """Kill its processes, and remove it."""
        with suppress(OSError):
            (self.path / "cgroup.kill").write_text("1")
        deadline = time.monotonic() + _PATIENCE
        while self.path.exists() and time.monotonic() < deadline:
            try:
                self.path.rmdir()
            except OSError:  # its processes have not ended yet
                time.sleep(0.005)


def memory_group(limit: int) -> MemoryGroup | None:
    """A cgroup with a memory limit for a process tree; ``None`` where none can be created."""
    try:
        parent = delegated(procfs.read_self("cgroup"), procfs.read_self("mountinfo"))
        return None if parent is None else MemoryGroup(parent, limit)
    except OSError:
        return None


def delegated(membership: str, mounts: str) -> Path | None:
    """The nearest cgroup, ours or a parent, in which we can create cgroups with memory limits.

    ``membership`` is ``/proc/self/cgroup``, ``mounts`` ``/proc/self/mountinfo``. Where no parent
    distributes the memory controller, ours is made to, and our own processes move into a cgroup
    below it, as is expected of the manager of a delegated subtree.
    """
    place = own_group(membership, mounts)
    if place is None:
        return None
    own, top = place
    for group in (own, *own.parents):
        if not group.is_relative_to(top):
            break
        if _writable(group) and "memory" in _words(group / "cgroup.subtree_control"):
            return group
    if _writable(own) and "memory" in _words(own / "cgroup.controllers") and _share_out(own):
        return own
    return None


def own_group(membership: str, mounts: str) -> tuple[Path, Path] | None:
    """Directories of our own cgroup and of the topmost visible one; ``None`` without version 2."""
    path = next((line[3:] for line in membership.splitlines() if line.startswith("0::/")), None)
    for line in mounts.splitlines():
        fields, _, rest = line.partition(" - ")
        if path is not None and rest.split(" ", 1)[0] == "cgroup2":
            root, point = fields.split()[3:5]
            if Path(path).is_relative_to(root):
                return Path(point) / Path(path).relative_to(root), Path(point)
    return None


def _writable(group: Path) -> bool:
    return os.access(group, os.W_OK) and os.access(group / "cgroup.procs", os.W_OK)


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []


def _share_out(group: Path) -> bool:
    """Make a group distribute the memory controller to its children; tells whether it does."""
    leaf = group / _LEAF
    with suppress(OSError):  # processes may not be moved
        for _ in range(_TRIES):
            with suppress(OSError):  # it holds processes
                (group / "cgroup.subtree_control").write_text("+memory")
                return True
            leaf.mkdir(exist_ok=True)
            for pid in _words(group / "cgroup.procs"):
                with suppress(ProcessLookupError):
                    (leaf / "cgroup.procs").write_text(pid)
    return False
