"""Heap profiles from the records of the memory profiler."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.profiles.encode import (
    Frame,
    Record,
    Records,
    Sampled,
    encode_profile,
    parse_records,
)
from harness.profiles.pages import Pages
from harness.profiles.pprof import parse_heap

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
COUNTS = st.tuples(st.integers(1, 10**6), st.integers(1, 10**4)).map(lambda p: (p[0], p[0] * p[1]))
ADDRESSES = st.integers(0, 2**64 - 1)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=4,
)
RECORDS = b"""\
[524288]
[3,300,2,200,[0,1,2]]
[1,1048576,1,1048576,[2]]
[5,50,0,0,[0]]
[112,[0,1,2],[824634253312,18446744073709551504]]
[18446744073709,"runtime.mallocgc","malloc.go",7]
[4198400,"main.fill","a \\"b\\".go",12]
[4198500,"main.main","main.go",-1]
"""


def test_records_become_a_profile() -> None:
    found = parse_records(RECORDS)
    assert found.rate == 524288
    assert found.records[0] == Record((3, 300), (2, 200), (0, 1, 2))
    assert found.frames[1] == Frame(4198400, "main.fill", 'a "b".go', 12)
    assert found.objects == (Sampled(112, (0, 1, 2), (824634253312, 2**64 - 112)),)
    held = parse_heap(encode_profile(found))
    # a sample of s bytes is seen with probability 1 - exp(-s / rate)
    assert held == {
        ("main.main", "main.fill"): int(200 / (1 - math.exp(-100 / 524288))),
        ("main.main",): int((1 << 20) / (1 - math.exp(-2))),
        ("runtime.mallocgc",): 0,
    }
    objects = parse_heap(encode_profile(found), "alloc_objects")
    assert objects["runtime.mallocgc",] == int(5 / (1 - math.exp(-10 / 524288)))


def test_a_name_may_hold_what_unicode_calls_a_line_break() -> None:
    records = '[1]\n[1,"main.f","x\u2028\x85.go",3]\n'
    assert parse_records(records.encode()).frames == (Frame(1, "main.f", "x\u2028\x85.go", 3),)


@pytest.mark.parametrize("cut", [*range(1, 8), *range(10, len(RECORDS) - 1)])
def test_records_cut_short_are_refused(cut: int) -> None:
    with pytest.raises(ValueError, match="the records"):
        parse_records(RECORDS[:cut])


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"{}", b"[1]\n[]", b"[1]\n[1,2]", b'["x"]', b"\xff", b"[1]\n[1,1,1,1,[-1]]",
     b'[1]\n[1,1,1,"x",[]]', b"[1]\n[1,1,1,1,[0]]\n[1,2,3,4]", b"[1]\n[8,[],[-1]]",
     b"[1]\n[0,[],[1]]", b"[1]\n[8,[0],[1]]", b"[1]\n[8,[],1]", b'[1]\n"811"', b"[" * 100_000,
     b"[1]\n[8,[],[" + b"9" * 5000 + b"]]"],
)  # fmt: skip
def test_other_things_are_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="the records"):
        parse_records(text)


@given(st.binary())
def test_parser_survives_anything(data: bytes) -> None:
    try:
        encode_profile(parse_records(data))
    except ValueError as error:
        assert "the records" in str(error)  # noqa: PT017 - most of what is drawn is refused


@given(
    st.lists(st.tuples(st.integers(1, 2**40), st.lists(ADDRESSES, max_size=6)), max_size=6),
    st.data(),
)
def test_objects_are_read_as_they_were_written(
    drawn: list[tuple[int, list[int]]], data: st.DataObject
) -> None:
    frames = [[4096 + i, f"main.f{i}", "f.go", i] for i in range(3)]
    stacks = st.lists(st.integers(0, 2), max_size=40)
    lines = [[size, data.draw(stacks), addresses] for size, addresses in drawn]
    text = "".join(f"{json.dumps(line)}\n" for line in ([524288], *lines, *frames))
    found = parse_records(text.encode())
    assert [[o.size, [*o.stack], [*o.addresses]] for o in found.objects] == lines
    assert not found.records


@given(st.lists(st.lists(JSON, max_size=6), max_size=6))
def test_parser_survives_any_lines(lines: list[list[object]]) -> None:
    text = "[524288]\n" + "".join(f"{json.dumps(line)}\n" for line in lines)
    try:
        found = parse_records(text.encode())
    except ValueError as error:
        assert "the records" in str(error)  # noqa: PT017 - most of what is drawn is refused
    else:
        assert len(found.records) + len(found.objects) + len(found.frames) == len(lines)


@given(st.lists(st.tuples(NAMES, COUNTS, COUNTS), max_size=8), st.sampled_from([0, 1]))
def test_profiles_of_every_sample_hold_the_records(
    drawn: list[tuple[str, tuple[int, int], tuple[int, int]]], rate: int
) -> None:
    names = list(dict.fromkeys(f"main.{name}" for name, _, _ in drawn))
    frames = tuple(Frame(4096 + i, name, f"{name}.go", i) for i, name in enumerate(names))
    records = tuple(
        Record(allocated, in_use, (names.index(f"main.{name}"),))
        for name, allocated, in_use in drawn
    )
    data = encode_profile(Records(rate=rate, records=records, frames=frames))
    for kind in ("inuse_space", "alloc_objects"):
        expected: dict[tuple[str, ...], float] = {}
        for name, allocated, in_use in drawn:
            value = in_use[1] if kind == "inuse_space" else allocated[0]
            expected[f"main.{name}",] = expected.get((f"main.{name}",), 0) + value
        assert parse_heap(data, kind) == expected, kind


@pytest.mark.parametrize(
    ("function", "file"),
    [
        ("runtime/debug.(*gomatrixState).snapshot", "/go/src/runtime/debug/gomatrix_probe.go"),
        ("runtime/debug.(*gomatrixState).end.func1", ""),
        ("runtime/debug.gomatrixHeapRecords", "runtime/debug/gomatrix_profile.go"),
        ("runtime/debug.init.0", "/go/src/runtime/debug/gomatrix_probe.go"),
        ("runtime.gomatrixAwaitRequests", "/go/src/runtime/zz_gomatrix_wait.go"),
        ("syscall.gomatrixTakeEnv", "/go/src/syscall/zz_gomatrix_environment.go"),
    ],
)
def test_what_the_probe_allocates_is_in_no_profile(function: str, file: str) -> None:
    frames = (Frame(1, "runtime/metrics.runtime_readMetrics", "metrics.go", 1),
              Frame(2, function, file, 2), Frame(3, "main.main", "main.go", 3))  # fmt: skip
    records = tuple(Record((1, 100), (1, 100), stack) for stack in ((0, 1, 2), (1,), (0, 2)))
    written = encode_profile(Records(rate=1, records=records, frames=frames))
    assert parse_heap(written) == {("main.main", "runtime/metrics.runtime_readMetrics"): 100}


def test_what_only_looks_like_the_probe_is_the_program_s() -> None:
    names = ("main.gomatrixSnapshot", "example.com/runtime/debug.gomatrixHeapRecords",
             "runtime/debug.SetGCPercent", "runtime/metrics.Read")  # fmt: skip
    frames = tuple(Frame(n, name, "/src/gomatrix_probe.go" if n < 2 else "garbage.go", 1)
                   for n, name in enumerate(names))  # fmt: skip
    records = tuple(Record((1, 100), (1, 100), (n,)) for n in range(4))
    written = encode_profile(Records(rate=1, records=records, frames=frames))
    assert parse_heap(written) == {(name,): 100 for name in names}


def test_what_is_resident_of_a_site_is_told_though_it_is_garbage_by_then() -> None:
    start, page = 0xC000000000, 4096
    states = bytes([1, 1, 2, 2, 0, 0, 0, 0])  # of two objects of four pages each
    pages = Pages.parse(start.to_bytes(8, "little") + (8).to_bytes(8, "little") + states)
    frames = (Frame(1, "main.fill", "main.go"), Frame(2, "main.main", "main.go"))
    record = Record((2, 8 * page), (0, 0), (0, 1))
    other = Record((1, 16), (1, 16), (1,))
    objects = (Sampled(4 * page, (0, 1), (start, start + 4 * page)),)
    found = Records(rate=1, records=(record, other), frames=frames, objects=objects)
    written = encode_profile(found, pages)
    assert parse_heap(written, "resident_space") == {
        ("main.main", "main.fill"): 4 * page, ("main.main",): 0,
    }  # fmt: skip
    assert parse_heap(written, "zero_space")["main.main", "main.fill"] == 2 * page
    with pytest.raises(ValueError, match="without zero_space"):
        parse_heap(encode_profile(found), "zero_space")
