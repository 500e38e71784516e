"""From the text of ``matrix.yaml`` to a ``MatrixSpec``; every error names line and column.

The models are built from YAML's node graph and not from ``yaml.safe_load``: YAML 1.1 would read
``1.20`` as 1.2, ``off`` as false and ``010`` as 8, and would pass duplicate keys over in silence.
Here every scalar stays the text that the user typed, and the models give it a type.
"""

import math
import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from harness.errors import HarnessError, reading
from harness.matrix.models import MatrixSpec
from harness.text.suggestions import did_you_mean
from harness.text.visible import first_unseen, visible

Location = tuple[str | int, ...]
"""A path into the document: keys and list indices."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The one in C, ten times as fast, where PyYAML was built with it."""
_NULLS = {"", "~", "null", "Null", "NULL"}

_BYTES = 256 << 10
"""Of a matrix file; a matrix of a hundred workloads takes some 30 KiB."""
_NODES = 20_000
"""Keys and values, each alias counted with all that it stands for."""
_DEPTH = 32
"""Brackets within brackets; a matrix needs six."""
_CHARACTERS = 1 << 20
"""Of all keys and values, each alias counted with all that it stands for."""
_VARIANTS = 1_000
"""Of the axes' product."""
_CELLS = 5_000
"""Variants times workloads, before ``exclude``."""
_MATCHES = 1_000_000
"""Cells times the patterns of ``exclude``."""
_MISTAKES = 20
"""That are told at a time."""
_SENTENCE = 600
"""Characters of a message about what stands in the file."""
_MESSAGE = 4_000
"""Characters of one that comes from elsewhere: what each provider or the go command said."""


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
        return self.spec.name or _shortened(here if stem == "matrix" else stem, 100)

    def error(self, location: Location, message: str) -> SpecError:
        """An error about one place of the file, to be raised by whoever found it."""
        return _error(self.path, self.root, location, message)


def load(path: Path) -> Matrix:
    """Read a matrix file.

    Raises:
        SpecError: the file is not YAML, or not a matrix: one line for each mistake.
        HarnessError: the file cannot be read.
    """
    text = _read(path)
    root = _compose(path, text)
    data = _Reader(path, root).read()
    try:
        spec = MatrixSpec.model_validate(data)
    except ValidationError as error:
        raise SpecError(_explain_all(path, root, error)) from None
    matrix = Matrix(path, text, spec, root)
    _check_names(matrix)
    _check_size(matrix)
    return matrix


