"""Simulated measurements for screening: rows of sets of toggles, with known effects."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.analysis.screening.models import Answer, Ask, Back, Failed, Outcome, Row
from harness.analysis.screening.search import Asking

Effect = Callable[[Back], float | None]
"""The share of the change that turning a set back removes; ``None`` if it does not build."""


@dataclass
class Bench:
    """Measures what screening asks for, side by side, and counts what that costs."""

    effect: Effect
    change: float = 0.2
    noise: float = 0.0
    """Of a trial, lognormal; 0.01 is one per cent."""
    seed: Sequence[int] | int = 0
    rows: dict[Back, list[Row]] = field(default_factory=dict)
    asks: list[Ask] = field(default_factory=list)
    trials: int = 0

    def __post_init__(self) -> None:
        """Start the noise."""
        self._random = np.random.default_rng(self.seed)

    def answer(self, ask: Ask) -> Answer:
        """The first rounds of each set; further ones are measured."""
        self.asks.append(ask)
        built = [back for back in ask.sets if self.effect(back) is not None]
        for back in built:
            self.rows.setdefault(back, [])
        while short := [back for back in built if len(self.rows[back]) < ask.rounds]:
            self._round(short)
        failed = {back: Failed("does not build") for back in ask.sets if back not in built}
        return {**{back: self.rows[back][: ask.rounds] for back in built}, **failed}

    def _round(self, sets: Sequence[Back]) -> None:
        noise = np.exp(self._random.normal(0, self.noise, len(sets) + 2)) if self.noise else None
        factors = [1.0] * (len(sets) + 2) if noise is None else [float(n) for n in noise]
        self.trials += len(factors)
        change = math.log1p(self.change)
        baseline, candidate = factors[0], math.exp(change) * factors[1]
        for back, factor in zip(sets, factors[2:], strict=True):
            left = change * (1 - (self.effect(back) or 0.0))
            self.rows[back].append(Row(baseline, candidate, math.exp(left) * factor))


def drive(screening: Asking[Outcome], answer: Callable[[Ask], Answer]) -> Outcome:
    """Run a screening to its end."""
    try:
        ask = next(screening)
        while True:
            ask = screening.send(answer(ask))
    except StopIteration as stop:
        outcome: Outcome = stop.value
        return outcome
