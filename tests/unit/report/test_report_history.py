"""Several runs side by side: what tells variants and runs apart, and how sure each median is."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from synthetic import ORIGIN, make_run
from verdicts import make_verdict

from harness.analysis.conclusion import conclude
from harness.analysis.models import Verdict
from harness.report.history import Row, history_markdown, render_history
from harness.report.markdown import LIMIT
from harness.report.sections import Samples
from harness.run.records import TrialRecord
from harness.run.store import Run

MIB = 1 << 20
WORDS = r"272 MiB<.*?<span class=\"ci\">271 to 273 MiB<"


def measure(_workload: str, variant: str, number: int) -> dict[str, float | None]:
    resident = (422 if variant.startswith("go1.24.3") else 270) * MIB * (1 + 0.002 * number)
    return {"rss.peak": resident, "cpu.user": 1.25, "heap.live": None}


def judged(*days: int) -> list[tuple[Run, Verdict]]:
    """Runs, each with twice the memory of the one before it."""
    first = make_run(measure)
    runs = [
        Run(
            Path(f"run-{index}"),
            first.manifest.model_copy(
                update={"created": first.manifest.created + timedelta(days=day)}
            ),
            tuple(
                t.model_copy(
                    update={"metrics": {"rss.peak": (t.metrics["rss.peak"] or 0) * 2**index}}
                )
                for t in first.trials
            ),
        )
        for index, day in enumerate(days)
    ]
    return [(run, make_verdict(run, "go1.23.9", "go1.24.3")) for run in runs]


def test_runs_are_side_by_side_with_intervals_oldest_first() -> None:
    found = judged(0, 30)
    html = render_history(found)
    assert html == render_history(found[::-1])
    heads = re.findall(r'<th scope="col" class="n">(2026-[-0-9: ]+)<', html)
    assert heads == ["2026-01-02 03:04", "2026-02-01 03:04"]
    assert html.count("+100.0 %") == 9
    assert re.search(WORDS, html)
    assert "544 MiB" in html


def test_the_axis_has_dates_and_each_variant_a_colour() -> None:
    html = render_history(judged(0, 30))
    chart = html[html.index("<svg class=") :]
    for date in ("2026-01-02 03:04", "2026-02-01 03:04"):
        assert f">{date}</text>" in chart
    dots = re.findall(r'<circle data-v="([^"]+)" [^>]*fill="(#\w+)"', chart)
    colors = dict(dots)
    assert len(colors) == len(set(colors.values())) == 8
    others = set(re.findall(r'<circle data-v="([^"]+)"', chart)) - colors.keys()
    assert len(others) == 1  # the ninth is grey
    assert "Only the first 8 variants have a colour of their own." in html
    assert "<title>go1.24.3: 2026-01-02 03:04, 425 MiB (423 to 427 MiB)</title>" in chart


def test_runs_of_one_minute_are_told_apart() -> None:
    html = render_history(judged(0, 0))
    assert ">2026-01-02 03:04 (2)<" in html


def test_markdown_has_the_newest_verdict_first_and_a_table_a_metric() -> None:
    text = history_markdown(judged(0, 30))
    assert text.index("### 2026-02-01 03:04") < text.index("### 2026-01-02 03:04")
    head = "| Variant | Workload | 2026-01-02 03:04 | 2026-02-01 03:04 | Last against first |"
    cells = "| 272 MiB (271 to 273 MiB) | 544 MiB (541 to 546 MiB) | +100.0 % |"
    assert head in text
    assert f"| `go1.23.9` | large-buffers {cells}" in text


def test_names_of_benchmarks_make_no_markup() -> None:
    metric = "BenchmarkX/<b>*|a ns/op"
    matrix = {
        **ORIGIN, "gates": [], "workloads": [{"name": "w", "benchmark": {"package": "./w"}}],
        "question": {"baseline": "go1.23.9", "candidate": "go1.24.3"},
    }  # fmt: skip
    run = make_run(lambda *_: {metric: 1e-6}, matrix)
    text = history_markdown([(run, conclude(run))] * 2)
    assert "### BenchmarkX/&lt;b&gt;\\*\\|a ns/op" in text
    assert "<b>" not in text


def test_markdown_of_many_runs_keeps_to_the_newest() -> None:
    text = history_markdown(judged(*range(9)))
    assert len(text.encode()) <= LIMIT
    assert "| Variant | Workload | 2026-01-05 03:04 |" in text
    assert "leave out 3 earlier runs" in text


@pytest.mark.parametrize(
    ("count", "expected"), [(1, (1, 1)), (5, (1, 5)), (10, (1, 10)), (20, (5, 16)), (100, (40, 61))]
)
def test_an_interval_lies_between_trials(count: int, expected: tuple[float, float]) -> None:
    trials = [
        TrialRecord(
            workload="w", variant="v", round=n, host="h", outcome="ok", metrics={"rss.peak": n}
        )
        for n in range(1, count + 1)
    ]
    assert Samples(trials[::-1]).interval("w", "v", "rss.peak") == expected
    assert Samples(trials).interval("w", "v", "rss.end") is None


def test_a_change_from_zero_has_no_ratio() -> None:
    fallen = Row("w", "go1.24.3", "faults.major", (7.0, None, 0.0))
    assert fallen.change == "−7, all of it"
    assert Row("w", "go1.24.3", "rss.peak", (1e8, 1.5e8)).change == "+50.0 %"
