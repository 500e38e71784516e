"""The hosts of a cluster as the driver sees them: who they are, what they have, what they hold."""

from concurrent.futures import Future as Promise
from dataclasses import dataclass, field
from typing import Any

from distributed import Future

from harness.matrix.models import TrialsSpec
from harness.run.host import Host
from harness.session.bench import Round
from harness.text.visible import visible

SILENT = 30.0
"""Seconds without a heartbeat after which a host's rounds are dealt to others. A link that is down
for 20 s costs nothing then; Dask's own limit (``worker-ttl``) is five minutes."""
FRESH = 10.0
"""Seconds since the last heartbeat within which a host is asked for results. Dask's workers send
one every 0.5 to 5 s, by their number."""
_REST, _MOST_DOUBLED = 30.0, 5
"""Seconds that a host which failed gets no rounds, doubled each time in a row, so many times."""
_SHOWN = 300
"""Characters that are shown of what a worker says."""


def one_line(said: BaseException | str) -> str:
    """What a worker says, to be shown: CI systems execute commands at the beginning of a line."""
    text = " ".join(visible(str(said)).split()) or type(said).__name__
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


@dataclass(eq=False)
class Hand:
    """A round that a host has in hand."""

    round: Round
    waiting: dict[str, Future]
    """By trial: those that have not ended."""
    longest: float
    """Seconds in which a trial of it has ended, or never will."""

    def forget(self) -> None:
        """Let Dask drop its trials; what a host still runs of them is not taken home."""
        for future in self.waiting.values():
            future.release()
        self.waiting.clear()


@dataclass(eq=False)
class HostState:
    """A worker of the cluster that may measure."""

    address: str
    """Dask's."""
    host: Host
    cpus: int
    """CPUs that trials may use together: as much of the worker's resource there is."""
    last_seen: float
    """The scheduler's clock at the last heartbeat."""
    heard: float
    """This process's clock when that changed."""
    files: set[str] = field(default_factory=set)
    """Digests of those that it has."""
    fetching: bool = False
    """Whether it is being sent files."""
    resting: float = 0.0
    """This process's clock until which it gets no rounds, after it failed."""
    failures: int = 0
    """How often it has failed in a row."""
    hands: list[Hand] = field(default_factory=list)
    moved: float = 0.0
    """This process's clock when a trial of it came home last, or it got one while it had none."""
    coming: Promise[dict[str, Any]] | None = None
    """The scheduler's answer with results of it."""
    owing: float | None = None
    """This process's clock since when there are results that have not come."""
    trials: int = 0
    """How many of its trials have come home."""

    def hear(self, last_seen: float, now: float) -> None:
        """Note the last heartbeat that the scheduler knows of."""
        if last_seen != self.last_seen:
            self.last_seen, self.heard = last_seen, now

    def rest(self, now: float) -> None:
        """Get no rounds for a while, after a failure; what it has is asked anew."""
        self.resting = now + _REST * 2 ** min(self.failures, _MOST_DOUBLED)
        self.failures += 1
        self.files.clear()

    def lanes(self, limits: TrialsSpec) -> int:
        """Trials at a time: as ``session.lanes.available_lanes`` cuts them on that host."""
        return min(max(1, self.cpus // limits.cpus), limits.lanes or self.cpus)

    def share(self, limits: TrialsSpec) -> int:
        """How much of the worker's resource a trial takes."""
        return max(1, self.cpus // self.lanes(limits))

    def overdue(self, now: float) -> bool:
        """Whether none of its trials has ended for longer than any of them may take."""
        return bool(self.hands) and now - self.moved > max(hand.longest for hand in self.hands)

    def empty(self) -> None:
        """Wait for nothing of it any more."""
        for hand in self.hands:
            hand.forget()
        self.hands.clear()
        if self.coming is not None:
            self.coming.cancel()
        self.coming = self.owing = None

    def able(self, now: float) -> bool:
        """Whether it is there, and has not failed just now."""
        return now - self.heard < FRESH and now >= self.resting

    @property
    def waiting(self) -> int:
        """Trials that it has in hand."""
        return sum(len(hand.waiting) for hand in self.hands)

    def takes(self, limits: TrialsSpec, now: float) -> bool:
        """Whether it may get another round: all that it has is running, or it has none.

        A lane that waited for the next round to arrive would be idle.
        """
        return self.able(now) and not self.fetching and self.waiting <= self.lanes(limits)
