"""Hosts of a run by name, and the run without some of them."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from synthetic import HOST, make_run

from harness.errors import HarnessError
from harness.run.hosts import host_names, without_hosts
from harness.run.merge import merge
from harness.run.store import Run

A, B, C = (
    HOST.model_copy(update={"id": f"{name}-id", "name": name}) for name in ("ant", "bee", "cow")
)
TWIN = B.model_copy(update={"id": "twin-id"})


def on(*hosts: object) -> Run:
    return make_run(lambda _w, _v, r: {"rss.peak": 1e8 + r}, hosts=hosts)  # type: ignore[arg-type]


@pytest.mark.parametrize("word", ["bee", "bee-id"])
def test_a_host_is_left_out_by_name_or_id(word: str) -> None:
    run = on(A, B, C)
    rest = without_hosts(replace(run, screening=run), [word])
    assert {t.host for t in rest.trials} == {"ant-id", "cow-id"}
    assert rest.excluded == ("bee",)
    assert rest.screening is not None
    assert rest.screening.trials == rest.trials
    assert without_hosts(run, []) is run


def test_several_hosts_are_left_out_each_once() -> None:
    rest = without_hosts(on(A, B, C), ["cow", "bee", "cow-id"])
    assert {t.host for t in rest.trials} == {"ant-id"}
    assert rest.excluded == ("bee", "cow")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["be"], "there is no host 'be'; did you mean 'bee'?"),
        (["zebra"], "there is no host 'zebra'; valid here: ant, bee"),
        (["bee"], "2 hosts are called 'bee'; name one by its id: bee-id, twin-id"),
        (["ant", "bee-id", "twin-id"], "every host that measured, so nothing is left to judge"),
    ],
)
def test_what_cannot_be_left_out_is_one_message(words: list[str], said: str) -> None:
    run = on(A, B, TWIN)
    with pytest.raises(HarnessError, match=re.escape(said)):
        without_hosts(run, words)


def test_hosts_that_a_run_does_not_describe_go_by_their_id() -> None:
    run = on(A, B)
    old = replace(run, manifest=run.manifest.model_copy(update={"hosts": ()}))
    assert host_names(old) == {"ant-id": "ant", "bee-id": "bee-id"}
    assert without_hosts(old, ["bee-id"]).excluded == ("bee-id",)


def test_hosts_of_a_merged_run_keep_their_names(tmp_path: Path) -> None:
    merged = merge([on(A), on(B)], tmp_path / "merged")
    assert host_names(merged) == {"ant-id": "ant", "bee-id": "bee"}
    assert len(without_hosts(merged, ["ant"]).trials) == len(on(B).trials)
