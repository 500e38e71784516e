"""Heap profiles of a run that may come from a stranger: nothing is executed, all has a limit."""

import gzip
import re
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from profiles import field, profile, varint
from synthetic import make_run

from harness.cli import main
from harness.files.unpack import Allowance, TooLargeError, gunzip
from harness.golang.records import ToolchainRecord
from harness.profiles import merge as merge_module
from harness.profiles.encode import Frame, Record, Records, Sampled, encode_profile
from harness.profiles.merge import merge, top
from harness.profiles.pages import PAGE, Pages
from harness.profiles.pprof import parse_heap, parse_profile
from harness.run import contents
from harness.run.series import write_series
from harness.run.store import MANIFEST, Run, append_trial, write_json

MIB = 1 << 20
STACK = field(1, varint(2) + varint(1))
BOMB = gzip.compress(bytes(200 * MIB), compresslevel=9)


def records(size: int, *, extra: int = 0) -> bytes:
    """A profile as the harness writes it: main.fill holds a size, and main.main the extra."""
    frames = (Frame(16, "main.fill", "/src/main.go", 7), Frame(32, "main.main", "/src/main.go", 3))
    found = [Record((1, size), (1, size), (0, 1))]
    if extra:
        found.append(Record((1, extra), (1, extra), (1,)))
    return encode_profile(Records(rate=1, records=tuple(found), frames=frames))


def stored(directory: Path, profiles: dict[str, list[bytes]], goroot: Path = Path("/go")) -> Path:
    """A run directory whose variants have these heap profiles."""
    run = make_run(lambda _w, v, r: {"rss.peak": (1.5e8 if v == "go1.24.3" else 1e8) + 1e4 * r})
    (directory / "profiles").mkdir(parents=True)
    toolchains = tuple(
        ToolchainRecord(**{**t.model_dump(), "goroot": str(goroot)})
        for t in run.manifest.toolchains
    )
    write_json(directory / MANIFEST, run.manifest.model_copy(update={"toolchains": toolchains}))
    for trial in run.trials:
        own = profiles.get(trial.variant, [])
        name = None
        if trial.round <= len(own):
            name = f"profiles/{trial.variant}-{trial.round}.pb.gz"
            (directory / name).write_bytes(own[trial.round - 1])
        append_trial(directory, trial.model_copy(update={"profile": name}))
    return directory


@contextmanager
def little_memory(limit: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


def call(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    return done.exit_code, done.output


def test_gomatrix_profile_executes_nothing_that_a_run_names(tmp_path: Path) -> None:
    goroot, mark = tmp_path / "stranger", tmp_path / "executed"
    (goroot / "bin").mkdir(parents=True)
    (goroot / "bin" / "go").write_text(f"#!/bin/sh\ntouch {mark}\n")
    (goroot / "bin" / "go").chmod(0o755)
    both = {"go1.24.3": [records(48 * MIB)] * 2, "go1.23.9": [records(16 * MIB)]}
    run = stored(tmp_path / "run", both, goroot)
    status, text = call("profile", run, "large-buffers", "go1.24.3", "go1.23.9",
                        "--merged", tmp_path / "merged.pb.gz")  # fmt: skip
    assert (status, mark.exists()) == (0, False), text
    assert [line.split() for line in text.splitlines()[1:3]] == [
        ["33,554,432", "33,554,432", "main.fill"], ["0", "33,554,432", "main.main"],
    ]  # fmt: skip
    assert sum(parse_heap((tmp_path / "merged.pb.gz").read_bytes()).values()) == 96 * MIB


def test_a_profile_that_unpacks_to_gigabytes_is_refused_before_it_does(tmp_path: Path) -> None:
    run = stored(tmp_path / "run", {"go1.24.3": [BOMB], "go1.23.9": [records(MIB)] * 6})
    with little_memory(100 * MIB):
        status, text = call("profile", run, "large-buffers", "go1.24.3")
    assert status == 2
    assert "unpacks to more than 32 MiB" in text
    assert "go1.24.3-1.pb.gz" in text


def test_such_a_profile_counts_as_absent_in_verdict_and_report(tmp_path: Path) -> None:
    run = stored(tmp_path / "run", {"go1.24.3": [BOMB], "go1.23.9": [BOMB]})
    status, text = call("verdict", run)
    assert status == 0
    assert "rss.peak is 50 % higher" in text
    assert "unreadable profiles: 2 heap profiles cannot be read and count as absent" in text
    status, text = call("report", run, "-o", tmp_path / "report.html")
    assert (status, (tmp_path / "report.html").exists()) == (0, True), text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (field(2, field(2, bytes(2_100_000))), "numbers"),
        (field(6, b"x" * 70_000), "a name of more than 64 KiB"),
        (b"\x08" + b"\xff" * MIB, "more than 64 bits"),
        (field(6, "") + field(4, field(1, 1)) + field(2, field(1, b"\1" * 2000)), "1024 frames"),
    ],
)  # fmt: skip
def test_everything_that_a_profile_counts_has_a_limit(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_profile(gzip.compress(content))


def test_profiles_of_a_run_have_a_limit_together() -> None:
    """Each may be as much as one may be, and a run can have thousands of them."""
    one = profile([(field(1, b"\1\2" * 500), 1)] * 10)
    allowance = Allowance(numbers=25_000, size=1 << 20)
    assert parse_profile(one, allowance) == parse_profile(one)
    with pytest.raises(ValueError, match="as much as is read of a run"):
        parse_profile(one, allowance)
    little = Allowance(numbers=25_000, size=1000)
    for _ in range(2):
        with pytest.raises(ValueError, match="as much as is read of a run"):
            parse_profile(one, little)
    bombs = Allowance(numbers=25_000, size=40 << 20)
    for message in ("unpacks to more than 32 MiB", *["as much as is read of a run"] * 2):
        with pytest.raises(ValueError, match=message):
            parse_profile(BOMB, bombs)


def test_what_is_beyond_it_counts_as_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "whole_run", lambda: Allowance(numbers=100, size=1 << 20))
    run = stored(tmp_path / "run", {"go1.24.3": [records(MIB)] * 6, "go1.23.9": [records(MIB)] * 6})
    status, text = call("verdict", run)
    assert status == 0
    assert re.search(
        r"unreadable profiles: \d+ heap profiles cannot be read and count as abs", text
    )
    monkeypatch.setattr(merge_module, "whole_run", lambda: Allowance(numbers=100, size=1 << 20))
    status, text = call("profile", run, "large-buffers", "go1.24.3")
    assert status == 2
    assert "the profiles before it are as much as is read of a run" in text


