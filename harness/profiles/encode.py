"""Make heap profiles from the records of the runtime's memory profiler.

The probe writes the records as they are: encoding them in the program would link ``runtime/pprof``.
The format is ``profile.proto`` of google/pprof, filled in as that package does.
"""

import gzip
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import count, dropwhile
from types import MappingProxyType
from typing import NamedTuple

from harness.golang.probe.overlay import is_probe
from harness.models import Frozen
from harness.profiles.pages import Pages

_RECORD, _OBJECTS = 5, 3
"""Elements of these lines of the records."""
_RUNTIME = ("runtime.", "internal/runtime/")
KINDS = {
    "alloc_objects": "count", "alloc_space": "bytes",
    "inuse_objects": "count", "inuse_space": "bytes",
}  # fmt: skip
"""What is measured of each stack, with units."""
RESIDENCY = {"resident_space": "bytes", "zero_space": "bytes"}
"""What is told besides, where pages were looked at: how much of objects that were not yet freed at
the snapshot, in use or garbage, is resident, and how much of that is on pages of zeros only."""
MORE, LOW7 = 0x80, 0x7F
"""Parts of each byte of a number: whether another follows, and seven bits of the number."""


class Frame(NamedTuple):
    """A function as it was called, also where it was inlined."""

    address: int
    function: str
    file: str
    line: int = 0


class Record(NamedTuple):
    """Samples of the allocations with one stack."""

    allocated: tuple[int, int]
    """Objects and bytes."""
    in_use: tuple[int, int]
    stack: tuple[int, ...]
    """Numbers of frames, leaf first; none where the profiler had no room for a stack."""


class Sampled(NamedTuple):
    """Objects that the memory profiler sampled at one stack and that are still there."""

    size: int
    """Bytes of the slot that each of them has."""
    stack: tuple[int, ...]
    """Numbers of frames, as in the record of these allocations."""
    addresses: tuple[int, ...]
    """Of their slots."""


class Records(Frozen):
    """Everything that the memory profiler sampled."""

    rate: int
    """Bytes allocated from one sample to the next, on average: ``runtime.MemProfileRate``."""
    records: tuple[Record, ...]
    frames: tuple[Frame, ...]
    objects: tuple[Sampled, ...] = ()
    """Empty where the runtime's records of them are not known."""

    @property
    def nowhere(self) -> float:
        """Which part of the bytes that were sampled has no stack."""
        whole = sum(record.allocated[1] for record in self.records)
        without = sum(record.allocated[1] for record in self.records if not record.stack)
        return without / whole if whole else 0.0


def parse_records(data: bytes) -> Records:
    """Read what ``profile.go`` of the probe has written.

    Raises:
        ValueError: it is cut short or something else.
    """
    try:
        lines = [json.loads(line.decode("utf-8", "replace")) for line in data.splitlines()]
        (rate,), *rest = lines
        records = tuple(
            Record((line[0], line[1]), (line[2], line[3]), tuple(line[4]))
            for line in rest
            if len(line) == _RECORD
        )
        objects = tuple(
            Sampled(line[0], tuple(line[1]), tuple(line[2]))
            for line in rest
            if len(line) == _OBJECTS
        )
        frames = tuple(Frame(*line) for line in rest if len(line) not in {_RECORD, _OBJECTS})
        result = Records(rate=rate, records=records, frames=frames, objects=objects)
    except (ValueError, TypeError, IndexError, KeyError, RecursionError) as error:
        raise ValueError(f"the records cannot be read: {error}") from None
    stacks = [*(record.stack for record in result.records), *(o.stack for o in result.objects)]
    if not all(0 <= number < len(frames) for stack in stacks for number in stack):
        raise ValueError("the records are cut short")
    if not all(o.size > 0 and all(a >= 0 for a in o.addresses) for o in result.objects):
        raise ValueError("the records cannot be read: an object without a place or a size")
    return result


