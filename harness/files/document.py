"""Read JSON that may be anything; errors name file, line and column."""

import math
import re
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from harness.errors import HarnessError

_WHERE = re.compile(r" at line (\d+) column (\d+)$")
_LARGEST = (1 << 63) - 1
_INSTEAD = "measure again, or read it with the version that wrote it"

Model = TypeVar("Model", bound=BaseModel)


class CutShortError(HarnessError):
    """JSON that ends in the middle, as when its writer was killed."""


def parse_json(
    data: bytes, place: str, *, values: int, first_line: int = 1, instead: str = _INSTEAD
) -> Any:
    """A JSON value: no deeper than 200 levels, and every number in it of an ordinary size.

    Messages name ``place``, count lines from ``first_line`` and say what to do ``instead``.

    Raises:
        CutShortError: it ends in the middle.
        HarnessError: it is no JSON, or beyond a limit.
    """
    here = f"{place}:{first_line}"
    if len(data) >= values and count_values(data) > values:  # a value takes a byte or more
        raise HarnessError(f"{here}: holds more than {values:,} values; {instead}")
    try:
        value = from_json(data, allow_inf_nan=False)
    except ValueError as error:
        where = _WHERE.search(str(error))
        line, column = (int(where[1]), int(where[2])) if where else (1, 0)
        what = _WHERE.sub("", str(error))
        if what.startswith("EOF while"):
            raise CutShortError(f"{here}: is cut short; {instead}") from None
        raise HarnessError(
            f"{place}:{first_line + line - 1}:{column}: is no JSON that is read here: {what}; "
            f"{instead}"
        ) from None
    odd = _odd_number(value) if _may_hold_odd_numbers(data) else None
    if odd:
        raise HarnessError(f"{here}: holds {odd}; {instead}")
    return value


def parse_model(
    model: type[Model], data: bytes, place: str, *, values: int, first_line: int = 1,
    instead: str = _INSTEAD,
) -> Model:  # fmt: skip
    """A JSON document as a model; arguments as of ``parse_json``.

    Raises:
        CutShortError: it ends in the middle.
        HarnessError: it is no JSON, beyond a limit, or no such document.
    """
    value = parse_json(data, place, values=values, first_line=first_line, instead=instead)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"]))[:100]
        raise HarnessError(
            f"{place}:{first_line}: was not written by this version: "
            f"{f'{field}: ' if field else ''}{first['msg'][:200]}; {instead}"
        ) from None


def count_values(data: bytes) -> int:
    """Count the values in a JSON text; punctuation within strings may add to the count."""
    return 1 + data.count(b",") + data.count(b"[") + data.count(b"{")


_ZEROS = bytes.maketrans(b"123456789E", b"000000000e")
_ODD = (b"0" * len(str(_LARGEST)), b"e000")


def _may_hold_odd_numbers(data: bytes) -> bool:
    """Whether a JSON text has digits enough; much faster than to look at every number."""
    shape = data.translate(_ZEROS, b"+")  # of an exponent
    return any(part in shape for part in _ODD)


def _odd_number(value: Any) -> str | None:
    """Describe a number that cannot be calculated with, if there is one."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
        elif isinstance(item, float):
            if not math.isfinite(item):
                return "a number beyond all that a computer counts"
        elif isinstance(item, int) and not -_LARGEST <= item <= _LARGEST:
            return "a whole number of more than 63 bits"
    return None
