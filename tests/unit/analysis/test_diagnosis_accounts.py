"""Diagnoses of runs with an account: each byte under the name that it is booked by."""

import hashlib
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from synthetic import make_run

from harness.analysis.conclusion import conclude
from harness.analysis.memory import Evidence
from harness.metrics.account import PARTS
from harness.run.store import Run

MIB = float(1 << 20)
OLD, NEW = "go1.24.3", "go1.24.11"
MATRIX: dict[str, object] = {
    "go": [OLD, NEW],
    "question": {"baseline": OLD, "candidate": NEW},
    "workloads": [{"name": "w", "package": "./w"}],
    "trials": 6,
}
ACCOUNT = dict.fromkeys(PARTS, 2.0) | {"live": 100.0, "remainder": 0.0, "go heap": 0.0}
METRICS = {
    "heap.live": 120.0, "heap.objects": 124.0, "heap.unused": 2.0, "heap.free": 2.0,
    "heap.stacks": 2.0, "heap.untouched": 20.0, "heap.zero": 1.0, "heap.goal": 200.0,
    "heap.released": 5.0, "allocs.bytes": 900.0, "allocs.objects": 10.0, "runtime.mapped": 150.0,
    "runtime.metadata": 10.0,
}  # fmt: skip
"""``allocs.objects`` in 2²⁰ objects, and all else in MiB."""


def noise(*key: object) -> float:
    seed = int.from_bytes(hashlib.sha256(repr(key).encode()).digest()[:8])
    return float(np.random.default_rng(seed).normal())


def accounted(
    parts: Mapping[str, float], metrics: Mapping[str, float] = {}, *,
    counts: Mapping[str, tuple[float, float]] = {},
    runtime: Mapping[str, tuple[float, float]] = {}, smaps: Mapping[str, float] = {},
) -> Run:  # fmt: skip
    """A run whose candidate differs by so many MiB of parts and metrics.

    ``counts`` and ``runtime`` are metrics of both sides, ``smaps`` kinds of the candidate's heap.
    """
    run = make_run(lambda _w, _v, _r: {}, MATRIX)
    trials = []
    for t in run.trials:
        new = t.variant == NEW
        account = {
            part: int((size + new * parts.get(part, 0.0) + 0.002 * noise(part, new, t.round)) * MIB)
            for part, size in ACCOUNT.items()
        }
        values: dict[str, float | None] = {
            name: (size + new * metrics.get(name, 0.0) + 0.002 * noise(name, new, t.round)) * MIB
            for name, size in METRICS.items()
        }
        whole = float(sum(account.values()))
        values |= {"rss.end": whole, "rss.peak": whole, "rss.avg": whole, "gc.cycles": 20.0}
        values["unseen"] = whole - (values["runtime.mapped"] or 0.0)
        values |= {name: sides[new] for name, sides in counts.items()}
        trials.append(
            t.model_copy(
                update={
                    "metrics": values,
                    "account": account,
                    "runtime": {name: sides[new] for name, sides in runtime.items()},
                    "smaps": {"go heap": {k: int(new * v * MIB) for k, v in smaps.items()}},
                }
            )
        )
    return Run(run.path, run.manifest, tuple(trials))


def found(run: Run, evidence: Evidence | None = None) -> dict[str, str]:
    diagnoses = conclude(run, evidence=evidence or Evidence()).diagnosis
    return {d.signature: d.evidence for d in diagnoses}


