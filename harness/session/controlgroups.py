"""The control groups of this process: directories that hold the kernel's limits.

Both versions are read (Linux, ``Documentation/admin-guide/cgroup-v1`` and ``cgroup-v2.rst``). The
limits of a group's parents hold too.
"""

from collections.abc import Iterator
from pathlib import Path

MEMBERSHIP = Path("/proc/self/cgroup")
ROOT = Path("/sys/fs/cgroup")


def control_groups(
    controller: str, membership: Path = MEMBERSHIP, root: Path = ROOT
) -> Iterator[Path]:
    """Directories of this process's groups with a controller such as ``cpu``, and their parents.

    A container may see its own group as the topmost: the other directories do not exist then.
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
