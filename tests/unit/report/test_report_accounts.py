"""The account of resident memory in the page, in Markdown and in a terminal."""

import math
import re
from pathlib import Path

import pytest
from accounted import MIB, origin, with_accounts
from hypothesis import given
from hypothesis import strategies as st
from synthetic import ORIGIN, make_run

from harness.analysis.conclusion import compare, conclude
from harness.analysis.models import Account, PartChange
from harness.metrics.account import PARTS
from harness.report.accounts import table_of, tables
from harness.report.charts.account import COLORS, account_bars
from harness.report.charts.regions import address_space
from harness.report.history import render_history
from harness.report.markdown import render_markdown
from harness.report.page import render_html
from harness.report.terminal import comparison_lines, terminal_summary
from harness.run.records import ChildProcess
from harness.run.store import Run

BESIDE: dict[str, float | None] = {
    "heap.untouched": 98.7 * MIB, "heap.zero": 2.0 * MIB, "probe.memory": 0.4 * MIB,
}  # fmt: skip


def measure(_workload: str, _variant: str, _number: int) -> dict[str, float | None]:
    return {"rss.peak": 400.0 * MIB}


def accounted(beside: dict[str, float | None] = BESIDE) -> Run:
    return with_accounts(make_run(measure), origin, beside)


def number(text: str) -> float:
    return float(text.replace("\u2212", "-").replace(",", ""))


sizes = st.floats(-(2.0**63), 2.0**63)


@given(st.lists(st.tuples(st.sampled_from(list(PARTS)), sizes, sizes), unique_by=lambda p: p[0]))
def test_every_column_and_row_of_a_table_adds_up(parts: list[tuple[str, float, float]]) -> None:
    changes = tuple(
        PartChange(part=part, words=PARTS[part], baseline=a, candidate=b, difference=b - a, ci=None)
        for part, a, b in parts
    )
    resident = math.fsum(a for _, a, _ in parts), math.fsum(b for _, _, b in parts)
    account = Account(
        workload="w", baseline="a", candidate="b", n=3, resident=resident, parts=changes,
        untouched=(None, None), zero=(None, None), probe=(None, None),
    )  # fmt: skip
    table = table_of(account)
    shown = [[number(cell.text) for cell in row.cells[:3]] for row in (*table.rows, table.total)]
    slack = 1e-12 * max((abs(n) for row in shown for n in row), default=0) + 1e-6
    for column in zip(*shown, strict=True):
        assert math.fsum(column[:-1]) == pytest.approx(column[-1], abs=slack)
    for before, after, difference in shown:
        assert before + difference == pytest.approx(after, abs=slack)


def test_every_part_has_words_a_colour_and_a_line_in_the_documentation() -> None:
    page = Path(__file__).parents[3] / "docs" / "run-directory.md"
    described = re.findall(r"^\| `(.+?)` \| (.+?) \|$", page.read_text(), re.MULTILINE)
    assert [row for row in described if row[0] in PARTS and row[1] in PARTS.values()] == [
        *PARTS.items()
    ]
    assert COLORS.keys() == PARTS.keys()
    assert len(set(COLORS.values())) == len(COLORS)


def test_chart_table_and_sentence_say_the_same_words() -> None:
    run = accounted()
    verdict = conclude(run)
    html = render_html(run, verdict)
    (account,) = verdict.accounts
    for part in account.parts:
        colour = COLORS[part.part]
        assert f'fill="{colour}"/></svg> {part.words}</th>' in html
        if (part.candidate or 0) > 0:
            assert re.search(f'fill="{colour}"><title>go1.24.3: {part.words} ', html), part
    assert "Of +99.0 MiB resident at the end:" in html


def test_what_was_never_touched_is_outlined_beyond_the_bar_and_never_negative() -> None:
    figure = account_bars(conclude(accounted()).accounts)
    assert figure is not None
    assert figure.svg.count("stroke-dasharray") == 2
    assert "untouched, not resident 98.7 MiB" in figure.svg
    assert "live objects 296 MiB; of the Go heap 2.00 MiB was never written" in figure.svg
    below = account_bars(conclude(accounted({"heap.untouched": -5.0 * MIB})).accounts)
    assert below is not None
    assert "untouched" not in below.svg


def test_the_table_says_what_lies_beside_the_sum() -> None:
    (table,) = tables(conclude(accounted()))
    assert [sentence.partition(":")[0] for sentence in table.beside] == [
        "Of the Go heap's resident pages, never written and so only zeros",
        "Untouched, which is mapped for the Go heap and not resident, outlined in the chart",
        "Kept for the probe alone, and in no number here",
    ]
    assert table.beside[0].endswith("2.00 MiB with go1.23.9 and 2.00 MiB with go1.24.3.")
    unknown = {"heap.zero": None, "heap.untouched": 0.0, "probe.memory": 0.0}
    (table,) = tables(conclude(accounted(unknown)))
    assert table.beside == ()