@pytest.mark.parametrize(
    ("parts", "metrics", "extra", "signature", "words"),
    [
        ({"live": 50}, {"heap.live": 50, "heap.objects": 50}, {}, "live heap grew",
         "120 MiB to 170 MiB"),
        ({"unused": 50}, {"heap.unused": 50}, {}, "heap fragmentation grew",
         "unused in spans went from 2.0"),
        ({"free": 50}, {"heap.free": 50}, {}, "free spans grew", "free, not returned went from 2"),
        ({"garbage": 50}, {"heap.objects": 50}, {}, "garbage grew", "52.0 MiB when main ends"),
        ({"garbage": 50}, {"heap.objects": 50}, {"counts": {"gc.cycles": (40.0, 8.0)}},
         "GC pacing", "gc.cycles went from 40 to 8"),
        ({"go heap": 50}, {}, {"counts": {"heap.objects": (math.nan, math.nan)}}, "Go heap grew",
         "50.0 MiB; without the probe"),
        ({"stacks": 50}, {"heap.stacks": 50}, {}, "goroutine stacks grew", "or deeper calls"),
        ({"stacks": 50}, {"heap.stacks": 50}, {"counts": {"goroutines": (5.0, 5005.0)}},
         "goroutine stacks grew", "goroutines went from 5 to 5,005"),
        ({"stacks": 8}, {"heap.stacks": 40},
         {"counts": {"goroutines": (5.0, 805.0), "threads": (5.0, 805.0)}},
         "goroutine stacks grew", "threads went from 5 to 805"),
        ({"thread stacks": 50}, {}, {"counts": {"threads": (5.0, 805.0)}}, "thread stacks grew",
         "52.0 MiB; threads went from 5 to 805"),
        ({"mspan": 40, "gc": 10}, {"runtime.metadata": 50}, {}, "runtime metadata grew",
         "(most of it records of spans 2.0"),
        ({"buckets": 50}, {}, {}, "profiler buckets grew", "GODEBUG=profstackdepth=32"),
        ({"runtime other": 50}, {}, {}, "other memory of the runtime grew", "finalizers"),
        ({"c heap": 50}, {}, {}, "memory outside the Go heap grew", "(C heap 50.0 MiB)"),
        ({"other": 50}, {}, {}, "memory outside the Go heap grew", "(other mappings 50"),
        ({"text": 50}, {}, {}, "binary and file pages grew",
         "code and constants of the binary 2.0"),
        ({"data": 50}, {}, {}, "binary and file pages grew", "variables of the binary 2.0"),
        ({"live": 50}, {"heap.untouched": -50, "heap.zero": 50}, {},
         "resident but unseen by the runtime: untouched heap pages became resident",
         "was never written"),
        ({"live": 50}, {"heap.untouched": -50}, {},
         "resident but unseen by the runtime: heap pages that the program writes became resident",
         "is written to"),
        ({"live": 50}, {"heap.untouched": -50, "heap.zero": 50}, {"smaps": {"huge": 50}},
         "resident but unseen by the runtime: transparent huge pages", "2 MiB"),
        ({"free": -2, "returned": 52}, {"heap.free": -2, "heap.released": 52},
         {"smaps": {"free": 52}},
         "resident but unseen by the runtime: pages not returned to the OS", "madvdontneed=1"),
    ],
)  # fmt: skip
def test_each_part_has_its_own_name_and_no_other(
    parts: dict[str, float], metrics: dict[str, float], extra: dict[str, Any], signature: str,
    words: str,
) -> None:  # fmt: skip
    told = found(accounted(parts, metrics, **extra))
    assert list(told) == [signature]
    assert words in told[signature]


def test_what_is_mapped_and_not_resident_is_no_diagnosis() -> None:
    mapped = {"runtime.metadata": 80.0, "runtime.mapped": 80.0, "heap.free": 80.0}
    mapped |= {"heap.untouched": 80.0, "heap.live": 80.0, "heap.objects": 80.0}
    assert found(accounted({}, mapped)) == {}


def test_new_objects_that_are_never_written_are_both() -> None:
    metrics = {"heap.live": 50.0, "heap.objects": 50.0, "heap.zero": 48.0}
    told = found(accounted({"live": 50.0}, metrics))
    assert list(told) == ["never written heap memory grew", "live heap grew"]


def test_pages_of_zeros_in_stacks_are_no_never_written_heap_memory() -> None:
    told = found(accounted({"stacks": 50.0}, {"heap.stacks": 50.0, "heap.zero": 40.0}))
    assert list(told) == ["goroutine stacks grew"]


def sites(**kinds: dict[str, tuple[float, float]]) -> Evidence:
    """Heap profiles of both sides, by kind and function."""
    sides = {
        kind: {
            ("w", variant): {name: pair[i] for name, pair in held.items()}
            for i, variant in enumerate((OLD, NEW))
        }
        for kind, held in kinds.items()
    }
    return Evidence(kinds=sides)


