"""Growth over time: what is called a leak, and which shapes are not."""

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import make_run

from harness.analysis.conclusion import conclude
from harness.analysis.diagnosis.growth import Growth, growth_of
from harness.analysis.memory import Evidence
from harness.run.store import Run

MIB = float(1 << 20)
OLD, NEW = "go1.24.3", "go1.24.11"
MATRIX: dict[str, object] = {
    "go": [OLD, NEW],
    "question": {"baseline": OLD, "candidate": NEW},
    "workloads": [{"name": "w", "package": "./w"}],
    "trials": 5,
}
SECONDS = 10.0
Shape = Callable[[float], float]
"""MiB by time."""
Points = list[tuple[float, float]]


def noise(*key: object) -> float:
    seed = int.from_bytes(hashlib.sha256(repr(key).encode()).digest()[:8])
    return float(np.random.default_rng(seed).normal())


def flat(_t: float) -> float:
    return 100.0


def linear(t: float) -> float:
    return 100 + 10 * t


def ramp_then_flat(t: float, until: float = 6.0) -> float:
    return 100 + 100 * min(t / until, 1)


def slowing(t: float) -> float:
    return 100 + 100 * float(1 - np.exp(-t / 4))


def step(t: float, at: float = 7.5) -> float:
    return 200.0 if t >= at else 100.0


def teeth(t: float, period: float = 1.0) -> float:
    return 100 + 60 * (t % period) / period


def teeth_that_rise(t: float) -> float:
    return teeth(t) + 10 * t


def late_start(t: float) -> float:
    return 100 + 20 * max(0.0, t - 4)


def points(shape: Shape, key: object = 0, count: int = 100) -> Points:
    times = [SECONDS * i / (count - 1) for i in range(count)]
    return [(t, (shape(t) + 0.2 * noise(key, t)) * MIB) for t in times]


def growth(shape: Shape) -> Growth:
    found = growth_of(points(shape))
    assert found is not None
    return found


def grows(found: Growth) -> bool:
    return found.gained > 5 * MIB and found.goes_on


@pytest.mark.parametrize(
    ("shape", "expected", "slows"),
    [
        (flat, False, False), (linear, True, False), (ramp_then_flat, False, False),
        (lambda t: ramp_then_flat(t, 9), False, False), (slowing, True, True),
        (step, False, False), (lambda t: step(t, 5.5), False, False),
        (lambda t: step(t, 9.5), False, False), (teeth, False, False),
        (lambda t: teeth(t, 0.37), False, False), (teeth_that_rise, True, False),
        (late_start, True, False),
        (lambda t: 100 + 300 * min(t, 1) + 5 * t, True, False),  # a quick start, and then a leak
    ],
)  # fmt: skip
def test_shapes(shape: Shape, expected: bool, slows: bool) -> None:  # noqa: FBT001 - parameters of the test
    found = growth(shape)
    assert grows(found) == expected, found
    if expected:
        assert found.slows == slows, found


@given(st.floats(5.05, 9.95), st.floats(10, 1000))
def test_no_single_step_grows_to_the_end(at: float, height: float) -> None:
    assert not growth(lambda t: 100 + height * (t >= at)).goes_on


@given(st.floats(1, 1000), st.integers(20, 400))
def test_a_line_grows_to_the_end_at_its_slope(slope: float, count: int) -> None:
    found = growth_of(points(lambda t: 100 + slope * t, count=count))
    assert found is not None
    assert found.goes_on
    assert not found.slows
    assert found.late == pytest.approx(slope * MIB, rel=0.3)


@given(st.lists(st.tuples(st.floats(0, 1e3), st.floats(0, 1e12)), max_size=60))
def test_any_series_has_growth_or_none(series: Points) -> None:
    found = growth_of(sorted(series))
    assert found is None or all(np.isfinite([found.early, found.late, found.last]))


