"""The page's tables of hosts."""

from dataclasses import replace

from several_hosts import ANT, BEE, COW, measured

from harness.analysis.conclusion import conclude
from harness.report.hosts import MOST, WIDTH, Hosts, Strip, hosts_of
from harness.report.markdown import render_markdown
from harness.report.page import render_html
from harness.report.terminal import terminal_summary
from harness.run.hosts import without_hosts
from harness.run.question import question_of
from harness.run.store import Run


def shown(run: Run) -> Hosts:
    found = hosts_of(run, conclude(run), question_of(run))
    assert found is not None
    return found


def strip(strips: Strip | None) -> Strip:
    assert strips is not None
    return strips


def test_a_run_of_one_host_has_no_such_section() -> None:
    run = measured((ANT,))
    verdict = conclude(run)
    assert hosts_of(run, verdict, question_of(run)) is None
    assert 'id="hosts"' not in render_html(run, verdict)


def test_each_workload_and_metric_has_a_table_with_all_hosts_last() -> None:
    two = [{"name": name, "package": "./x"} for name in ("large", "small")]
    found = shown(measured(workloads=two))
    assert [t.title for t in found.tables] == [
        "large, rss.peak", "large, wall", "small, rss.peak", "small, wall",
    ]  # fmt: skip
    table = found.tables[0]
    assert [(r.name, r.rounds, r.lost, r.failed) for r in table.rows] == [
        ("ant", 8, 0, 0), ("bee", 8, 0, 0), ("cow", 8, 0, 0),
    ]  # fmt: skip
    together = table.together
    assert (together.name, together.rounds) == ("all hosts", 24)
    assert together.change is not None
    assert together.change.n == 24
    assert [name for name, _ in found.kinds] == ["ant", "bee", "cow"]


def test_intervals_are_drawn_on_one_scale() -> None:
    table = shown(measured(effect=lambda h, _m: 2.0 if h is COW else 1.5)).tables[0]
    ant, bee, cow = (strip(row.strip) for row in table.rows)
    assert ant.zero == bee.zero == cow.zero < ant.centre < cow.centre < WIDTH
    assert cow.ends is not None
    assert cow.ends[0] < cow.centre < cow.ends[1]
    joint = strip(table.together.strip)
    assert ant.centre < joint.centre < cow.centre
    for found in (ant, bee, cow, joint):
        assert found.ends is not None
        assert 0 <= found.ends[0] < found.ends[1] <= WIDTH


def test_changes_without_ratios_are_drawn_as_differences() -> None:
    question = {"baseline": "go1.23.9", "candidate": "go1.24.3", "metrics": ["swap"]}
    run = measured((ANT, BEE), question=question)
    trials = tuple(
        t.model_copy(
            update={"metrics": {"swap": 4096.0 * (t.variant == "go1.24.3") * (t.round % 3)}}
        )
        for t in run.trials
    )
    table = shown(replace(run, trials=trials)).tables[0]
    assert all(strip(row.strip).zero < strip(row.strip).centre for row in table.rows)


def test_what_was_lost_is_told_also_where_nothing_of_it_came_home() -> None:
    run = measured((ANT, BEE))
    plan = run.manifest.plan.model_copy(update={"left": {"large": (3, 25, 26)}})
    kept = tuple(t for t in run.trials if (t.round, t.variant) != (3, "go1.24.3"))
    run = replace(run, trials=kept, manifest=run.manifest.model_copy(update={"plan": plan}))
    table = shown(run).tables[0]
    assert [(r.name, r.lost) for r in table.rows] == [("ant", 0), ("bee", 1)]
    assert table.unseen == 2
    page = render_html(run, conclude(run))
    assert "2 more rounds were lost before any of their trials was recorded." in page


def test_a_host_without_an_interval_says_why() -> None:
    run = measured((ANT, BEE))
    few = tuple(t for t in run.trials if t.host == "ant-id" or t.round == 1)
    page = render_html(replace(run, trials=few), conclude(replace(run, trials=few)))
    assert '<span class="quiet">one round only: no interval, on log ratios</span>' in page


def test_many_workloads_make_no_endless_page() -> None:
    many = [{"name": f"w{n}", "package": "./x"} for n in range(MOST // 2 + 2)]
    found = shown(measured((ANT, BEE), workloads=many, trials=6))
    assert (len(found.tables), found.more) == (MOST, 4)


def test_terminal_and_markdown_have_a_line_only_where_something_is_to_be_said() -> None:
    quiet, slow = measured(), measured(level=lambda h, _m: 1.5 if h is COW else 1.0)
    for run, lines in ((quiet, 0), (slow, 2)):
        verdict = conclude(run)
        texts = ["\n".join(terminal_summary(verdict)), render_markdown(run, verdict)]
        assert [text.count("host levels") for text in texts] == [lines, lines]
        assert ("cow" in texts[0]) is (lines > 0)


def test_a_run_without_a_host_has_no_row_of_it() -> None:
    found = shown(without_hosts(measured(), ["cow"]))
    assert [row.name for row in found.tables[0].rows] == ["ant", "bee"]
    assert [name for name, _ in found.kinds] == ["ant", "bee"]
