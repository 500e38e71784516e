"""Who takes part in a cluster: workers that come, introduce themselves, get files, and go."""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future as Promise
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from distributed import Client
from pydantic import ValidationError

import harness
from harness.cluster.hosts import SILENT, HostState, one_line
from harness.cluster.local import LocalWorkers
from harness.cluster.serve import LANE
from harness.cluster.worker import Introduction, introduce, lacking, receive
from harness.errors import HarnessError
from harness.files.document import parse_json
from harness.golang.toolchains.resolve import Say
from harness.run.host import Host, describe_host
from harness.text.suggestions import closest
from harness.text.words import listed

_LOOK = 1.0
"""Seconds between two looks at who takes part."""
_PATIENCE = 120.0
"""Seconds without any host that can measure, after which a run gives up."""
_SAY = 3.0
"""Seconds without one after which it is said what a run waits for."""
ANSWER = 30.0
"""Seconds in which the scheduler answers, and a worker a short question."""
_INTRODUCTION_BYTES, _INTRODUCTION_VALUES = 64 << 10, 1000
_CHUNK = 4 << 20
"""Bytes of a file that are sent at a time; Dask warns of tasks with more than 10 MB."""
_REPORT = 15.0
"""Seconds between two lines about all hosts."""

Departure = tuple[HostState, str]
"""A host that loses its rounds, and why."""