def run_of(
    old: Shape, new: Shape, live: tuple[Sequence[float], Sequence[float]] | None = None
) -> tuple[Run, Evidence]:
    """A run of these shapes; ``live`` is heap.live at 6 s and at the end, in MiB, of both sides."""
    run = make_run(lambda _w, _v, _r: {}, MATRIX)
    series = {
        ("w", name): [points(shape, (name, i)) for i in range(5)]
        for name, shape in ((OLD, old), (NEW, new))
    }
    trials = []
    for t in run.trials:
        end = ((old, new)[t.variant == NEW](SECONDS) + 0.1 * noise(t.variant, t.round)) * MIB
        metrics: dict[str, float | None] = {"rss.end": end, "rss.peak": end, "wall": SECONDS}
        marks: dict[str, dict[str, float | None]] = {}
        if live:
            then, last = (size * MIB for size in live[t.variant == NEW])
            marks = {"2s": {}, "6s": {"heap.live": then, "heap.objects": 0.0}}
            metrics |= {"heap.live": last, "heap.objects": end}
        trials.append(t.model_copy(update={"metrics": metrics, "marks": marks}))
    return Run(run.path, run.manifest, tuple(trials)), Evidence(series=series)


def told(
    old: Shape, new: Shape, live: tuple[Sequence[float], Sequence[float]] | None = None
) -> str | None:
    run, evidence = run_of(old, new, live)
    found = {d.signature: d.evidence for d in conclude(run, evidence=evidence).diagnosis}
    return found.get("memory grows over time")


LEAK = "a leak, if a longer run goes on like this"


def test_growth_of_the_candidate_alone_is_a_leak() -> None:
    assert LEAK in (told(flat, linear) or "")
    assert LEAK in (told(ramp_then_flat, lambda t: 100 + 30 * t) or "")


@pytest.mark.parametrize(
    ("old", "new"),
    [(linear, linear), (linear, lambda t: 100 + 20 * t), (flat, ramp_then_flat), (flat, step),
     (flat, teeth), (flat, lambda t: ramp_then_flat(t, 9)), (linear, flat)],
)  # fmt: skip
def test_a_build_up_of_both_or_one_that_ends_is_no_growth(old: Shape, new: Shape) -> None:
    assert told(old, new) is None


def test_growth_that_slows_is_no_leak() -> None:
    found = told(flat, lambda t: 100 + 100 * float(1 - np.exp(-t / 4))) or ""
    assert "it slows, from " in found
    assert "as when a cache fills" in found
    assert LEAK not in found


def test_a_build_up_that_takes_longer_than_the_baselines_is_no_leak() -> None:
    found = told(lambda t: ramp_then_flat(t, 3), linear) or ""
    assert "it has not come to what the baseline has" in found
    assert LEAK not in found


def test_growth_of_garbage_between_collections_is_no_leak() -> None:
    found = told(flat, linear, ((20.0, 20.0), (20.0, 21.0))) or ""
    assert "by the snapshots only 1.00 MiB of that is live heap" in found
    assert LEAK not in found
    assert LEAK in (told(flat, linear, ((20.0, 20.0), (20.0, 60.0))) or "")


def test_the_runtimes_own_growth_is_told_by_snapshots() -> None:
    run, _ = run_of(flat, linear)

    def with_own(variant: str, then: float, last: float, at: str = "6s") -> Run:
        trials = []
        for t in run.trials:
            pair = (then, last) if t.variant == variant else (1.0, 1.0)
            a, b = ((size + 0.01 * noise(t.variant, t.round, size)) * MIB for size in pair)
            update = {
                "metrics": {**t.metrics, "runtime.metadata": b},
                "marks": {"2s": {"runtime.metadata": a}, at: {"runtime.metadata": a}},
            }
            trials.append(t.model_copy(update=update))
        return Run(run.path, run.manifest, tuple(trials))

    def signatures(grown: Run) -> list[str]:
        return [d.signature for d in conclude(grown).diagnosis]

    named = "growth over time of the runtime's own structures"
    assert named in signatures(with_own(NEW, 10.0, 60.0))
    early = with_own(NEW, 10.0, 60.0, at="4s")  # nothing tells when it grew
    assert named not in signatures(early)
    assert named not in signatures(with_own(NEW, 60.0, 60.0))  # it had grown before
    assert named not in signatures(with_own(OLD, 10.0, 60.0))


def test_without_the_size_at_the_end_the_peak_says_who_holds_more() -> None:
    run, evidence = run_of(flat, linear)
    trials = tuple(
        t.model_copy(update={"metrics": {"rss.peak": t.metrics["rss.end"]}}) for t in run.trials
    )
    (found,) = conclude(Run(run.path, run.manifest, trials), evidence=evidence).diagnosis
    assert LEAK in found.evidence
