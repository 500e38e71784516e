"""Results of several hosts, of which one is slow or does not end its trials."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any, cast

import pytest
from waiting import wait_until

from harness.cluster import deal
from harness.cluster.deal import Cluster
from harness.cluster.hosts import Hand, HostState
from harness.plan.plan import Trial
from harness.run.host import describe_host
from harness.run.records import TrialRecord


class Scheduler:
    """Gets at the results of all hosts but one that is slow."""

    async def gather(self, keys: list[str]) -> dict[str, Any]:
        assert len(keys) == 1
        if keys == ["slow"]:
            await asyncio.sleep(60)
        trial = Trial(workload="w", variant=keys[0], round=1)
        record = TrialRecord(**trial.model_dump(), host="any", outcome="ok")
        return {"status": "OK", "data": {keys[0]: (record.model_dump_json(), None, None)}}


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    thread = Thread(target=made.run_forever)
    thread.start()
    yield made
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0.01), made).result()  # what was cancelled ends
    made.call_soon_threadsafe(made.stop)
    thread.join()
    made.close()


@pytest.fixture
def cluster(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> Iterator[Cluster]:
    client = SimpleNamespace(loop=SimpleNamespace(asyncio_loop=loop), scheduler=Scheduler())
    made = Cluster(cast("Any", client), tmp_path, (), lambda _: None)
    for name in ("slow", "quick"):
        add(made, name)
    yield made
    for host in made._members.hosts.values():
        host.empty()
    made.close()


def add(cluster: Cluster, name: str) -> None:
    """A host with one trial, which has ended."""
    now = time.monotonic()
    host = describe_host().model_copy(update={"name": name})
    trial = Trial(workload="w", variant=name, round=1)
    future = SimpleNamespace(key=name, status="finished", release=lambda: None)
    state = HostState(f"tls://{name}:1", host, 1, 0.0, now, moved=now)
    state.hands = [Hand((trial,), {trial.id: future}, longest=100.0)]
    cluster._members.hosts[state.address] = state


def arrived(cluster: Cluster, count: int = 1) -> list[str]:
    found: list[str] = []

    def there() -> bool:
        found.extend(observed.record.variant for observed in cluster._arrived())
        return len(found) >= count

    wait_until(there)
    return found


def test_a_slow_host_holds_up_no_other(cluster: Cluster) -> None:
    began = time.monotonic()
    assert arrived(cluster) == ["quick"]
    assert time.monotonic() - began < 5
    assert not cluster._taken()


def test_a_host_whose_results_do_not_come_loses_its_rounds(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deal, "_RESULT", 0.5)
    lost: list[tuple[str, str]] = []

    def one_lost() -> bool:
        list(cluster._arrived())
        lost.extend((event.host, event.why) for event in cluster._taken())
        return bool(lost)

    wait_until(one_lost)
    assert lost == [("slow", "its results did not come within 0 s")]
    assert not list(cluster._arrived())


def test_a_host_whose_trials_do_not_end_loses_its_rounds(cluster: Cluster) -> None:
    slow = cluster._members.hosts["tls://slow:1"]
    (future,) = slow.hands[0].waiting.values()
    future.status = "pending"
    slow.moved -= 101.0

    assert arrived(cluster) == ["quick"]
    (lost,) = cluster._taken()
    assert (lost.host, lost.round[0].variant) == ("slow", "slow")
    assert "do not end" in lost.why
    assert not slow.takes(cast("Any", SimpleNamespace(cpus=1, lanes=None)), time.monotonic())
