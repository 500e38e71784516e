"""Heap profiles made by hand, for tests of what reads and shows them."""

import gzip
from collections.abc import Iterable


def field(number: int, value: int | bytes | str) -> bytes:
    """One field of a protocol buffer."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def varint(value: int) -> bytes:
    """A number in base 128, the low digits first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def profile(stacks: Iterable[tuple[bytes, int]], leaf: str = "main.fill") -> bytes:
    """A gzipped heap profile of two functions: location 1 is main.main, 2 is the leaf.

    Args:
        stacks: the field of its locations, and bytes in use.
        leaf: a function's name.
    """
    strings = ["", "inuse_objects", "count", "inuse_space", "bytes", "main.main", leaf]
    return gzip.compress(
        b"".join(
            [
                field(1, field(1, 1) + field(2, 2)),
                field(1, field(1, 3) + field(2, 4)),
                *(field(2, locations + field(2, varint(1) + varint(size)))
                  for locations, size in stacks),
                field(4, field(1, 1) + field(4, field(1, 11))),
                field(4, field(1, 2) + field(4, field(1, 12))),
                field(5, field(1, 11) + field(2, 5)),
                field(5, field(1, 12) + field(2, 6)),
                *(field(6, text) for text in strings),
            ]
        )
    )  # fmt: skip
