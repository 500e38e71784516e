"""Rate and latency of a server under load."""

import statistics
from collections.abc import Mapping

from harness.metrics.catalogue import describe
from harness.report.charts import vega
from harness.report.charts.vega import WIDTH, Figure
from harness.report.wording import level
from harness.run.store import Run
from harness.text.visible import visible

_METRICS = ("requests.rate", "latency.p50", "latency.p99", "latency.max")
_PANEL = WIDTH // len(_METRICS) - 20
_ROW = 34
"""Pixels for each variant: a name, and the dots below."""
_MILLI = {"seconds": ("ms", 1e3)}


def served(run: Run, workload: str, roles: Mapping[str, str], key: str) -> Figure | None:
    """A dot for each trial, a row for each variant, a panel for each metric.

    ``roles`` are ``baseline`` and ``candidate`` by the variant's name; ``key`` is the figure's id.
    None where the load was not the built-in generator's.
    """
    found: dict[str, dict[str, list[float]]] = {}
    rows = []
    for trial in run.trials:
        if not trial.ok or trial.workload != workload:
            continue
        for metric in _METRICS:
            value = trial.metrics.get(metric)
            if value is None:
                continue
            found.setdefault(trial.variant, {}).setdefault(metric, []).append(value)
            unit = describe(metric).unit
            shown, factor = _MILLI.get(unit, (unit, 1.0))
            told = f"round {trial.round}, {metric} {level(value, metric, unit)}"
            rows.append(
                {
                    "variant": visible(trial.variant), "panel": f"{metric}, {shown}",
                    "value": value * factor, "role": roles.get(trial.variant, "other"),
                    "tip": vega.tip(visible(trial.variant), told),
                }
            )  # fmt: skip
    if not rows:
        return None
    order = [v.name for v in run.manifest.plan.variants if v.name in found]
    title = f"Rate and latency: {visible(workload)}"
    note = "A dot for each trial. A latency counts from the instant at which its request was due."
    table = tuple(
        (name, *(_median(found[name].get(metric), metric) for metric in _METRICS)) for name in order
    )
    head = ("Median of", *_METRICS)
    return Figure(key, title, note, vega.draw(_panels(rows, order), title), table=(head, *table))


def _median(values: list[float] | None, metric: str) -> str:
    value = statistics.median(values) if values else None
    return level(value, metric, describe(metric).unit)


def _panels(rows: list[dict[str, object]], order: list[str]) -> vega.Chart:
    panels = list(dict.fromkeys(str(row["panel"]) for row in rows))
    header = {"labelAnchor": "start"}
    return {
        "data": vega.values(rows),
        "width": _PANEL,
        "height": {"step": _ROW},
        "mark": {"type": "point", "filled": True, "size": 36, "opacity": 0.8, "shape": "circle"},
        "encoding": {
            "x": vega.quantitative(
                "value", title=None, scale={"zero": False}, axis={"tickCount": 3}
            ),
            "y": vega.nominal(
                "variant", title=None, sort=list(map(visible, order)), axis=vega.labels_above(_ROW)
            ),
            "color": vega.role_color(),
            "description": vega.nominal("tip"),
            "column": vega.nominal("panel", title=None, sort=panels, header=header),
        },
        "resolve": {"scale": {"x": "independent"}},
    }
