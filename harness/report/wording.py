"""Format numbers and effects for readers. Pure functions."""

import math
from collections.abc import Callable

from harness.analysis.models import Comparison, Decision, HostChange
from harness.metrics import words as metric_words
from harness.metrics.catalogue import describe
from harness.text import words

NOTHING = "–"
"""Printed where there is no number."""

_UNITS = ("bytes", "seconds")
_LITTLE = 0.005
"""A part of a change that reads as 0 % of it."""


def quantity(value: float | None, unit: str) -> str:
    """A value with its unit: bytes in binary units, seconds and counts in decimal ones."""
    return level(value, "", unit)


def level(value: float | None, metric: str, unit: str) -> str:
    """A metric's value with its unit; of ``unseen``, what it is a size of."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return _minus(metric_words.level(metric, value, unit if unit in _UNITS else "count"))


def levels(ends: tuple[float, float], metric: str, unit: str) -> str:
    """``161 to 163 MiB``: a unit that both ends have is said once, and so is what reads alike."""
    low, high = (level(end, metric, unit) for end in ends)
    (number, _, own), (_, _, other) = low.partition(" "), high.partition(" ")
    return high if low == high else f"{number if own == other else low} to {high}"


def raw(value: float | None) -> str:
    """The value in full, for a tooltip and for sorting."""
    if value is None or not math.isfinite(value):
        return ""
    return str(int(value)) if value == int(value) else repr(value)


def brief(value: float | None) -> str:
    """The value to ten digits, for a tooltip where there are many thousands of them."""
    return raw(value if value is None else float(f"{value:.10g}"))


def percent(ratio: float | None) -> str:
    """A ratio as a signed change: 1.198 is ``+19.8 %``; from threefold on, ``×4.20``."""
    if ratio is None or not math.isfinite(ratio):
        return NOTHING
    if ratio >= words.LARGE_RATIO:
        return words.times(ratio)
    change = (ratio - 1) * 100
    text = f"{change:+.1f} %"
    return _minus(text) if text.strip("+-0. %") else "0.0 %"


def effect(comparison: Comparison | HostChange) -> str:
    """A change as per cent, or in the metric's unit where there is no ratio, and why not."""
    ratio = comparison.ratio
    if ratio is None and comparison.difference is not None:
        return difference(comparison.difference, comparison.unit, comparison.no_ratio)
    shown = percent(ratio)
    if ratio and comparison.exact and shown == "0.0 %" and words.percent(ratio - 1) != "0 %":
        return _minus(words.change(ratio))  # what is real is not nothing
    return shown


def difference(value: float, unit: str, note: str = "") -> str:
    """A signed amount, and what there is to say of it: ``+10, the baseline is zero``."""
    amount = f"{'+' if value > 0 else ''}{quantity(value, unit)}"
    return f"{amount}, {note}" if note else amount


def sentence(text: str) -> str:
    """With a capital, unless it begins with a name such as ``go1.24.3``, and a full stop."""
    first = text.partition(" ")[0]
    capital = text if any(not c.isalpha() for c in first) else text[:1].upper() + text[1:]
    return capital if capital.endswith(".") else f"{capital}."


def interval(ci: tuple[float, float] | None) -> str:
    """An interval of ratios as signed changes."""
    return _ends(ci, percent)


def _ends(ci: tuple[float, float] | None, show: Callable[[float], str]) -> str:
    if ci is None:
        return NOTHING
    return "exact" if ci[0] == ci[1] else words.ends(ci, show)


def bounds(comparison: Comparison | HostChange) -> str:
    """The interval of a change, as ``effect`` has it."""
    if comparison.ratio is not None or comparison.difference_ci is None:
        return interval(comparison.ci)
    return _ends(comparison.difference_ci, lambda bound: difference(bound, comparison.unit))


def share(value: float | None) -> str:
    """A share as whole per cent: 0.97 is ``97 %``."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return _minus(f"{value * 100:.0f} %").replace("\u22120 %", "0 %")


def of_change(value: float) -> str:
    """A part of a change: 0.97 is ``97 % of the change``, 1.23 the whole ``and 23 % more``."""
    if value < 1 + _LITTLE:
        return f"{share(value)} of the change"
    return f"the whole change and {share(value - 1)} more"


def taken(value: float) -> str:
    """How much of a change goes away; it may also grow."""
    if value < -_LITTLE:
        return f"the change gets {share(-value)} larger"
    return f"{of_change(value)} goes away"


def shares(ci: tuple[float, float] | None) -> str:
    """An interval of shares."""
    return _ends(ci, share)


def spread(value: float) -> str:
    """A spread or a margin as per cent: 0.031 is ``3.1 %``."""
    return f"{value * 100:.{0 if value >= 1 else 1}f} %"


def tone(decision: Decision, metric: str) -> str:
    """What a decision means to the reader: worse, better, changed, same or unclear."""
    if decision == "equivalent":
        return "same"
    if decision == "inconclusive":
        return "unclear"
    direction = describe(metric).direction
    if direction == "neutral":
        return "changed"
    return "worse" if (decision == "increase") == (direction == "lower is better") else "better"


def decision_word(comparison: Comparison) -> str:
    """A decision in the words of the report."""
    if comparison.decision == "equivalent" and comparison.no_ratio:
        return "same"
    if comparison.decision == "equivalent":
        return f"same within {comparison.allowed}"
    return comparison.decision


def strength(ratio: float | None) -> int:
    """How big an effect is, in steps 1 to 4 of the colour scale: from 0, 5, 15 and 40 % up."""
    if ratio is None or ratio <= 0:
        return 4
    size = abs(math.log(ratio))
    return 1 + sum(size >= math.log1p(limit) for limit in (0.05, 0.15, 0.40))


def _minus(text: str) -> str:
    """With a true minus sign, as wide as the plus."""
    return text.replace("-", "\u2212")
