"""Who takes part in a cluster, by what each worker says of itself."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from waiting import wait_until

import harness
from harness.cluster import members as module
from harness.cluster.hosts import one_line
from harness.cluster.members import Members
from harness.cluster.serve import LANE
from harness.run.host import describe_host

WELL, OTHER = "tls://well:1", "tls://other:1"


def introduction(**differently: object) -> str:
    host = describe_host().model_dump()
    host |= cast("dict[str, Any]", differently.pop("host", {}))
    return json.dumps({"host": host, "cpus": 2, "harness": harness.__version__} | differently)


class Workers:
    """A client of a cluster whose workers say these things, or raise them."""

    status, scheduler = "running", SimpleNamespace(address="tls://here:1", identity=None)

    def __init__(self, **says: str | Exception) -> None:
        self.resources = {LANE: 1}
        self.says = {f"tls://{name}:1": said for name, said in says.items()}

    def sync(self, *_: object, **__: object) -> dict[str, object]:
        workers = {a: {"last_seen": time.time(), "resources": self.resources} for a in self.says}
        return {"workers": workers}

    def submit(self, _: Callable[..., object], *, workers: list[str], **__: object) -> Any:
        said = self.says[workers[0]]

        def result(**_: object) -> str:
            if isinstance(said, Exception):
                raise said
            return said

        return SimpleNamespace(result=result)


@contextmanager
def members(**says: str | Exception) -> Iterator[tuple[Members, list[str]]]:
    told: list[str] = []
    there = Members(cast("Any", Workers(**says)), {}, (), told.append)

    def heard_of_all() -> bool:
        there.look()
        return len(told) == len(says)

    wait_until(heard_of_all)
    yield there, told
    there.close()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (introduction(cpus=0), "cpus: Input should be greater than or equal to 1"),
        (introduction(cpus=-3), "cpus: Input should be greater than or equal to 1"),
        (introduction(cpus=10**6), "cpus: Input should be less than or equal to 8192"),
        (
            introduction(host={"name": ""}),
            "as it says: host: its name or id cannot be that of a host",
        ),
        (introduction(host={"name": "a" * 101}), "its name or id cannot be that of a host"),
        (introduction(host={"name": "a\n::error::b"}), "its name or id cannot be that of a host"),
        (introduction(host={"id": "\x1b[31m"}), "its name or id cannot be that of a host"),
        (introduction(host={"memory": 1 << 70}), "a whole number of more than 63 bits"),
        (introduction(host={"kernel": "a" * 70_000}), "is cut short"),
        (introduction(harness="0.0"), "it has another version of gomatrix (0.0)"),
        (json.dumps({"harness": "99", "lanes": 1}), "it has another version of gomatrix (99)"),
        ("[]", "it has another version of gomatrix (None)"),
        ("no JSON", "is no JSON"),
        (RuntimeError("a\n::error::b" + "c" * 1000), "a ::error::bccc"),
    ],
)
def test_a_host_that_cannot_be_as_it_says_takes_no_part(said: str | Exception, why: str) -> None:
    with members(other=said, well=introduction()) as (there, told):
        assert list(there.hosts) == [WELL]
    (line,) = [line for line in told if "takes no part" in line]
    assert line.startswith(f"{OTHER} takes no part: ")
    assert why in line
    assert "\n" not in line
    assert len(line) < 400


def test_what_a_worker_says_is_one_line_that_is_seen() -> None:
    assert one_line(ValueError(" a\r\n\t::error::\x1b[1mb\n")) == r"a ::error::\x1b[1mb"
    assert one_line(TimeoutError()) == "TimeoutError"
    assert one_line("x" * 1000) == "x" * 300 + "…"


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at once, and wait for 100 s."""
    monkeypatch.setattr(module, "_LOOK", 0.0)
    monkeypatch.setattr(module, "_SAY", 0.2)
    monkeypatch.setattr(module, "_PATIENCE", 100.0)
    monkeypatch.setattr(module, "_REPORT", 1e9)


def until_told(there: Members, told: list[str], beginning: str) -> None:
    def heard() -> bool:
        there.look()
        return any(line.startswith(beginning) for line in told)

    wait_until(heard, 20)
    for _ in range(3):  # it is said once
        there.look()


@pytest.mark.usefixtures("quick")
def test_what_is_waited_for_is_said_once_and_that_it_came(told: list[str]) -> None:
    workers = Workers()
    there = Members(cast("Any", workers), {}, (), told.append)
    until_told(there, told, "no worker")
    end = datetime.now().astimezone() + timedelta(seconds=100)
    (line,) = told
    start = "no worker is connected to tls://here:1; waiting for one until "
    said = re.fullmatch(f"{start}(.*) \\(start one with gomatrix worker tls://here:1\\)", line)
    assert said is not None
    until = datetime.combine(end, datetime.strptime(said[1], "%H:%M:%S").time())  # noqa: DTZ007 - a time of day
    assert abs((until - end.replace(tzinfo=None)).total_seconds()) < 30

    workers.says[WELL] = introduction(host={"name": "well"})
    until_told(there, told, "going on")
    assert told[2] == "going on with well"
    assert len(told) == 3
    told.clear()
    workers.says.clear()
    until_told(there, told, "no worker")
    assert len(told) == 1
    there.close()


@pytest.mark.usefixtures("quick")
def test_what_is_waited_for_names_workers_that_are_of_no_use(told: list[str]) -> None:
    workers = Workers(other=introduction(harness="0.0"))
    there = Members(cast("Any", workers), {}, (), told.append)
    until_told(there, told, "no host can measure (it has another version")
    there.close()
    workers.resources = {}
    there = Members(cast("Any", workers), {}, (), told.append)
    until_told(there, told, "no host can measure (workers not started with gomatrix worker: 1)")
    there.close()


@pytest.mark.usefixtures("quick")
def test_a_host_that_failed_is_waited_for(told: list[str]) -> None:
    there = Members(cast("Any", Workers(well=introduction())), {}, (), told.append)
    until_told(there, told, describe_host().name)
    (host,) = there.hosts.values()
    host.resting = time.monotonic() + 1
    until_told(there, told, "no host can measure")
    assert f"({host.host.name} failed); waiting for one until" in told[-1]
    assert "start one" not in told[-1]
    until_told(there, told, f"going on with {host.host.name}")
    there.close()


@pytest.mark.usefixtures("quick")
def test_an_unknown_host_to_exclude_is_told_as_soon_as_hosts_are_known(told: list[str]) -> None:
    workers = Workers(well=introduction(host={"name": "well"}))
    there = Members(cast("Any", workers), {}, ("wel", "well"), told.append)
    until_told(there, told, "--exclude wel: no host of that name is there yet")
    there.close()
    assert told[0] == "tls://well:1 takes no part: well is excluded"
    assert told[2:] == ["--exclude wel: no host of that name came"]

    told.clear()
    there = Members(cast("Any", workers), {}, ("wel",), told.append)
    until_told(there, told, "--exclude wel: no host of that name is there yet")
    there.close()
    assert told[1:] == [
        "--exclude wel: no host of that name is there yet; did you mean well?",
        "--exclude wel: no host of that name came; did you mean well?",
    ]