def encode_profile(found: Records, pages: Pages | None = None) -> bytes:
    """A gzipped profile of the heap: objects and bytes, allocated and in use, by stack.

    With the Go heap's ``pages``, also how much is resident, and how much of that holds zeros only.

    Of a stack the runtime's own functions below the one that allocated are left out, and
    ``runtime.goexit``, as runtime/pprof does; the former in all versions as from Go 1.27 on, so
    that stacks of different versions compare. What the probe itself has allocated is left out.
    """
    probe = {n for n, frame in enumerate(found.frames) if is_probe(frame.function, frame.file)}
    resident = _resident(found, pages) if pages and found.objects else None
    samples: list[tuple[Sequence[int], Sequence[int]]] = []
    for record in found.records:
        if probe.isdisjoint(record.stack):
            stack = [number + 1 for number in _shown(record.stack, found.frames)]
            values = [*_unsampled(*record.allocated, found.rate)]
            values += _unsampled(*record.in_use, found.rate)
            if resident is not None:
                size = record.allocated[1] // max(1, record.allocated[0])
                values += resident[record.stack, size]
            samples.append((stack, values))
    kinds = KINDS if resident is None else KINDS | RESIDENCY
    return encode(samples, found.frames, found.rate, kinds)


def _resident(
    found: Records, pages: Pages
) -> defaultdict[tuple[tuple[int, ...], int], tuple[int, int]]:
    """By stack and size: estimated bytes that are resident, and those of them that are zero."""
    sizes = defaultdict[tuple[tuple[int, ...], int], tuple[int, int]](lambda: (0, 0))
    for size, stack, addresses in found.objects:
        seen = [pages.resident(address, size) for address in addresses]
        _, whole = _unsampled(len(seen), size * len(seen), found.rate)
        scale = whole / max(1, size * len(seen))
        resident, zero = (round(scale * sum(column)) for column in zip(*seen, strict=True))
        sizes[stack, size] = (resident, zero)
    return sizes


def encode(
    samples: Iterable[tuple[Sequence[int], Sequence[int]]],
    frames: Iterable[Frame],
    rate: int,
    kinds: Mapping[str, str] = MappingProxyType(KINDS),
) -> bytes:
    """A gzipped profile.

    A sample is numbers of frames, counted from 1, leaf first; and a value for each of ``kinds``.
    ``rate`` is bytes allocated from one sample to the next, on average.
    """
    strings = defaultdict[str, int](count(1).__next__, {"": 0})
    functions = defaultdict[tuple[str, str], int](count(1).__next__)
    body = bytearray()
    for name, unit in kinds.items():
        body += _message(1, _numbers({1: strings[name], 2: strings[unit]}))
    for stack, values in samples:
        body += _message(2, _packed(1, stack) + _packed(2, values))
    body += _message(3, _numbers({1: 1, 7: 1, 8: 1, 9: 1}))  # a mapping that has names and lines
    for number, frame in enumerate(frames, 1):
        line = _message(4, _numbers({1: functions[frame.function, frame.file], 2: frame.line}))
        body += _message(4, _numbers({1: number, 2: 1, 3: frame.address}) + line)
    for (name, file), number in functions.items():
        label = strings[name]
        body += _message(5, _numbers({1: number, 2: label, 3: label, 4: strings[file]}))
    period = _numbers({1: strings["space"], 2: strings["bytes"]})
    for text in strings:
        body += _message(6, text.encode())
    body += _message(11, period) + _numbers({12: rate})
    return gzip.compress(bytes(body), compresslevel=6, mtime=0)


def _unsampled(count: int, size: int, rate: int) -> tuple[int, int]:
    """Estimate objects and bytes from those sampled (``scaleHeapSample`` of runtime/pprof)."""
    if not count or not size or rate <= 1:
        return count, size
    # a sample of s bytes is taken with probability 1 - exp(-s / rate)
    scale = 1 / -math.expm1(-size / count / rate)
    return int(count * scale), int(size * scale)


def _shown(stack: Sequence[int], frames: Sequence[Frame]) -> list[int]:
    called = [number for number in stack if frames[number].function != "runtime.goexit"]
    allocating = dropwhile(lambda number: frames[number].function.startswith(_RUNTIME), called)
    return list(allocating) or called


def _numbers(fields: dict[int, int]) -> bytes:
    return b"".join(_varint(number << 3) + _varint(value) for number, value in fields.items())


def _message(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _packed(number: int, values: Iterable[int]) -> bytes:
    return _message(number, b"".join(map(_varint, values)))


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # two's complement, as protocol buffers have it
    result = bytearray()
    while value > LOW7:
        result.append(value & LOW7 | MORE)
        value >>= 7
    result.append(value)
    return bytes(result)
