"""Resident memory in parts, a bar for each side."""

from collections.abc import Iterator, Sequence
from typing import Any

from harness.analysis.account_words import when
from harness.analysis.models import Account
from harness.metrics.account import HEAP, PARTS
from harness.report.charts import vega
from harness.report.charts.vega import GREY, MIB, WIDTH, Figure
from harness.report.wording import quantity
from harness.text.visible import visible

COLORS = {
    "live": "#2b7fb8", "garbage": "#7db7dc", "unused": "#4d9d84", "free": "#a7cfa3",
    "returned": "#d3c65b", "stacks": "#8c6bb1", "go heap": "#5f8fd3", "mspan": "#c3add9",
    "mcache": "#e3d3ee", "gc": "#b0689b", "buckets": "#d9622b", "runtime other": "#f2a679",
    "thread stacks": "#7a6242", "text": "#8a949f", "data": "#b9c1c9", "c heap": "#c24848",
    "file": "#d8dde2", "other": "#e5ad3c", "remainder": "#4a525b",
}  # fmt: skip
"""By part: the same in the chart, the table and sentences."""


def account_bars(accounts: Sequence[Account]) -> Figure | None:
    """Two bars for each workload; what was mapped and never touched is outlined beyond them."""
    rows = [row for account in accounts for row in _rows(account)]
    if not rows:
        return None
    instants = dict.fromkeys(map(when, accounts))
    used = {row["part"] for row in rows if not row["hollow"]}
    colors = {words: COLORS[part] for part, words in PARTS.items() if words in used}
    pieces = {
        "transform": [{"filter": "!datum.hollow"}],
        "mark": {"type": "bar"},
        "encoding": {
            "color": vega.nominal(
                "part", title=None, scale=vega.colors(colors), legend={"columns": 3}
            )
        },
    }
    outline = {
        "transform": [{"filter": "datum.hollow"}],
        "mark": {
            "type": "bar", "filled": False, "stroke": GREY, "strokeWidth": 1.2,
            "strokeDash": [4, 3], "fill": "transparent",
        },
    }  # fmt: skip
    chart = {
        "data": vega.values(rows),
        "facet": {"row": vega.rows_by_workload()},
        "spec": {
            "width": WIDTH - 200,
            "height": {"step": 26},
            "encoding": {
                "x": vega.quantitative("start", title=f"MiB resident {' or '.join(instants)}"),
                "x2": {"field": "end"},
                "y": vega.nominal("variant", title=None, sort=None),
                "description": vega.nominal("tip"),
            },
            "layer": [pieces, outline],
        },
    }
    title = "Where resident memory sits"
    note = (
        "Means over rounds; the parts of a bar add up to what is resident. Outlined: untouched, "
        "which the runtime has mapped for the Go heap and nothing has written, so that it is not "
        "resident."
    )
    return Figure("account", title, note, vega.draw(chart, title))


def _rows(account: Account) -> Iterator[dict[str, Any]]:
    sides = [("baseline", account.baseline), ("candidate", account.candidate)]
    by_part = {part.part: part for part in account.parts}
    for side, (role, name) in enumerate(sides):
        if name is None:
            continue
        row = {"workload": visible(account.workload), "variant": f"{visible(name)} ({role})"}
        zero, at = account.zero[side], 0.0
        for part in (p for p in PARTS if p in by_part):
            found = by_part[part]
            size = (found.candidate if side else found.baseline) or 0.0
            if size <= 0:  # a remainder may be: the table has it
                continue
            told = f"{found.words} {quantity(size, 'bytes')}"
            if part in HEAP and zero is not None:
                told += f"; of the Go heap {quantity(zero, 'bytes')} was never written"
            yield row | _piece(found.words, at, size, vega.tip(visible(name), told))
            at += size
        untouched = account.untouched[side]
        if untouched is not None and untouched > 0:
            told = f"untouched, not resident {quantity(untouched, 'bytes')}"
            yield row | _piece("", at, untouched, vega.tip(visible(name), told), hollow=True)


def _piece(words: str, at: float, size: float, tip: str, *, hollow: bool = False) -> dict[str, Any]:
    start, end = at / MIB, (at + size) / MIB
    return {"part": words, "start": start, "end": end, "tip": tip, "hollow": hollow}
