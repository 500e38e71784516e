import hashlib
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from synthetic import HOST, make_run

from harness.analysis.conclusion import conclude
from harness.analysis.diagnosis.growth import growth_of
from harness.analysis.memory import Evidence
from harness.analysis.models import Diagnosis, Verdict
from harness.analysis.quality.metrics import mode_gap
from harness.run.store import Run

MIB = float(1 << 20)
MATRIX: dict[str, object] = {
    "go": ["go1.24.3", "go1.24.11"],
    "question": {"baseline": "go1.24.3", "candidate": "go1.24.11"},
    "workloads": [{"name": "w", "package": "./w"}],
    "trials": 6,
}
BASE = {
    "rss.peak": 250.0, "rss.end": 240.0, "rss.avg": 200.0, "rss.file": 4.0, "unseen": -20.0,
    "runtime.mapped": 260.0, "heap.live": 200.0, "heap.objects": 205.0, "heap.unused": 5.0,
    "heap.free": 20.0, "heap.released": 5.0, "heap.stacks": 1.0, "runtime.metadata": 29.0,
    "heap.goal": 400.0, "allocs.bytes": 900.0,
}  # fmt: skip
SMAPS = {"go heap": 215.0, "go metadata": 15.0, "c heap": 0.0, "other": 0.0, "file": 4.0}


def noise(*key: object) -> float:
    seed = int.from_bytes(hashlib.sha256(repr(key).encode()).digest()[:8])
    return float(np.random.default_rng(seed).normal())


def measured(
    metrics: Mapping[str, float] = {}, smaps: Mapping[str, float] = {}, *,
    huge: float = 0.0, cycles: float = 0.0, base: Mapping[str, float] = {},
) -> Run:  # fmt: skip
    """A run whose candidate differs by so many MiB, from ``BASE`` and what ``base`` adds to it."""
    run = make_run(lambda _w, _v, _r: {}, MATRIX)
    trials = []
    for t in run.trials:
        new = t.variant == "go1.24.11"
        values: dict[str, float | None] = {
            name: (value + new * metrics.get(name, 0.0)) * MIB
            + 0.3 * MIB * noise(name, t.variant, t.round)
            for name, value in {**BASE, **base}.items()
        }
        values["gc.cycles"] = 20.0 + new * cycles
        classes = {
            name: {
                "rss": int((value + new * smaps.get(name, 0.0)) * MIB
                           + 0.2 * MIB * abs(noise(name, t.variant, t.round))),
                "huge": int(new * huge * MIB) if name == "go heap" else 0,
            }
            for name, value in SMAPS.items()
        }  # fmt: skip
        trials.append(t.model_copy(update={"metrics": values, "smaps": classes}))
    return Run(run.path, run.manifest, tuple(trials))


def signatures(verdict: Verdict) -> list[str]:
    return [d.signature for d in verdict.diagnosis]


RESIDENT = {"rss.peak": 150.0, "rss.end": 150.0, "rss.avg": 120.0}


def test_equal_variants_have_no_diagnosis() -> None:
    assert conclude(measured()).diagnosis == ()


@pytest.mark.parametrize(
    ("metrics", "smaps", "extra", "expected"),
    [
        (
            {**RESIDENT, "unseen": 150},
            {"go heap": 150},
            {},
            "resident but unseen by the runtime: untouched heap pages became resident",
        ),
        (
            {**RESIDENT, "unseen": 150},
            {"go heap": 150},
            {"huge": 150},
            "resident but unseen by the runtime: transparent huge pages",
        ),
        (
            {"unseen": 100, "heap.released": 100, "runtime.mapped": -100},
            {},
            {},
            "resident but unseen by the runtime: pages not returned to the OS",
        ),
        (
            {**RESIDENT, "heap.live": 150, "runtime.mapped": 150},
            {"go heap": 150},
            {},
            "live heap grew",
        ),
        (
            {**RESIDENT, "heap.unused": 150, "runtime.mapped": 150},
            {"go heap": 150},
            {},
            "heap fragmentation grew",
        ),
        (
            {**RESIDENT, "heap.free": 150, "runtime.mapped": 150},
            {"go heap": 150},
            {},
            "free spans grew",
        ),
        (
            {**RESIDENT, "runtime.mapped": 150, "heap.goal": 200, "heap.objects": 150},
            {"go heap": 150},
            {"cycles": -9},
            "GC pacing",
        ),
        ({"allocs.bytes": 4000}, {}, {"cycles": 30}, "allocation churn grew"),
        (
            {**RESIDENT, "heap.stacks": 150, "runtime.mapped": 150},
            {"go heap": 150},
            {},
            "goroutine stacks grew",
        ),
        (
            {**RESIDENT, "runtime.metadata": 150, "runtime.mapped": 150},
            {"go metadata": 150},
            {},
            "runtime metadata grew",
        ),
        (
            {**RESIDENT, "unseen": 150},
            {"go metadata": 150},
            {},
            "memory outside the Go heap grew",
        ),
        ({**RESIDENT, "unseen": 150}, {"c heap": 150}, {}, "memory outside the Go heap grew"),
        (
            {**RESIDENT, "unseen": 150, "rss.file": 150},
            {"file": 150},
            {},
            "binary and file pages grew",
        ),
        ({"rss.peak": 150}, {}, {}, "transient peak grew"),
    ],
)
def test_each_cause_has_its_own_name(
    metrics: dict[str, float], smaps: dict[str, float], extra: dict[str, Any], expected: str
) -> None:
    verdict = conclude(measured(metrics, smaps, **extra))
    assert signatures(verdict) == [expected]
    assert any(unit in verdict.diagnosis[0].evidence for unit in ("MiB", "GiB"))


