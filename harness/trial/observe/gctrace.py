"""Parse ``GODEBUG=gctrace=1``, which tells of each collection what ``runtime/metrics`` does not.

The format is in the documentation of package ``runtime`` and the same from Go 1.21 to 1.27:

    gc # @#s #%: #+#+# ms clock, #+#/#/#+# ms cpu, #->#-># MB, # MB goal, # MB stacks, …
"""

import re

_NUMBER = rb"([\d.]+)"
_LINE = re.compile(
    rb"gc \d+ @[\d.]+s \d+%: "
    + rb"\+".join([_NUMBER] * 3) + rb" ms clock, "
    + _NUMBER + rb"\+" + rb"/".join([_NUMBER] * 3) + rb"\+" + _NUMBER + rb" ms cpu, "
    + rb"->".join([rb"(\d+)"] * 3) + rb" MB, (\d+) MB goal[^\n]*\n"
)  # fmt: skip
_BEGINNING = re.compile(rb"g(c( (\d+( (@[^\n]*)?)?)?)?)?\Z")
_LONGEST = 400
"""Most bytes of a line."""


class GCTrace:
    """Takes the collector's lines out of a program's output, and adds up their numbers."""

    def __init__(self) -> None:
        self.held = b""
        """The beginning of a line that may be the collector's."""
        self.counting = True
        """False once the harness itself has collected garbage."""
        self._cycles: list[list[float]] = []

    def feed(self, data: bytes) -> bytes:
        """Return the program's own part of a piece of output; hold an incomplete line back."""
        data = self.held + data
        if self.counting:
            self._cycles += [[float(number) for number in line] for line in _LINE.findall(data)]
        data = _LINE.sub(b"", data)
        start = _BEGINNING.search(data[-_LONGEST:])
        self.held = start[0] if start else b""
        return data[: len(data) - len(self.held)]

    def metrics(self) -> dict[str, float | None]:
        """Sum up all cycles; empty without any."""
        if not self._cycles:
            return {}
        columns = list(zip(*self._cycles, strict=True))
        sweep, mark, termination, _, assist, background, idle, _, at_start, at_end, _, goal = (
            columns
        )
        megabyte = 1 << 20
        return {
            "gctrace.cycles": len(self._cycles),
            "gctrace.stopped": (sum(sweep) + sum(termination)) / 1e3,
            "gctrace.mark": sum(mark) / 1e3,
            "gctrace.assist.cpu": sum(assist) / 1e3,
            "gctrace.background.cpu": sum(background) / 1e3,
            "gctrace.idle.cpu": sum(idle) / 1e3,
            "gctrace.heap.start": max(at_start) * megabyte,
            "gctrace.heap.peak": max(at_end) * megabyte,
            "gctrace.goal.peak": max(goal) * megabyte,
        }
