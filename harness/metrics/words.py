"""Values of metrics, as people read them."""

from harness.text.words import amount


def level(metric: str, value: float, unit: str) -> str:
    """A value with its unit; of ``unseen``, which may be below zero, what it is a size of."""
    if value == 0 or metric.partition(".")[0] != "unseen":
        return amount(value, unit)
    words = "untouched" if value < 0 else "unaccounted for"
    return f"{amount(abs(value), unit)} {words}"


def both(metric: str, before: float, after: float, unit: str) -> str:
    """``162 → 259 MiB``; a unit that both sides have is said once, as what reads alike."""
    unit = "count" if unit == "ratio" else unit
    sides = [level(metric, value, unit) for value in (before, after)]
    if sides[0] == sides[1]:
        return sides[0]
    (number, _, own), (_, _, other) = (side.partition(" ") for side in sides)
    return f"{number if own == other else sides[0]} → {sides[1]}"
