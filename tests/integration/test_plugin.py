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


def listed(project: Project, *arguments: str) -> list[str]:
    """The items that pytest would run, in their order."""
    lines = project.pytest("matrix.yaml", "--collect-only", "-q", *arguments).stdout.splitlines()
    return [name for file, _, name in (line.partition("::") for line in lines) if file and name]


def test_the_order_is_the_plans_whatever_a_plugin_shuffles(small: Project) -> None:
    small.pytest("matrix.yaml", "-k", "small", "-p", "randomly", "-p", "no:xdist")
    shuffled = order(small)
    assert shuffled == listed(small, "-k", "small")
    rounds = [name[-3:-1] for name in shuffled]
    assert rounds == sorted(rounds)


def test_markers_select_workloads_and_a_seed_changes_the_order(small: Project) -> None:
    chosen = ("-m", 'gomatrix(workload="small")')
    first, second = (listed(small, *chosen, "--matrix-seed", seed) for seed in ("1", "2"))
    assert len(first) == 9
    assert all(name.startswith("small[") for name in first)
    assert sorted(first) == sorted(second)
    assert first != second


def test_a_trial_that_is_run_again_counts_once_and_last_failed_selects_it(small: Project) -> None:
    small.write(TWO_ROUNDS)
    done = small.pytest("matrix.yaml", "--reruns", "1", "-n", "2", "--junitxml", "junit.xml", "-q")
    assert done.returncode == 1
    assert "6 failed, 6 passed" in done.stdout
    assert "6 rerun" in done.stdout
    assert " of 12 trials" not in done.stdout  # progress, which -q leaves out
    assert len(order(small)) == len(set(order(small))) == 12
    xml = (small.root / "junit.xml").read_text()
    assert 'name="broken[go1.24.3+noswissmap-r01]"' in xml
    assert "exit 2" in xml
    again = set(listed(small, "--lf"))
    assert again == {name for name in order(small) if name.startswith("broken")}


def test_a_directory_argument_never_starts_measuring(small: Project) -> None:
    assert small.pytest(".").returncode == 5
    assert not (small.root / "reports").exists()


def test_no_worker_is_started_for_want_of_trials(project: Project) -> None:
    workload = 'workloads: [{name: one, package: ./go_fixtures/livemap, args: ["-entries=10"]}]'
    project.write(f"go: [go1.24.3]\n{workload}\ntrials: 1\n")
    assert "created: 1/1 worker" in project.pytest("matrix.yaml", "-n", "3").stdout
    (project.root / "test_ordinary.py").write_text("def test_one():\n    assert True\n")
    # ... but ordinary tests, which run beside a matrix, may need them all
    done = project.pytest("matrix.yaml", "test_ordinary.py", "-n", "3", "-k", "one")
    assert "created: 3/3 workers" in done.stdout
    assert "2 passed" in done.stdout


def test_more_workers_than_lanes_never_share_a_lane(small: Project) -> None:
    done = small.pytest("matrix.yaml", "-n", "4", "-k", "small", "-v")
    assert done.returncode == 0
    assert "9 of 9 trials" in done.stdout
    assert done.stdout.count("PASSED matrix.yaml::small[") == 9  # progress breaks no line
    lines = (small.latest / "trials.jsonl").read_text().splitlines()
    spans: dict[int, list[tuple[float, float]]] = {}
    for trial in map(json.loads, lines):
        start = trial["started"]
        spans.setdefault(trial["lane"], []).append((start, start + trial["metrics"]["wall"]))
    for lane in spans.values():
        for (_, end), (start, _) in itertools.pairwise(sorted(lane)):
            assert end <= start
