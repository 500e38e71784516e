"""Memory limits by the kernel: a cgroup of version 2 for each trial, where we may make one.

See ``Documentation/admin-guide/cgroup-v2.rst`` in the Linux source. Where no cgroup is delegated
with the memory controller, the sampler alone keeps the limit.
"""

import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from harness.trial.observe import procfs

_LEAF = "gomatrix-harness"
"""For our own processes: a cgroup that shares memory out to others may hold none itself."""
_TRIES = 5
"""Processes that start meanwhile may have to be moved too."""
_PATIENCE = 2.0
"""Seconds to wait until a cgroup's dead are gone."""


class MemoryGroup:
    """The cgroup of one process tree.

    Args:
        parent: a cgroup that shares out the memory controller.
        limit: bytes.

    Raises:
        OSError: it may not be made.
    """

    def __init__(self, parent: Path, limit: int) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="gomatrix-", dir=parent))
        try:
            (self.path / "cgroup.kill").stat()  # as old as Linux 5.14; all else here is older
            (self.path / "memory.max").write_text(str(limit))
            (self.path / "memory.oom.group").write_text("1")  # the tree dies as a whole
            with suppress(OSError):  # a kernel without swap
                (self.path / "memory.swap.max").write_text("0")
        except OSError:
            self.close()
            raise

    def exceeded(self) -> bool:
        """Whether the kernel has killed for the limit's sake."""
        try:
            words = (self.path / "memory.events").read_text().split()
        except OSError:
            return False
        return any(int(count) for name, count in zip(words[::2], words[1::2], strict=False)
                   if name in ("oom_kill", "oom_group_kill"))  # fmt: skip

    def close(self) -> None:
        """Kill what is left in it, and remove it."""
        with suppress(OSError):
            (self.path / "cgroup.kill").write_text("1")
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            try:
                self.path.rmdir()
            except FileNotFoundError:
                return
            except OSError:  # the dead are not quite gone
                time.sleep(0.005)
            else:
                return


def memory_group(limit: int) -> MemoryGroup | None:
    """A cgroup with a memory limit for a process tree; ``None`` where we may not make one."""
    try:
        parent = delegated(procfs.read_self("cgroup"), procfs.read_self("mountinfo"))
        return None if parent is None else MemoryGroup(parent, limit)
    except OSError:
        return None


def delegated(membership: str, mounts: str) -> Path | None:
    """The nearest cgroup that lets us put processes under memory limits, ours or one above it.

    Where none above shares the memory controller out, ours is made to, and our own processes move
    into a cgroup below it, as a manager of a delegated subtree is expected to do.

    Args:
        membership: ``/proc/self/cgroup``.
        mounts: ``/proc/self/mountinfo``.
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
    """The directories of our own cgroup and of the topmost that we can see; ``None`` without v2."""
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
    """Whether the group now shares the memory controller out to groups below it."""
    for _ in range(_TRIES):
        try:
            (group / "cgroup.subtree_control").write_text("+memory")
        except OSError:  # it holds processes
            if not _vacate(group):
                return False
        else:
            return True
    return False


def _vacate(group: Path) -> bool:
    leaf = group / _LEAF
    try:
        leaf.mkdir(exist_ok=True)
        for pid in _words(group / "cgroup.procs"):
            with suppress(ProcessLookupError):
                (leaf / "cgroup.procs").write_text(pid)
    except OSError:
        return False
    return True
