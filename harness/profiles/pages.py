"""Pages of the Go heap at one instant: which were resident, and which held only zeros."""

from bisect import bisect_right
from typing import NamedTuple, Self

PAGE = 4096
"""Bytes of a page; the supervisor refuses others."""
WRITTEN, ZERO = 1, 2
"""States of pages that are resident; ``supervisor/pages.go`` has all."""
_HEAD = 16
"""Bytes before the states of a range: its address and its number of pages, eight bytes each."""


class _Range(NamedTuple):
    start: int
    states: bytes
    """One a page."""


class Pages:
    """The states of all pages of a process's Go heap."""

    def __init__(self, ranges: list[_Range]) -> None:
        self._ranges = sorted(ranges)
        self._starts = [found.start for found in self._ranges]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read what the supervisor has written.

        Raises:
            ValueError: it is cut short.
        """
        ranges, place = [], 0
        while place < len(data):
            head = data[place : place + _HEAD]
            start, count = int.from_bytes(head[:8], "little"), int.from_bytes(head[8:], "little")
            place += len(head) + count
            if len(head) < _HEAD or place > len(data):
                raise ValueError("the states of pages are cut short")
            ranges.append(_Range(start, data[place - count : place]))
        return cls(ranges)

    def resident(self, address: int, size: int) -> tuple[int, int]:
        """Bytes of an object that are resident, and bytes of it on pages that hold only zeros."""
        at = bisect_right(self._starts, address) - 1
        if at < 0 or size <= 0:
            return 0, 0
        start, states = self._ranges[at]
        first, last = (address - start) // PAGE, (address + size - 1 - start) // PAGE
        inner = states[first + 1 : last]
        zero = inner.count(ZERO) * PAGE
        resident = zero + inner.count(WRITTEN) * PAGE
        head = min(size, PAGE - (address - start) % PAGE)
        edges = [(first, head)] + [(last, (address + size - 1 - start) % PAGE + 1)] * (last > first)
        for page, part in edges:
            state = states[page] if page < len(states) else 0
            resident += part if state in (WRITTEN, ZERO) else 0
            zero += part if state == ZERO else 0
        return resident, zero
