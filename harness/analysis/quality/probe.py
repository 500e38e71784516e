"""A warning where the probe's own memory is not small beside what is compared."""

from collections.abc import Iterator

import numpy as np

from harness.analysis.models import Caution
from harness.analysis.samples import Table
from harness.analysis.stats.intervals import median
from harness.metrics.catalogue import describe
from harness.text.words import amount, percent

_SMALL = 0.01
"""Part of a metric up to which the probe's memory does not matter, whatever the margin."""


def probe_cautions(table: Table, metric: str, margin: float) -> Iterator[Caution]:
    """Warn where the probe keeps more than a hundredth of a metric, or more than its margin.

    Metrics are given without what it keeps; the pages that it shares with others, and what the
    program does otherwise because of it, are in them.
    """
    about = describe(metric)
    if about.unit != "bytes" or "kernel" not in about.source:
        return
    shares = {}
    for variant in table.cells:
        kept, whole = table.values(variant, "probe.memory"), table.values(variant, metric)
        known = np.isfinite(kept) & (whole > 0)
        if known.any():
            shares[variant] = (median(kept[known] / whole[known]), median(kept[known]))
    if not shares:
        return
    variant, (share, size) = max(shares.items(), key=lambda item: item[1])
    if share > min(_SMALL, margin):
        yield Caution(
            kind="probe's memory",
            message=f"the probe keeps {amount(size, 'bytes')} for the heap profile of {variant}, "
            f"{percent(share)} of its {metric}, which is without it",
            remedy="where so little matters, measure again with probe: metrics, which keeps "
            "nothing, and has no heap profiles",
        )
