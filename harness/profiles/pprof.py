"""Heap profiles, read without a Go toolchain, so that a report needs the run directory alone.

The format is a gzipped protocol buffer (``profile.proto`` of google/pprof); only the fields that
a breakdown of memory by function needs are read. A profile may come from a stranger: whatever it
says of its own size, there is a limit on what is unpacked, counted and held.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from harness.files.unpack import Allowance, TooLargeError, gunzip
from harness.golang.probe.overlay import is_probe

Stack = tuple[str, ...]
"""Function names, the root first."""

COMPRESSED = 16 << 20
"""Bytes that are read of a profile's file at most."""
_UNPACKED = 32 << 20
"""Bytes that it may unpack to. Profiles of large services have a tenth of that."""
_NUMBERS = 2_000_000
"""Fields, numbers and frames of stacks that it may hold together, each of which takes time."""
_TOGETHER = "not read: the profiles before it are as much as is read of a run"
_DEPTH = 1024
"""Frames of a stack; the runtime records 128 at most."""
_NAME = 1 << 16
"""Bytes of a name."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MORE, _LOW7, _WIDTH = 0x80, 0x7F, 64
_SAMPLE_TYPE, _SAMPLE, _LOCATION, _FUNCTION, _STRING, _PERIOD = 1, 2, 4, 5, 6, 12


class Frame(NamedTuple):
    """A function as it was called, also where it was inlined."""

    function: str
    file: str = ""
    line: int = 0
    address: int = 0


class Sample(NamedTuple):
    """What was measured of one stack."""

    stack: tuple[Frame, ...]
    """The leaf first."""
    values: tuple[int, ...]
    """One for each kind."""


class Profile(NamedTuple):
    """A profile's content."""

    kinds: tuple[str, ...]
    """As ``inuse_space``."""
    samples: tuple[Sample, ...]
    period: int
    """Bytes allocated from one sample to the next, on average."""


def whole_run() -> Allowance:
    """What is read of all profiles of a run together, at most: some 6 s of CPU time."""
    return Allowance(numbers=20_000_000, size=256 << 20)


def parse_heap(
    data: bytes, kind: str = "inuse_space", allowance: Allowance | None = None
) -> dict[Stack, float]:
    """Bytes by stack: in use, or with ``alloc_space`` all that were ever allocated.

    A stack of which nothing is left has zero bytes. What the probe itself allocates is left out.

    Args:
        data: the file's content.
        kind: of sample.
        allowance: as for ``parse_profile``.

    Raises:
        ValueError: this is no profile of a heap, one without that kind of sample, or one beyond a
            limit.
    """
    profile = parse_profile(data, allowance)
    if kind not in profile.kinds:
        raise ValueError(f"a profile without {kind}")
    column = profile.kinds.index(kind)
    if any(values[column] < 0 for _, values in profile.samples):
        raise ValueError("a damaged profile: a stack has less than no bytes")
    frames = {frame for stack, _ in profile.samples for frame in stack}
    probe = {frame for frame in frames if is_probe(frame.function, frame.file)}
    stacks: dict[Stack, float] = defaultdict(float)
    for stack, values in profile.samples:
        if probe.isdisjoint(stack):
            stacks[tuple(frame.function for frame in reversed(stack))] += values[column]
    return dict(stacks)


