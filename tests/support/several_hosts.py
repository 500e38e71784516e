"""Runs of several hosts, made of numbers."""

import math
import random
from collections.abc import Callable, Sequence

from synthetic import HOST, make_run

from harness.run.host import Host
from harness.run.store import Run

MIB = 1 << 20
ANT, BEE, COW = (
    HOST.model_copy(update={"id": f"{name}-id", "name": name}) for name in ("ant", "bee", "cow")
)
MATRIX: dict[str, object] = {
    "go": ["go1.23.9", "go1.24.3"],
    "question": {"baseline": "go1.23.9", "candidate": "go1.24.3", "metrics": ["rss.peak", "wall"]},
    "workloads": [{"name": "large", "package": "./large"}],
    "trials": 24,
}
Level = Callable[[Host, str], float]


def noise(*key: object) -> float:
    return random.Random(str(key)).gauss(0, 1)  # noqa: S311 - no secret


def measured(
    hosts: Sequence[Host] = (ANT, BEE, COW), *, spread: Level = lambda _h, _m: 0.01,
    level: Level = lambda _h, _m: 1.0, effect: Level = lambda _h, _m: 1.5, **changes: object,
) -> Run:  # fmt: skip
    """A run whose candidate needs half as much again of everything, on each host alike."""

    def values(_workload: str, variant: str, number: int) -> dict[str, float | None]:
        host = hosts[number % len(hosts)]

        def value(metric: str, size: float) -> float:
            factor = effect(host, metric) if variant.startswith("go1.24.3") else 1.0
            drawn = spread(host, metric) * noise(metric, variant, number)
            return size * level(host, metric) * factor * math.exp(drawn)

        return {"rss.peak": value("rss.peak", 200 * MIB), "wall": value("wall", 2.0)}

    return make_run(values, MATRIX | changes, hosts=hosts)
