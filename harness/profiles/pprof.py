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
from harness.profiles.encode import LOW7, MORE, Frame

Stack = tuple[str, ...]
"""Function names, the root first."""

COMPRESSED = 16 << 20
"""Most bytes that are read of a profile's file."""
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
_WIDTH = 64
_SAMPLE_TYPE, _SAMPLE, _LOCATION, _FUNCTION, _STRING, _PERIOD = 1, 2, 4, 5, 6, 12
_Message = dict[int, list[int | bytes]]
"""The values of each field."""


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

    def column(self, kind: str) -> int:
        """Return the index of a kind's values; ``ValueError`` if there are none."""
        if kind not in self.kinds:
            raise ValueError(f"a profile without {kind}")
        return self.kinds.index(kind)

    def by_stack(self, kind: str = "inuse_space") -> dict[Stack, float]:
        """Bytes by stack: in use, or with ``alloc_space`` all that were ever allocated.

        A stack of which nothing is left has zero bytes. What the probe allocates is left out.

        Raises:
            ValueError: it has no such kind of sample, or is damaged.
        """
        column = self.column(kind)
        if any(values[column] < 0 for _, values in self.samples):
            raise ValueError("a damaged profile: a stack has less than no bytes")
        frames = {frame for stack, _ in self.samples for frame in stack}
        probe = {frame for frame in frames if is_probe(frame.function, frame.file)}
        stacks: dict[Stack, float] = defaultdict(float)
        for stack, values in self.samples:
            if probe.isdisjoint(stack):
                stacks[tuple(frame.function for frame in reversed(stack))] += values[column]
        return dict(stacks)


def whole_run() -> Allowance:
    """Return how much is read of all profiles of a run together: some 6 s of CPU time."""
    return Allowance(numbers=20_000_000, size=256 << 20)


def parse_heap(
    data: bytes, kind: str = "inuse_space", allowance: Allowance | None = None
) -> dict[Stack, float]:
    """Read a profile by stack; see ``parse_profile`` and ``Profile.by_stack``."""
    return parse_profile(data, allowance).by_stack(kind)


def parse_profile(data: bytes, allowance: Allowance | None = None) -> Profile:
    """Read a profile; ``allowance``, what is left for it and others, is told what it took.

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
        fields = self._message(content)
        strings = [_text(value) for value in fields[_STRING]]
        kinds = [self._message(value)[1] for value in fields[_SAMPLE_TYPE]]
        locations = self._locations(fields, strings)
        samples = tuple(self._sample(value, locations, len(kinds)) for value in fields[_SAMPLE])
        periods = [value for value in fields[_PERIOD] if isinstance(value, int)]
        names = tuple(strings[self._first(kind)] for kind in kinds)
        return Profile(names, samples, periods[-1] if periods else 0)

    def _locations(self, fields: _Message, strings: list[str]) -> dict[int, tuple[Frame, ...]]:
        """The frames of each, inlined callees before their callers."""
        functions = {0: ("?", "")}
        for value in fields[_FUNCTION]:
            message = self._message(value)
            number, name, file = (self._first(message[field]) for field in (1, 2, 4))
            functions[number] = (strings[name], strings[file])
        locations = {}
        for value in fields[_LOCATION]:
            message = self._message(value)
            number, address = (self._first(message[field]) for field in (1, 3))
            lines = [self._message(line) for line in message[4]]
            frames = [
                Frame(address, *functions[self._first(line[1])], self._first(line[2]))
                for line in lines
            ]
            locations[number] = tuple(frames) or (Frame(address, *functions[0]),)
        return locations

    def _sample(
        self, value: int | bytes, locations: dict[int, tuple[Frame, ...]], kinds: int
    ) -> Sample:
        message = self._message(value)
        stack: list[Frame] = []
        for key in self._numbers(message[1]):
            stack += locations[key]
            self._count(len(locations[key]))
            if len(stack) > _DEPTH:
                raise ValueError(f"a profile with a stack of more than {_DEPTH} frames")
        values = tuple(_signed(number) for number in self._numbers(message[2]))
        if len(values) != kinds:
            raise ValueError("a damaged profile: a sample without a value for each kind")
        return Sample(tuple(stack), values)

    def _message(self, message: int | bytes) -> _Message:
        data, position = _bytes(message), 0
        fields: _Message = defaultdict(list)
        while position < len(data):
            self._count(1)
            key, position = _varint(data, position)
            kind = key & 7
            if kind == _VARINT:
                number, position = _varint(data, position)
                fields[key >> 3].append(number)
                continue
            if kind == _BYTES:
                size, position = _varint(data, position)
            elif kind in (_FIXED64, _FIXED32):
                size = 8 if kind == _FIXED64 else 4
            else:
                raise ValueError(f"a damaged profile: wire type {kind}")
            if position + size > len(data):
                raise ValueError("a profile cut short")
            fields[key >> 3].append(data[position : position + size])
            position += size
        return fields

    def _first(self, values: list[int | bytes]) -> int:
        return next(self._numbers(values), 0)

    def _numbers(self, values: list[int | bytes]) -> Iterator[int]:
        """Integers of a field, packed or not."""
        for value in values:
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
        result |= (byte & LOW7) << shift
        if byte < MORE:
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
