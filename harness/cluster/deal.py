"""Deal rounds to the hosts of a cluster, and take what they measured home.

Each trial is a task of Dask that only one worker may run; nothing that a worker has lost is run
again by Dask, whose own retries would tear rounds apart. A host that dies, is cut off or fails
loses its rounds, and whoever asked for them decides what takes their place.
"""

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from distributed import Client, Future
from pydantic import ValidationError

from harness.cluster.hosts import FRESH, Hand, HostState
from harness.cluster.members import ANSWER, Members, one_line
from harness.cluster.parcels import Packer
from harness.cluster.serve import LANE
from harness.cluster.worker import execute
from harness.errors import HarnessError
from harness.golang.toolchains.resolve import Say
from harness.matrix.models import TrialsSpec
from harness.plan.plan import Trial
from harness.profiles.pprof import COMPRESSED
from harness.run.host import Host
from harness.run.records import Manifest, TrialRecord
from harness.run.series import is_readable
from harness.run.store import require_readable
from harness.session.bench import Lost, Round
from harness.session.job import Observed, job_of
from harness.text.visible import first_unseen
from harness.trial.observe.monitor import NOT_NEEDED

_TICK, _IDLE = 0.02, 0.2
"""Seconds between two looks at what has ended, while something is measured and while nothing is."""
_MOST_LOST = 10
"""Rounds of a workload lost in a row, for each host, after which it is likely the workload's doing.
"""

Execute = Callable[[str], tuple[str, bytes | None, bytes | None]]
"""``harness.cluster.worker.execute``, or what a benchmark puts in its place."""


@dataclass(frozen=True)
class Offered:
    """A round that waits for a host."""

    round: Round
    parcels: tuple[str, ...]
    """Its trials, packed, as JSON."""
    files: frozenset[str]
    """Digests of what its host needs."""


class Cluster:
    """A connected cluster: a ``Dealer``, which keeps its hosts from one deal to the next."""

    def __init__(
        self, client: Client, directory: Path, exclude: Sequence[str], say: Say,
        run: Execute = execute,
    ) -> None:  # fmt: skip
        """Deal by a client.

        Args:
            client: of Dask, connected.
            directory: where archives of inputs are made.
            exclude: names or ids of hosts that get no rounds.
            say: told who comes and goes.
            run: what a worker does for a trial.
        """
        self._client, self._say, self._run = client, say, run
        self._packer = Packer(directory)
        self._members = Members(client, self._packer.files, exclude, say)
        self._lost: list[Lost] = []

    @property
    def hosts(self) -> Sequence[Host]:
        """All hosts that took part so far."""
        return self._members.met

    def close(self) -> None:
        """Stop what prepares hosts."""
        self._members.close()

    def deal(
        self,
        manifest: Manifest,
        take: Callable[[], Round | None],
        needed: Callable[[Trial], bool] = lambda _: True,
    ) -> Iterator[Observed | Lost]:
        """See ``harness.session.bench.Dealer``.

        Raises:
            HarnessError: the scheduler is gone, no host can measure, or a workload makes its hosts
                lose it again and again.
        """
        self._members.begin()
        limits, lost = manifest.matrix.trials, Counter[str]()
        offered = self._offered(manifest, take())
        try:
            while offered is not None or self._busy:
                for departed, why in self._members.look():
                    self._drop(departed, why)
                for arrived in self._arrived():
                    lost[arrived.record.workload] = 0
                    yield arrived
                for event in self._taken():
                    workload = event.round[0].workload
                    lost[workload] += 1
                    if lost[workload] >= _MOST_LOST * len(self.hosts):
                        raise _endless(workload, lost[workload], event)
                    yield event
                self._drop_unneeded(needed)
                offered = offered or self._offered(manifest, take())
                while offered is not None and (host := self._free_host(offered, limits)):
                    self._send(host, offered, limits)
                    offered = self._offered(manifest, take())
                time.sleep(_TICK if self._busy else _IDLE)
        finally:
            for host in self._known.values():
                for hand in host.hands:
                    _forget(hand)
                host.hands.clear()
            self._lost.clear()

    @property
    def _known(self) -> Mapping[str, HostState]:
        return self._members.hosts

    @property
    def _busy(self) -> bool:
        """Whether a host has something in hand."""
        return any(host.hands for host in self._known.values())

    def _offered(self, manifest: Manifest, trials: Round | None) -> Offered | None:
        """A round, packed."""
        if trials is None:
            return None
        parcels = [self._packer.pack(job_of(manifest, trial)) for trial in trials]
        needed = frozenset(digest for parcel in parcels for digest in parcel.digests)
        return Offered(trials, tuple(parcel.model_dump_json() for parcel in parcels), needed)

    def _free_host(self, offered: Offered, limits: TrialsSpec) -> HostState | None:
        """The least busy host that may take a round; those that lack files are sent them."""
        now, ready = time.monotonic(), []
        for host in self._known.values():
            if not host.takes(limits, now):
                continue
            if offered.files <= host.files:
                ready.append(host)
            else:
                self._members.supply(host, offered.files - host.files)
        return min(ready, key=lambda h: h.waiting / h.lanes(limits), default=None)

    def _send(self, host: HostState, offered: Offered, limits: TrialsSpec) -> None:
        futures = self._client.map(
            self._run,
            offered.parcels,
            key=[f"gomatrix-{secrets.token_hex(8)}" for _ in offered.parcels],
            workers=[host.address],
            allow_other_workers=False,
            retries=0,
            pure=False,
            resources={LANE: host.share(limits)},
        )
        ids = (trial.id for trial in offered.round)
        host.hands.append(Hand(offered.round, dict(zip(ids, futures, strict=True))))

    def _arrived(self) -> Iterator[Observed]:
        """Results of trials that have ended; a trial that ended in an error loses its round."""
        ended = [entry for host in list(self._known.values()) for entry in self._ended(host)]
        results = self._gather([hand.waiting[name] for _, hand, name in ended]) if ended else []
        for (host, hand, name), result in zip(ended, results, strict=False):
            if hand not in host.hands:
                continue  # the host has failed meanwhile
            trial = next(trial for trial in hand.round if trial.id == name)
            try:
                observed = _checked(result, trial, host.host)
            except HarnessError as error:
                self._fail(host, str(error))
                continue
            del hand.waiting[name]
            if not hand.waiting:
                host.hands.remove(hand)
            host.failures, host.trials = 0, host.trials + 1
            yield observed

    def _ended(self, host: HostState) -> list[tuple[HostState, Hand, str]]:
        """The trials of a host that have ended; none of one that is not heard of.

        A result that cannot be fetched would hold up those of all others.
        """
        if time.monotonic() - host.heard > FRESH:
            return []
        states = [(h, n, future.status) for h in host.hands for n, future in h.waiting.items()]
        bad = next((hand.waiting[n] for hand, n, state in states if state not in _GOOD), None)
        if bad is not None:
            self._fail(host, _why(bad))
            return []
        return [(host, hand, name) for hand, name, state in states if state == "finished"]

    def _gather(self, futures: Sequence[Future]) -> list[Any]:
        """Fetch results; none where that takes too long, as from a host that is cut off."""
        fetch = partial(self._client.gather, list(futures), errors="skip", asynchronous=True)
        try:
            results: list[Any] = self._client.sync(fetch, callback_timeout=FRESH)
        except (TimeoutError, OSError):
            return []
        return results if len(results) == len(futures) else []

    def _fail(self, host: HostState, why: str) -> None:
        """Lose a host's rounds, and give it none for a while."""
        host.rest(time.monotonic())
        self._drop(host, why)

    def _drop(self, host: HostState, why: str) -> None:
        """Lose a host's rounds."""
        rounds = f"; {len(host.hands)} of its rounds are dealt anew" if host.hands else ""
        self._say(f"{host.host.name}: {why}{rounds}")
        for hand in host.hands:
            _forget(hand)
            self._lost.append(Lost(hand.round, host.host.name, why))
        host.hands.clear()

    def _drop_unneeded(self, needed: Callable[[Trial], bool]) -> None:
        """Wait no more for rounds that nobody needs; hosts begin none of them."""
        for host in self._known.values():
            for hand in list(host.hands):
                if not any(needed(trial) for trial in hand.round if trial.id in hand.waiting):
                    _forget(hand)
                    host.hands.remove(hand)

    def _taken(self) -> list[Lost]:
        """The rounds that were lost since it was last asked."""
        taken, self._lost = self._lost, []
        return taken


