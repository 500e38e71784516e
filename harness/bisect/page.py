"""The report of a bisection."""

import shlex
from pathlib import Path

from harness.bisect.points import Effect, Finding
from harness.bisect.record import Bisection, Site, Stage, StageKind
from harness.bisect.sentences import against
from harness.files.inside import write_inside
from harness.report.charts.vega import (
    PLAIN,
    Figure,
    colors,
    draw,
    nominal,
    quantitative,
    tip,
    values,
)
from harness.report.markdown import code, plain
from harness.report.page import render_page
from harness.report.wording import difference, interval, sentence
from harness.text.visible import visible

_COLORS = {"good": "#2e8b57", "bad": "#c9382e", "doubtful": "#b98a12", "unresolved": PLAIN}


def write_bisection(directory: Path, bisection: Bisection) -> None:
    """Write the page, its Markdown and the patches into the run directory."""
    write_inside(directory, "report.html", render_bisection(bisection))
    write_inside(directory, "report.md", bisection_markdown(bisection))
    for stage in bisection.stages:
        for name, patch in (("culprit.diff", stage.patch), ("remedy.diff", stage.remedy)):
            if patch is not None:
                write_inside(directory, name, patch)


def render_bisection(bisection: Bisection) -> str:
    """The whole page. The same bisection gives the same bytes."""
    return render_page(
        "bisection.html.j2",
        bisection=bisection,
        request=bisection.request,
        figures=figures(bisection),
        against=lambda finding: against(finding, bisection.unit),
        interval=lambda finding: interval_of(finding, bisection.unit),
        again=again(bisection),
    )


def figures(bisection: Bisection) -> dict[StageKind, Figure | None]:
    """A chart of each stage that measured several points."""
    return {stage.kind: _path(stage, bisection) for stage in bisection.stages}


def again(bisection: Bisection) -> str:
    """The command that repeats the bisection, in the same order."""
    request = bisection.request
    words = ["gomatrix", "bisect", request.matrix, "--good", request.good, "--bad", request.bad,
             "--workload", request.workload, "--metric", request.metric,
             "--smallest", f"{request.smallest * 100:g}%", "--seed", str(request.seed)]  # fmt: skip
    words += ["--repo", request.repository] if request.repository else []
    words += ["--fix"] if request.fix else []
    return shlex.join(words)


def bisection_markdown(bisection: Bisection) -> str:
    """The bisection as Markdown, for a comment."""
    request = bisection.request
    what = f"{code(request.metric)} of {plain(request.workload)}"
    head = f"## {what}: {plain(request.good)} (good) to {plain(request.bad)} (bad)"
    lines = [head, "", plain(sentence(bisection.headline))]
    for stage in bisection.stages:
        lines += ["", f"### {stage.title}", "", plain(sentence(stage.answer))]
        lines += [f"Stopped: {plain(stage.stopped)}."] if stage.stopped else []
        lines += [f"- {plain(fact)}" for fact in (*stage.confirmed, *stage.passed_over)]
        lines += [f"- {plain(_stack(site))}" for site in stage.sites if site.stack]
        if stage.steps:
            lines += ["", "| Point | State | Against good | Interval | Rounds |"]
            lines += ["|---|---|---|---|---|"]
            lines += [_line(step.finding, bisection.unit) for step in stage.steps]
    return "\n".join(lines) + "\n"


def _stack(site: Site) -> str:
    """A call stack in one line, the outermost call last."""
    calls = (f"{f.function} ({f.file}:{f.line})".strip() for f in site.stack)
    return f"{site.toggle}: {' ← '.join(calls)}"


def _line(finding: Finding, unit: str) -> str:
    cells = (code(finding.point), finding.state, against(finding, unit), interval_of(finding, unit))
    return f"| {' | '.join(cells)} | {finding.rounds} |"


def interval_of(finding: Effect, unit: str) -> str:
    """The interval against the good end."""
    if finding.ratio is not None or finding.difference_ci is None:
        return interval(finding.ci)
    return " to ".join(difference(bound, unit) for bound in finding.difference_ci)


def _path(stage: Stage, bisection: Bisection) -> Figure | None:
    """A chart of a stage's measured points with their intervals."""
    measured = [s.finding for s in stage.steps if s.finding.rounds]
    if len(measured) < 2:  # noqa: PLR2004 - one point is no path
        return None
    ratios = all(f.ratio is not None for f in measured)
    rows = [row for f in measured if (row := _row(f, bisection.unit, ratios=ratios))]
    title = f"{bisection.request.metric} against the good end"
    if not ratios and bisection.unit in ("bytes", "seconds"):
        title += f", in {bisection.unit}"
    axis = {"format": "+%" if ratios else "+~s"}
    change = quantitative("change", title=title, axis=axis, scale={"zero": True})
    interval_ends = {"x": quantitative("low", axis=axis), "x2": {"field": "high"}}
    chart = {
        "data": values(rows),
        "width": 560,
        "padding": {"left": 24, "right": 12, "top": 5, "bottom": 10},
        "encoding": {
            "y": nominal("point", title=None, sort=None),
            "color": nominal("state", legend=None, scale=colors(_COLORS)),
            "description": nominal("tip"),
        },
        "layer": [
            {"mark": {"type": "rule", "strokeWidth": 3}, "encoding": interval_ends},
            {"mark": {"type": "point", "filled": True, "size": 90}, "encoding": {"x": change}},
        ],
    }
    note = "Points with 95 % intervals; green is like the good end, red like the bad end."
    return Figure(f"path-{stage.kind}", f"{stage.title}: {title}", note, draw(chart, title))


def _row(finding: Finding, unit: str, *, ratios: bool) -> dict[str, object] | None:
    """A point of the chart; ``None`` if its difference is not known."""
    change, ends = finding.difference, finding.difference_ci
    if ratios and finding.ratio is not None:
        change = finding.ratio - 1
        ends = finding.ci and (finding.ci[0] - 1, finding.ci[1] - 1)
    if change is None:
        return None
    low, high = ends or (change, change)
    name = visible(finding.point)
    words = f"{name}: {against(finding, unit)}, {interval_of(finding, unit)}, {finding.state}"
    return {"point": name, "change": change, "state": finding.state, "low": low, "high": high,
            "tip": tip("", f"{words}, {finding.rounds} rounds")}  # fmt: skip
