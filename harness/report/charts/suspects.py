"""The suspects' shares of the change, and the limits that decide their verdicts."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from harness.analysis.models import Suspect
from harness.report.charts.drawing import GREY, WIDTH, Figure, data, draw, tip
from harness.report.wording import share, shares
from harness.text.visible import visible

_SHOWN = (-0.5, 1.5)
"""Shares beyond it are drawn at its ends."""
_COLORS = {
    "ruled out": "#2e8b57", "contributes": "#b98a12", "implicated": "#c9382e",
    "inconclusive": GREY, "not applicable": GREY,
}  # fmt: skip


def suspect_shares(suspects: Sequence[Suspect], limit: float, half: float) -> Figure | None:
    """Shares of the change with their intervals.

    Args:
        suspects: of the verdict.
        limit: the share below which a suspect is ruled out.
        half: the share above which one is implicated.
    """
    rows = _rows([s for s in suspects if s.share is not None])
    if not rows:
        return None
    base = alt.Chart(data(rows)).encode(
        y=alt.Y("row:N", title=None, sort=None), description="tip:N"
    )
    scale = alt.Scale(domain=list(_SHOWN))
    axis = alt.Axis(format="%", values=[-0.5, 0, 0.5, 1, 1.5])
    colors = alt.Color(
        "verdict:N", legend=None,
        scale=alt.Scale(domain=list(_COLORS), range=list(_COLORS.values())),
    )  # fmt: skip
    intervals = base.mark_rule(strokeWidth=3).encode(
        x=alt.X("low:Q", title="share of the change explained", scale=scale, axis=axis),
        x2="high:Q",
        color=colors,
    )
    points = base.mark_point(filled=True, size=90).encode(
        x=alt.X("share:Q", scale=scale), color=colors
    )
    limits = (
        alt.Chart(data([{"x": x} for x in (-limit, limit, half)]))
        .mark_rule(strokeDash=[4, 3], color=GREY)
        .encode(x="x:Q")
    )
    title = "Share of the change that each suspect explains"
    note = (
        f"Points with intervals. An interval between the dashed lines at ±{share(limit)} rules a "
        f"suspect out; one above {share(half)} implicates it."
    )
    svg = draw((limits + intervals + points).properties(width=WIDTH - 200), title)
    return Figure("lineup", title, note, svg)


def _rows(suspects: Sequence[Suspect]) -> list[dict[str, Any]]:
    several = len({(s.workload, s.metric) for s in suspects}) > 1
    rows = []
    for s in suspects:
        name = visible(" + ".join(s.experiments))
        row = f"{visible(s.workload)}, {s.metric}: {name}" if several else name
        value = s.share or 0.0
        low, high = s.ci or (value, value)
        rows.append(
            {
                "row": row, "share": _clamp(value), "low": _clamp(low), "high": _clamp(high),
                "verdict": s.verdict,
                "tip": tip("", f"{row}: {share(value)}, {shares((low, high))}, {s.verdict}"),
            }
        )  # fmt: skip
    return rows


def _clamp(value: float) -> float:
    low, high = _SHOWN
    return min(high, max(low, value))
