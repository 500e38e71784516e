"""YAML with places: the text of a matrix file as nodes, and errors that name line and column.

YAML 1.1 would read ``1.20`` as 1.2, ``off`` as false and ``010`` as 8, and would pass duplicate
keys over in silence. So the data is read from YAML's node graph and not by ``yaml.safe_load``:
every scalar stays the text that the user typed, and the models give it a type.
"""

import os
import stat
from pathlib import Path
from typing import Any, NamedTuple, Self

import yaml

from harness.errors import HarnessError, reading
from harness.text.visible import first_unseen, visible

Location = tuple[str | int, ...]
"""A path into the document: keys and list indices."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The loader in C, ten times as fast, where PyYAML has it."""
_NULLS = {"", "~", "null", "Null", "NULL"}

_BYTES = 256 << 10
"""Largest file; a matrix of a hundred workloads takes about 30 KiB."""
_NODES = 20_000
"""Most keys and values; an alias counts as all that it stands for."""
_DEPTH = 32
"""Most levels of nesting; a matrix needs six."""
_CHARACTERS = 1 << 20
"""Most characters of all keys and values; an alias counts as all that it stands for."""
_SENTENCE = 600
"""Longest message about the content of the file, in characters."""
_MESSAGE = 4_000
"""Longest message from elsewhere, as from a provider or the go command."""


class SpecError(HarnessError):
    """A mistake in a matrix file; the message begins with ``FILE:LINE:COL``."""


class Document(NamedTuple):
    """A YAML file."""

    path: Path
    text: str
    root: yaml.Node

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file.

        Raises:
            SpecError: it is not YAML, or more than any matrix needs.
            HarnessError: it cannot be read.
        """
        return cls.of(path, _read(path))

    @classmethod
    def of(cls, path: Path, text: str) -> Self:
        """Take a text as that of a file, which need not exist.

        Raises:
            SpecError: it is not YAML, or more than any matrix needs.
        """
        return cls(path, text, _compose(path, text))

    def data(self) -> Any:
        """Dicts, lists, strings and None.

        Raises:
            SpecError: it is no mapping, or holds what no matrix does.
        """
        if not isinstance(self.root, yaml.MappingNode):
            raise self.error((), "a matrix is a mapping with keys such as go and workloads")
        return _Reader(self.path).read(self.root, ())

    def error(self, location: Location, message: str, *, key: bool = False) -> SpecError:
        """An error about the value at a location, or about its ``key``."""
        where = _position(_find(self.root, location, key=key))
        return SpecError(f"{self.path}{where}: {shortened(message, _MESSAGE)}")


def _is_unicode(text: str) -> bool:
    """Whether a path's bytes are UTF-8; Python holds others as surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _read(path: Path) -> str:
    """Read a matrix file, which must be a regular file of reasonable size."""
    if first_unseen(path.name) or not _is_unicode(str(path.absolute())):
        message = "its name or its directory's cannot be printed; rename it, in UTF-8"
        raise HarnessError(f"{path}: {message}")
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
    """Open without waiting, in case it is a pipe that nobody writes to."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def _end_of(text: str) -> str:
    return f":{text.count(chr(10)) + 1}:{len(text) - text.rfind(chr(10))}"


def shortened(text: str, most: int = _SENTENCE) -> str:
    """Leave out the middle of a text that is too long."""
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
        raise SpecError(f"{path}{where}: is not valid YAML: {shortened(what, 200)}") from None
    except (yaml.YAMLError, ValueError) as error:  # of a directive or an escape; without a place
        what = shortened(" ".join(str(error).split()), 200)
        raise SpecError(f"{path}:1:1: is not valid YAML: {what}") from None
    if root is None:
        raise SpecError(f"{path}:1:1: the file is empty; it needs at least go and workloads")
    return root


def _check_events(path: Path, text: str) -> None:
    """Refuse what is too deep or too large before making nodes, which is recursive."""
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
            message = f"tags ({shortened(tag, 60)!r}) are not supported; write the plain value"
        if message:
            raise SpecError(f"{path}{_position(event)}: {message}")


class _Reader:
    """Turns nodes into dicts, lists, strings and None, and refuses what a matrix never holds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._nodes = 0
        self._characters = 0

    def read(self, node: yaml.Node, parents: tuple[yaml.Node, ...]) -> Any:
        self._nodes += 1
        self._characters += len(node.value) if isinstance(node, yaml.ScalarNode) else 0
        huge = self._nodes > _NODES or self._characters > _CHARACTERS or len(parents) > _DEPTH
        if huge or any(node is parent for parent in parents):
            raise self._error(node, "aliases make this document endless or huge")
        inside = (*parents, node)
        if isinstance(node, yaml.MappingNode):
            return self._read_mapping(node, inside)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(child, inside) for child in node.value]
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
                message = f"duplicate key {key.value!r}; it is first given in line"
                raise self._error(key, f"{message} {lines[key.value]}")
            lines[key.value] = key.start_mark.line + 1
            result[key.value] = self.read(value, parents)
        return result

    def _error(self, node: yaml.Node, message: str) -> SpecError:
        return SpecError(f"{self._path}{_position(node)}: {shortened(message)}")


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