def parse_profile(data: bytes, allowance: Allowance | None = None) -> Profile:
    """Read a profile.

    Args:
        data: the file's content.
        allowance: what is left for it and others; it is told what this one took.

    Raises:
        ValueError: this is no profile, or one beyond a limit.
    """
    whole = allowance or whole_run()
    if whole.spent:
        raise ValueError(_TOGETHER)
    most = min(_UNPACKED, whole.size)
    try:
        content = gunzip(data, most)
    except ValueError as error:
        whole.spend(0, most)
        if isinstance(error, TooLargeError) and most < _UNPACKED:
            raise ValueError(_TOGETHER) from None
        raise ValueError(f"not a gzipped profile that is read here: {error}") from None
    reader = _Reader(min(_NUMBERS, whole.numbers))
    try:
        return reader.profile(content)
    except (IndexError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise ValueError(f"a damaged profile: {error!r}") from None
    finally:
        whole.spend(reader.read, len(content))


class _Reader:
    """Reads one profile, and counts what it reads."""

    def __init__(self, most: int) -> None:
        self.read = 0
        self._most = most

    def profile(self, content: bytes) -> Profile:
        fields: dict[int, list[int | bytes]] = defaultdict(list)
        for number, value in self._fields(content):
            fields[number].append(value)
        strings = [_text(value) for value in fields[_STRING]]
        kinds = tuple(strings[self._first(value, 1)] for value in fields[_SAMPLE_TYPE])
        locations = self._locations(fields, strings)
        samples = tuple(self._sample(value, locations, len(kinds)) for value in fields[_SAMPLE])
        periods = [value for value in fields[_PERIOD] if isinstance(value, int)]
        return Profile(kinds, samples, periods[-1] if periods else 0)

    def _locations(
        self, fields: dict[int, list[int | bytes]], strings: list[str]
    ) -> dict[int, tuple[Frame, ...]]:
        """The frames of each, inlined callees before their callers."""
        functions = {0: ("?", "")}
        for message in fields[_FUNCTION]:
            number, name, file = (self._first(message, field) for field in (1, 2, 4))
            functions[number] = (strings[name], strings[file])
        locations = {}
        for message in fields[_LOCATION]:
            number, address = (self._first(message, field) for field in (1, 3))
            lines = [line for key, line in self._fields(_bytes(message)) if key == 4]  # noqa: PLR2004 - field "line"
            frames = [
                Frame(*functions[self._first(line, 1)], self._first(line, 2), address)
                for line in lines
            ]
            locations[number] = tuple(frames) or (Frame(*functions[0], address=address),)
        return locations

    def _sample(
        self, message: int | bytes, locations: dict[int, tuple[Frame, ...]], kinds: int
    ) -> Sample:
        stack: list[Frame] = []
        for key in self._repeated(message, 1):
            stack += locations[key]
            self._count(len(locations[key]))
            if len(stack) > _DEPTH:
                raise ValueError(f"a profile with a stack of more than {_DEPTH} frames")
        values = tuple(_signed(value) for value in self._repeated(message, 2))
        if len(values) != kinds:
            raise ValueError("a damaged profile: a sample without a value for each kind")
        return Sample(tuple(stack), values)

    def _fields(self, data: bytes) -> Iterator[tuple[int, int | bytes]]:
        position = 0
        while position < len(data):
            self._count(1)
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

    def _first(self, message: int | bytes, number: int) -> int:
        return next(iter(self._repeated(message, number)), 0)

    def _repeated(self, message: int | bytes, number: int) -> Iterator[int]:
        """Integers of a field, packed or not."""
        for key, value in self._fields(_bytes(message)):
            if key != number:
                continue
            if isinstance(value, int):
                yield value
                continue
            position = 0
            while position < len(value):
                self._count(1)
                item, position = _varint(value, position)
                yield item

    def _count(self, numbers: int) -> None:
        self.read += numbers
        if self.read > self._most:
            alone = self._most == _NUMBERS
            raise ValueError(f"a profile of more than {_NUMBERS:,} numbers" if alone else _TOGETHER)


def _varint(data: bytes, position: int) -> tuple[int, int]:
    result = shift = 0
    while shift < _WIDTH:
        byte = data[position]
        position += 1
        result |= (byte & _LOW7) << shift
        if byte < _MORE:
            return result & ((1 << _WIDTH) - 1), position
        shift += 7
    raise ValueError("a damaged profile: a number of more than 64 bits")


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise TypeError("a number where a message should be")
    return value


def _text(value: int | bytes) -> str:
    data = _bytes(value)
    if len(data) > _NAME:
        raise ValueError(f"a profile with a name of more than {_NAME >> 10} KiB")
    return data.decode()


def _signed(value: int) -> int:
    return value - (1 << _WIDTH) if value >> (_WIDTH - 1) else value
