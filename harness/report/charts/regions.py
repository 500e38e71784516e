"""Address space by class of mapping: reserved size against what is resident."""

import statistics
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from harness.report.charts import vega
from harness.report.charts.vega import MIB, WIDTH, Figure
from harness.report.wording import quantity
from harness.run.records import TrialRecord
from harness.run.store import Run
from harness.text.visible import visible

_LEAST = 1024
"""Bytes: a logarithmic axis has no zero."""


class _Region(NamedTuple):
    workload: str
    role: str
    variant: str
    kind: str
    size: float
    rss: float


def address_space(
    run: Run, workloads: Sequence[str], variants: Sequence[tuple[str, str]]
) -> Figure | None:
    """Medians over rounds, from smaps at the end of main; variants are pairs of role and name."""
    regions = list(_regions(run, workloads, variants))
    if not regions:
        return None
    label = "MiB (log): dot resident, line up to its size"
    rule = {"mark": {"type": "rule", "opacity": 0.5}, "encoding": {"x2": {"field": "size"}}}
    point = {"mark": {"type": "point", "filled": True, "size": 60}}
    chart = {
        "data": vega.values(map(_row, regions)),
        "facet": {"row": vega.rows_by_workload()},
        "spec": {
            "width": WIDTH - 200,
            "height": {"step": 13},
            "encoding": {
                "x": vega.quantitative("rss", title=label, scale={"type": "log"}),
                "y": vega.nominal("class", title=None, sort=None),
                "yOffset": vega.nominal("role", sort=["baseline", "candidate"]),
                "description": vega.nominal("tip"),
                "color": vega.role_color(),
            },
            "layer": [rule, point],
        },
    }
    title = "Address space by region: size against resident"
    note = "Medians over rounds, from smaps at the end of main."
    table = (
        ("Workload", "Variant", "Class", "Size", "Resident"),
        *(
            (r.workload, r.variant, r.kind, quantity(r.size, "bytes"), quantity(r.rss, "bytes"))
            for r in regions
        ),
    )
    return Figure("regions", title, note, vega.draw(chart, title), table=table)


def _regions(
    run: Run, workloads: Sequence[str], variants: Sequence[tuple[str, str]]
) -> Iterator[_Region]:
    found: dict[tuple[str, str], list[TrialRecord]] = defaultdict(list)
    for trial in run.trials:
        if trial.ok and trial.smaps:
            found[trial.workload, trial.variant].append(trial)
    for workload in workloads:
        for role, variant in variants:
            trials = found[workload, variant]
            for kind in dict.fromkeys(kind for trial in trials for kind in trial.smaps):
                size, rss = (_median(trials, kind, field) for field in ("size", "rss"))
                yield _Region(workload, role, variant, kind, size, rss)


def _median(trials: Collection[TrialRecord], kind: str, field: str) -> float:
    return statistics.median(trial.smaps.get(kind, {}).get(field, 0) for trial in trials)


def _row(region: _Region) -> dict[str, Any]:
    kind = visible(region.kind)
    text = f"{kind}: {quantity(region.rss, 'bytes')} resident of {quantity(region.size, 'bytes')}"
    return {
        "workload": visible(region.workload), "class": kind, "role": region.role,
        "size": max(region.size, _LEAST) / MIB, "rss": max(region.rss, _LEAST) / MIB,
        "tip": vega.tip(visible(region.variant), text),
    }  # fmt: skip