def test_never_written_memory_is_told_with_the_site_that_allocated_it() -> None:
    run = accounted({"live": 50.0}, {"heap.untouched": -50.0, "heap.zero": 50.0})
    held = {"main.fill": (0.0, 48 * MIB), "main.main": (MIB, 3 * MIB)}
    (told,) = found(run, sites(zero_space=held)).values()
    assert "MiB more resident memory of the Go heap was never written (only zeros: 1.0" in told
    assert "most of it allocated by main.fill (+48.0 MiB, 96 %)" in told
    assert "the account books them as live objects" in told
    assert "main.main" not in told
    written = accounted({"live": 50.0}, {"heap.untouched": -50.0})
    (told,) = found(written, sites(resident_space=held)).values()
    assert "is written to, most of it allocated by main.fill" in told


def test_churn_names_who_allocates_and_what_moved_to_the_heap() -> None:
    run = accounted({}, {"allocs.bytes": 400.0})
    space, count = {"main.digest": (0.0, 380 * MIB)}, {"main.digest": (0.0, 2000.0)}
    told = found(run, sites(alloc_space=space, alloc_objects=count))["allocation churn grew"]
    assert "most of it in main.digest (+380 MiB, 95 %), which allocated nothing in" in told
    count["main.digest"] = (0.0, 1e6)  # not as large as such variables
    told = found(run, sites(alloc_space=space, alloc_objects=count))["allocation churn grew"]
    assert "+380 MiB" in told
    assert "moved" not in told
    assert "nothing in the baseline" not in told


def test_a_site_that_allocated_before_has_not_moved_to_the_heap() -> None:
    run = accounted({}, {"allocs.bytes": 400.0})
    space, count = {"main.digest": (MIB, 380 * MIB)}, {"main.digest": (5.0, 2000.0)}
    told = found(run, sites(alloc_space=space, alloc_objects=count))["allocation churn grew"]
    assert "most of it in main.digest (+379 MiB" in told
    assert "nothing in the baseline" not in told


def test_more_objects_of_the_same_bytes_are_churn_too() -> None:
    run = accounted({}, {"allocs.objects": 10.0})
    told = found(run, sites(alloc_objects={"main.box": (0.0, 9 * MIB)}))
    assert list(told) == ["allocation churn grew"]
    assert "allocs.objects went from 10.5 M to 2" in told["allocation churn grew"]
    assert "most of it in main.box (+9,4" in told["allocation churn grew"]


def test_a_library_that_allocates_elsewhere_does_not_move_the_users_function() -> None:
    run = accounted({"live": 50.0}, {"heap.live": 50.0, "heap.objects": 50.0})

    def told(held: dict[str, tuple[float, float]]) -> str:
        sides = {
            ("w", v): {n: p[i] * MIB for n, p in held.items()} for i, v in enumerate((OLD, NEW))
        }
        return found(run, Evidence(functions=sides))["live heap grew"]

    moved = {"main.put, in sync.newEntry": (70.0, 0.0), "main.put, in sync.Store": (0.0, 120.0)}
    assert "most of it in main.put (+50.0 MiB, 100 %)" in told(moved)
    both = {"main.put, in bytes.Clone": (80.0, 80.0), "main.put, in time.newTimer": (0.0, 45.0)}
    assert "most of it in main.put, in time.newTimer (+45.0 MiB, 90 %)" in told(both)
    many = {f"main.put, in x.f{n}": (0.0, 10.0) for n in range(5)}
    assert "most of it in main.put (+50.0 MiB, 100 %)" in told(many)


@pytest.mark.parametrize(
    ("held", "part"), [(48.0, "96 %"), (52.0, "100 %"), (80.0, "more than all of it, as others")]
)
def test_no_part_of_a_change_is_more_than_a_hundred_per_cent(held: float, part: str) -> None:
    run = accounted({"live": 50.0}, {"heap.live": 50.0, "heap.objects": 50.0})
    gone = 50.0 - held
    sides = {("w", OLD): {"main.rest": 100.0 * MIB},
             ("w", NEW): {"main.rest": (100.0 + gone) * MIB, "main.put": held * MIB}}  # fmt: skip
    told = found(run, Evidence(functions=sides))["live heap grew"]
    assert f"main.put (+{held:.1f} MiB, {part}" in told


