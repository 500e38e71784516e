"""Every trial of a metric, in the order in which they ran."""

from collections import defaultdict
from collections.abc import Mapping

from harness.report.charts import vega
from harness.report.charts.vega import MIB, WIDTH, Figure
from harness.report.wording import level
from harness.run.store import Run
from harness.text.visible import visible


def trials_in_order(run: Run, metric: str, unit: str, roles: Mapping[str, str]) -> Figure | None:
    """A dot for each trial that has the metric, coloured by the role of its variant.

    None where no workload has two trials.
    """
    counts: dict[str, int] = defaultdict(int)
    rows = []
    for trial in sorted(run.trials, key=lambda t: (t.started, t.workload, t.variant, t.round)):
        value = trial.metrics.get(metric)
        counts[trial.workload] += 1
        if not trial.ok or value is None:
            continue
        told = f"round {trial.round}, {level(value, metric, unit)}"
        rows.append(
            {
                "workload": visible(trial.workload), "order": counts[trial.workload],
                "value": value / (MIB if unit == "bytes" else 1),
                "role": roles.get(trial.variant, "other"),
                "tip": vega.tip(visible(trial.variant), told),
            }
        )  # fmt: skip
    if max(counts.values(), default=0) <= 1 or not rows:  # one trial is in no order
        return None
    label = "MiB" if unit == "bytes" else unit
    chart = {
        "data": vega.values(rows),
        "width": WIDTH,
        "height": 130,
        "mark": {"type": "point", "filled": True, "size": 36, "opacity": 0.8, "shape": "circle"},
        "encoding": {
            "x": vega.quantitative("order", title="trials in the order in which they ran"),
            "y": vega.quantitative("value", title=label, scale={"zero": False}),
            "color": vega.role_color(),
            "description": vega.nominal("tip"),
            "row": vega.rows_by_workload(),
        },
        "resolve": {"scale": {"x": "independent", "y": "independent"}},
    }
    title = f"Every trial in run order: {metric}"
    note = "A slope or a step that all variants share is drift of the machine, not an effect."
    return Figure(f"order-{metric.replace('.', '-')}", title, note, vega.draw(chart, title))
