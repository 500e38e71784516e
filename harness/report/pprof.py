"""Heap profiles, read without a Go toolchain, so that a report needs the run directory alone.

The format is a gzipped protocol buffer (``profile.proto`` of google/pprof); only the fields that
a breakdown of memory by function needs are read.
"""

import gzip
import zlib
from collections import defaultdict
from collections.abc import Iterator

from harness.golang.overlay import is_probe

Stack = tuple[str, ...]
"""Function names, the root first."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MORE, _LOW7 = 0x80, 0x7F
_SAMPLE_TYPE, _SAMPLE, _LOCATION, _FUNCTION, _STRING = 1, 2, 4, 5, 6


def parse_heap(data: bytes, kind: str = "inuse_space") -> dict[Stack, float]:
    """Bytes by stack: in use, or with ``alloc_space`` all that were ever allocated.

    A stack of which nothing is left has zero bytes. What the probe itself allocates is left out.

    Raises:
        ValueError: this is no profile, or one without that kind of sample.
    """
    try:
        fields = list(_fields(gzip.decompress(data)))
    except (OSError, EOFError, IndexError, zlib.error) as error:
        raise ValueError(f"not a gzipped profile: {error}") from None
    try:
        return _by_stack(fields, kind)
    except (IndexError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise ValueError(f"a damaged profile: {error!r}") from None


def _by_stack(fields: list[tuple[int, int | bytes]], kind: str) -> dict[Stack, float]:
    strings = [_bytes(value).decode() for number, value in fields if number == _STRING]
    kinds = [strings[_first(value, 1)] for number, value in fields if number == _SAMPLE_TYPE]
    if kind not in kinds:
        raise ValueError(f"a profile without {kind}")
    column = kinds.index(kind)
    functions = {
        _first(value, 1): (strings[_first(value, 2)], strings[_first(value, 4)])
        for number, value in fields
        if number == _FUNCTION
    }
    functions.setdefault(0, ("?", ""))
    probe = {key for key, function in functions.items() if is_probe(*function)}
    locations: dict[int, list[int]] = {}
    for number, value in fields:
        if number == _LOCATION:
            lines = [line for key, line in _fields(_bytes(value)) if key == 4]  # noqa: PLR2004 - field "line"
            locations[_first(value, 1)] = [_first(line, 1) for line in lines]
    stacks: dict[Stack, float] = defaultdict(float)
    for number, value in fields:
        if number == _SAMPLE:
            values = [_signed(v) for v in _repeated(value, 2)]
            # leaf first, inlined callees before their callers
            leaf_first = [f for key in _repeated(value, 1) for f in locations[key] or [0]]
            if probe.isdisjoint(leaf_first):
                stacks[tuple(functions[f][0] for f in reversed(leaf_first))] += values[column]
    return dict(stacks)


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        kind = key & 7
        if kind == _VARINT:
            value, position = _varint(data, position)
            yield key >> 3, value
            continue
        if kind == _BYTES:
            size, position = _varint(data, position)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"a damaged profile: wire type {kind}")
        if position + size > len(data):
            raise ValueError("a profile cut short")
        yield key >> 3, data[position : position + size]
        position += size


def _varint(data: bytes, position: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        byte = data[position]
        position += 1
        result |= (byte & _LOW7) << shift
        if byte < _MORE:
            return result, position
        shift += 7


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise TypeError("a number where a message should be")
    return value


def _first(message: int | bytes, number: int) -> int:
    return next(iter(_repeated(message, number)), 0)


def _repeated(message: int | bytes, number: int) -> Iterator[int]:
    """Integers of a field, packed or not."""
    for key, value in _fields(_bytes(message)):
        if key != number:
            continue
        if isinstance(value, int):
            yield value
            continue
        position = 0
        while position < len(value):
            item, position = _varint(value, position)
            yield item


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value
