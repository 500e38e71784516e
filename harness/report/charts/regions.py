"""Address space by class of mapping: reserved size against what is resident."""

import statistics
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import altair as alt

from harness.report.charts.drawing import (
    MIB,
    WIDTH,
    Figure,
    data,
    draw,
    role_color,
    rows_by_workload,
    tip,
)
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
    """Medians over rounds, from smaps at the end of main.

    Args:
        run: the run.
        workloads: in order.
        variants: pairs of role and name.
    """
    regions = list(_regions(run, workloads, variants))
    if not regions:
        return None
    base = alt.Chart().encode(
        y=alt.Y("class:N", title=None, sort=None),
        yOffset=alt.YOffset("role:N", sort=["baseline", "candidate"]),
        description="tip:N",
        color=role_color(),
    )
    x = alt.X("rss:Q", title="MiB (log): dot resident, line up to its size",
              scale=alt.Scale(type="log"))  # fmt: skip
    chart = (
        alt.layer(
            base.mark_rule(opacity=0.5).encode(x=x, x2="size:Q"),
            base.mark_point(filled=True, size=60).encode(x=x),
            data=data(list(map(_row, regions))),
        )
        .properties(width=WIDTH - 200, height=alt.Step(13))
        .facet(row=rows_by_workload())
    )
    title = "Address space by region: size against resident"
    note = "Medians over rounds, from smaps at the end of main."
    table = (
        ("Workload", "Variant", "Class", "Size", "Resident"),
        *(
            (r.workload, r.variant, r.kind, quantity(r.size, "bytes"), quantity(r.rss, "bytes"))
            for r in regions
        ),
    )
    return Figure("regions", title, note, draw(chart, title), table=table)


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
        "tip": tip(visible(region.variant), text),
    }  # fmt: skip