def test_improvements_are_diagnosed_in_their_own_words() -> None:
    metrics = dict.fromkeys(("rss.peak", "rss.end", "heap.live", "runtime.mapped"), -100.0)
    verdict = conclude(measured({**metrics, "rss.avg": -80.0}, {"go heap": -100}))
    assert signatures(verdict) == ["live heap shrank"]


def test_functions_are_named() -> None:
    profiles = {
        ("w", "go1.24.3"): {"main.cache": 10 * MIB, "main.parse": 5 * MIB},
        ("w", "go1.24.11"): {"main.cache": 150 * MIB, "main.parse": 6 * MIB},
    }
    run = measured({**RESIDENT, "heap.live": 150, "runtime.mapped": 150}, {"go heap": 150})
    (found,) = conclude(run, evidence=Evidence(functions=profiles)).diagnosis
    assert "main.cache (+140 MiB" in found.evidence
    assert "main.parse" not in found.evidence


GROWN = {**RESIDENT, "heap.live": 150.0, "runtime.mapped": 150.0}


@pytest.mark.parametrize(
    ("moved", "named"),
    [
        ({"main.keep": 150.0}, "main.keep"),  # the other side holds nothing
        ({"main.keep": 76.0, "main.rest": 74.0}, "main.keep"),
        ({"runtime/metrics.Read": 0.08}, None),  # all of the profile's change, none of the heap's
        ({"main.keep": -150.0}, None),
        ({"main.a": 50.0, "main.b": 50.0, "main.c": 50.0}, None),
    ],
)
def test_a_function_is_named_only_for_half_of_a_change_of_its_own_sign(
    moved: dict[str, float], named: str | None
) -> None:
    sides = {"go1.24.3": {}, "go1.24.11": {}}  # type: dict[str, dict[str, float]]
    for name, change in moved.items():
        sides["go1.24.11" if change > 0 else "go1.24.3"][name] = abs(change) * MIB
    evidence = Evidence(functions={("w", variant): held for variant, held in sides.items()})
    (found,) = conclude(measured(GROWN, {"go heap": 150}), evidence=evidence).diagnosis
    assert found.signature == "live heap grew"
    told = [name for name in moved if name in found.evidence]
    assert told == ([named] if named else [])
    shrunk = {name: -change for name, change in GROWN.items()}
    mirrored = Evidence(
        functions={("w", "go1.24.3"): sides["go1.24.11"], ("w", "go1.24.11"): sides["go1.24.3"]}
    )
    base = dict.fromkeys(GROWN, 200.0)
    (found,) = conclude(measured(shrunk, {"go heap": -150}, base=base), evidence=mirrored).diagnosis
    assert found.signature == "live heap shrank"
    assert [name for name in moved if name in found.evidence] == told


@pytest.mark.parametrize(("settled", "vetoed"), [(0.0, True), (-150.0, True), (150.0, False)])
def test_a_settled_heap_that_is_the_same_is_no_live_heap_that_grew(
    settled: float,
    vetoed: bool,  # noqa: FBT001 - a parameter of the test
) -> None:  # fmt: skip
    run = measured(
        {**GROWN, "heap.live.settled": settled}, {"go heap": 150}, base={"heap.live.settled": 200.0}
    )
    assert ("live heap grew" in signatures(conclude(run))) != vetoed


