"""Numbers with units, as people write them in a matrix: sizes, durations, shares and limits."""

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

_SIZES = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
          "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}  # fmt: skip
_DURATIONS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_NUMBER = r"(\d+(?:\.\d+)?)"
_SHARES = {"": 1.0, "%": 0.01}
_AMOUNTS: dict[str, tuple[Mapping[str, float], str]] = {
    "bytes": (_SIZES, "a size; write it as 200MiB"),
    "seconds": (_DURATIONS, "a duration; write it as 500ms"),
    "ratio": (_SHARES, "a share; write it as 0.5 or 50%"),
    "1/s": ({"": 1.0, "/s": 1.0}, "a rate; write it as 1000/s"),
}
_PLAIN = ({"": 1.0}, "a plain number; write it as 10")


class Increase(NamedTuple):
    """How much a metric may grow: by a part of the baseline, or by an amount in its own unit."""

    share: float | None = None
    amount: float | None = None


def parse_bytes(value: object) -> object:
    """A size, as ``512MiB``; what is not text stays as it is, as in each of these functions."""
    what = "a size; write it as 512MiB or 4GiB"
    return int(_scaled(value, _SIZES, what)) if isinstance(value, str) else value


def parse_seconds(value: object) -> object:
    """A duration, as ``500ms``."""
    what = "a duration; write it as 500ms, 10s or 2m"
    return _scaled(value, _DURATIONS, what) if isinstance(value, str) else value


def parse_fraction(value: object) -> object:
    """A share, as ``5%`` or ``0.05``; a plain number above 1 would hardly be meant so."""
    if not isinstance(value, str):
        return value
    share = _scaled(value, _SHARES, "a share; write it as 5% or 0.05")
    if share > 1 and not value.endswith("%"):
        raise ValueError(f"{value!r} would be {share * 100:g} %; write it as {value}%")
    return share


def split_margin(value: str) -> tuple[str, str | None]:
    """The share and the size of ``3%, at least 1MiB``, each as it is written.

    Raises:
        ValueError: it is something else.
    """
    share, comma, least = value.partition(",")
    words = least.split()
    if comma and (words[:2] != ["at", "least"] or not words[2:]):
        raise ValueError(f"{value!r} is not a margin; write it as 3%, or as 3%, at least 1MiB")
    return share.strip(), "".join(words[2:]) if comma else None


def parse_amount(text: str, unit: str) -> float:
    """A value of a metric with a unit, as ``200MiB``, ``500ms`` or ``10``.

    Raises:
        ValueError: it is not in that unit.
    """
    return _scaled(text, *_AMOUNTS.get(unit, _PLAIN))


def parse_increase(text: str, unit: str) -> Increase:
    """How much a metric with a unit may grow: ``5%``, or an amount, as ``5MiB``.

    A plain number is an amount, but of bytes and seconds, which have units of their own, a share;
    one above 1, which is more than twice the baseline, would hardly be meant so.

    Raises:
        ValueError: it is neither.
    """
    plain = re.fullmatch(_NUMBER, text) is not None
    shared = plain and unit in ("bytes", "seconds")
    if shared and float(text) > 1:
        whole = "500B" if unit == "bytes" else "500ms"
        raise ValueError(
            f"{text!r} would be as many times the baseline; write 5%, or an amount, as {whole}"
        )
    if text.endswith("%") or shared:
        return Increase(share=_scaled(text, *_AMOUNTS["ratio"]))
    if plain and unit == "count" and not float(text).is_integer():
        raise ValueError(f"{text!r} is no whole number; write 5% for a part of the baseline")
    try:
        return Increase(amount=parse_amount(text, unit))
    except ValueError as error:
        raise ValueError(f"{error}, or as 5% of the baseline") from None


def _scaled(text: str, factors: Mapping[str, float], what: str) -> float:
    match = re.fullmatch(rf"{_NUMBER}\s*([A-Za-zµ/%]*)", text)
    number = math.inf
    if match and match[2] in factors:
        # 35 / 100 is 0.35, and 35 * 0.01 a bit more
        number = float(match[1]) / 100 if match[2] == "%" else float(match[1]) * factors[match[2]]
    if not math.isfinite(number):
        raise ValueError(f"{text!r} is not {what}")
    return number
