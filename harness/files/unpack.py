"""Compressed data, unpacked up to a limit: a few kilobytes may stand for gigabytes."""

import zlib
from dataclasses import dataclass

_GZIP = 31
"""``wbits`` of zlib for data with gzip's header and checksum."""
_MEMBERS = 100
"""Most members of a gzip file; each costs a copy of what follows it."""


class TooLargeError(ValueError):
    """Data that unpacks to more than its limit."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"unpacks to more than {limit >> 20} MiB")


@dataclass
class Allowance:
    """How much may still be read of many files together; each has its own limit too."""

    numbers: int
    """Whatever takes time and memory once it is unpacked."""
    size: int
    """Bytes."""

    def spend(self, numbers: int, size: int) -> None:
        """Note what was read."""
        self.numbers -= numbers
        self.size -= size

    @property
    def spent(self) -> bool:
        """Whether nothing is left."""
        return min(self.numbers, self.size) <= 0


def gunzip(data: bytes, limit: int) -> bytes:
    """Unpack gzip, all members one after the other as ``gzip.decompress`` does.

    Raises:
        TooLargeError: it unpacks to more than ``limit`` bytes, of which no more were made.
        ValueError: it is no gzip, or cut short.
    """
    unpacked = bytearray()
    for _ in range(_MEMBERS):
        if not data:
            return bytes(unpacked)
        member = zlib.decompressobj(_GZIP)
        try:
            unpacked += member.decompress(data, limit + 1 - len(unpacked))
        except zlib.error as error:
            raise ValueError(str(error)) from None
        if len(unpacked) > limit:
            raise TooLargeError(limit)
        if not member.eof:
            raise ValueError("it is cut short")
        data = member.unused_data.lstrip(b"\0")
    raise ValueError(f"it has more than {_MEMBERS} members")
