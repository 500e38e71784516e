"""Values of metrics, as people read them."""

from harness.text.words import amount


def level(metric: str, value: float, unit: str) -> str:
    """A value with its unit; of ``unseen``, which may be below zero, what it is a size of."""
    if value == 0 or metric.partition(".")[0] != "unseen":
        return amount(value, unit)
    words = "untouched" if value < 0 else "unaccounted for"
    return f"{amount(abs(value), unit)} {words}"
