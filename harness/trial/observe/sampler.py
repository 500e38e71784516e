"""Samples of the resident memory of a program and its children."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import repeat, takewhile
from operator import not_

from harness.run.records import ChildProcess
from harness.run.series import Series
from harness.trial.observe import procfs
from harness.trial.observe.tree import Tree

SAMPLE_INTERVAL = 0.010
"""Seconds between two readings of statm, by default; each costs 0.02 ms."""
DISCOVER_INTERVAL = 0.100
"""Seconds between two searches for new children."""
STATM_SIZE = 256
"""Bytes that ``/proc/PID/statm`` has at most."""


class Sampler:
    """Reads ``/proc/PID/statm`` at regular times; does nothing until ``begin``.

    Attributes:
        series: of the program.
        tree_series: of the program with its children, from the first child on.
        due: when the next sample is, by the monotonic clock.
    """

    def __init__(self, interval: float = SAMPLE_INTERVAL) -> None:
        """Sample every ``interval`` seconds."""
        self._interval = interval
        self.series: Series = []
        self.tree_series: Series = []
        self.due = self._next_discovery = time.monotonic()
        self._started = 0.0
        self._tree: Tree | None = None
        self._statm: int | None = None
        self._stopped = False

    def begin(self, supervisor: int, pid: int, started: float) -> None:
        """Sample a program from now on.

        Args:
            supervisor: process id; the program's orphans become its children.
            pid: the program's.
            started: the monotonic clock at its start, in seconds.
        """
        self._started = started
        self._tree = Tree(supervisor, pid)
        with suppress(OSError):  # it has gone
            self._statm = os.open(f"/proc/{pid}/statm", os.O_RDONLY | os.O_CLOEXEC)
        self._sample_main(time.monotonic())

    def sample(self, now: float) -> int:
        """Take a sample.

        Returns:
            Bytes resident in the program and its children.
        """
        self.due = max(self.due + self._interval, now)
        if self._tree is None or self._stopped:
            return 0
        if now >= self._next_discovery:
            self._tree.discover()
            self._next_discovery = now + DISCOVER_INTERVAL
        rss = self._sample_main(now)
        if self._tree.has_children:
            rss += self._tree.sample(now - self._started)
            self.tree_series.append((now - self._started, rss))
        return rss

    def sample_alone(self, wait: Callable[[float], list[tuple[int, int]]], until: float) -> None:
        """Sample a program without children, as long as no descriptor is ready.

        After 10 ms of sleep a processor's caches have forgotten this process, and each step of it
        costs ten times what it does elsewhere; so this loop runs in C.

        Args:
            wait: polls for some milliseconds.
            until: the monotonic time at which something else is due.
        """
        if self._statm is None or self._tree is None or self._tree.has_children:
            return
        seconds = min(until, self._next_discovery) - time.monotonic()
        count = int(seconds / self._interval)
        found: list[tuple[object, float, bytes]] = []
        waits = takewhile(not_, map(wait, repeat(self._interval * 1e3, count)))
        texts = map(os.pread, repeat(self._statm), repeat(STATM_SIZE), repeat(0))
        with suppress(OSError):  # it has gone
            found.extend(zip(waits, iter(time.monotonic, None), texts, strict=False))
        for _, now, text in found:
            self._keep(now, procfs.parse_statm(text))
            self.due = now + self._interval

    def end(self, at: float, rss: int | None) -> None:
        """End the program's series with a last value: what follows is caused by the probe."""
        self._close_statm()
        if rss:
            at -= self._started
            self.series = [*(sample for sample in self.series if sample[0] < at), (at, rss)]

    def stop(self) -> None:
        """Take no more samples."""
        self._stopped = True
        self._close_statm()

    def children_pss(self) -> int:
        """Read PSS and USS of all children; only at a snapshot, as it is costly.

        Returns:
            Bytes of PSS in all children together.
        """
        if self._tree is None:
            return 0
        self._tree.discover()
        return self._tree.read_shares()

    def children(self) -> list[ChildProcess]:
        """The children that were found."""
        return self._tree.report() if self._tree else []

    def child_series(self) -> list[Series]:
        """The samples of each of them."""
        return self._tree.series() if self._tree else []

    def close(self) -> None:
        """Close what is open in ``/proc``."""
        self.stop()
        if self._tree:
            self._tree.close()

    def _sample_main(self, now: float) -> int:
        if self._statm is None:
            return 0
        try:
            rss = procfs.parse_statm(os.pread(self._statm, STATM_SIZE, 0))
        except OSError:  # it has gone
            self._close_statm()
            return 0
        self._keep(now, rss)
        return rss or 0

    def _keep(self, now: float, rss: int | None) -> None:
        if rss:  # a zombie has no memory
            self.series.append((now - self._started, rss))

    def _close_statm(self) -> None:
        if self._statm is not None:
            os.close(self._statm)
            self._statm = None
