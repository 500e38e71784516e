"""The suspects' shares of the change, and the limits that decide their verdicts."""

from collections.abc import Collection, Sequence
from typing import Any

from harness.analysis.models import Suspect
from harness.report.charts import vega
from harness.report.charts.vega import GREY, WIDTH, Figure
from harness.report.wording import sentence, share, shares
from harness.text.visible import visible

_SHOWN = (-0.5, 1.5)
"""The axis; shares beyond it are drawn at its ends."""
_COLORS = {
    "ruled out": "#2e8b57", "contributes": "#b98a12", "implicated": "#c9382e",
    "offsets": "#7a4fb3", "explains an improvement": "#2b7fb8",
    "inconclusive": GREY, "not applicable": GREY,
}  # fmt: skip
_NAMES = {
    "ruled out": "green is ruled out", "contributes": "ochre contributes",
    "implicated": "red is implicated", "offsets": "purple acts against the change",
    "explains an improvement": "blue explains an improvement",
    "inconclusive": "grey is not decided",
}  # fmt: skip
_STEP = 38
"""Pixels of a row: a label, and the interval below."""


def suspect_shares(
    suspects: Sequence[Suspect], limit: float, half: float, credited: Collection[Suspect] = ()
) -> Figure | None:
    """Shares of the change: ruled out below ``limit``, implicated above ``half``.

    Those ``credited`` explain an improvement, and are not drawn as culprits.
    """
    rows = _rows([s for s in suspects if s.share is not None], credited)
    if not rows:
        return None
    scale = {"domain": list(_SHOWN)}
    axis = {"format": "%", "values": [-0.5, 0, 0.5, 1, 1.5]}
    explained = vega.quantitative(
        "low", title="share of the change explained", scale=scale, axis=axis
    )
    of_suspects = {
        "y": vega.nominal("row", title=None, sort=None, axis=vega.labels_above(_STEP)),
        "description": vega.nominal("tip"),
        "color": vega.nominal("verdict", legend=None, scale=vega.colors(_COLORS)),
    }
    limits = {
        "data": vega.values({"x": x} for x in (-limit, limit, half)),
        "mark": {"type": "rule", "strokeDash": [4, 3], "color": GREY},
        "encoding": {"x": vega.quantitative("x")},
    }
    intervals = {
        "data": vega.values(rows),
        "mark": {"type": "rule", "strokeWidth": 3},
        "encoding": of_suspects | {"x": explained, "x2": {"field": "high"}},
    }
    points = {
        "data": vega.values(rows),
        "mark": {"type": "point", "filled": True, "size": 90},
        "encoding": of_suspects | {"x": vega.quantitative("share", scale=scale)},
    }
    chart = {"width": WIDTH, "height": {"step": _STEP}, "layer": [limits, intervals, points]}
    title = "Share of the change that each suspect explains"
    note = (
        f"Points with intervals. An interval between the dashed lines at ±{share(limit)} rules a "
        f"suspect out; one above {share(half)} implicates it. "
        + sentence(", ".join(_NAMES[v] for v in _NAMES if any(r["verdict"] == v for r in rows)))
    )
    return Figure("lineup", title, note, vega.draw(chart, title))


def _rows(suspects: Sequence[Suspect], credited: Collection[Suspect]) -> list[dict[str, Any]]:
    several = len({(s.workload, s.metric) for s in suspects}) > 1
    rows = []
    for s in suspects:
        row = visible(" + ".join(s.toggles))
        row = f"{visible(s.workload)}, {s.metric}: {row}" if several else row
        value = s.share or 0.0
        low, high = s.ci or (value, value)
        rows.append(
            {
                "row": row, "share": _clamp(value), "low": _clamp(low), "high": _clamp(high),
                "verdict": "explains an improvement" if s in credited else s.verdict,
                "tip": vega.tip("", f"{row}: {share(value)}, {shares((low, high))}, {s.verdict}"),
            }
        )  # fmt: skip
    return rows


def _clamp(value: float) -> float:
    low, high = _SHOWN
    return min(high, max(low, value))