class Members:
    """The workers of a cluster."""

    def __init__(
        self, client: Client, files: Mapping[str, Path], exclude: Sequence[str], say: Say,
        local: LocalWorkers | None = None,
    ) -> None:  # fmt: skip
        """Know none yet.

        Args:
            client: of Dask, connected.
            files: what may be sent to hosts, by sha256.
            exclude: names or ids of hosts that take no part.
            say: told who comes and goes.
            local: the workers, where this process has started them.
        """
        self.hosts: dict[str, HostState] = {}
        """Those that take part now, by Dask's address."""
        self.met: list[Host] = []
        """All that took part so far."""
        self._client, self._files, self._exclude, self._say = client, files, exclude, say
        self._local = local
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="gomatrix-cluster")
        self._excluded: set[str] = set()
        self._turned_away: dict[str, str] = {}
        self._welcoming: dict[str, Promise[Introduction]] = {}
        self._seen: dict[str, float] = {}
        self._fetching: dict[str, Promise[frozenset[str]]] = {}
        self._own = secrets.token_hex(32)
        self._strangers = 0
        self._looked = self._reported = 0.0
        self._able = time.monotonic()
        self._waiting = self._warned = False

    def close(self) -> None:
        """Stop what prepares hosts; say which hosts were to be left out and never came."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._looked:
            self._warn_of_unmet("came")

    def begin(self) -> None:
        """Wait for a host from now on, as long as is reasonable."""
        self._able = time.monotonic()

    def look(self) -> list[Departure]:
        """See who has got ready; ask the scheduler who is there, at most once in a while.

        Raises:
            HarnessError: the scheduler is gone, or for long no host could measure.
        """
        now = time.monotonic()
        self._welcome(now)
        departures = self._take_supplied(now)
        if now - self._looked < _LOOK:
            return departures
        self._looked = now
        self._look_at_own()
        workers = self._identity()
        for address, seen in workers.items():
            self._notice(address, seen, now)
        for address in self._turned_away.keys() - workers.keys():
            del self._turned_away[address]
        gone = self.hosts.keys() - workers.keys()
        departures += [(self.hosts.pop(address), "it has gone") for address in gone]
        silent = f"nothing was heard of it for {SILENT:.0f} s"
        departures += [
            (host, silent) for host in self.hosts.values()
            if now - host.heard > SILENT and host.hands
        ]  # fmt: skip
        if (self.hosts or self._turned_away) and not (self._welcoming or self._warned):
            self._warned = True
            self._warn_of_unmet("is there yet")
        self._require_one(now)
        return departures

    def supply(self, host: HostState, digests: frozenset[str]) -> None:
        """Send a host files, beside what else happens; it gets no rounds until it has them."""
        host.fetching = True
        self._fetching[host.address] = self._threads.submit(self._ship, host.address, digests)

    def _ship(self, address: str, digests: frozenset[str]) -> frozenset[str]:
        """Send a host the files that it lacks; each goes there once."""
        for digest in self._ask(address, lacking, sorted(digests)):
            path = self._files[digest]
            size, offset = path.stat().st_size, 0
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    self._ask(address, receive, self._own, digest, offset, size, chunk)
                    offset += len(chunk)
        return digests

    def _look_at_own(self) -> None:
        """Say which of this process's own workers have ended; give up once all have."""
        over = self._local.ended() if self._local is not None else []
        if over and not self._local:
            raise HarnessError(f"{'; '.join(over)}; no worker is left: go on with --resume")
        for line in over:
            self._say(line)

    def _identity(self) -> dict[str, float]:
        """When each worker was last heard of, by the scheduler's clock, by address."""
        if self._client.status != "running":
            raise HarnessError(_gone(self._client))
        try:
            found = self._client.sync(self._client.scheduler.identity, callback_timeout=ANSWER)
        except (OSError, TimeoutError, ValueError):
            raise HarnessError(_gone(self._client)) from None
        seen = {
            address: float(worker["last_seen"])
            for address, worker in found["workers"].items()
            if LANE in worker["resources"]
        }
        self._strangers = len(found["workers"]) - len(seen)
        return seen

    def _notice(self, address: str, seen: float, now: float) -> None:
        """Hear of a worker; ask one that is new what it is."""
        host = self.hosts.get(address)
        if host is not None:
            host.hear(seen, now)
        elif address not in self._turned_away and address not in self._welcoming:
            self._seen[address] = seen
            self._welcoming[address] = self._threads.submit(self._meet, address)

    def _meet(self, address: str) -> Introduction:
        return _introduced(self._ask(address, introduce))

    def _ask(self, address: str, function: Callable[..., object], *words: object) -> str:
        """Have a worker call a function, and wait for what it returns."""
        future = self._client.submit(
            function, *words, workers=[address], allow_other_workers=False, pure=False,
            key=f"gomatrix-{secrets.token_hex(8)}", priority=10,
        )  # fmt: skip
        answer: str = future.result(timeout=ANSWER)
        return answer

    def _welcome(self, now: float) -> None:
        """Let hosts take part that have introduced themselves."""
        for address in [a for a, promise in self._welcoming.items() if promise.done()]:
            promise = self._welcoming.pop(address)
            error = promise.exception()
            reason = one_line(error) if error else self._objection(promise.result())
            if reason:
                self._turned_away[address] = reason
                self._say(f"{address} takes no part: {reason}")
            else:
                self._admit(address, promise.result(), now)

    def _take_supplied(self, now: float) -> list[Departure]:
        """Let hosts get rounds that have the files which they lacked."""
        departures = []
        for address in [a for a, promise in self._fetching.items() if promise.done()]:
            fetched, host = self._fetching.pop(address), self.hosts.get(address)
            if host is None:
                continue
            host.fetching = False
            if (error := fetched.exception()) is None:
                host.files |= fetched.result()
            else:
                host.rest(now)
                departures.append((host, one_line(error)))
        return departures

    def _require_one(self, now: float) -> None:
        """Give up where for long no host could measure; say in between how far each is."""
        able = [host.host.name for host in self.hosts.values() if host.able(now)]
        if able:
            if self._waiting:
                self._say(f"going on with {listed(able)}")
            self._able, self._waiting = now, False
        elif now - self._able > _PATIENCE:
            raise HarnessError(self._why_none(now))
        elif now - self._able > _SAY and not self._waiting and not self._welcoming:
            self._waiting = True
            self._say(self._what_is_waited_for(now))
        if self.hosts and now - self._reported > _REPORT:
            self._reported = now
            self._say(f"hosts: {self._progress()}")

    def _admit(self, address: str, introduced: Introduction, now: float) -> None:
        found, seen = introduced.host, self._seen.pop(address)
        self.hosts[address] = HostState(address, found, introduced.cpus, seen, now)
        known = [host.id for host in self.met]
        if found.id not in known:
            self.met.append(found)
        again = "is back" if found.id in known else "takes part"
        self._say(f"{found.name} ({introduced.cpus} CPUs, {address}) {again}")

    def _objection(self, found: Introduction) -> str:
        """Why a worker cannot take part; empty if it can."""
        host, here = found.host, describe_host()
        if host.machine != here.machine:
            return f"it is {host.machine}, and programs are built for {here.machine}"
        if named := {host.name, host.id}.intersection(self._exclude):
            self._excluded |= named
            return f"{host.name} is excluded"
        if any(other.host.id == host.id for other in self.hosts.values()):
            return f"{host.name} takes part already; give each worker a --name of its own"
        return ""

    def _what_is_waited_for(self, now: float) -> str:
        left = self._able + _PATIENCE - now
        until = time.strftime("%H:%M:%S", time.localtime(time.time() + left))
        why = self._reasons(now)
        none = f"no host can measure{why}"
        if not why:
            none = f"no worker is connected to {self._client.scheduler.address}"
        how = "" if self.hosts else f" ({self._remedy})"
        return f"{none}; waiting for one until {until}{how}"

    def _why_none(self, now: float) -> str:
        return (
            f"no host of the cluster could measure for {_PATIENCE:.0f} s{self._reasons(now)}; "
            f"{self._remedy}, and go on with --resume"
        )

    @property
    def _remedy(self) -> str:
        return f"start one with gomatrix worker {self._client.scheduler.address}"

    def _reasons(self, now: float) -> str:
        """Why each worker that is there cannot measure, in brackets; empty where none is."""
        known = [
            f"{host.host.name} failed" if now < host.resting
            else f"nothing is heard of {host.host.name}"
            for host in self.hosts.values()
        ]  # fmt: skip
        others = [f"workers not started with gomatrix worker: {self._strangers}"]
        found = [*self._turned_away.values(), *known, *(others if self._strangers else [])]
        return f" ({listed(found)})" if found else ""

    def _warn_of_unmet(self, what: str) -> None:
        """Tell which hosts to exclude are none; their names may be misspelt."""
        for name in self._exclude:
            if name not in self._excluded:
                near = closest(name, [host.name for host in self.met])
                hint = f"; did you mean {near}?" if near else ""
                self._say(f"--exclude {name}: no host of that name {what}{hint}")

    def _progress(self) -> str:
        """How far each host is."""
        return ", ".join(
            f"{host.host.name} {host.trials} trials, {host.waiting} in hand"
            for host in sorted(self.hosts.values(), key=lambda host: host.host.name)
        )


def _introduced(text: str) -> Introduction:
    """What a worker says of itself.

    Raises:
        HarnessError: it has another version of gomatrix, or is nothing that can measure.
    """
    data = str(text)[:_INTRODUCTION_BYTES].encode(errors="replace")
    said = parse_json(
        data, "its introduction", values=_INTRODUCTION_VALUES, instead="install the same version"
    )
    version = said.get("harness") if isinstance(said, dict) else None
    if version != harness.__version__:
        raise HarnessError(
            f"it has another version of gomatrix ({one_line(str(version))}), and this is "
            f"{harness.__version__}"
        )
    try:
        return Introduction.model_validate(said)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field, why = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
        raise HarnessError(f"it cannot be as it says: {field}: {why}") from None


def _gone(client: Client) -> str:
    address = getattr(client.scheduler, "address", "")
    return (
        f"the scheduler {address} does not answer any more; what was measured is kept: go on with "
        "--resume, with this cluster, another or none"
    )
