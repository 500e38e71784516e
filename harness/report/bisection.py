"""The report of a bisection: the answer, and the path to it."""

import shlex
from pathlib import Path

import altair as alt

from harness.bisect.record import Bisection, Stage
from harness.files.inside import write_inside
from harness.report.drawing import PLAIN, Figure, draw, tip
from harness.report.markdown import code, plain
from harness.report.page import render_page
from harness.report.wording import interval, percent, sentence
from harness.text import visible

_COLORS = {"good": "#2e8b57", "bad": "#c9382e", "doubtful": "#b98a12", "unresolved": PLAIN}


def write_bisection(directory: Path, bisection: Bisection) -> None:
    """Put the page, its Markdown and the culprit's patch into the run directory."""
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
        figures={stage.kind: _path(stage, bisection) for stage in bisection.stages},
        again=again(bisection),
    )


def again(bisection: Bisection) -> str:
    """The command that does the whole bisection anew, in the same order."""
    request = bisection.request
    words = ["gomatrix", "bisect", request.matrix, "--good", request.good, "--bad", request.bad,
             "--workload", request.workload, "--metric", request.metric,
             "--smallest", f"{request.smallest * 100:g}%", "--seed", str(request.seed)]  # fmt: skip
    words += ["--repo", request.repository] if request.repository else []
    words += ["--fix"] if request.fix else []
    return shlex.join(words)


def bisection_markdown(bisection: Bisection) -> str:
    """Answer and path, to fit a comment."""
    request = bisection.request
    what = f"{code(request.metric)} of {plain(request.workload)}"
    head = f"## {what}: {plain(request.good)} (good) to {plain(request.bad)} (bad)"
    lines = [head, "", plain(sentence(bisection.headline))]
    for stage in bisection.stages:
        lines += ["", f"### {stage.title}", "", plain(sentence(stage.answer))]
        lines += [f"Stopped: {plain(stage.stopped)}."] if stage.stopped else []
        lines += [f"- {plain(fact)}" for fact in (*stage.confirmed, *stage.passed_over)]
        if stage.steps:
            lines += [
                "",
                "| Point | State | Against good | Interval | Rounds |",
                "|---|---|---|---|---|",
            ]
            lines += [
                f"| {code(s.finding.point)} | {s.finding.state} | {percent(s.finding.ratio)} "
                f"| {interval(s.finding.ci)} | {s.finding.rounds} |"
                for s in stage.steps
            ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _path(stage: Stage, bisection: Bisection) -> Figure | None:
    """Every measured point of a stage with its interval, in order."""
    measured = [s.finding for s in stage.steps if s.finding.ratio is not None]
    if len(measured) < 2:  # noqa: PLR2004 - one point is no path
        return None
    rows = [
        {
            "point": visible(f.point), "ratio": (f.ratio or 1.0) - 1, "state": f.state,
            "low": (f.ci or (f.ratio or 1.0,) * 2)[0] - 1,
            "high": (f.ci or (f.ratio or 1.0,) * 2)[1] - 1,
            "tip": tip("", f"{visible(f.point)}: {percent(f.ratio)}, {interval(f.ci)}, {f.state}, "
                           f"{f.rounds} rounds"),
        }
        for f in measured
    ]  # fmt: skip
    data = alt.Data(values=rows)  # type: ignore[no-untyped-call] # altair's generated classes
    colors = alt.Color("state:N", legend=None, scale=alt.Scale(
        domain=list(_COLORS), range=list(_COLORS.values())))  # fmt: skip
    base = alt.Chart(data).encode(
        y=alt.Y("point:N", title=None, sort=None), color=colors, description="tip:N"
    )
    title = f"{bisection.request.metric} against the good end"
    axis = alt.Axis(format="+%")
    points = base.mark_point(filled=True, size=90).encode(
        x=alt.X("ratio:Q", title=title, axis=axis, scale=alt.Scale(zero=True))
    )
    rules = base.mark_rule(strokeWidth=3).encode(x=alt.X("low:Q", axis=axis), x2="high:Q")
    note = "Points on the way, with 95 % intervals; green is like the good end, red like the bad."
    chart = (rules + points).properties(
        width=560, padding={"left": 24, "right": 12, "top": 5, "bottom": 10}
    )
    svg = draw(chart, title)
    return Figure(f"path-{stage.kind}", f"{stage.title}: {title}", note, svg)
