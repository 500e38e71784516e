"""Limits of a trial: the time that it may take, and the memory of its processes."""

import math

from harness.trial.cgroup import memory_group


class Limits:
    """Limits on one process tree; the kernel keeps the memory limit too, where it can."""

    def __init__(self, timeout: float, memory: int | None = None) -> None:
        """Set limits.

        Args:
            timeout: seconds from ``start``.
            memory: bytes resident in the tree.
        """
        self._timeout = timeout
        self.memory = memory or math.inf
        self.group = memory_group(memory) if memory else None
        """The control group in which to start the program, where there is one."""
        self.deadline = math.inf
        """By the monotonic clock."""

    def start(self, now: float) -> None:
        """Start the clock."""
        self.deadline = now + self._timeout

    def killed_by_kernel(self) -> bool:
        """Whether the kernel has killed a process for exceeding the memory limit."""
        return self.group is not None and self.group.exceeded()

    def close(self) -> None:
        """Remove the control group."""
        if self.group:
            self.group.close()
