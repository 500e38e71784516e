"""How often the analysis errs, on few simulated runs: ``benchmarks/calibration.py`` has many.

Seeded, so that the same runs are judged each time.
"""

import math
from collections.abc import Callable

import numpy as np
import pytest
from deciding import decide
from synthetic import EXPERIMENTS, make_run

from harness.analysis.conclusion import conclude
from harness.analysis.stats.intervals import Sample

Draw = Callable[[np.random.Generator, int], Sample]


def exponential(rng: np.random.Generator, n: int) -> Sample:
    return 0.15 * (rng.exponential(1.0, n) - 1)


def floor(rng: np.random.Generator, n: int) -> Sample:
    found: Sample = 0.1 * (np.exp(rng.normal(0, 0.5, n)) - math.exp(0.125))
    return found


PRIMARY = ["rss.peak", "rss.end", "heap.live", "wall"]
WIDE: dict[str, object] = {
    "go": ["go1.23.9", "go1.24.3"],
    "experiments": [[], ["noswissmap"], ["nospinbitmutex"], ["noswissmap", "nospinbitmutex"]],
    "question": {"baseline": "go1.23.9", "candidate": "go1.24.3", "metrics": PRIMARY},
    "workloads": [{"name": "a", "package": "./a"}, {"name": "b", "package": "./b"}],
}


def verdict_of(rng: np.random.Generator, rounds: int, draw: Draw):  # type: ignore[no-untyped-def]  # noqa: ANN201
    """Of a run of 2 workloads, 5 variants and 4 metrics whose variants do not differ."""

    def measure(_workload: str, variant: str, _round: int) -> dict[str, float | None]:
        noise = draw(rng, len(PRIMARY)) if variant != "go1.23.9" else np.zeros(len(PRIMARY))
        return {m: 1e8 * math.exp(x) for m, x in zip(PRIMARY, noise, strict=True)}

    return conclude(make_run(measure, {**WIDE, "trials": rounds}, experiments=EXPERIMENTS))


def rare_mode(rng: np.random.Generator, n: int) -> Sample:
    """15 % in a tenth of trials: an eighth of samples of 20 have none of it."""
    mode = math.log(1.15) * ((rng.random(n) < 0.1) - 0.1)
    found: Sample = mode + rng.normal(0, 0.02 * math.sqrt(2), n)
    return found


@pytest.mark.parametrize("draw", [exponential, floor, rare_mode])
@pytest.mark.parametrize("n", [5, 10, 15, 20])
@pytest.mark.parametrize("sign", [1, -1])
def test_noise_of_one_side_keeps_the_promise(draw: Draw, n: int, sign: int) -> None:
    rng = np.random.default_rng([14, n])
    runs, margin = 3000, 1.0
    wrong = equivalent = 0
    for _ in range(runs):
        noise = sign * draw(rng, n)
        # Eight primary comparisons have four fifths of 5 % together.
        found = decide(noise, margin=0.001, first=n, last=n, error=0.04 / 8)
        wrong += found in ("increase", "decrease")
        apart = noise + sign * math.log1p(margin)
        equivalent += decide(apart, margin=margin, first=n, last=n) == "equivalent"
    assert wrong / runs <= 0.0085  # 0.5 % and three standard errors
    assert equivalent / runs <= 0.062  # 5 % and three standard errors


def test_one_sided_skew_keeps_the_promise_over_a_whole_run() -> None:
    rng = np.random.default_rng(14)
    wrong = 0
    for _ in range(40):
        comparisons = verdict_of(rng, 5, exponential).comparisons
        wrong += any(c.decision in ("increase", "decrease") for c in comparisons)
    assert wrong <= 4


@pytest.mark.parametrize("rounds", [5, 10])
def test_plain_noise_brings_no_warnings(rounds: int) -> None:
    rng = np.random.default_rng([14, rounds])
    warned = 0
    for _ in range(40):
        verdict = verdict_of(rng, rounds, lambda r, k: r.normal(0, 0.02, k))
        warned += bool(verdict.warnings)
    assert warned <= 2
