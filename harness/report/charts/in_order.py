"""Every trial of a metric, in the order in which they ran."""

from collections import defaultdict
from collections.abc import Mapping

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
from harness.run.store import Run
from harness.text.visible import visible


def trials_in_order(run: Run, metric: str, unit: str, roles: Mapping[str, str]) -> Figure | None:
    """A dot for each trial that has the metric.

    Args:
        run: the run.
        metric: its name.
        unit: the metric's.
        roles: ``baseline`` and ``candidate`` by the variant's name.
    """
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
    chart = (
        alt.Chart(data(rows))
        .mark_point(filled=True, size=36, opacity=0.8, shape="circle")
        .encode(
            x=alt.X("order:Q", title="trials in the order in which they ran"),
            y=alt.Y("value:Q", title="MiB" if unit == "bytes" else unit,
                    scale=alt.Scale(zero=False)),
            color=role_color(),
            description="tip:N",
            row=rows_by_workload(),
        )
        .properties(width=WIDTH, height=130)
        .resolve_scale(x="independent", y="independent")
    )  # fmt: skip
    title = f"Every trial in run order: {metric}"
    note = "A slope or a step that all variants share is drift of the machine, not an effect."
    return Figure(f"order-{metric.replace('.', '-')}", title, note, draw(chart, title))
