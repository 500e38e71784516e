"""One page for several runs of a matrix over time."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from harness.analysis.models import Verdict
from harness.analysis.pairing import why_no_ratio
from harness.matrix.models import BuildSpec
from harness.matrix.names import variant_name
from harness.metrics.catalogue import describe
from harness.plan.variants import Conditions
from harness.report.charts import vega
from harness.report.charts.vega import MIB, PLAIN, Figure
from harness.report.page import render_page
from harness.report.sections import Samples
from harness.report.wording import difference, level, percent
from harness.run.question import question_of
from harness.run.store import Run
from harness.text.visible import visible

_Identity = tuple[str, tuple[str, ...], Conditions, BuildSpec]


@dataclass(frozen=True)
class Entry:
    """One run of the history."""

    label: str
    run: Run
    verdict: Verdict


@dataclass(frozen=True)
class Row:
    """A variant of a workload: its median in each run, ``None`` where it was not measured."""

    workload: str
    variant: str
    """Its name, with its conditions if a run has another variant of that name."""
    metric: str
    medians: tuple[float | None, ...]

    @property
    def ratio(self) -> float | None:
        """The last known median over the first; ``None`` where a ratio is meaningless."""
        first, last = self._ends
        if first is None or last is None or why_no_ratio(self.metric, first, last):
            return None
        return last / first if min(first, last) > 0 else None

    @property
    def change(self) -> str:
        """The same in words; the difference where there is no ratio."""
        first, last = self._ends
        if self.ratio is not None or first is None or last is None:
            return percent(self.ratio)
        return difference(
            last - first, describe(self.metric).unit, why_no_ratio(self.metric, first, last)
        )

    @property
    def _ends(self) -> tuple[float | None, float | None]:
        known = [median for median in self.medians if median is not None]
        return (known[0], known[-1]) if len(known) > 1 else (None, None)


@dataclass(frozen=True)
class Trend:
    """A primary metric over all runs."""

    metric: str
    unit: str
    rows: tuple[Row, ...]
    figure: Figure | None


def render_history(judged: Sequence[tuple[Run, Verdict]]) -> str:
    """Render runs side by side, oldest first. The same runs give the same bytes."""
    ordered = sorted(judged, key=lambda item: (item[0].manifest.created, item[0].path.name))
    entries = [Entry(f"{r.manifest.created:%Y-%m-%d %H:%M}", r, v) for r, v in ordered]
    metrics = dict.fromkeys(metric for run, _ in ordered for metric in question_of(run).metrics)
    trends = [_trend(entries, metric, number) for number, metric in enumerate(metrics, 1)]
    return render_page("history.html.j2", entries=entries, trends=trends)


def _trend(entries: Sequence[Entry], metric: str, number: int) -> Trend:
    unit = describe(metric).unit
    medians: dict[tuple[str, _Identity], list[float | None]] = {}
    for index, entry in enumerate(entries):
        samples, plan = Samples(entry.run.trials), entry.run.manifest.plan
        identities = {variant.name: variant.identity for variant in plan.variants}
        for cell in plan.cells:
            key = (cell.workload, identities[cell.variant])
            row = medians.setdefault(key, [None] * len(entries))
            row[index] = samples.median(cell.workload, cell.variant, metric)
    names = _names(entries)
    rows = tuple(
        Row(workload, names[identity], metric, tuple(values))
        for (workload, identity), values in medians.items()
        if any(value is not None for value in values)
    )
    return Trend(metric, unit, rows, _draw(entries, metric, unit, rows, number))


def _names(entries: Sequence[Entry]) -> dict[_Identity, str]:
    """Name each variant; its own name leaves out what is constant in *one* matrix."""
    names = {v.identity: v.name for e in entries for v in e.run.manifest.plan.variants}
    shared = Counter(names.values())
    return {
        identity: name
        if shared[name] == 1
        else variant_name(identity[0], identity[1], identity[2].pairs())
        for identity, name in names.items()
    }


def _draw(
    entries: Sequence[Entry], metric: str, unit: str, rows: Sequence[Row], number: int
) -> Figure | None:
    scale = MIB if unit == "bytes" else 1
    points = [
        {
            "workload": visible(row.workload), "variant": visible(row.variant),
            "run": index + 1, "value": median / scale,
            "tip": vega.tip(visible(row.variant), f"{entry.label}, {level(median, metric, unit)}"),
        }
        for row in rows
        for index, (entry, median) in enumerate(zip(entries, row.medians, strict=True))
        if median is not None
    ]  # fmt: skip
    if not points:
        return None
    label = "MiB" if unit == "bytes" else unit
    line = {"type": "line", "color": PLAIN}
    dot = {"type": "point", "filled": True, "size": 50, "color": "#2b7fb8"}
    chart = {
        "data": vega.values(points),
        "facet": {"row": vega.rows_by_workload()},
        "spec": {
            "width": 900,
            "height": 160,
            "encoding": {
                "x": vega.ordinal("run", title="run, oldest first", axis={"labelAngle": 0}),
                "y": vega.quantitative("value", title=label, scale={"zero": False}),
                "detail": vega.nominal("variant"),
                "description": vega.nominal("tip"),
            },
            "layer": [{"mark": line}, {"mark": dot}],
        },
    }
    title = f"{metric} over the runs"
    note = (
        "Medians, a line a variant. Runs may differ in machine and load: findings are each run's."
    )
    return Figure(f"trend-{number}", title, note, vega.draw(chart, title))
