"""Address space by class of mapping: reserved size against what is resident."""

import statistics
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from harness.report.charts import vega
from harness.report.charts.vega import MIB, WIDTH, Figure
from harness.report.wording import quantity
from harness.run.records import TrialRecord
from harness.run.store import Run
from harness.text.visible import visible

_LEAST = 1024
"""Bytes: a logarithmic axis has no zero."""


def address_space(
    run: Run, workloads: Sequence[str], variants: Sequence[tuple[str, str]]
) -> Figure | None:
    """Medians over rounds, from smaps at the end of main; variants are pairs of role and name."""
    rows: list[dict[str, Any]] = []
    table = [("Workload", "Variant", "Class", "Size", "Resident")]
    for workload, role, variant, kind, *sizes in _regions(run, workloads, variants):
        size, rss = (quantity(value, "bytes") for value in sizes)
        table.append((workload, variant, kind, size, rss))
        reserved, resident = (max(value, _LEAST) / MIB for value in sizes)
        text = f"{visible(kind)}: {rss} resident of {size}"
        rows.append(
            {
                "workload": visible(workload), "class": visible(kind), "role": role,
                "size": reserved, "rss": resident, "tip": vega.tip(visible(variant), text),
            }
        )  # fmt: skip
    if not rows:
        return None
    label = "MiB (log): dot resident, line up to its size"
    rule = {"mark": {"type": "rule", "opacity": 0.5}, "encoding": {"x2": {"field": "size"}}}
    point = {"mark": {"type": "point", "filled": True, "size": 60}}
    chart = {
        "data": vega.values(rows),
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
    return Figure("regions", title, note, vega.draw(chart, title), table=tuple(table))


def _regions(
    run: Run, workloads: Sequence[str], variants: Sequence[tuple[str, str]]
) -> Iterator[tuple[str, str, str, str, float, float]]:
    """Workload, role, variant, class of mapping, its size and what of it is resident."""
    found: dict[tuple[str, str], list[TrialRecord]] = defaultdict(list)
    for trial in run.trials:
        if trial.ok and trial.smaps:
            found[trial.workload, trial.variant].append(trial)
    for workload in workloads:
        for role, variant in variants:
            trials = found[workload, variant]
            for kind in dict.fromkeys(kind for trial in trials for kind in trial.smaps):
                size, rss = (_median(trials, kind, field) for field in ("size", "rss"))
                yield workload, role, variant, kind, size, rss


def _median(trials: Collection[TrialRecord], kind: str, field: str) -> float:
    return statistics.median(trial.smaps.get(kind, {}).get(field, 0) for trial in trials)
