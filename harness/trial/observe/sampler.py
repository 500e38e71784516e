"""Samples of the resident memory of a program and its children."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import repeat, takewhile
from operator import not_

from harness.run.series import Series
from harness.trial.observe import procfs
from harness.trial.observe.tree import Tree

DISCOVER_INTERVAL = 0.100
"""Seconds between two searches for new children."""


class Sampler:
    """Reads ``/proc/PID/statm`` at regular times; does nothing until ``begin``."""

    def __init__(self, interval: float) -> None:
        """Sample every ``interval`` seconds."""
        self._interval = interval
        self.series = Series()
        """Of the program."""
        self.tree_series = Series()
        """Of the program with its children, from the first child on."""
        self.tree = Tree()
        """The children."""
        self.due = self._next_discovery = time.monotonic()
        """When the next sample is."""
        self._started = 0.0
        self._statm: int | None = None
        self._stopped = False

    def begin(self, supervisor: int, pid: int, started: float) -> None:
        """Sample a program that ``started`` at that time of the monotonic clock."""
        self._started = started
        self.tree = Tree(supervisor, pid)
        with suppress(OSError):  # it has gone
            self._statm = os.open(f"/proc/{pid}/statm", os.O_RDONLY | os.O_CLOEXEC)
        self._sample_main(time.monotonic())

    def sample(self, now: float) -> int:
        """Take a sample; return resident bytes of the program and its children."""
        self.due = max(self.due + self._interval, now)
        if self._stopped:
            return 0
        if now >= self._next_discovery:
            self.tree.discover()
            self._next_discovery = now + DISCOVER_INTERVAL
        rss = self._sample_main(now)
        if self.tree.has_children:
            rss += self.tree.sample(now - self._started)
            self.tree_series.append((now - self._started, rss))
        return rss

    def sample_alone(self, wait: Callable[[float], list[tuple[int, int]]], until: float) -> None:
        """Sample a program without children, as long as no descriptor is ready.

        After 10 ms of sleep a processor's caches have forgotten this process, and each step of it
        costs ten times what it does elsewhere; so this loop runs in C. ``wait`` polls for some
        milliseconds; something else is due at the monotonic time ``until``.
        """
        if self._statm is None or self.tree.has_children:
            return
        seconds = min(until, self._next_discovery) - time.monotonic()
        count = int(seconds / self._interval)
        found: list[tuple[object, float, bytes]] = []
        waits = takewhile(not_, map(wait, repeat(self._interval * 1e3, count)))
        texts = map(os.pread, repeat(self._statm), repeat(procfs.STATM_SIZE), repeat(0))
        with suppress(OSError):  # it has gone
            found.extend(zip(waits, iter(time.monotonic, None), texts, strict=False))
        for _, now, text in found:
            self._keep(now, procfs.parse_statm(text))
            self.due = now + self._interval

    def end(self, at: float, rss: int | None) -> None:
        """End the program's series with a last value: the probe causes what follows."""
        self._close_statm()
        if rss:
            at -= self._started
            self.series = [*(sample for sample in self.series if sample[0] < at), (at, rss)]

    def stop(self) -> None:
        """Take no more samples."""
        self._stopped = True
        self._close_statm()

    def close(self) -> None:
        """Close what is open in ``/proc``."""
        self.stop()
        self.tree.close()

    def _sample_main(self, now: float) -> int:
        rss = None if self._statm is None else procfs.read_statm(self._statm)
        if rss is None:
            self._close_statm()
        self._keep(now, rss)
        return rss or 0

    def _keep(self, now: float, rss: int | None) -> None:
        if rss:  # a zombie has no memory
            self.series.append((now - self._started, rss))

    def _close_statm(self) -> None:
        if self._statm is not None:
            os.close(self._statm)
            self._statm = None
