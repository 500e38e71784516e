"""How a matrix file behaves under pytest and beside other plugins."""

import itertools
import json

import pytest
from projects import Project

pytestmark = pytest.mark.toolchain

MATRIX = """\
go: [go1.24.3]
experiments: [[], [noswissmap]]
include: [{go: go1.24.3, env: {GOGC: "50"}}]
workloads:
  - {name: small, package: ./go_fixtures/livemap, args: ["-entries=10"]}
  - {name: broken, package: ./go_fixtures/livemap, args: ["-entries=x"]}
trials: {min: 3, max: 3, seed: 1}
"""


TWO_ROUNDS = MATRIX.replace("{min: 3, max: 3,", "{min: 2, max: 2,")
"""After them the cells of ``broken`` would be given up."""


@pytest.fixture
def small(project: Project) -> Project:
    project.write(MATRIX)
    return project


def order(project: Project) -> list[str]:
    lines = (project.latest / "trials.jsonl").read_text().splitlines()
    trials = sorted((json.loads(line) for line in lines), key=lambda t: t["started"])
    return [f"{t['workload']}[{t['variant']}-r{t['round']:02}]" for t in trials]


def test_the_order_is_the_plans_whatever_a_plugin_shuffles(small: Project) -> None:
    small.pytest("matrix.yaml", "-k", "small", "-p", "randomly", "-p", "no:xdist")
    shuffled = order(small)
    small.pytest("matrix.yaml", "-k", "small", "-p", "no:xdist")
    assert shuffled == order(small)
    listed = small.pytest("matrix.yaml", "-k", "small", "--collect-only", "-q").stdout
    assert shuffled == [n.partition("::")[2] for n in listed.splitlines() if "::" in n]
    rounds = [name[-3:-1] for name in shuffled]
    assert rounds == sorted(rounds)


def test_the_seed_changes_the_order(small: Project) -> None:
    orders = set()
    for seed in ("1", "2", "3"):
        done = small.pytest("matrix.yaml", "--collect-only", "-q", "--matrix-seed", seed)
        orders.add(tuple(line for line in done.stdout.splitlines() if "::small[" in line))
    assert () not in orders
    assert len(orders) > 1


def test_a_trial_that_is_run_again_counts_once_and_junit_names_it(small: Project) -> None:
    small.write(TWO_ROUNDS)
    done = small.pytest(
        "matrix.yaml", "-k", "broken", "--reruns", "1", "-n", "2", "--junitxml", "junit.xml"
    )
    assert done.returncode >= 2  # no trial ended well
    assert "6 failed" in done.stdout
    assert "6 rerun" in done.stdout
    assert len(order(small)) == len(set(order(small))) == 6
    xml = (small.root / "junit.xml").read_text()
    assert 'name="broken[go1.24.3+noswissmap-r01]"' in xml
    assert "exit 2" in xml


def test_last_failed_selects_what_failed(small: Project) -> None:
    small.write(TWO_ROUNDS)
    assert "6 failed, 6 passed" in small.pytest("matrix.yaml", "-n", "2").stdout
    done = small.pytest("matrix.yaml", "--lf", "-p", "no:xdist")
    assert "6 failed" in done.stdout
    assert set(order(small)) == {name for name in order(small) if name.startswith("broken")}


def test_exitfirst_stops_and_still_answers(small: Project) -> None:
    done = small.pytest("matrix.yaml", "-x", "-k", "broken", "-p", "no:xdist")
    assert "1 failed" in done.stdout
    assert len(order(small)) == 1
    assert (small.latest / "verdict.json").exists()


def test_markers_select_workloads(small: Project) -> None:
    done = small.pytest("matrix.yaml", "--collect-only", "-q", "-m", 'gomatrix(workload="small")')
    names = [line for line in done.stdout.splitlines() if line.startswith("matrix.yaml::")]
    assert len(names) == 9
    assert all("small[" in name for name in names)


@pytest.mark.parametrize(("flags", "lines"), [(("-q",), False), (("-v",), True)])
def test_progress_never_breaks_the_output_asked_for(
    small: Project, flags: tuple[str, ...], *, lines: bool
) -> None:
    done = small.pytest("matrix.yaml", "-n", "2", "-k", "small", *flags)
    assert done.returncode == 0
    assert ("9 of 9 trials" in done.stdout) == lines
    if flags == ("-v",):
        assert done.stdout.count("PASSED matrix.yaml::small[") == 9


def test_a_directory_argument_never_starts_measuring(small: Project) -> None:
    assert small.pytest(".").returncode == 5
    assert not (small.root / "reports").exists()


def test_no_worker_is_started_for_want_of_trials(project: Project) -> None:
    workload = 'workloads: [{name: one, package: ./go_fixtures/livemap, args: ["-entries=10"]}]'
    project.write(f"go: [go1.24.3]\n{workload}\ntrials: 2\n")
    assert "created: 2/2 workers" in project.pytest("matrix.yaml", "-n", "4").stdout
    (project.root / "test_ordinary.py").write_text("def test_one():\n    assert True\n")
    # ... but ordinary tests, which run beside a matrix, may need them all
    done = project.pytest("matrix.yaml", "test_ordinary.py", "-n", "4", "-k", "one")
    assert "created: 4/4 workers" in done.stdout
    assert "3 passed" in done.stdout


def test_more_workers_than_lanes_never_share_a_lane(small: Project) -> None:
    done = small.pytest("matrix.yaml", "-n", "4", "-k", "small")
    assert "9 of 9 trials" in done.stdout
    lines = (small.latest / "trials.jsonl").read_text().splitlines()
    spans: dict[int, list[tuple[float, float]]] = {}
    for trial in map(json.loads, lines):
        start = trial["started"]
        spans.setdefault(trial["lane"], []).append((start, start + trial["metrics"]["wall"]))
    for lane in spans.values():
        for (_, end), (start, _) in itertools.pairwise(sorted(lane)):
            assert end <= start