def test_a_servers_account_is_of_the_end_of_its_load() -> None:
    plain = accounted()
    run = Run(plain.path, plain.manifest, tuple(
        t.model_copy(update={
            "accounts": {"loaded": t.account},
            "marks": {"loaded": {"rss.end": t.metrics["rss.end"]}},
            "metrics": {**t.metrics, "rss.loaded": t.metrics["rss.end"], "rss.end": 1e6},
        })
        for t in plain.trials
    ))  # fmt: skip
    verdict = conclude(run)
    (table,) = tables(verdict)
    assert table.caption.startswith("MiB resident at the end of the load: means over 6 rounds")
    assert table.total.words == "sum: resident memory"
    assert table.total.cells[0].text == "243.01"
    html = render_html(run, verdict)
    assert ">MiB resident at the end of the load</text>" in html
    assert "Of +99.0 MiB resident at the end of the load:" in html
    assert "- Of +99.0 MiB at the end of the load: live" in render_markdown(run, verdict)


def test_markdown_and_terminal_name_the_largest_parts_where_rss_changed() -> None:
    run = accounted()
    verdict = conclude(run)
    told = "f +99.0 MiB at the end: live objects +96.0 MiB; unused in spans +3.00 MiB"
    assert f"\n- O{told}.\n" in render_markdown(run, verdict)
    assert f"large-buffers: o{told}" in terminal_summary(verdict)
    same = with_accounts(make_run(measure), lambda _v, _n: {"live": MIB})
    verdict = conclude(same)
    for text in (render_markdown(same, verdict), *terminal_summary(verdict)):
        assert "at the end" not in text


def test_a_run_without_accounts_has_no_such_section() -> None:
    run = make_run(measure)
    assert 'id="account"' not in render_html(run, conclude(run))


def test_a_matrix_of_one_variant_has_a_bar_and_a_column() -> None:
    matrix = ORIGIN | {"go": ["go1.24.3"], "experiments": [[]], "question": None}
    run = with_accounts(make_run(measure, matrix), origin, BESIDE)
    verdict = conclude(run)
    html = render_html(run, verdict)
    assert "go1.24.3 (baseline)" in html
    (table,) = tables(verdict)
    assert table.headings == ("Part", "go1.24.3")
    assert table.total.cells[0].text == "341.98"


def test_unseen_is_never_a_negative_size() -> None:
    matrix = ORIGIN | {
        "question": {"baseline": "go1.23.9", "candidate": "go1.24.3", "metrics": ["unseen"]},
        "gates": [{"metric": "unseen", "max": "1MiB"}],
    }
    levels = {"go1.23.9": -98.7 * MIB, "go1.24.3": 3.0 * MIB}
    run = make_run(
        lambda _w, v, n: {"unseen": levels.get(v, -50.0 * MIB) + n, "rss.end": 9e8}, matrix
    )
    verdict = conclude(run)
    compared = "\n".join(comparison_lines(compare(run, "go1.24.3", "go1.23.9")))
    for text in (
        render_html(run, verdict), render_markdown(run, verdict), compared,
        render_history([(run, verdict)] * 2),
    ):  # fmt: skip
        assert "98.7 MiB untouched" in text
        assert "3.00 MiB unaccounted for" in text
        assert not re.search(r"[-\u2212](98|50)\.\d+ MiB", text)
    assert "observed 3.00 MiB unaccounted for" in verdict.gates[0].message


def test_regions_have_the_words_of_a_part_only_for_the_same_bytes() -> None:
    kinds = {"go heap": 300, "go metadata": 6, "other": 2, "text": 3, "stack": 1}
    run = make_run(measure)
    trials = tuple(
        t.model_copy(
            update={"smaps": {kind: {"size": n * MIB, "rss": n * MIB} for kind, n in kinds.items()}}
        )
        for t in run.trials
        if (t.variant, t.round) != ("go1.23.9", 2)
    )
    figure = address_space(
        Run(run.path, run.manifest, trials), ["large-buffers"],
        [("baseline", "go1.23.9"), ("candidate", "go1.24.3")],
    )  # fmt: skip
    assert figure is not None
    assert [row[1:4] for row in figure.table[1:5]] == [
        ("go1.23.9", "arenas of the Go heap", "300 MiB"),
        ("go1.23.9", "other anonymous memory", "8.00 MiB"),
        ("go1.23.9", PARTS["text"], "3.00 MiB"),
        ("go1.23.9", "the first thread's stack", "1.00 MiB"),
    ]


def test_children_have_an_account_of_their_own() -> None:
    run = accounted()

    def child(pid: int, size: int) -> ChildProcess:
        account = {"go heap": size * MIB, "text": MIB}
        return ChildProcess(pid=pid, name="child", peak=9 * MIB, cpu=0.1, account=account)

    trials = tuple(
        t.model_copy(
            update={"processes": (child(7, 4 + 2 * (t.variant == "go1.24.3")), child(8, 1))}
        )
        for t in run.trials
    )
    run = Run(run.path, run.manifest, trials)
    verdict = conclude(run)
    own, children = tables(verdict)
    assert own.title == "large-buffers"
    assert children.title == "children of large-buffers"
    assert [[cell.text for cell in row.cells[:3]] for row in (*children.rows, children.total)] == [
        ["5.00", "7.00", "+2.00"], ["2.00", "2.00", "0.00"], ["0.00", "0.00", "0.00"],
        ["7.00", "9.00", "+2.00"],
    ]  # fmt: skip
    assert children.beside == ()
    assert "Resident memory of children of large-buffers by part" in render_html(run, verdict)
    assert "+2.00 MiB" not in render_markdown(run, verdict)