def test_what_lies_elsewhere_is_not_told_as_untouched_heap_pages() -> None:
    unseen = {**RESIDENT, "unseen": 150.0}
    assert signatures(conclude(measured(unseen, {"c heap": 105, "go heap": 45}))) == [
        "memory outside the Go heap grew"
    ]
    # all that the Go heap has more of is known to the runtime
    known = {**RESIDENT, "unseen": 75.0, "runtime.mapped": 75.0, "heap.live": 75.0}
    assert signatures(conclude(measured(known, {"c heap": 75, "go heap": 75}))) == [
        "live heap grew", "memory outside the Go heap grew"
    ]  # fmt: skip
    # given back, and no longer resident
    gone = {"unseen": 100.0, "heap.released": 100.0, "runtime.mapped": -100.0}
    assert signatures(conclude(measured(gone, {"go heap": -100, "c heap": 100}))) == [
        "memory outside the Go heap grew"
    ]


def test_a_class_of_memory_is_named_only_for_half_of_the_change() -> None:
    unseen = {**RESIDENT, "unseen": 150.0}
    (found,) = conclude(measured(unseen, {"c heap": 120, "other": 30})).diagnosis
    assert "C heap 120 MiB" in found.evidence
    assert "other mappings" not in found.evidence


def test_a_transient_peak_names_only_what_was_measured() -> None:
    def measure(_workload: str, variant: str, number: int) -> dict[str, float | None]:
        peak = (350 if variant == "go1.24.11" else 200) * MIB + 4096 * number
        return {"rss.peak": peak, "rss.avg": 150 * MIB + 4096 * number}

    (found,) = conclude(make_run(measure, {**MATRIX, "trials": 5})).diagnosis
    assert found.signature == "transient peak grew"
    assert "rss.end" not in found.evidence


@pytest.mark.parametrize(("slow", "expected"), [(1, ["transient peak grew"]), (3, [])])
def test_one_slow_trial_does_not_hide_a_transient_peak(slow: int, expected: list[str]) -> None:
    def measure(_workload: str, variant: str, number: int) -> dict[str, float | None]:
        grown = variant == "go1.24.11"
        lasts = grown and number <= slow  # the average of a trial whose peak lasted
        return {
            "rss.peak": (350 if grown else 200) * MIB, "rss.end": 150 * MIB + 4096 * number,
            "rss.avg": (300 if lasts else 155) * MIB + 4096 * number,
        }  # fmt: skip

    found = conclude(make_run(measure, {**MATRIX, "trials": 5})).diagnosis
    assert [d.signature for d in found] == expected


def test_a_collection_less_is_no_pacing() -> None:
    fragmented = {**RESIDENT, "heap.unused": 150.0, "runtime.mapped": 150.0}
    run = measured(fragmented, {"go heap": 150}, cycles=-1)
    assert signatures(conclude(run)) == ["heap fragmentation grew"]


def test_a_live_heap_that_shrank_has_not_stayed() -> None:
    run = measured({"allocs.bytes": 4000, "heap.live": -150})
    assert "allocation churn grew" not in signatures(conclude(run))


def test_rounds_that_agree_but_for_a_page_show_a_cause() -> None:
    def measure(_workload: str, variant: str, number: int) -> dict[str, float | None]:
        new = variant == "go1.24.11"
        resident = (350 if new else 200) * MIB + 4096 * (number == 2)
        live = (350 if new else 200) * MIB + 160 * (new and number == 3)
        return {"rss.peak": resident, "rss.end": resident, "heap.live": live}

    run = make_run(measure, {**MATRIX, "trials": 5})
    assert signatures(conclude(run)) == ["live heap grew"]


def series(slope: float, key: object) -> list[tuple[float, float]]:
    """Ten seconds with the given growth in MiB a second."""
    return [(t / 10, (100 + slope * t / 10 + 0.2 * noise(key, t)) * MIB) for t in range(100)]


def test_a_leak_is_told_with_its_slope() -> None:
    evidence = Evidence(
        series={
            ("w", "go1.24.3"): [series(0.0, ("a", i)) for i in range(5)],
            ("w", "go1.24.11"): [series(20.0, ("b", i)) for i in range(5)],
        }
    )
    verdict = conclude(measured(RESIDENT), evidence=evidence)
    found: Diagnosis = next(d for d in verdict.diagnosis if d.signature == "memory grows over time")
    assert "20.0 MiB a second" in found.evidence


def test_growth_of_a_series() -> None:
    found = growth_of(series(20.0, "x"))
    assert found is not None
    assert found.late == pytest.approx(20 * MIB, rel=0.02)
    assert found.seconds == pytest.approx(5, abs=0.2)
    assert growth_of([]) is None
    assert growth_of([(0.0, 1.0)] * 50) is None


def test_groups_far_apart_are_two_modes() -> None:
    rng = np.random.default_rng(1)
    two = np.concatenate([rng.normal(0, 0.01, 8), rng.normal(0.15, 0.01, 7)])
    assert mode_gap(two, 0.001) == pytest.approx(0.15, abs=0.02)
    single = [mode_gap(rng.normal(0, 0.01, 20), 0.001) is None for _ in range(200)]
    assert sum(single) >= 199