@pytest.mark.parametrize(
    ("behind", "kind"),
    [
        (", in time.newTimer", ": timers, each of which is kept until it fires or is stopped"),
        (", in time.AfterFunc", ": timers, each of which is kept until it fires or is stopped"),
        (", in weak.runtime_registerWeakPointer",
         ": handles of weak pointers, which are kept as long as the pointers are"),
        (", in time.Time.Format", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_memory_that_keeps_itself_is_told_by_its_kind(behind: str, kind: str) -> None:
    functions = {("w", OLD): {}, ("w", NEW): {f"main.put{behind}": 50 * MIB}}
    run = accounted({"live": 50.0}, {"heap.live": 50.0, "heap.objects": 50.0})
    assert found(run, Evidence(functions=functions))["live heap grew"].endswith(f" 100 %){kind}")


def test_a_live_heap_that_grew_a_little_has_not_stayed() -> None:
    grown = accounted({"live": 9.0}, {"allocs.bytes": 400.0, "heap.live": 9.0, "heap.objects": 9.0})
    assert "allocation churn grew" not in found(grown)


def test_without_a_collection_no_heap_is_known_to_have_stayed() -> None:
    none = {"gc.cycles": (0.0, 0.0)}
    assert found(accounted({}, {"allocs.bytes": 400.0}, counts=none)) == {}


def test_more_collections_are_no_pacing_that_lets_garbage_accumulate() -> None:
    run = accounted(
        {"garbage": 50.0}, {"heap.objects": 50.0, "allocs.bytes": 9e4},
        counts={"gc.cycles": (1.0, 90.0)},
    )  # fmt: skip
    assert "GC pacing" not in found(run)


def test_small_spans_are_told_by_their_records() -> None:
    spans = "/memory/classes/metadata/mspan/inuse:bytes"
    many = {spans: (0.1 * MIB, 1.1 * MIB)}  # a record for each 8 KiB of 50 MiB
    few = {spans: (0.1 * MIB, 0.2 * MIB)}
    for runtime, told in ((many, True), (few, False)):
        run = accounted({"unused": 50.0}, {"heap.unused": 50.0}, runtime=runtime)
        small = ["number of small spans grew"] if told else []
        assert list(found(run)) == ["heap fragmentation grew", *small]


@pytest.mark.parametrize("kind", ["finalizers", "cleanups"])
def test_a_queue_that_does_not_run_is_told_beside_the_live_heap(kind: str) -> None:
    metrics = {"heap.live": 50.0, "heap.objects": 50.0}
    queued, executed = f"/gc/{kind}/queued:{kind}", f"/gc/{kind}/executed:{kind}"
    stuck = {queued: (500.0, 1500.0), executed: (500.0, 1.0)}
    told = found(accounted({"live": 50.0}, metrics, runtime=stuck))
    assert list(told) == ["live heap grew", f"queue of {kind} grew"]
    assert "from 0 to 1,499" in told[f"queue of {kind} grew"]
    runs = {queued: (500.0, 1500.0), executed: (500.0, 1500.0)}
    assert list(found(accounted({"live": 50.0}, metrics, runtime=runs))) == ["live heap grew"]
    assert found(accounted({}, runtime=stuck)) == {}


def test_goroutines_that_pile_up_are_told_beside_the_live_heap() -> None:
    metrics = {"heap.live": 50.0, "heap.objects": 50.0}
    run = accounted(
        {"live": 50.0}, metrics, counts={"goroutines": (5.0, 1005.0)},
        runtime={"/sched/goroutines/waiting:goroutines": (3.0, 1002.0)},
    )  # fmt: skip
    told = found(run)
    assert list(told) == ["live heap grew", "number of goroutines grew"]
    assert (
        "5 to 1,005 when main ends (3 to 1,002 of them wait)" in told["number of goroutines grew"]
    )


def test_a_part_is_named_only_where_it_makes_most_of_the_change() -> None:
    run = accounted({"mspan": 17.0, "mcache": 17.0, "gc": 17.0})
    assert "most of it" not in found(run)["runtime metadata grew"]
    # half of what is unseen lies elsewhere
    both = accounted({"live": 20.0, "c heap": 30.0}, {"heap.untouched": -20.0, "heap.zero": 20.0})
    assert list(found(both)) == ["memory outside the Go heap grew"]
