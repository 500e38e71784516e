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
    limits = [] if gate.max is None else [f"max {amount(gate.max, unit)}"]
    if gate.max_increase is not None:
        limits.append(f"max_increase {percent(gate.max_increase)} against {gate.baseline}")
    if gate.max_increase_amount is not None:
        increase = amount(gate.max_increase_amount, unit)
        limits.append(f"max_increase {increase} against {gate.baseline}")
    return " ".join(limits)
