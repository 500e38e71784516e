"""Numbers and lists as an engineer says them."""

import math
from collections.abc import Callable, Sequence

_SIZES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_SECONDS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_COUNTS = ((1e9, " G"), (1e6, " M"), (1e3, " k"))
_IN_FULL = 1000.0
"""Counts from here on are rounded to whole ones, not to three digits: a median may be 1,234.5."""
_ROUNDS_TO_THOUSAND = 999.5
"""1023 B is shown as 0.999 KiB: four digits never stand before a unit."""
_ROUNDING = 1e-9
"""Per cent below which a change is floating-point rounding."""
_ENDLESS = 1e6
LARGE_RATIO = 3.0
"""From it on, a factor is easier to read than per cent."""


def percent(fraction: float) -> str:
    """``0.5612`` as ``56 %``; small ones with a digit more."""
    value = 100 * fraction
    if not math.isfinite(value):
        return "?"
    if _ROUNDING <= abs(value) < 0.005:  # noqa: PLR2004 - what is not nothing does not become 0 %
        return f"{significant(value, 1)} %"
    digits = 0 if abs(value) >= 10 else 1 if abs(value) >= 1 else 2  # noqa: PLR2004
    if 99 < abs(value) < 100:  # noqa: PLR2004 - what is not all does not become 100 %
        digits = 1 if abs(value) < 99.95 else 3  # noqa: PLR2004
    text = f"{value:.{digits}f}"
    if digits:
        text = text.rstrip("0").rstrip(".")
    return f"{'0' if text in ('-0', '') else text} %"


def span(low: float, high: float) -> str:
    """``55 to 57 %``; a narrow one with digits to tell its ends apart, or one number."""
    ends = percent(low), percent(high)
    for digits in (1, 2):
        if ends[0] != ends[1] or low == high or not math.isfinite(low + high):
            break
        ends = f"{100 * low:.{digits}f} %", f"{100 * high:.{digits}f} %"
    return ends[0] if ends[0] == ends[1] else f"{ends[0].removesuffix(' %')} to {ends[1]}"


def ends(bounds: tuple[float, float], show: Callable[[float], str]) -> str:
    """``1 to 2``; one number for ends that read alike."""
    return " to ".join(dict.fromkeys(map(show, bounds)))


def times(ratio: float) -> str:
    """A factor: ``×13.0``; what a few noisy rounds leave open has no end worth its digits."""
    return "×1,000,000 or more" if ratio >= _ENDLESS else f"×{significant(ratio)}"


def interval(bounds: tuple[float, float], show: Callable[[float], str]) -> str:
    """``95 % interval 1 to 2``; ``exact`` where both bounds are the same."""
    low, high = bounds
    if low == high:
        return "exact"
    ends = show(low), show(high)
    return f"95 % interval {f'{ends[0]}, both ends' if ends[0] == ends[1] else ' to '.join(ends)}"


def listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(names) <= 1:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def few(names: Sequence[str], most: int = 4, noun: str = "more") -> str:
    """``a, b, c, d and 7 more metrics``: the first of names that may be hundreds.

    A single other one is named too: that takes no more room than to count it.
    """
    left = len(names) - most
    return listed(names if left <= 1 else [*names[:most], f"{left} {noun}"])


def change(ratio: float) -> str:
    """A ratio as a signed change: 1.198 is ``+20 %``; from threefold on, ``×4.20``."""
    if ratio >= LARGE_RATIO:
        return times(ratio)
    return f"{'+' if ratio >= 1 else ''}{percent(ratio - 1)}"


def difference(value: float, unit: str) -> str:
    """A difference with its sign."""
    return f"{'+' if value > 0 else ''}{amount(value, unit)}"


def amount(value: float, unit: str) -> str:
    """A quantity with three significant digits: bytes in binary units, all others in decimal ones.

    Counts are given in full up to 9,999.
    """
    if not math.isfinite(value):
        return f"{value:g}"
    if unit == "bytes":
        return _bytes(value)
    if unit == "seconds":
        return _seconds(value)
    suffix = "" if unit in ("", "count") else f" {unit}"
    for factor, prefix in _COUNTS:
        if abs(value) >= factor * 9.9995:
            return f"{significant(value / factor)}{prefix}{suffix}"
    whole = math.isclose(value, round(value), rel_tol=1e-9)  # as 10 / (10 / 11) is
    text = f"{value:,.0f}" if whole or abs(value) >= _IN_FULL else significant(value)
    return f"{text}{suffix}"


def significant(value: float, digits: int = 3) -> str:
    """A finite number of that many significant digits, without an exponent: 1.50, 264, 12."""
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    rounded = round(value, digits - 1 - magnitude)
    if rounded:  # 9.999 becomes 10.0, not 10.00
        magnitude = math.floor(math.log10(abs(rounded)))
    decimals = max(0, digits - 1 - magnitude)
    return f"{rounded:,.{decimals}f}"


def _bytes(value: float) -> str:
    scaled, unit = value, _SIZES[0]
    for unit in _SIZES:
        if abs(scaled) < _ROUNDS_TO_THOUSAND or unit == _SIZES[-1]:
            break
        scaled /= 1024
    return f"{significant(scaled)} {unit}"


def _seconds(value: float) -> str:
    if value == 0:
        return "0 s"
    for factor, unit in _SECONDS:
        if abs(value) >= factor * 0.9995:
            return f"{significant(value / factor)} {unit}"
    return f"{significant(value / 1e-9)} ns"
