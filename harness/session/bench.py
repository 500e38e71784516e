"""Where rounds are measured: on the lanes of this machine, or on hosts that a dealer knows."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Protocol

from harness.plan.plan import Trial
from harness.run.host import Host, host_id
from harness.run.records import Manifest, TrialRecord
from harness.session.execute import keep, measure
from harness.session.job import Observed
from harness.session.lanes import available_lanes

Round = tuple[Trial, ...]
"""The trials of a round that are to be measured back to back, in order."""


@dataclass(frozen=True)
class Lost:
    """A round of which no more trials will come: its host died, was cut off, or cannot measure."""

    round: Round
    host: str
    """The host's name."""
    why: str


class Dealer(Protocol):
    """Deals rounds to hosts, each round as a whole to one."""

    @property
    def hosts(self) -> Sequence[Host]:
        """All hosts that took part so far."""

    def deal(
        self,
        manifest: Manifest,
        take: Callable[[], Round | None],
        needed: Callable[[Trial], bool] = lambda _: True,
    ) -> Iterator[Observed | Lost]:
        """Measure what ``take`` gives, which is asked whenever a host is free.

        What waits at a host and is not ``needed`` any more is dropped.
        Trials are given as they end; of a lost round no more come, and ``take`` may give another
        in its place. The end is when ``take`` has none and no host has any left.

        Raises:
            HarnessError: there is no host that can measure.
        """


class Bench(Protocol):
    """Measures rounds into a run directory."""

    @property
    def host(self) -> str:
        """The id of the host on which a round that was begun can be completed; empty for none."""

    def measure(
        self, directory: Path, manifest: Manifest, rounds: Sequence[Round]
    ) -> Iterator[TrialRecord]:
        """The records of all trials, in the order in which they are to be kept."""


class Lanes:
    """The lanes of this machine."""

    @property
    def host(self) -> str:
        """See ``Bench``."""
        return host_id()

    def measure(
        self, directory: Path, manifest: Manifest, rounds: Sequence[Round]
    ) -> Iterator[TrialRecord]:
        """See ``Bench``: each as soon as those before it have ended."""
        limits = manifest.matrix.trials
        with ThreadPoolExecutor(len(available_lanes(limits.cpus, limits.lanes))) as pool:
            yield from pool.map(partial(measure, directory, manifest), chain.from_iterable(rounds))


HERE = Lanes()


@dataclass(frozen=True)
class Hosts:
    """The hosts of a dealer."""

    dealer: Dealer
    host: str = ""

    def measure(
        self, directory: Path, manifest: Manifest, rounds: Sequence[Round]
    ) -> Iterator[TrialRecord]:
        """See ``Bench``: a round once all of it is there, as what a lost one had is measured anew.

        Raises:
            HarnessError: see ``Dealer``.
        """
        waiting = deque(rounds)
        sizes = {trials[0].block: len(trials) for trials in rounds}
        there: dict[tuple[str, int], list[Observed]] = {}
        for event in self.dealer.deal(manifest, lambda: waiting.popleft() if waiting else None):
            if isinstance(event, Lost):
                there.pop(event.round[0].block, None)
                waiting.appendleft(event.round)
                continue
            block = event.record.block
            found = there.setdefault(block, [])
            found.append(event)
            if len(found) == sizes[block]:
                yield from (keep(directory, manifest, observed) for observed in there.pop(block))
