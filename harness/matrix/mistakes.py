"""Explain what is wrong with a matrix file: pydantic's errors, with places and suggestions."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from harness.matrix.document import Document, Location, shortened
from harness.matrix.models import MatrixSpec
from harness.text.suggestions import did_you_mean

_MOST = 20
"""Most mistakes reported at once."""


def explain(document: Document, error: ValidationError) -> str:
    """One line for each mistake, in the order of the file."""
    details = error.errors(include_url=False)
    told = dict.fromkeys(_explain(document, detail) for detail in details[: 5 * _MOST])
    lines = sorted(told, key=_line_and_column(document.path))
    left = max(0, len(lines) - _MOST) + max(0, len(details) - 5 * _MOST)
    return "\n".join(lines[:_MOST] + ([f"{document.path}: and {left} more"] if left else []))


def _explain(document: Document, detail: ErrorDetails) -> str:
    """One line for one of pydantic's errors."""
    location = detail["loc"]
    name = location[-1] if location else "the matrix"
    if detail["type"] == "extra_forbidden":
        shown = shortened(str(name), 100)
        message = f"unknown key {shown!r}{did_you_mean(str(name), _valid_keys(location[:-1]))}"
        return str(document.error(location, message, key=True))
    message = shortened(_message(name, detail))
    if name == "[key]":  # the key itself is wrong, and not its value
        return str(document.error(location[:-1], message, key=True))
    return str(document.error(location, message))


def _line_and_column(path: Path) -> Callable[[str], list[int]]:
    start = len(str(path)) + 1
    return lambda message: [int(part) for part in message[start:].split(":", 2)[:2]]


def _message(name: str | int, detail: ErrorDetails) -> str:
    kind, value = detail["type"], detail.get("input")
    match kind:
        case "missing":
            return f"{name!r} is missing here"
        case "value_error":
            return str(detail["ctx"]["error"])
        case "int_parsing" | "int_type" | "int_from_float" | "int_parsing_size":
            return f"{value!r} is not a whole number"
        case "bool_parsing" | "bool_type":
            return f"{value!r} is neither true nor false"
        case "list_type":
            return "a list is expected here, as [a, b]"
        case "dict_type" | "model_type" | "model_attributes_type":
            return "a mapping is expected here, as {key: value}"
        case "string_type":
            return "a word or text is expected here"
        case "string_pattern_mismatch":
            return f"{value!r} is not a valid name here"
        case "too_short":
            return f"{name!r} is empty; it needs at least one entry"
        case _:
            return f"{shortened(repr(value), 100)}: {detail['msg'][0].lower()}{detail['msg'][1:]}"


@cache
def _schema() -> dict[str, Any]:
    return MatrixSpec.model_json_schema()


def _valid_keys(location: Location) -> list[str]:
    """The keys that the models' JSON Schema allows at a location."""
    schema = _schema()
    definitions = schema.get("$defs", {})
    outer = [schema]
    for part in location:
        inner = [
            found
            for s in outer
            for found in (
                s.get("properties", {}).get(part),
                s.get("items") if isinstance(part, int) else None,
                s.get("additionalProperties"),
            )
            if isinstance(found, dict)
        ]
        outer = _resolve(inner, definitions)
    return sorted({key for s in outer for key in s.get("properties", {})})


def _resolve(schemas: list[dict[str, Any]], definitions: dict[str, Any]) -> list[dict[str, Any]]:
    resolved = []
    for schema in schemas:
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[-1]
            resolved += _resolve([definitions[name]], definitions)
        elif "anyOf" in schema:
            resolved += _resolve(schema["anyOf"], definitions)
        else:
            resolved.append(schema)
    return resolved
