"""Which control groups this process is in: the directories in which the kernel says their limits.

Of both versions of control groups (Linux, ``Documentation/admin-guide/cgroup-v1`` and
``cgroup-v2.rst``). A limit of any group above a process holds for it too.
"""

from collections.abc import Iterator
from pathlib import Path

MEMBERSHIP = Path("/proc/self/cgroup")
ROOT = Path("/sys/fs/cgroup")


def control_groups(
    controller: str, membership: Path = MEMBERSHIP, root: Path = ROOT
) -> Iterator[Path]:
    """Directories of this process's groups with a controller, each with all that lie above it.

    A container may see its own group as the topmost: then only that one exists of those named.

    Args:
        controller: as ``cpu`` or ``memory``.
        membership: the file that names the groups.
        root: where control groups are mounted.
    """
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        fields = line.split(":", 2)
        if len(fields) != 3:  # noqa: PLR2004 - hierarchy, controllers, path
            continue
        _, controllers, path = fields
        if controllers and controller not in controllers.split(","):
            continue
        for mount in ("", "unified") if not controllers else (controllers, controller):
            group = root / mount / path.lstrip("/")
            yield from (group, *(p for p in group.parents if p.is_relative_to(root)))
