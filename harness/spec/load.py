"""From the text of ``matrix.yaml`` to a ``MatrixSpec``; every error names line and column.

The models are built from YAML's node graph and not from ``yaml.safe_load``: YAML 1.1 would read
``1.20`` as 1.2, ``off`` as false and ``010`` as 8, and would pass duplicate keys over in silence.
Here every scalar stays the text that the user typed, and the models give it a type.
"""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from harness.errors import HarnessError
from harness.spec.models import MatrixSpec

Location = tuple[str | int, ...]
"""A path into the document: keys and list indices."""

_NULLS = {"", "~", "null", "Null", "NULL"}
_NODE_LIMIT = 100_000
"""Aliases may make a small file describe a huge document; a matrix never needs so much."""


class SpecError(HarnessError):
    """A mistake in a matrix file; the message begins with ``FILE:LINE:COL``."""


@dataclass(frozen=True)
class Matrix:
    """A matrix file, read and checked against the models."""

    path: Path
    text: str
    spec: MatrixSpec
    root: yaml.Node

    @property
    def name(self) -> str:
        """What its runs are named after: itself, or the directory of a plain ``matrix.yaml``."""
        stem = self.path.name.removesuffix(".yaml").removesuffix(".yml").removesuffix(".matrix")
        here = self.path.resolve().parent.name
        return self.spec.name or (here if stem == "matrix" else stem)

    def error(self, location: Location, message: str) -> SpecError:
        """An error about one place of the file, to be raised by whoever found it."""
        return _error(self.path, self.root, location, message)


def load(path: Path) -> Matrix:
    """Read a matrix file.

    Raises:
        SpecError: the file is not YAML, or not a matrix: one line for each mistake.
        HarnessError: the file cannot be read.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise HarnessError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise HarnessError(f"{path}: is not UTF-8 text (byte {error.start})") from None
    root = _compose(path, text)
    data = _Reader(path, root).read()
    try:
        spec = MatrixSpec.model_validate(data)
    except ValidationError as error:
        lines = dict.fromkeys(_explain(path, root, detail) for detail in error.errors())
        raise SpecError("\n".join(sorted(lines, key=_line_and_column(path)))) from None
    matrix = Matrix(path, text, spec, root)
    _check_names(matrix)
    return matrix


def nearest(word: str, words: list[str]) -> str:
    """A suggestion to append to an error: the nearest valid word, or all of them if few."""
    close = difflib.get_close_matches(word, words, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; valid here: {', '.join(words)}" if words else ""


def _compose(path: Path, text: str) -> yaml.Node:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        what = " ".join(part for part in (error.problem, error.context) if part)
        raise SpecError(f"{path}{where}: is not valid YAML: {what}") from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, error.position - before.rfind("\n")
        raise SpecError(f"{path}:{line}:{column}: is not valid YAML: {error.reason}") from None
    if root is None:
        raise SpecError(f"{path}:1:1: the file is empty; it needs at least go and workloads")
    return root


class _Reader:
    """Turns nodes into dicts, lists, strings and None, and refuses what a matrix never holds."""

    def __init__(self, path: Path, root: yaml.Node) -> None:
        self._path = path
        self._root = root
        self._seen = 0

    def read(self) -> Any:
        if not isinstance(self._root, yaml.MappingNode):
            raise self._error(
                self._root, "a matrix is a mapping with keys such as go and workloads"
            )
        return self._read(self._root, ())

    def _read(self, node: yaml.Node, parents: tuple[yaml.Node, ...]) -> Any:
        self._seen += 1
        if self._seen > _NODE_LIMIT or any(node is parent for parent in parents):
            raise self._error(node, "aliases make this document endless or huge")
        inside = (*parents, node)
        if isinstance(node, yaml.MappingNode):
            return self._read_mapping(node, inside)
        if isinstance(node, yaml.SequenceNode):
            return [self._read(child, inside) for child in node.value]
        if node.tag == "tag:yaml.org,2002:null" and node.value in _NULLS:
            return None
        return node.value

    def _read_mapping(self, node: yaml.MappingNode, parents: tuple[yaml.Node, ...]) -> Any:
        result: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self._error(key, "a key must be a plain word")
            if key.tag == "tag:yaml.org,2002:merge":
                raise self._error(
                    key, "merge keys (<<) are not supported; use an alias for a value"
                )
            if key.value in result:
                raise self._error(
                    key,
                    f"duplicate key {key.value!r}; it is first given in line {lines[key.value]}",
                )
            lines[key.value] = key.start_mark.line + 1
            result[key.value] = self._read(value, parents)
        return result

    def _error(self, node: yaml.Node, message: str) -> SpecError:
        return SpecError(f"{self._path}{_position(node)}: {message}")


def _position(node: yaml.Node) -> str:
    return f":{node.start_mark.line + 1}:{node.start_mark.column + 1}"


def _find(root: yaml.Node, location: Location, *, key: bool) -> yaml.Node:
    """The node at a location, or the deepest on the way; ``key``: the key, not its value."""
    node = root
    for index, part in enumerate(location):
        if isinstance(node, yaml.MappingNode):
            pair = next((p for p in node.value if p[0].value == part), None)
            if pair is None:
                return node
            node = pair[0] if key and index == len(location) - 1 else pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
        else:
            return node
    return node


def _error(
    path: Path, root: yaml.Node, location: Location, message: str, *, key: bool = False
) -> SpecError:
    return SpecError(f"{path}{_position(_find(root, location, key=key))}: {message}")


def _explain(path: Path, root: yaml.Node, detail: ErrorDetails) -> str:
    """One line for one of pydantic's errors."""
    location = detail["loc"]
    name = location[-1] if location else "the matrix"
    if detail["type"] == "extra_forbidden":
        message = f"unknown key {name!r}{nearest(str(name), _valid_keys(location[:-1]))}"
        return str(_error(path, root, location, message, key=True))
    return str(_error(path, root, location, _message(name, detail)))


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
        case "int_parsing" | "int_type" | "int_from_float":
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
            return f"{value!r}: {detail['msg'][0].lower()}{detail['msg'][1:]}"


def _valid_keys(location: Location) -> list[str]:
    """The keys that the models allow in the mapping at a location, by way of their JSON Schema."""
    schema = MatrixSpec.model_json_schema()
    definitions = schema.get("$defs", {})
    candidates = [schema]
    for part in location:
        candidates = [
            inner
            for outer in _resolve(candidates, definitions)
            for inner in (
                outer.get("properties", {}).get(part),
                outer.get("items") if isinstance(part, int) else None,
                outer.get("additionalProperties"),
            )
            if isinstance(inner, dict)
        ]
    return sorted(
        {key for s in _resolve(candidates, definitions) for key in s.get("properties", {})}
    )


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


def _check_names(matrix: Matrix) -> None:
    """Names that must be unique, and references between parts of the file."""
    spec = matrix.spec
    for key, names in (
        ("workloads", [w.name for w in spec.workloads]),
        ("go", [t.name for t in spec.go]),
    ):
        for index, name in enumerate(names):
            if name in names[:index]:
                raise matrix.error(
                    (key, index), f"{name!r} is named twice; each needs its own name"
                )
    workloads = [w.name for w in spec.workloads]
    for section in ("exclude", "gates"):
        for index, entry in enumerate(getattr(spec, section)):
            if entry.workload is not None and entry.workload not in workloads:
                raise matrix.error(
                    (section, index, "workload"),
                    f"there is no workload {entry.workload!r}{nearest(entry.workload, workloads)}",
                )
