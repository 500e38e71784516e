"""The account of resident memory: parts that add up, whatever is known."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from harness.metrics.account import PARTS
from harness.trial.account import account, untouched
from harness.trial.process import Pages

MIB = 1 << 20
CLASSES = ("go heap", "go metadata", "text", "data", "c heap", "file", "stack", "thread stack",
           "vdso", "other")  # fmt: skip
HEAP = "/memory/classes/heap/"
RUNTIME = (
    *(f"{HEAP}{name}:bytes" for name in ("objects", "unused", "free", "released", "stacks")),
    "/gc/heap/live:bytes",
    *(f"/memory/classes/metadata/{name}:bytes" for name in ("mspan/inuse", "mspan/free",
      "mcache/inuse", "mcache/free", "other")),
    "/memory/classes/profiling/buckets:bytes", "/memory/classes/other:bytes",
    "/memory/classes/os-stacks:bytes",
)  # fmt: skip

sizes = st.integers(min_value=0, max_value=1 << 40)


def looked(resident: int, objects: int, unused: int, manual: int, **more: Any) -> Pages:
    base = {"event": "pages", "error": "", "zero": 0, "shared": 0, "divided": True, "held": objects}
    return Pages.model_validate(
        base | {"resident": resident, "objects": objects, "unused": unused, "manual": manual} | more
    )


@given(
    sizes,
    st.dictionaries(st.sampled_from(CLASSES), sizes, min_size=1),
    st.dictionaries(st.sampled_from(RUNTIME), sizes.map(float)),
    st.none() | st.builds(looked, sizes, sizes, sizes, sizes, divided=st.booleans()),
    sizes,
)
def test_parts_add_up_whatever_is_known(
    resident: int, rss: dict[str, int], runtime: dict[str, float], pages: Pages | None, probe: int
) -> None:
    classes = {name: {"rss": size} for name, size in rss.items()}
    parts = account(resident, classes, runtime, pages, probe)
    assert sum(parts.values()) == resident
    assert parts.keys() <= PARTS.keys()
    assert all(size > 0 for part, size in parts.items() if part != "remainder")


def test_nothing_is_divided_that_the_kernel_does_not_tell() -> None:
    assert account(None, {"go heap": {"rss": 1}}, {}, None, 0) == {}
    assert account(5, {}, {}, None, 0) == {}


RUNTIME_SAYS: dict[str, float | None] = {
    f"{HEAP}objects:bytes": 100 * MIB, f"{HEAP}unused:bytes": 10 * MIB,
    f"{HEAP}free:bytes": 20 * MIB, f"{HEAP}stacks:bytes": 4 * MIB,
    f"{HEAP}released:bytes": 50 * MIB, "/gc/heap/live:bytes": 75 * MIB,
    "/memory/classes/metadata/mspan/inuse:bytes": 2 * MIB,
    "/memory/classes/metadata/other:bytes": 9 * MIB,
    "/memory/classes/profiling/buckets:bytes": MIB,
}  # fmt: skip


def test_pages_tell_which_part_is_resident() -> None:
    heap = {"rss": 90 * MIB, "free": 5 * MIB, "huge": 12 * MIB}
    classes = {"go heap": heap, "go metadata": {"rss": 10 * MIB}}
    pages = looked(90 * MIB, objects=40 * MIB, unused=8 * MIB, manual=5 * MIB, held=100 * MIB)
    assert account(100 * MIB, classes, RUNTIME_SAYS, pages, MIB) == {
        "live": 30 * MIB, "garbage": 10 * MIB, "unused": 8 * MIB, "free": 20 * MIB,
        "returned": 17 * MIB, "stacks": 4 * MIB,
        "mspan": 2 * MIB,
        "gc": 8 * MIB,  # one of them in buffers that lie in the heap, seven of nine outside
        "remainder": MIB,  # the probe's: the resident set is to be given without it
    }  # fmt: skip


def test_what_was_swept_since_the_runtime_was_asked_is_free() -> None:
    pages = looked(90 * MIB, objects=76 * MIB, unused=0, manual=4 * MIB, held=80 * MIB)
    parts = account(90 * MIB, {"go heap": {"rss": 90 * MIB}}, RUNTIME_SAYS, pages, 0)
    assert parts == {
        "live": 71.25 * MIB, "garbage": 4.75 * MIB, "free": 10 * MIB, "stacks": 4 * MIB,
    }  # fmt: skip
    runtime = RUNTIME_SAYS | {f"{HEAP}free:bytes": MIB}
    parts = account(90 * MIB, {"go heap": {"rss": 90 * MIB}}, runtime, pages, 0)
    assert "returned" not in parts, "the kernel knows of nothing that was given back"


def test_before_the_first_collection_all_objects_count_as_live() -> None:
    runtime = RUNTIME_SAYS | {"/gc/cycles/total:gc-cycles": 0.0, "/gc/heap/live:bytes": 0.0}
    parts = account(64 * MIB, {"go heap": {"rss": 64 * MIB}}, runtime, None, 0)
    assert parts["live"] == 30 * MIB
    assert "garbage" not in parts


def test_without_pages_what_was_never_touched_counts_as_objects() -> None:
    classes = {"go heap": {"rss": 64 * MIB}}
    assert account(64 * MIB, classes, RUNTIME_SAYS, None, 0) == {
        "live": 22.5 * MIB, "garbage": 7.5 * MIB, "unused": 10 * MIB, "free": 20 * MIB,
        "stacks": 4 * MIB,
    }  # fmt: skip
    assert untouched(RUNTIME_SAYS, 64 * MIB) == 70 * MIB
    assert untouched(RUNTIME_SAYS, 640 * MIB) == 0
    assert untouched({}, 1) is None


def test_the_table_of_profilers_counts_as_far_as_its_pages_were_touched() -> None:
    classes = {"go metadata": {"rss": 100 * MIB}}
    table = 179_999 * 8
    name = "/memory/classes/profiling/buckets:bytes"
    few = account(100 * MIB, classes, {name: table + 400.0}, None, 0)
    assert few["buckets"] == 400 + 4096
    many = account(100 * MIB, classes, {name: table + 10.0 * MIB}, None, 0)
    assert many["buckets"] == table + 10 * MIB


def test_a_heap_that_the_runtime_does_not_describe_is_one_part() -> None:
    classes = {"go heap": {"rss": 3 * MIB}, "c heap": {"rss": MIB}, "vdso": {"rss": 4096}}
    assert account(5 * MIB, classes, {}, None, 0) == {
        "go heap": 3 * MIB, "c heap": MIB, "other": 4096, "remainder": MIB - 4096,
    }  # fmt: skip
