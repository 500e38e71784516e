"""Deal rounds to the hosts of a cluster, and take what they measured home.

Each trial is a task of Dask that only one worker may run; nothing that a worker has lost is run
again by Dask, whose own retries would tear rounds apart. A host that dies, is cut off or fails
loses its rounds, and whoever asked for them decides what takes their place.
"""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future as Promise
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distributed import Client, Future
from pydantic import ValidationError

from harness.cluster.hosts import FRESH, Hand, HostState, one_line
from harness.cluster.local import LocalWorkers
from harness.cluster.members import ANSWER, Members
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
from harness.session.job import Job, Observed, job_of
from harness.text.visible import first_unseen
from harness.trial.observe.monitor import NOT_NEEDED

_TICK, _IDLE = 0.02, 0.2
"""Seconds between two looks at what has ended, while something is measured and while nothing is."""
_RESULT = 60.0
"""Seconds in which the result of a trial that has ended comes home."""
_SLACK = 120.0
"""Seconds for what a trial does beside set-up and program: copies, profiles, pages of its heap."""
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
    longest: float
    """See ``Hand``."""


class Cluster:
    """A connected cluster: a ``Dealer``, which keeps its hosts from one deal to the next."""

    def __init__(
        self, client: Client, directory: Path, exclude: Sequence[str], say: Say,
        *, local: LocalWorkers | None = None, run: Execute = execute,
    ) -> None:  # fmt: skip
        """Deal by a client.

        Args:
            client: of Dask, connected.
            directory: where archives of inputs are made.
            exclude: names or ids of hosts that get no rounds.
            say: told who comes and goes.
            local: the workers, where this process has started them.
            run: what a worker does for a trial.
        """
        self._client, self._say, self._run = client, say, run
        self._packer = Packer(directory)
        self._members = Members(client, self._packer.files, exclude, say, local)
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
                host.empty()
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
        jobs = [job_of(manifest, trial) for trial in trials]
        parcels = [self._packer.pack(job) for job in jobs]
        needed = frozenset(digest for parcel in parcels for digest in parcel.digests)
        texts = tuple(parcel.model_dump_json() for parcel in parcels)
        return Offered(trials, texts, needed, max(map(_longest, jobs)))

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
        if not host.hands:
            host.moved = time.monotonic()
        waiting = dict(zip(ids, futures, strict=True))
        host.hands.append(Hand(offered.round, waiting, offered.longest))

    def _arrived(self) -> Iterator[Observed]:
        """Results of trials that have ended; a trial that ended in an error loses its round.

        Each host is asked for its own beside what else happens, so that one that is slow holds up
        no other; none that is not heard of.
        """
        for host in list(self._known.values()):
            now = time.monotonic()
            if now - host.heard > FRESH:
                continue
            if why := _fault(host, now):
                self._fail(host, why)
                continue
            waiting = ((f, hand, name) for hand in host.hands for name, f in hand.waiting.items())
            ended = {f.key: (hand, name) for f, hand, name in waiting if f.status == "finished"}
            for key, result in self._results(host, list(ended), now).items():
                if key not in ended:
                    continue  # nobody needs it any more
                hand, name = ended[key]
                trial = next(trial for trial in hand.round if trial.id == name)
                try:
                    observed = _checked(result, trial, host.host)
                except HarnessError as error:
                    self._fail(host, str(error))
                    break
                del hand.waiting[name]
                if not hand.waiting:
                    host.hands.remove(hand)
                host.failures, host.trials, host.moved = 0, host.trials + 1, now
                yield observed

    def _results(self, host: HostState, keys: Sequence[str], now: float) -> Mapping[str, Any]:
        """What has come of a host's results, by key; the others are asked for."""
        came: dict[str, Any] = {}
        if host.coming is not None and host.coming.done():
            came, host.coming = _data(host.coming), None
        missing = [key for key in keys if key not in came]
        if came or not missing:
            host.owing = None
        if missing and host.coming is None:
            host.owing = host.owing or now
            asking = self._client.scheduler.gather(keys=missing)
            loop = self._client.loop.asyncio_loop
            host.coming = asyncio.run_coroutine_threadsafe(asking, loop)
        if host.owing is not None and now - host.owing > _RESULT:
            self._fail(host, f"its results did not come within {_RESULT:.0f} s")
        return came

    def _fail(self, host: HostState, why: str) -> None:
        """Lose a host's rounds, and give it none for a while."""
        host.rest(time.monotonic())
        self._drop(host, why)

    def _drop(self, host: HostState, why: str) -> None:
        """Lose a host's rounds."""
        rounds = f"; {len(host.hands)} of its rounds are dealt anew" if host.hands else ""
        self._say(f"{host.host.name}: {why}{rounds}")
        self._lost += [Lost(hand.round, host.host.name, why) for hand in host.hands]
        host.empty()

    def _drop_unneeded(self, needed: Callable[[Trial], bool]) -> None:
        """Wait no more for rounds that nobody needs; hosts begin none of them."""
        for host in self._known.values():
            for hand in list(host.hands):
                if not any(needed(trial) for trial in hand.round if trial.id in hand.waiting):
                    hand.forget()
                    host.hands.remove(hand)

    def _taken(self) -> list[Lost]:
        """The rounds that were lost since it was last asked."""
        taken, self._lost = self._lost, []
        return taken


_GOOD = ("pending", "finished")
"""States of a trial of which nothing is wrong. One that is lost or cancelled is not run again."""


def _fault(host: HostState, now: float) -> str:
    """Why a host loses what it has in hand; empty where it does not."""
    futures = [future for hand in host.hands for future in hand.waiting.values()]
    bad = next((future for future in futures if future.status not in _GOOD), None)
    if bad is not None:
        return _why(bad)
    hangs = host.overdue(now) and all(future.status == "pending" for future in futures)
    return "its trials do not end, timeout or not" if hangs else ""


def _why(future: Future) -> str:
    if future.status == "error":
        return one_line(future.exception(timeout=ANSWER))
    return f"a trial of it is {future.status}"


def _endless(workload: str, count: int, event: Lost) -> HarnessError:
    return HarnessError(
        f"{count} rounds of {workload} in a row were lost by their hosts, the last by "
        f"{event.host}: {event.why}; see what that workload does to a host, and go on with --resume"
    )


def _data(answer: Promise[dict[str, Any]]) -> dict[str, Any]:
    """Results by key; none where the scheduler could not get at them."""
    if answer.cancelled() or answer.exception() is not None or answer.result()["status"] != "OK":
        return {}
    data: dict[str, Any] = answer.result()["data"]
    return data


def _longest(job: Job) -> float:
    """Seconds in which a trial has ended, or never will.

    Set-up and program have a timeout each. Twice that, as another run's trial may be before it.
    """
    server = job.workload.server
    return 2 * (2 * job.limits.timeout + (server.seconds if server else 0.0)) + _SLACK


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
