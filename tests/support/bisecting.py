"""Simulated measuring for bisections: points on a line, with a true value each and noise."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from harness.bisect.compare import Classifier, Measured
from harness.bisect.points import Point
from harness.golang.experiments import Experiments
from harness.golang.toolchains.resolve import Toolchain


def point(name: str, version: str = "go1.24.3", on: frozenset[str] = frozenset()) -> Point:
    experiments = Experiments(known=("swissmap", "spinbitmutex"), on=on)
    toolchain = Toolchain(name=name, version=version, goroot=Path("/nowhere"), provider="test",
                          sha256=None, experiments=experiments, digest=name)  # fmt: skip
    return Point(name=name, toolchain=toolchain)


def line(count: int) -> list[Point]:
    return [point(f"v{number:02}") for number in range(count)]


@dataclass
class Simulation:
    """A runner whose trials are drawn from a normal distribution of logarithms."""

    value: Callable[[Point], float]
    noise: float
    """Standard deviation of a trial's logarithm."""
    seed: int = 0
    broken: Mapping[str, str] = field(default_factory=dict)
    """Points that do not build, and what the compiler says."""
    crashing: Mapping[str, float] = field(default_factory=dict)
    """How likely a trial of a point crashes."""
    shared: float = 0.0
    """Standard deviation of what all trials of one round have in common."""
    trials: int = 0

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(self.seed)

    def build(self, point: Point) -> str | None:
        return self.broken.get(point.name)

    def rounds(self, points: Sequence[Point], count: int) -> list[dict[str, Measured]]:
        return [self._round(points) for _ in range(count)]

    def _round(self, points: Sequence[Point]) -> dict[str, Measured]:
        self.trials += len(points)
        common = self.shared * self._random.normal()
        return {
            p.name: Measured(None, "exit 2\npanic: no")
            if p.name in self.crashing and self._random.random() < self.crashing[p.name]
            else Measured(
                self.value(p) * float(np.exp(common + self.noise * self._random.normal()))
            )
            for p in points
        }


def step_at(points: Sequence[Point], index: int, change: float) -> Callable[[Point], float]:
    """100 million before the step, and that much more from it on."""
    after = {p.name for p in points[index:]}
    return lambda p: 1e8 * (1 + change) if p.name in after else 1e8


def classifier(runner: Simulation, points: Sequence[Point], smallest: float = 0.01) -> Classifier:
    return Classifier(runner, points[0], points[-1], smallest)
