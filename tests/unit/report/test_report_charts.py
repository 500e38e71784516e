"""Charts: what they name, and in which colours."""

import pytest
from synthetic import ORIGIN, make_run

from harness.analysis.conclusion import conclude
from harness.report.charts.heap import label
from harness.report.charts.served import served
from harness.report.charts.suspects import suspect_shares
from harness.report.markdown import render_markdown
from harness.report.page import render_html
from harness.report.sections import credited
from harness.report.terminal import full_summary

MIB = 1 << 20
RED, BLUE, GREEN = "#c9382e", "#2b7fb8", "#2e8b57"


def maps(grown: float, shrunk: float) -> dict[str, object]:
    """A run in which swissmap explains an increase of one metric, and a decrease of another."""
    question = {
        "baseline": "go1.23.9", "candidate": "go1.24.3", "suspects": ["swissmap"],
        "metrics": ["rss.peak", "cpu.user"],
    }  # fmt: skip

    def measure(_workload: str, variant: str, _number: int) -> dict[str, float | None]:
        on = variant.startswith("go1.24.3") and "noswissmap" not in variant
        return {"rss.peak": (grown if on else 100.0) * MIB, "cpu.user": shrunk if on else 2.0}

    run = make_run(measure, {**ORIGIN, "question": question})
    verdict = conclude(run)
    figure = suspect_shares(verdict.suspects, 0.2, 0.5, credited(verdict))
    assert figure is not None
    told = "\n".join([render_markdown(run, verdict), *full_summary(verdict)])
    return {
        "svg": figure.svg, "note": figure.description, "page": render_html(run, verdict),
        "told": told,
    }  # fmt: skip


def test_an_improvement_is_never_red_and_says_so() -> None:
    found = maps(grown=60.0, shrunk=1.0)
    assert RED not in str(found["svg"])
    assert BLUE in str(found["svg"])
    assert "Blue explains an improvement." in str(found["note"])
    assert 'class="chip implicated"' not in str(found["page"])
    assert "<b>swissmap</b> accounts for it" in str(found["page"])
    assert "implicated</span>" not in str(found["page"])
    assert "implicated" not in str(found["told"])


def test_each_chip_names_its_metric_where_there_are_several() -> None:
    found = maps(grown=160.0, shrunk=1.0)
    assert RED in str(found["svg"])
    assert "Red is implicated, blue explains an improvement." in str(found["note"])
    page = str(found["page"])
    for metric, words in (("rss.peak", "implicated"), ("cpu.user", "accounts for it")):
        assert f'<b>swissmap</b> {words}, <span class="quiet">{metric}</span>' in page


@pytest.mark.parametrize(
    ("name", "room", "shown"),
    [
        ("encoding/json.(*decodeState).object", 40, "json.(*decodeState).object"),
        ("encoding/json.(*decodeState).object", 22, "(*decodeState).object"),
        ("encoding/json.(*decodeState).object", 8, "object"),
        ("encoding/json.(*decodeState).object", 4, "obj…"),
        ("main.fill[go.shape.struct { example.com/x.T }]", 20, "main.fill"),
        ("main.(*Cache[go.shape.[]example.com/x.T]).Get", 20, "main.(*Cache).Get"),
        ("all", 10, "all"),
        ("example.com/x.(*Server).serve.func1.2", 40, "x.(*Server).serve.func1.2"),
        ("example.com/x.(*Server).serve.func1.2", 19, "x.(*Server).serve"),
        ("example.com/x.(*Server).serve.func1.2", 8, "serve"),
        ("example.com/x.Server.serve-fm", 6, "serve"),
    ],
)
def test_a_frame_keeps_its_function(name: str, room: int, shown: str) -> None:
    assert label(name, room) == shown


def test_rate_and_latency_of_a_server_are_drawn_and_listed() -> None:
    def measure(_workload: str, variant: str, number: int) -> dict[str, float | None]:
        slow = variant == "go1.24.3"
        return {"requests.rate": 200.0, "latency.p99": (12e-3 if slow else 8e-3) + number * 2e-4}

    run = make_run(measure)
    roles = {"go1.23.9": "baseline", "go1.24.3": "candidate"}
    figure = served(run, "large-buffers", roles, "served-1")
    assert figure is not None
    head, *rows = figure.table
    assert head[:2] == ("Median of", "requests.rate")
    assert dict(zip(head, rows[1], strict=True)) == {
        "Median of": "go1.24.3", "requests.rate": "200", "latency.p99": "12.7 ms",
        "latency.p50": "–", "latency.max": "–",
    }  # fmt: skip
    assert "<title>go1.24.3: round 1, latency.p99 12.2 ms</title>" in figure.svg
    assert "latency.p99, ms" in figure.svg
    assert figure.svg in render_html(run, conclude(run))


def test_a_program_without_a_load_has_no_chart_of_it() -> None:
    run = make_run(lambda *_: {"rss.peak": 1e8})
    assert served(run, "large-buffers", {}, "served-1") is None


@pytest.mark.parametrize(
    ("metric", "better", "worse"),
    [
        ("latency.p99", "less, better", "more, worse"),
        ("requests.rate", "more, better", "less, worse"),
    ],
)
def test_the_legend_says_what_its_colours_mean(metric: str, better: str, worse: str) -> None:
    question = {"baseline": "go1.23.9", "candidate": "go1.24.3", "metrics": [metric]}
    run = make_run(
        lambda _w, v, n: {metric: (200.0 if v.startswith("go1.24.3") else 100.0) + n / 10},
        {**ORIGIN, "question": question},
    )
    page = render_html(run, conclude(run))
    assert f'<span class="key better s3">{better}</span>' in page
    assert f'<span class="key worse s3">{worse}</span>' in page
    tone = "worse" if worse.startswith("more") else "better"
    assert f'<td class="heat {tone} s4"><span class="change" title="1.99' in page


def test_suspects_of_changes_alone_are_told() -> None:
    told = str(maps(grown=160.0, shrunk=2.0)["told"])
    assert "suspect swissmap on large-buffers rss.peak" in told
    assert "suspect swissmap on large-buffers cpu.user" not in told