def warned(run: Run) -> dict[str, str]:
    verdict = conclude(run)
    assert all(w.remedy for w in verdict.warnings)
    return {w.kind: w.message for w in verdict.warnings}


def peaks(rounds: int = 20, **kwargs: object) -> Run:
    """A run of rss.peak: a function of (variant, round) in logs, over 1 % noise."""
    shape = kwargs.pop("shape", lambda _v, _r: 0.0)
    return make_run(
        lambda _w, v, r: {"rss.peak": 1e8 * math.exp(shape(v, r) + 0.01 * noise(v, r))},  # type: ignore[operator]
        {**MATRIX, "trials": rounds},
        **kwargs,  # type: ignore[arg-type]
    )


def test_quiet_data_are_not_suspicious() -> None:
    assert warned(peaks()) == {}


def test_drift_is_named() -> None:
    assert "up by" in warned(peaks(shape=lambda _v, r: 0.01 * r))["drift"]


def test_two_modes_are_named() -> None:
    assert "two modes" in warned(peaks(shape=lambda v, r: 0.15 * (noise(v, r, "m") > 0)))


def test_outliers_are_named_and_kept() -> None:
    run = peaks(shape=lambda v, r: 0.5 * (v == "go1.24.11" and r == 7))
    assert "go1.24.11 in round 7" in warned(run)["outliers"]
    assert all(c.n == 20 for c in conclude(run).comparisons)


def test_hosts_that_disagree_are_named() -> None:
    hosts = (HOST, HOST.model_copy(update={"id": "host-2"}))
    run = peaks(hosts=hosts, shape=lambda v, r: 0.2 * (v == "go1.24.11" and r % 2))
    assert "on builder (host-2)" in warned(run)["hosts differ"]
    apart = peaks(hosts=hosts, shape=lambda _v, r: 0.2 * (r % 2))
    assert "hosts differ" not in warned(apart)


def test_too_few_rounds_are_named() -> None:
    assert "no interval" in warned(peaks(1))["few rounds"]
    assert "3 rounds" in warned(peaks(3))["few rounds"]


def test_failed_trials_are_named() -> None:
    run = peaks(outcome=lambda _w, v, r: "memory limit" if (v, r) == ("go1.24.11", 2) else "ok")
    assert "1 of 40" in warned(run)["failed trials"]


def machine(**metrics: float) -> Run:
    return make_run(lambda _w, _v, r: {"rss.peak": 1e8 + r, **metrics}, MATRIX)


@pytest.mark.parametrize(
    ("spread", "work", "busy"), [(0.5, 0.02, True), (0.25, 0.15, True), (0.02, 0.02, False)]
)
def test_a_busy_machine_is_named(*, spread: float, work: float, busy: bool) -> None:
    run = make_run(
        lambda _w, v, r: {
            "rss.peak": 1e8 + r,
            "wall": math.exp(spread * noise("wall", v, r)),
            "cpu.user": 0.4 * math.exp(work * noise("cpu", v, r)),
            "cpu.system": 0.1,
        },
        MATRIX,
    )
    assert ("busy machine" in warned(run)) == busy


def test_a_throttled_cpu_is_named() -> None:
    run = make_run(
        lambda _w, v, r: {
            "rss.peak": 1e8, "cpu.user": math.exp(0.02 * r + 0.01 * noise("cpu", v, r))
        },
        {**MATRIX, "trials": 20},
    )  # fmt: skip
    assert "throttled CPU" in warned(run)


def test_swap_is_named() -> None:
    assert "swap used" in warned(machine(swap=4096.0))


@pytest.mark.parametrize(
    ("kept", "margin", "named"), [(1.1e6, "3%", True), (0.9e6, "3%", False), (0.9e6, "0.5%", True)]
)
def test_the_probes_memory_is_named_where_it_matters(
    *, kept: float, margin: str, named: bool
) -> None:
    question = {"baseline": "go1.24.3", "candidate": "go1.24.11", "margin": margin}
    run = make_run(
        lambda _w, _v, r: {"rss.peak": 1e8 + r, "probe.memory": kept},
        {**MATRIX, "question": question},
    )
    assert ("probe's memory" in warned(run)) == named
    if named:
        words = warned(run)["probe's memory"]
        assert f"{kept / 1e8:.1%}".replace("%", " %") in words
        assert "MiB" in words or "KiB" in words


def test_what_is_a_small_part_of_the_change_is_not_named() -> None:
    metrics = {**RESIDENT, "heap.live": 140, "heap.stacks": 12, "runtime.mapped": 152}
    assert signatures(conclude(measured(metrics, {"go heap": 150}))) == ["live heap grew"]
