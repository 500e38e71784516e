"""How often an explanation errs, on few simulated ones: ``benchmarks/explain.py`` has many."""

from collections import Counter

import pytest
from explaining import Kind, searches


def _judged(kind: Kind) -> Counter[str]:
    """Of eight searches for a 5 % change under 3 % noise, seeded."""
    return Counter(search.run() for search in searches(kind, 8, 1, 0.05, 0.03))


@pytest.mark.parametrize("kind", ["toggle", "declaration"])
def test_the_cause_is_named_and_nothing_else(kind: Kind) -> None:
    assert _judged(kind) == {"right": 8}


def test_where_nothing_changed_nothing_is_named() -> None:
    assert _judged("nothing")["wrong"] == 0
