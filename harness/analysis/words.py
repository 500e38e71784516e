"""Numbers and lists as an engineer says them."""

import math
from collections.abc import Sequence

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_STEP = 1024


def percent(fraction: float) -> str:
    """``0.5612`` as ``56 %``; small ones with a digit more."""
    value = 100 * fraction
    if not math.isfinite(value):
        return "?"
    digits = 0 if abs(value) >= 10 else 1 if abs(value) >= 1 else 2  # noqa: PLR2004
    text = f"{value:.{digits}f}"
    if digits:
        text = text.rstrip("0").rstrip(".")
    return f"{'0' if text in ('-0', '') else text} %"


def span(low: float, high: float) -> str:
    """``55 to 57 %``; a narrow one with digits enough to tell its ends apart."""
    ends = percent(low), percent(high)
    for digits in (1, 2):
        if ends[0] != ends[1] or low == high or not math.isfinite(low + high):
            break
        ends = f"{100 * low:.{digits}f} %", f"{100 * high:.{digits}f} %"
    return f"{ends[0].removesuffix(' %')} to {ends[1]}"


def listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(names) <= 1:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def amount(value: float, unit: str) -> str:
    """A quantity with three significant digits; bytes in binary units."""
    if unit == "bytes":
        size, index = abs(value), 0
        while size >= 999.5 and index < len(_UNITS) - 1:  # noqa: PLR2004 - three digits at most
            size, index = size / _STEP, index + 1
        return f"{'-' if value < 0 else ''}{_three(size)} {_UNITS[index]}"
    suffix = {"seconds": " s", "count": ""}.get(unit, f" {unit}" if unit else "")
    return f"{_three(value)}{suffix}"


def _three(value: float) -> str:
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{digits}f}" if digits <= 6 else f"{value:.3g}"  # noqa: PLR2004