def test_series_of_a_run_have_a_limit_together(tmp_path: Path) -> None:
    run = Run.load(stored(tmp_path / "run", {}))
    write_series(run.path, "series/x.json", [(i / 10, i) for i in range(10)])
    reading = contents.Reading(run)
    trial = run.trials[0].model_copy(update={"series": "series/x.json"})
    assert len(reading.series(trial)) == 10
    reading._series.spend(contents._POINTS - 15, 0)
    assert len(reading.series(trial)) == 10
    assert reading.series(trial) == []


def test_what_unpacks_has_one_limit() -> None:
    packed = gzip.compress(bytes(1000))
    assert gunzip(packed, 1000) == bytes(1000)
    assert gunzip(packed + packed + b"\0", 2000) == bytes(2000)
    with pytest.raises(TooLargeError):
        gunzip(packed, 999)
    with pytest.raises(TooLargeError):
        gunzip(packed + packed, 1999)
    for damaged in (packed[:-1], packed + b"x", packed[:15], gzip.compress(b"") * 101):
        with pytest.raises(ValueError, match=r".") as raised:
            gunzip(damaged, 2000)
        assert not isinstance(raised.value, TooLargeError)


def test_profiles_are_added_up_and_compared_per_trial(tmp_path: Path) -> None:
    paths = []
    for number, data in enumerate([records(30), records(10, extra=4), records(5)]):
        paths.append(tmp_path / f"{number}.pb.gz")
        paths[-1].write_bytes(data)
    added = merge(paths[:2])
    assert parse_heap(added) == {("main.main", "main.fill"): 40, ("main.main",): 4}
    assert parse_heap(added, "alloc_objects")[("main.main", "main.fill")] == 2
    assert {s.stack[0].line for s in parse_profile(added).samples} == {7, 3}
    found = [(h.function, h.flat, h.cumulative) for h in top(paths[:2], paths[2:])]
    assert found == [("main.fill", 15, 15), ("main.main", 2, 17)]
    assert len(top(paths, count=1)) == 1


def test_what_is_resident_is_added_up_where_all_profiles_tell(tmp_path: Path) -> None:
    frames = (Frame(16, "main.fill", "/src/main.go", 7),)
    found = Records(
        rate=1, frames=frames, records=(Record((4, 4 * PAGE), (0, 0), (0,)),),
        objects=(Sampled(PAGE, (0,), (PAGE, 2 * PAGE, 3 * PAGE)),),
    )  # fmt: skip
    written = b"".join(n.to_bytes(8, "little") for n in (PAGE, 3)) + bytes([1, 2, 0])
    full = encode_profile(found, Pages.parse(written))
    # what main alone held is not in use after it, and is told of all the same
    assert parse_heap(full, "inuse_space") == {("main.fill",): 0}
    assert parse_heap(full, "resident_space") == {("main.fill",): 2 * PAGE}
    assert parse_heap(full, "zero_space") == {("main.fill",): PAGE}
    paths = [tmp_path / f"{number}.pb.gz" for number in range(3)]
    for path, data in zip(paths, (full, full, records(30)), strict=True):
        path.write_bytes(data)
    assert parse_heap(merge(paths[:2]), "zero_space") == {("main.fill",): 2 * PAGE}
    for order in (paths, paths[::-1]):
        added = parse_profile(merge(order))
        assert added.kinds == ("alloc_objects", "alloc_space", "inuse_objects", "inuse_space")
        assert sum(sample.values[1] for sample in added.samples) == 8 * PAGE + 30


def test_recursion_is_counted_once(tmp_path: Path) -> None:
    path = tmp_path / "heap.pb.gz"
    path.write_bytes(profile([(field(1, varint(2) + varint(2) + varint(1)), 8)]))
    found = {holder.function: (holder.flat, holder.cumulative) for holder in top([path])}
    assert found == {"main.fill": (8, 8), "main.main": (0, 8)}


def test_profiles_in_which_nothing_is_live_are_not_missing_ones(tmp_path: Path) -> None:
    empty = encode_profile(Records(rate=1, records=(), frames=()))
    run = stored(tmp_path, {"go1.24.3": [empty], "go1.23.9": [records(100)]})
    status, output = call("profile", run, "large-buffers", "go1.24.3")
    assert (status, output.strip()) == (0, "the profiles can be read, but nothing in them is live")
    status, output = call("profile", run, "large-buffers", "go1.23.9", "go1.24.3")
    assert status == 0
    assert "main." in output
