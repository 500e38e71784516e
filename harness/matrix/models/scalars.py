"""Scalars of ``matrix.yaml``: texts, names, paths, and numbers with units."""

import re
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from harness.text.units import parse_bytes, parse_fraction, parse_seconds
from harness.text.visible import first_unseen


def one_or_many(value: object) -> object:
    """Accept one item for a list of one."""
    return [value] if isinstance(value, str | dict) else value


def _check_text(value: str) -> str:
    if re.search("[\0\ud800-\udfff]", value):
        raise ValueError(f"{value!r} holds what no argument, variable or file can hold")
    return value


def check_line(value: str) -> str:
    """Refuse characters that cannot be seen, line breaks among them."""
    unseen = first_unseen(value)
    if unseen is not None:
        raise ValueError(
            f"{value!r} holds {unseen!r}; write it on one line, in characters that can be seen"
        )
    return value


def check_path(value: str) -> str:
    """Refuse what cannot be the path of a file."""
    if re.match("~[^/]", value):
        raise ValueError(f"{value!r} begins in another user's home; write that directory in full")
    if any(len(part.encode()) > _LONGEST_FILE_NAME for part in value.split("/")):
        raise ValueError(f"{value!r} holds a name that is too long for a file")
    return value


def _check_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", value):
        raise ValueError(
            f"{value!r} cannot be a name; use letters, digits, '_', '.' and '-', "
            "and begin with a letter, a digit or '_'"
        )
    return value


def _check_setting(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_]+", value):
        raise ValueError(f"{value!r} is not an experiment setting; write one name an entry")
    return value


_MONTH = 30 * 86400.0
"""Seconds; no trial, phase or load lasts longer."""
_LONGEST_FILE_NAME = 255
"""Bytes, on Linux."""

Bytes = Annotated[int, BeforeValidator(parse_bytes), Field(gt=0, le=1 << 50)]
NonNegativeBytes = Annotated[int, BeforeValidator(parse_bytes), Field(ge=0, le=1 << 50)]
Seconds = Annotated[float, BeforeValidator(parse_seconds), Field(gt=0, le=_MONTH)]
NonNegativeSeconds = Annotated[float, BeforeValidator(parse_seconds), Field(ge=0, le=_MONTH)]
Fraction = Annotated[float, BeforeValidator(parse_fraction), Field(ge=0, allow_inf_nan=False)]
Text = Annotated[str, StringConstraints(max_length=100_000), AfterValidator(_check_text)]
"""An argument, a variable's value, the body of a request: whatever the kernel takes for one."""
Line = Annotated[str, StringConstraints(max_length=4096), AfterValidator(check_line)]
"""A text whose every character can be seen."""
Value = Annotated[str, StringConstraints(max_length=1000), AfterValidator(check_line)]
"""One value of an axis, which variants are named after."""
LocalPath = Annotated[Line, Field(min_length=1), AfterValidator(check_path)]
"""A path, or an import path; ``~`` is the home of whoever runs the harness, and nobody else's."""
Name = Annotated[str, StringConstraints(max_length=100), AfterValidator(_check_name)]
Setting = Annotated[str, StringConstraints(max_length=100), AfterValidator(_check_setting)]
EnvName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=100)]


_Value = TypeVar("_Value")
OneOrMany = Annotated[list[_Value], BeforeValidator(one_or_many), Field(min_length=1)]
