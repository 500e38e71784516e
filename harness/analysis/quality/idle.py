"""A warning about programs that did next to nothing, as an empty ``main`` or a usage text."""

from collections.abc import Iterator

from harness.analysis.models import Caution
from harness.analysis.pairing import middle
from harness.analysis.samples import Table
from harness.text.words import amount, listed

_SHORT = 0.020
"""Seconds: an empty main took 1 to 3 ms with the probe; a busy machine takes longer."""
_LITTLE = 1 << 20
"""Bytes allocated; an empty main allocated 8 KiB, one that prints a usage text little more."""


def idle_cautions(table: Table) -> Iterator[Caution]:
    """Warn of variants that end within milliseconds and allocate less than 1 MiB."""
    idle, known = {}, 0
    for variant in table.cells:
        wall, allocated = (middle(table.values(variant, m)) for m in ("wall", "allocs.bytes"))
        if wall is None or allocated is None:
            continue
        known += 1
        if wall < _SHORT and allocated < _LITTLE:
            idle[variant] = (wall, allocated)
    if not idle:
        return
    wall, allocated = max(idle.values())
    who = "the program" if len(idle) == known else f"the program of {listed(tuple(idle))}"
    yield Caution(
        workload=table.workload,
        kind="did nothing",
        message=f"{who} ended within {amount(wall, 'seconds')} and allocated "
        f"{amount(allocated, 'bytes')}: it did next to nothing, so its memory is that of any Go "
        "program at its start",
        remedy="give it work: see args:, stdin: and files: of the workload, and whether it prints "
        "a usage text",
    )
