"""A metric over several runs."""

from collections.abc import Sequence
from typing import NamedTuple

from harness.report.charts import vega
from harness.report.charts.vega import MIB, PLAIN, WIDTH, Figure
from harness.report.wording import level, levels
from harness.text.visible import visible

_COLORS = ("#2b7fb8", "#d9622b", "#2e8b57", "#8c6bb1", "#b98a12", "#c2478f", "#4a525b", "#5fb7a7")
"""Of variants, as far as they go."""
_OTHERS = "others"


class Point(NamedTuple):
    """A variant of a workload in one run."""

    workload: str
    variant: str
    run: int
    """Its place in the labels."""
    median: float
    low: float
    high: float


def trend(
    points: Sequence[Point], labels: Sequence[str], metric: str, unit: str, key: str
) -> Figure | None:
    """Medians with their intervals, a line and a colour a variant; None where there are none.

    ``labels`` say when each run was, oldest first, and are all different; ``key`` is the figure's
    id.
    """
    if not points:
        return None
    names = list(dict.fromkeys(visible(p.variant) for p in points))
    colors = dict(zip(names, _COLORS, strict=False))
    more = {_OTHERS: PLAIN} if len(names) > len(colors) else {}
    scale = MIB if unit == "bytes" else 1
    rows = [
        {
            "workload": visible(p.workload), "variant": visible(p.variant), "run": labels[p.run],
            "colour": visible(p.variant) if visible(p.variant) in colors else _OTHERS,
            "value": p.median / scale, "low": p.low / scale, "high": p.high / scale,
            "tip": vega.tip(visible(p.variant), _told(p, labels, metric, unit)),
        }
        for p in points
    ]  # fmt: skip
    title = f"{metric} over the runs"
    note = (
        "Medians with their intervals, a colour and a line a variant. Runs may differ in machine "
        "and load: findings are each run's."
    )
    if more:
        note += f" Only the first {len(colors)} variants have a colour of their own."
    label = "MiB" if unit == "bytes" else unit
    chart = vega.draw(_chart(rows, labels, label, {**colors, **more}), title)
    return Figure(key, title, note, chart)


def _told(point: Point, labels: Sequence[str], metric: str, unit: str) -> str:
    ends = levels((point.low, point.high), metric, unit)
    return f"{labels[point.run]}, {level(point.median, metric, unit)} ({ends})"


def _chart(
    rows: list[dict[str, object]], labels: Sequence[str], title: str, colors: dict[str, str]
) -> vega.Chart:
    low = vega.quantitative("low", title=title, scale={"zero": False})
    axis = {"labelAngle": -30, "labelOverlap": True}
    return {
        "data": vega.values(rows),
        "facet": {"row": vega.rows_by_workload()},
        "spec": {
            "width": WIDTH,
            "height": 160,
            "encoding": {
                "x": vega.ordinal("run", title=None, sort=list(labels), axis=axis),
                "detail": vega.nominal("variant"),
                "color": vega.nominal("colour", title=None, scale=vega.colors(colors)),
                "description": vega.nominal("tip"),
            },
            "layer": [
                {"mark": {"type": "rule", "opacity": 0.6},
                 "encoding": {"y": low, "y2": {"field": "high"}}},
                {"mark": {"type": "line", "opacity": 0.6},
                 "encoding": {"y": vega.quantitative("value")}},
                {"mark": {"type": "point", "filled": True, "size": 36, "shape": "circle"},
                 "encoding": {"y": vega.quantitative("value")}},
            ],
        },
    }  # fmt: skip