def _read(path: Path) -> str:
    """The text of a matrix file, which must be an ordinary file of an ordinary size."""
    if first_unseen(path.name) or re.search("[\ud800-\udfff]", str(path.absolute())):
        raise HarnessError(
            f"{path}: its name or its directory's cannot be printed; rename it, in UTF-8"
        )
    with reading(path), open(path, "rb", opener=_open_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise HarnessError(f"{path}: is not an ordinary file; name a matrix file")
        data = file.read(_BYTES + 1)
    if len(data) > _BYTES:
        raise SpecError(
            f"{path}:1:1: the file has more than {_BYTES >> 10} KiB, which no matrix needs; "
            "measure in several runs"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig")
        raise SpecError(
            f"{path}{_end_of(before)}: is not UTF-8 text (byte {error.start}); save it as UTF-8"
        ) from None


def _open_at_once(path: str, flags: int) -> int:
    """Opens a pipe that nobody writes to without waiting for somebody."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def _end_of(text: str) -> str:
    return f":{text.count(chr(10)) + 1}:{len(text) - text.rfind(chr(10))}"


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-most // 2 + 1 :]}"


def _compose(path: Path, text: str) -> yaml.Node:
    wrong = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if wrong:
        where, spelt = _end_of(text[: wrong.start()]), visible(wrong[0])
        raise SpecError(f"{path}{where}: is not valid YAML: {spelt} is not allowed")
    try:
        _check_events(path, text)
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ":1:1"
        what = " ".join(part for part in (error.problem, error.context) if part)
        raise SpecError(f"{path}{where}: is not valid YAML: {_shortened(what, 200)}") from None
    except (yaml.YAMLError, ValueError) as error:  # of a directive or an escape; without a place
        what = _shortened(" ".join(str(error).split()), 200)
        raise SpecError(f"{path}:1:1: is not valid YAML: {what}") from None
    if root is None:
        raise SpecError(f"{path}:1:1: the file is empty; it needs at least go and workloads")
    return root


def _check_events(path: Path, text: str) -> None:
    """Refuse what is too deep or too much before nodes are made of it, which is recursive."""
    depth = nodes = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if not isinstance(event, yaml.NodeEvent):
            continue
        nodes += 1
        message = None
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        if depth > _DEPTH:
            message = f"more than {_DEPTH} lists and mappings within each other"
        elif nodes > _NODES:
            message = f"more than {_NODES:,} keys and values; measure in several runs"
        elif tag := getattr(event, "tag", None):
            message = f"tags ({_shortened(tag, 60)!r}) are not supported; write the plain value"
        if message:
            raise SpecError(f"{path}{_position(event)}: {message}")


class _Reader:
    """Turns nodes into dicts, lists, strings and None, and refuses what a matrix never holds."""

    def __init__(self, path: Path, root: yaml.Node) -> None:
        self._path = path
        self._root = root
        self._nodes = 0
        self._characters = 0

    def read(self) -> Any:
        if not isinstance(self._root, yaml.MappingNode):
            raise self._error(
                self._root, "a matrix is a mapping with keys such as go and workloads"
            )
        return self._read(self._root, ())

    def _read(self, node: yaml.Node, parents: tuple[yaml.Node, ...]) -> Any:
        self._nodes += 1
        self._characters += len(node.value) if isinstance(node, yaml.ScalarNode) else 0
        huge = self._nodes > _NODES or self._characters > _CHARACTERS or len(parents) > _DEPTH
        if huge or any(node is parent for parent in parents):
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
            self._characters += len(key.value)
            if key.value in result:
                raise self._error(
                    key,
                    f"duplicate key {key.value!r}; it is first given in line {lines[key.value]}",
                )
            lines[key.value] = key.start_mark.line + 1
            result[key.value] = self._read(value, parents)
        return result

    def _error(self, node: yaml.Node, message: str) -> SpecError:
        return SpecError(f"{self._path}{_position(node)}: {_shortened(message, _SENTENCE)}")


def _position(part: yaml.Node | yaml.Event) -> str:
    mark = part.start_mark
    return f":{mark.line + 1}:{mark.column + 1}" if mark else ":1:1"


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
    where = _position(_find(root, location, key=key))
    return SpecError(f"{path}{where}: {_shortened(message, _MESSAGE)}")


def _explain_all(path: Path, root: yaml.Node, error: ValidationError) -> str:
    """One line for each mistake, in the order of the file."""
    details = error.errors(include_url=False)
    told = dict.fromkeys(_explain(path, root, detail) for detail in details[: 5 * _MISTAKES])
    lines = sorted(told, key=_line_and_column(path))
    left = max(0, len(lines) - _MISTAKES) + max(0, len(details) - 5 * _MISTAKES)
    return "\n".join(lines[:_MISTAKES] + ([f"{path}: and {left} more"] if left else []))


def _explain(path: Path, root: yaml.Node, detail: ErrorDetails) -> str:
    """One line for one of pydantic's errors."""
    location = detail["loc"]
    name = location[-1] if location else "the matrix"
    if name == "[key]":  # the key itself is wrong, and not its value
        message = _shortened(_message(name, detail), _SENTENCE)
        return str(_error(path, root, location[:-1], message, key=True))
    if detail["type"] == "extra_forbidden":
        shown = _shortened(str(name), 100)
        message = f"unknown key {shown!r}{did_you_mean(str(name), _valid_keys(location[:-1]))}"
        return str(_error(path, root, location, message, key=True))
    message = _shortened(_message(name, detail), _SENTENCE)
    return str(_error(path, root, location, message))


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
            return f"{_shortened(repr(value), 100)}: {detail['msg'][0].lower()}{detail['msg'][1:]}"


@cache
def _schema() -> dict[str, Any]:
    return MatrixSpec.model_json_schema()


def _valid_keys(location: Location) -> list[str]:
    """The keys that the models allow in the mapping at a location, by way of their JSON Schema."""
    schema = _schema()
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
        seen: set[str] = set()
        for index, name in enumerate(names):
            if name in seen:
                raise matrix.error(
                    (key, index), f"{name!r} is named twice; each needs its own name"
                )
            seen.add(name)
    workloads = [w.name for w in spec.workloads]
    for section in ("exclude", "gates"):
        for index, entry in enumerate(getattr(spec, section)):
            if entry.workload is not None and entry.workload not in workloads:
                hint = did_you_mean(entry.workload, workloads)
                raise matrix.error(
                    (section, index, "workload"), f"there is no workload {entry.workload!r}{hint}"
                )


def _check_size(matrix: Matrix) -> None:
    """Refuse by arithmetic what could not be crossed, held in memory or measured."""
    spec = matrix.spec
    builds: dict[Location, int] = {
        ("build", key): len(values) for key, values in spec.build.axes().items()
    }
    axes: dict[Location, int] = {
        ("go",): len(spec.go),
        ("experiments",): len(spec.experiments),
        **builds,
        **{("env", key): len(values) for key, values in spec.env.items()},
    }
    variants = math.prod(axes.values()) + len(spec.include) * math.prod(builds.values())
    largest = max(axes, key=lambda location: axes[location])
    cells = variants * len(spec.workloads)
    for number, most, location, what in (
        (variants, _VARIANTS, largest, "variants: " + _factors(axes)),
        (cells, _CELLS, ("workloads",), "variants of workloads, before exclude:"),
        (cells * len(spec.exclude), _MATCHES, ("exclude",), "comparisons of cells with patterns"),
    ):
        if number > most:
            raise matrix.error(
                location,
                f"these make {number:,} {what}; at most {most:,} are taken. Take values or axes "
                "away, list the few that matter under include:, or measure in several runs",
            )


def _factors(axes: dict[Location, int]) -> str:
    return " × ".join(f"{n} {'.'.join(map(str, key))}" for key, n in axes.items() if n > 1)
