"""Every trial of a metric, in the order in which they ran."""

from collections import defaultdict
from collections.abc import Mapping

from harness.report.charts.drawing import (
    MIB,
    WIDTH,
    Figure,
    draw,
    nominal,
    quantitative,
    role_color,
    rows_by_workload,
    tip,
    values,
)
from harness.report.wording import quantity
from harness.run.store import Run
from harness.text.visible import visible


def trials_in_order(run: Run, metric: str, unit: str, roles: Mapping[str, str]) -> Figure | None:
    """A dot for each trial that has the metric, coloured by the role of its variant."""
    counts: dict[str, int] = defaultdict(int)
    rows = []
    for trial in sorted(run.trials, key=lambda t: (t.started, t.workload, t.variant, t.round)):
        value = trial.metrics.get(metric)
        counts[trial.workload] += 1
        if not trial.ok or value is None:
            continue
        rows.append(
            {
                "workload": visible(trial.workload), "order": counts[trial.workload],
                "value": value / (MIB if unit == "bytes" else 1),
                "role": roles.get(trial.variant, "other"),
                "tip": tip(visible(trial.variant), f"round {trial.round}, {quantity(value, unit)}"),
            }
        )  # fmt: skip
    if not rows:
        return None
    label = "MiB" if unit == "bytes" else unit
    chart = {
        "data": values(rows),
        "width": WIDTH,
        "height": 130,
        "mark": {"type": "point", "filled": True, "size": 36, "opacity": 0.8, "shape": "circle"},
        "encoding": {
            "x": quantitative("order", title="trials in the order in which they ran"),
            "y": quantitative("value", title=label, scale={"zero": False}),
            "color": role_color(),
            "description": nominal("tip"),
            "row": rows_by_workload(),
        },
        "resolve": {"scale": {"x": "independent", "y": "independent"}},
    }
    title = f"Every trial in run order: {metric}"
    note = "A slope or a step that all variants share is drift of the machine, not an effect."
    return Figure(f"order-{metric.replace('.', '-')}", title, note, draw(chart, title))
