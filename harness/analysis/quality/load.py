"""Warnings where a server's load was not what was asked for."""

from collections.abc import Iterator

from harness.analysis.models import Caution
from harness.analysis.pairing import middle
from harness.analysis.samples import Table
from harness.text.words import amount

_LATE = 0.01
"""Seconds by which one request in a hundred may begin late: the doctor's limit for a machine that
is quiet enough."""


def load_cautions(table: Table) -> Iterator[Caution]:
    """Warn where the generator, not the program, made a queue: it raises the program's memory."""
    missed, late = (
        {v: m for v in table.cells if (m := middle(table.values(v, metric))) is not None}
        for metric in ("requests.missed", "load.late")
    )
    worst = max(missed, key=lambda variant: missed[variant], default=None)
    if worst is not None and missed[worst] > 0:
        yield Caution(
            kind="missed requests",
            message=f"with {worst} the load left out {missed[worst]:.0f} requests of a trial that "
            "were due, since too many were in flight: the program did not keep up",
            remedy="lower server.load.rate to what the slowest variant answers, or raise "
            "max_in_flight",
        )
    worst = max(late, key=lambda variant: late[variant], default=None)
    if worst is not None and late[worst] > _LATE:
        yield Caution(
            kind="late load",
            message=f"with {worst} one request in a hundred left {amount(late[worst], 'seconds')} "
            "late or more: the generator, and not the program, made them come in bursts",
            remedy="lower server.load.rate, leave a CPU to the generator (trials.lanes), or see "
            "gomatrix doctor",
        )
