"""Several runs of a matrix over time: one page, or Markdown."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from harness.analysis.models import Verdict
from harness.analysis.pairing import why_no_ratio
from harness.matrix.models import BuildSpec
from harness.matrix.names import variant_name
from harness.metrics.catalogue import describe
from harness.plan.variants import Conditions
from harness.report.charts.trend import Point, trend
from harness.report.charts.vega import Figure
from harness.report.markdown import LIMIT, code, fitting, plain, table
from harness.report.page import render_page
from harness.report.sections import Samples
from harness.report.wording import NOTHING, difference, level, levels, percent
from harness.run.question import question_of
from harness.run.store import Run

_COLUMNS = 6
"""Runs in a table of Markdown, the newest."""

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
    intervals: tuple[tuple[float, float] | None, ...] = ()
    """Of the medians."""

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
    def cells(self) -> list[str]:
        """Each median with its interval, in words."""
        unit = describe(self.metric).unit
        return [
            NOTHING if median is None or interval is None
            else f"{level(median, self.metric, unit)} ({self.bounds(interval)})"
            for median, interval in zip(self.medians, self.intervals, strict=True)
        ]  # fmt: skip

    def bounds(self, interval: tuple[float, float]) -> str:
        """``161 to 163 MiB``."""
        return levels(interval, self.metric, describe(self.metric).unit)

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
    entries = _entries(judged)
    return render_page("history.html.j2", entries=entries, trends=_trends(entries))


def history_markdown(judged: Sequence[tuple[Run, Verdict]]) -> str:
    """The same as Markdown: the newest verdict first, then a table for each metric."""
    entries = _entries(judged)
    lines = [f"## {len(entries)} runs of {plain(entries[-1].run.manifest.name)}", ""]
    for entry in reversed(entries):
        lines += [f"### {entry.label}", ""]
        lines += [
            f"- **{plain(h.workload)}**: {plain(h.sentence)}" for h in entry.verdict.headlines
        ]
        failed = sum(not gate.passed for gate in entry.verdict.gates)
        lines += [f"- {failed} {'gate' if failed == 1 else 'gates'} **FAILED**"] if failed else []
        lines.append("")
    text = fitting(lines, LIMIT // 2)
    first = max(0, len(entries) - _COLUMNS)
    shown = [entry.label for entry in entries[first:]]
    for found in _trends(entries):
        rows = [
            (code(row.variant), plain(row.workload), *row.cells[first:], row.change)
            for row in found.rows
        ]
        head = ("Variant", "Workload", *shown, "Last against first")
        text = table(text, plain(found.metric), head, rows)
    earlier = f"\nThe tables leave out {first} earlier runs.\n" if first else ""
    return f"{text}\n{earlier}"


def _entries(judged: Sequence[tuple[Run, Verdict]]) -> list[Entry]:
    """Runs with labels that tell them apart, oldest first."""
    ordered = sorted(judged, key=lambda item: (item[0].manifest.created, item[0].path.name))
    labels = [f"{run.manifest.created:%Y-%m-%d %H:%M}" for run, _ in ordered]
    return [
        Entry(f"{label} ({labels[:index].count(label) + 1})" if labels.count(label) > 1 else label,
              run, verdict)
        for index, (label, (run, verdict)) in enumerate(zip(labels, ordered, strict=True))
    ]  # fmt: skip


def _trends(entries: Sequence[Entry]) -> list[Trend]:
    metrics = dict.fromkeys(m for entry in entries for m in question_of(entry.run).metrics)
    return [_trend(entries, metric, number) for number, metric in enumerate(metrics, 1)]


def _trend(entries: Sequence[Entry], metric: str, number: int) -> Trend:
    unit = describe(metric).unit
    found: dict[tuple[str, _Identity], dict[int, tuple[float, tuple[float, float]]]] = {}
    for index, entry in enumerate(entries):
        samples, plan = Samples(entry.run.trials), entry.run.manifest.plan
        identities = {variant.name: variant.identity for variant in plan.variants}
        for cell in plan.cells:
            median = samples.median(cell.workload, cell.variant, metric)
            interval = samples.interval(cell.workload, cell.variant, metric)
            if median is not None and interval is not None:
                key = (cell.workload, identities[cell.variant])
                found.setdefault(key, {})[index] = median, interval
    names, runs = _names(entries), range(len(entries))
    rows = tuple(
        Row(workload, names[identity], metric,
            tuple(at[run][0] if run in at else None for run in runs),
            tuple(at[run][1] if run in at else None for run in runs))
        for (workload, identity), at in found.items()
    )  # fmt: skip
    points = [
        Point(row.workload, row.variant, run, median, *interval)
        for row in rows
        for run, (median, interval) in enumerate(zip(row.medians, row.intervals, strict=True))
        if median is not None and interval is not None
    ]
    labels = [entry.label for entry in entries]
    return Trend(metric, unit, rows, trend(points, labels, metric, unit, f"trend-{number}"))


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
