"""Who takes part in a cluster, by what each worker says of itself."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
from waiting import wait_until

import harness
from harness.cluster.members import Members, one_line
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
        self._says = {f"tls://{name}:1": said for name, said in says.items()}

    def sync(self, *_: object, **__: object) -> dict[str, object]:
        workers = {a: {"last_seen": time.time(), "resources": {LANE: 1}} for a in self._says}
        return {"workers": workers}

    def submit(self, _: Callable[..., object], *, workers: list[str], **__: object) -> Any:
        said = self._says[workers[0]]

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
