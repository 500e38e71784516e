"""Names of gates as tests, for those who report them without judging."""

from collections import Counter
from collections.abc import Sequence

from harness.analysis.models import GateResult
from harness.metrics.catalogue import describe
from harness.text.words import amount, percent


def name_gates(gates: Sequence[GateResult]) -> list[str]:
    """A name of its own for each gate, as of a test.

    What it limits and against what is added where another gate is on the same metric.
    """
    names = [f"{gate.workload}-{gate.metric}-{gate.candidate}" for gate in gates]
    plain = Counter(names)
    told: Counter[str] = Counter()
    found = []
    for name, gate in zip(names, gates, strict=True):
        own = name if plain[name] == 1 else f"{name}-{_limits(gate)}"
        found.append(f"gate[{own}-{told[own]}]" if told[own] else f"gate[{own}]")
        told[own] += 1
    return found


def _limits(gate: GateResult) -> str:
    unit = describe(gate.metric).unit
    share, absolute = gate.max_increase, gate.max_increase_amount
    increase = percent(share) if share is not None else None
    if absolute is not None:
        increase = amount(absolute, unit)
    limits = [f"max {amount(gate.max, unit)}"] if gate.max is not None else []
    if increase is not None:
        limits.append(f"max_increase {increase} against {gate.baseline}")
    return " ".join(limits)
