"""Vega-Lite charts as SVG that lives in the page: themed by its style sheet, small, deterministic.

A chart is a Vega-Lite specification (https://vega.github.io/vega-lite/docs/spec.html).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import vl_convert as vlc
from markupsafe import Markup, escape

PLAIN = "#98a2ad"
"""Colour of marks that are neither baseline nor candidate; the style sheet's default of dots."""
GREY = "#8a949f"
"""Colour of limits and of suspects without a verdict."""
WIDTH = 760
"""Of a chart, in pixels."""
MIB = 1 << 20
_ROLE_COLORS = {"baseline": "#2b7fb8", "candidate": "#d9622b", "other": PLAIN}

Chart = dict[str, Any]
"""A Vega-Lite specification, or a part of one."""

_SEPARATOR = " | "
_TAG = re.compile(r"<[^>]*>")
_EMPTY = re.compile(
    r'<path class="(?:fore|back)ground"[^>]*(?: d="(?:M0,0h0v0h0Z)?"| display="none")[^>]*/>'
)
_LABEL = re.compile(r' aria-label="([^"]*)"')
_NEEDLESS = re.compile(
    r' (?:role|aria-hidden|aria-roledescription|pointer-events|font-family|font-weight'
    r'|stroke-miterlimit|xmlns|xmlns:xlink|version)="[^"]*"| (?:opacity|stroke-width)="1"'
)  # fmt: skip
_DOT = re.compile(  # of 36 square pixels: the dots of a large run are half of its charts
    r'<path transform="translate\((?P<x>[-\d.]+),(?P<y>[-\d.]+)\)" d="M3,0A3,3[^"]*"'
    r' fill="(?P<fill>#\w+)"[^>]*/>'
)
_LONG = re.compile(r"(\d\.\d{2})\d+")
_HEAD = re.compile(r'<svg[^>]* width="([\d.]+)" height="([\d.]+)"[^>]*>')


@dataclass(frozen=True)
class Figure:
    """A chart with the words that stand in for it."""

    key: str
    """Its id in the page."""
    title: str
    description: str
    """What it shows, for those who cannot see it."""
    svg: Markup
    panel_width: int | None = None
    """For a chart of panels over time: the width of each in the SVG's units."""
    table: tuple[tuple[str, ...], ...] = ()
    """The same numbers: a heading row, then rows whose first column names them."""


def tip(variant: str, text: str) -> str:
    """The tooltip of a mark: the variant that it belongs to, and its numbers."""
    return f"{variant}{_SEPARATOR}{text}"


def draw(chart: Chart, label: str) -> Markup:
    """The chart's SVG: without what a style sheet says better, and with tooltips as titles.

    The ``description`` of its marks is made by ``tip()``; ``label`` is its accessible name.
    """
    svg = vlc.vegalite_to_svg(chart | {"background": None, "config": _CONFIG})
    svg = _TAG.sub(lambda match: _slim(match[0]), _EMPTY.sub("", svg))
    head = (
        r'<svg class="chart" role="img" aria-label="'
        + str(escape(label)).replace("\\", r"\\")
        + r'" width="\1" height="\2" viewBox="0 0 \1 \2">'
    )
    return Markup(_HEAD.sub(head, svg, count=1))  # noqa: S704 - vega escapes text and attributes


def values(rows: Iterable[Mapping[str, object]]) -> Chart:
    """Rows as the data of a chart."""
    return {"values": list(rows)}


def quantitative(field: str, **options: Any) -> Chart:
    """An encoding of a number."""
    return {"field": field, "type": "quantitative"} | options


def nominal(field: str, **options: Any) -> Chart:
    """An encoding of a name."""
    return {"field": field, "type": "nominal"} | options


def ordinal(field: str, **options: Any) -> Chart:
    """An encoding of a place in an order."""
    return {"field": field, "type": "ordinal"} | options


def colors(by_name: Mapping[str, str]) -> Chart:
    """A scale from names to colours."""
    return {"domain": list(by_name), "range": list(by_name.values())}


def role_color() -> Chart:
    """The colours of baseline, candidate and other variants."""
    return nominal("role", title=None, scale=colors(_ROLE_COLORS))


def rows_by_workload() -> Chart:
    """A row of the chart for each workload, with its name above."""
    header = {"labelAngle": 0, "labelOrient": "top", "labelAnchor": "start"}
    return nominal("workload", title=None, sort=None, header=header)


def labels_above(step: int) -> Chart:
    """An axis of names that stand above their marks, in rows of ``step`` pixels.

    Beside them long ones are cut, where the page's font is wider than the one that measured them.
    """
    return {
        "labelAlign": "left", "labelPadding": -2, "labelOffset": -step // 3, "labelLimit": WIDTH,
        "ticks": False, "domain": False,
    }  # fmt: skip


def _slim(tag: str) -> str:
    label = _LABEL.search(tag)
    bare = _LONG.sub(r"\1", _NEEDLESS.sub("", _LABEL.sub("", tag)))
    if not label or _SEPARATOR not in label[1] or not bare.endswith("/>"):
        return bare
    variant, _, text = label[1].rpartition(_SEPARATOR)
    title = f"<title>{variant}: {text}</title>" if variant else f"<title>{text}</title>"
    dot = _DOT.fullmatch(bare)
    if dot:
        fill = "" if dot["fill"] == PLAIN else f' fill="{dot["fill"]}"'
        place = f'cx="{dot["x"]}" cy="{dot["y"]}" r="3"{fill}'
        return f'<circle data-v="{variant}" {place}>{title}</circle>'
    element, _, rest = bare[1:-2].partition(" ")
    return f'<{element} data-v="{variant}" {rest}>{title}</{element}>'


_CONFIG = {
    "view": {"stroke": None},
    "axis": {
        "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "labelLimit": 320,
        "tickCount": 5,
    },
    "axisY": {"grid": False},
    "header": {"labelFontSize": 12, "titleFontSize": 12, "labelLimit": 320},
    "legend": {"labelFontSize": 12, "titleFontSize": 12, "orient": "bottom", "labelLimit": 320,
               "columns": 4},
}  # fmt: skip
