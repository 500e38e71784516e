"""Deal rounds to the hosts of a cluster, and take what they measured home.

Each trial is a task of Dask that only one worker may run; nothing that a worker has lost is run
again by Dask, whose own retries would tear rounds apart. A host that dies, is cut off or fails
loses its rounds, and whoever asked for them decides what takes their place.
"""

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future as Promise
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from distributed import Client, Future
from pydantic import ValidationError

import harness
from harness.cluster.hosts import FRESH, SILENT, Hand, HostState
from harness.cluster.parcels import Packer
from harness.cluster.serve import LANE
from harness.cluster.worker import Introduction, execute, introduce, lacking, receive
from harness.errors import HarnessError
from harness.golang.toolchains.resolve import Say
from harness.matrix.models import TrialsSpec
from harness.plan.plan import Trial
from harness.run.host import Host, describe_host
from harness.run.records import Manifest, TrialRecord
from harness.session.bench import Lost, Round
from harness.session.job import Observed, job_of
from harness.text.suggestions import closest
from harness.text.words import listed

_LOOK = 1.0
"""Seconds between two looks at who takes part."""
_TICK, _IDLE = 0.02, 0.2
"""Seconds between two looks at what has ended, while something is measured and while nothing is."""
_PATIENCE = 120.0
"""Seconds without any host that can measure, after which a run gives up."""
_ANSWER = 30.0
"""Seconds in which the scheduler answers, and a worker a short question."""
_CHUNK = 4 << 20
"""Bytes of a file that are sent at a time; Dask warns of tasks with more than 10 MB."""
_REST = 30.0
"""Seconds that a host which failed gets no rounds, doubled each time in a row."""
_MOST_LOST = 5
"""Rounds of a workload lost in a row, after which it is more likely the workload that does it."""
_REPORT = 15.0
"""Seconds between two lines about all hosts."""

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
        self._client, self._exclude, self._say, self._run = client, exclude, say, run
        self._packer = Packer(directory)
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="gomatrix-cluster")
        self._hosts: dict[str, HostState] = {}
        self._met: list[Host] = []
        self._turned_away: dict[str, str] = {}
        self._welcoming: dict[str, Promise[Introduction]] = {}
        self._seen: dict[str, float] = {}
        self._fetching: dict[str, Promise[frozenset[str]]] = {}
        self._lost: list[Lost] = []
        self._looked = self._reported = 0.0
        self._able = time.monotonic()

    @property
    def hosts(self) -> Sequence[Host]:
        """All hosts that took part so far."""
        return self._met

    def close(self) -> None:
        """Stop what prepares hosts."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def deal(
        self, manifest: Manifest, take: Callable[[], Round | None]
    ) -> Iterator[Observed | Lost]:
        """See ``harness.session.bench.Dealer``.

        Raises:
            HarnessError: the scheduler is gone, no host can measure, or a workload makes its hosts
                lose it again and again.
        """
        self._able = time.monotonic()
        limits, lost = manifest.matrix.trials, Counter[str]()
        offered = self._offered(manifest, take())
        try:
            while offered is not None or any(host.hands for host in self._hosts.values()):
                self._look()
                for arrived in self._arrived():
                    lost[arrived.record.workload] = 0
                    yield arrived
                for event in self._taken():
                    workload = event.round[0].workload
                    lost[workload] += 1
                    _refuse_endless(workload, lost[workload], event)
                    yield event
                offered = offered or self._offered(manifest, take())
                while offered is not None and (host := self._free_host(offered, limits)):
                    self._send(host, offered, limits)
                    offered = self._offered(manifest, take())
                busy = any(host.hands for host in self._hosts.values())
                time.sleep(_TICK if busy else _IDLE)
        finally:
            for host in self._hosts.values():
                for hand in host.hands:
                    _forget(hand)
                host.hands.clear()
            self._lost.clear()

    def _look(self) -> None:
        """Ask the scheduler who is there, at most once in a while."""
        now = time.monotonic()
        if now - self._looked < _LOOK:
            return
        self._looked = now
        workers = self._identity()
        for address, seen in workers.items():
            self._notice(address, seen, now)
        for address in self._hosts.keys() - workers.keys():
            self._drop(self._hosts.pop(address), "it has gone")
        for address in self._turned_away.keys() - workers.keys():
            del self._turned_away[address]
        for host in self._hosts.values():
            if now - host.heard > SILENT and host.hands:
                self._drop(host, f"nothing was heard of it for {SILENT:.0f} s")
        self._take_prepared(now)
        if any(now - host.heard < FRESH and now >= host.resting for host in self._hosts.values()):
            self._able = now
        elif now - self._able > _PATIENCE:
            raise HarnessError(self._why_none())
        if self._hosts and now - self._reported > _REPORT:
            self._reported = now
            self._say(f"hosts: {self._progress()}")

    def _identity(self) -> dict[str, float]:
        """When each worker was last heard of, by the scheduler's clock, by address."""
        if self._client.status != "running":
            raise HarnessError(_gone(self._client))
        try:
            found = self._client.sync(self._client.scheduler.identity, callback_timeout=_ANSWER)
        except (OSError, TimeoutError, ValueError):
            raise HarnessError(_gone(self._client)) from None
        return {
            address: float(worker["last_seen"])
            for address, worker in found["workers"].items()
            if LANE in worker["resources"]
        }

    def _notice(self, address: str, seen: float, now: float) -> None:
        """Hear of a worker; ask one that is new what it is."""
        host = self._hosts.get(address)
        if host is not None:
            host.hear(seen, now)
        elif address not in self._turned_away and address not in self._welcoming:
            self._seen[address] = seen
            self._welcoming[address] = self._threads.submit(self._meet, address)

    def _meet(self, address: str) -> Introduction:
        text = self._ask(address, introduce)
        return Introduction.model_validate_json(text)

    def _ask(self, address: str, function: Callable[..., object], *words: object) -> str:
        """Have a worker call a function, and wait for what it returns."""
        future = self._client.submit(
            function, *words, workers=[address], allow_other_workers=False, pure=False,
            key=f"gomatrix-{secrets.token_hex(8)}", priority=10,
        )  # fmt: skip
        answer: str = future.result(timeout=_ANSWER)
        return answer

    def _take_prepared(self, now: float) -> None:
        """Let hosts take part that have introduced themselves, or have the files they lacked."""
        for address in [a for a, promise in self._welcoming.items() if promise.done()]:
            promise = self._welcoming.pop(address)
            error = promise.exception()
            reason = str(error or "") or type(error).__name__
            if error is None:
                reason = self._objection(promise.result())
            if error is not None or reason:
                self._turned_away[address] = reason
                self._say(f"{address} takes no part: {reason}")
            else:
                self._admit(address, promise.result(), now)
        for address in [a for a, promise in self._fetching.items() if promise.done()]:
            fetched, host = self._fetching.pop(address), self._hosts.get(address)
            if host is None:
                continue
            host.fetching = False
            if (error := fetched.exception()) is None:
                host.files |= fetched.result()
            else:
                self._fail(host, str(error) or type(error).__name__)

    def _admit(self, address: str, introduced: Introduction, now: float) -> None:
        found, seen = introduced.host, self._seen.pop(address)
        self._hosts[address] = HostState(address, found, introduced.cpus, seen, now)
        known = [host.id for host in self._met]
        if found.id not in known:
            self._met.append(found)
        again = "is back" if found.id in known else "takes part"
        self._say(f"{found.name} ({introduced.cpus} CPUs, {address}) {again}")

    def _objection(self, found: Introduction) -> str:
        """Why a worker cannot take part; empty if it can."""
        host, here = found.host, describe_host()
        if found.harness != harness.__version__:
            return f"it has harness {found.harness}, and this is {harness.__version__}"
        if host.machine != here.machine:
            return f"it is {host.machine}, and programs are built for {here.machine}"
        if host.name in self._exclude or host.id in self._exclude:
            return f"{host.name} is excluded"
        if any(other.host.id == host.id for other in self._hosts.values()):
            return f"{host.name} takes part already; give each worker a --name of its own"
        return ""

    def _why_none(self) -> str:
        reasons = [*self._turned_away.values(), *(
            f"{host.host.name} failed" for host in self._hosts.values()
        )]  # fmt: skip
        why = f" ({listed(reasons)})" if reasons else ""
        misspelt = [
            f"; --exclude {name}: did you mean {near}?"
            for name in self._exclude
            if (near := closest(name, [host.name for host in self._met])) and near != name
        ]
        return (
            f"no host of the cluster could measure for {_PATIENCE:.0f} s{why}{''.join(misspelt)}; "
            f"start one with gomatrix worker {self._client.scheduler.address}, and go on with "
            "--resume"
        )

    def _progress(self) -> str:
        """How far each host is."""
        return ", ".join(
            f"{host.host.name} {host.trials} trials, {host.waiting} in hand"
            for host in sorted(self._hosts.values(), key=lambda host: host.host.name)
        )

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
        for host in self._hosts.values():
            if not host.takes(limits, now):
                continue
            if offered.files <= host.files:
                ready.append(host)
            else:
                host.fetching = True
                lack = offered.files - host.files
                self._fetching[host.address] = self._threads.submit(self._ship, host.address, lack)
        return min(ready, key=lambda h: h.waiting / h.lanes(limits), default=None)

    def _ship(self, address: str, digests: frozenset[str]) -> frozenset[str]:
        """Send a host the files that it lacks; each goes there once."""
        for digest in self._ask(address, lacking, sorted(digests)):
            path = self._packer.files[digest]
            size, offset = path.stat().st_size, 0
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    self._ask(address, receive, digest, offset, size, chunk)
                    offset += len(chunk)
        return digests

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
        ended = [entry for host in list(self._hosts.values()) for entry in self._ended(host)]
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
        host.resting = time.monotonic() + _REST * 2 ** min(host.failures, 5)
        host.failures += 1
        host.files.clear()  # what it has is asked anew
        self._drop(host, why)

    def _drop(self, host: HostState, why: str) -> None:
        """Lose a host's rounds."""
        rounds = f"; {len(host.hands)} of its rounds are dealt anew" if host.hands else ""
        self._say(f"{host.host.name}: {why}{rounds}")
        for hand in host.hands:
            _forget(hand)
            self._lost.append(Lost(hand.round, host.host.name, why))
        host.hands.clear()

    def _taken(self) -> list[Lost]:
        """The rounds that were lost since it was last asked."""
        taken, self._lost = self._lost, []
        return taken


_GOOD = ("pending", "finished")
"""States of a trial of which nothing is wrong. One that is lost or cancelled is not run again."""


def _why(future: Future) -> str:
    if future.status == "error":
        error = future.exception(timeout=_ANSWER)
        return str(error) or type(error).__name__
    return f"a trial of it is {future.status}"


def _refuse_endless(workload: str, count: int, event: Lost) -> None:
    if count >= _MOST_LOST:
        raise HarnessError(
            f"{count} rounds of {workload} in a row were lost by their hosts, the last by "
            f"{event.host}: {event.why}; see what that workload does to a host, and go on with "
            "--resume"
        )


def _forget(hand: Hand) -> None:
    """Let Dask drop trials; what a host still runs of them is not taken home."""
    for future in hand.waiting.values():
        future.release()
    hand.waiting.clear()


def _gone(client: Client) -> str:
    address = getattr(client.scheduler, "address", "")
    return (
        f"the scheduler {address} does not answer any more; what was measured is kept: go on with "
        "--resume, with this cluster, another or none"
    )


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
    own = {"host": host.id, "series": None, "profile": None}
    return Observed(record.model_copy(update=own), series, profile)