_GOOD = ("pending", "finished")
"""States of a trial of which nothing is wrong. One that is lost or cancelled is not run again."""


def _why(future: Future) -> str:
    if future.status == "error":
        return one_line(future.exception(timeout=ANSWER))
    return f"a trial of it is {future.status}"


def _endless(workload: str, count: int, event: Lost) -> HarnessError:
    return HarnessError(
        f"{count} rounds of {workload} in a row were lost by their hosts, the last by "
        f"{event.host}: {event.why}; see what that workload does to a host, and go on with --resume"
    )


def _forget(hand: Hand) -> None:
    """Let Dask drop trials; what a host still runs of them is not taken home."""
    for future in hand.waiting.values():
        future.release()
    hand.waiting.clear()


def _checked(result: Any, trial: Trial, host: Host) -> Observed:
    """What a worker sent, as the result of that trial on that host and of nothing else.

    Raises:
        HarnessError: it is not.
    """
    try:
        text, series, profile = result
        record = TrialRecord.model_validate_json(text)
    except (TypeError, ValueError, ValidationError):
        raise HarnessError("it sent something that is no trial") from None
    asked = (trial.workload, trial.variant, trial.round)
    files = all(isinstance(data, bytes | None) for data in (series, profile))
    if (record.workload, record.variant, record.round) != asked or not files:
        raise HarnessError("it sent another trial than it was asked for")
    if record.outcome == NOT_NEEDED or first_unseen(record.outcome) is not None:
        raise HarnessError("it sent an outcome that no trial has")
    if not is_readable(series or b"") or len(profile or b"") > COMPRESSED:
        raise HarnessError("it sent a larger file than is read of a trial")
    own = {"host": host.id, "series": None, "profile": None}
    record = record.model_copy(update=own)
    try:
        require_readable(record)
    except HarnessError as error:
        raise HarnessError(f"it sent what could not be read again: {one_line(error)}") from None
    return Observed(record, series, profile)
