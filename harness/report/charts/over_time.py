"""Resident memory over time."""

import statistics
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from harness.report.charts import vega
from harness.report.charts.vega import MIB, WIDTH, Chart, Figure
from harness.report.wording import quantity
from harness.run.contents import Reading
from harness.run.series import thinned
from harness.run.store import Run
from harness.text.visible import visible

Points = list[tuple[float, float]]
"""Seconds since the start, and bytes."""

_GRID = 100
"""Points of a curve."""
_MANY_VARIANTS = 24
"""Above it, single rounds are no longer drawn: faint lines would only make a grey surface."""
_TIMES = 5
"""Columns of the table."""
_PANEL = WIDTH // 3 - 25


def memory_over_time(
    run: Run, workload: str, roles: Mapping[str, str], key: str, reading: Reading
) -> Figure | None:
    """Every round faint, their median strong, a panel for each variant.

    ``roles`` are ``baseline`` and ``candidate`` by the variant's name; ``key`` is the figure's id.
    """
    series = _series(run, workload, reading)
    if not series:
        return None
    medians = {name: _median_curve([p for _, p in rounds]) for name, rounds in series.items()}
    faint = len(series) <= _MANY_VARIANTS
    rows: list[dict[str, Any]] = []
    for variant, rounds in series.items():
        row = {"variant": visible(variant), "role": roles.get(variant, "other")}
        text = f"median of {len(rounds)} rounds"
        rows += _line(row | {"line": "median", "strong": 1}, text, medians[variant])
        for number, points in rounds if faint else ():
            line = row | {"line": f"r{number}", "strong": 0}
            rows += _line(line, f"round {number}", points)
    title = f"Resident memory over time: {visible(workload)}"
    drawn = "every round faint, their median strong" if faint else "medians"
    svg = vega.draw(_panels(rows, list(map(visible, series))), title)
    table = _table(medians, {name: len(rounds) for name, rounds in series.items()})
    return Figure(key, title, f"A panel for each variant, {drawn}.", svg, _PANEL, table)


def _series(run: Run, workload: str, reading: Reading) -> dict[str, list[tuple[int, Points]]]:
    """Rounds with their points by variant, in the order of the plan."""
    found: dict[str, list[tuple[int, Points]]] = defaultdict(list)
    for trial in run.trials:
        if trial.ok and trial.workload == workload:
            points = reading.series(trial)
            if points:
                found[trial.variant].append((trial.round, points))
    return {v.name: found[v.name] for v in run.manifest.plan.variants if v.name in found}


def _line(row: Mapping[str, Any], text: str, points: Points) -> list[dict[str, Any]]:
    highest = quantity(max(value for _, value in points), "bytes")
    label = vega.tip(row["variant"], f"{text}, highest {highest}")
    return [
        {**row, "t": t, "mib": value / MIB, "tip": label} for t, value in thinned(points, _GRID)
    ]


def _panels(rows: list[dict[str, Any]], order: Sequence[str]) -> Chart:
    header = {"labelAnchor": "start"}
    opacity, width = ({"domain": [0, 1], "range": ends} for ends in ([0.3, 1], [1, 2]))
    return {
        "data": vega.values(rows),
        "width": _PANEL,
        "height": 90,
        "mark": {"type": "line", "interpolate": "step-after"},
        "encoding": {
            "x": vega.quantitative("t", title="seconds"),
            "y": vega.quantitative("mib", title="MiB"),
            "detail": vega.nominal("line"),
            "color": vega.role_color(),
            "opacity": vega.ordinal("strong", legend=None, scale=opacity),
            "strokeWidth": vega.ordinal("strong", legend=None, scale=width),
            "description": vega.nominal("tip"),
            "facet": vega.nominal("variant", title=None, sort=order, columns=3, header=header),
        },
    }


def _table(medians: Mapping[str, Points], rounds: Mapping[str, int]) -> tuple[tuple[str, ...], ...]:
    heading = (f"{index * 100 // (_TIMES - 1)} % of the time" for index in range(_TIMES))
    picks = [index * (_GRID - 1) // (_TIMES - 1) for index in range(_TIMES)]
    return (
        ("Variant", "Rounds", *heading),
        *(
            (name, str(rounds[name]), *(quantity(curve[pick][1], "bytes") for pick in picks))
            for name, curve in medians.items()
        ),
    )


def _median_curve(rounds: list[Points]) -> Points:
    """The median of step functions on a common grid; each counts until its own end."""
    end = statistics.median(points[-1][0] for points in rounds)
    times = [[t for t, _ in points] for points in rounds]
    curve = []
    for t in (end * index / (_GRID - 1) for index in range(_GRID)):
        values = [
            points[max(0, bisect_right(starts, t) - 1)][1]
            for points, starts in zip(rounds, times, strict=True)
            if starts[-1] >= t
        ]
        curve.append((t, statistics.median(values)))
    return curve
