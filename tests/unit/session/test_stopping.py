"""When a workload is decided, in the controller and in workers that have trials at hand."""

from itertools import groupby
from pathlib import Path

import pytest
from synthetic import ORIGIN, make_run

from harness.analysis.conclusion import conclude
from harness.analysis.stopping import Looks, undecided
from harness.pytest_plugin.collection import Collection, MatrixItem
from harness.run.store import Run
from harness.session.stopping import Stopping, is_decided, is_given_up

MATRIX = ORIGIN | {
    "workloads": [{"name": name, "package": "./large"} for name in ("clear", "doubtful")],
    "trials": {"min": 3, "max": 6, "seed": 1},
}


def measure(workload: str, variant: str, number: int) -> dict[str, float | None]:
    worse = 1.5 if variant.startswith("go1.24.3") else 1.0
    noise = 1.0 if workload == "clear" else 1 + (number * len(variant)) % 7
    return {"rss.peak": 1e8 * worse * noise}


def test_workers_learn_which_workload_is_decided(tmp_path: Path) -> None:
    run = make_run(measure, MATRIX, path=tmp_path)
    stopping = Stopping(tmp_path, run.manifest, run.manifest.plan.trials(), [])
    for record in run.trials:
        if record.round <= 2:
            stopping.note(record)
    assert not is_decided(tmp_path, "clear")
    for record in run.trials:
        if 2 < record.round < 6:  # 6 is the last look, after which nothing runs
            stopping.note(record)
    assert is_decided(tmp_path, "clear")
    assert not is_decided(tmp_path, "doubtful")


def test_looks_one_after_another_see_what_one_look_at_everything_sees(tmp_path: Path) -> None:
    matrix = MATRIX | {
        "workloads": [{"name": name, "package": "./large"} for name in ("clear", "doubtful", "c")],
        "trials": {"min": 3, "max": 9, "seed": 1},
    }
    run = make_run(measure, matrix, path=tmp_path)
    looks, decided = Looks(run.manifest), []
    blocks = [list(trials) for _, trials in groupby(run.trials, lambda trial: trial.block)]
    for number, block in enumerate(blocks, 1):
        looks.add(block)
        seen = tuple(trial for trials in blocks[:number] for trial in trials)
        waiting = undecided(Run(tmp_path, run.manifest, seen))
        names = {w.name for w in run.manifest.matrix.workloads}
        assert {name for name in names if not looks.decided(name)} == waiting
        decided.append(len(names - waiting))
    assert decided[0] == 0
    assert decided[-1] == 3  # no more rounds than these
    assert sum(0 < count < 3 for count in decided) > 0


def test_a_worker_leaves_out_what_is_not_needed_any_more() -> None:
    item = MatrixItem.__new__(MatrixItem)
    assert Collection().pytest_runtest_protocol(item) is None
    item.needed = lambda: False
    assert Collection().pytest_runtest_protocol(item) is True


def given_up(tmp_path: Path, outcomes: list[str], trials: object = 6) -> tuple[Run, Stopping]:
    """A candidate with these outcomes; a run notes what it still needs."""
    matrix = ORIGIN | {
        "go": ["go1.23.9", "go1.24.3"], "experiments": [[]], "trials": trials,
        "question": {"baseline": "go1.23.9", "candidate": "go1.24.3"},
    }  # fmt: skip
    run = make_run(
        measure, matrix, path=tmp_path,
        outcome=lambda _w, v, r: outcomes[r - 1] if v == "go1.24.3" else "ok",
    )  # fmt: skip
    stopping = Stopping(tmp_path, run.manifest, run.manifest.plan.trials(), [])
    noted = []
    for record in run.trials:
        if record.id not in stopping.unneeded:
            stopping.note(record)
            noted.append(record)
    return Run(run.path, run.manifest, tuple(noted)), stopping


def test_a_cell_whose_first_two_trials_fail_alike_is_given_up(tmp_path: Path) -> None:
    run, _ = given_up(tmp_path, ["exit 2"] * 6)
    ran = [t.variant for t in run.trials]
    assert (ran.count("go1.23.9"), ran.count("go1.24.3")) == (6, 2)
    failed = next(t for t in run.trials if t.variant == "go1.24.3")
    healthy = next(t for t in run.trials if t.variant == "go1.23.9")
    assert is_given_up(tmp_path, failed)
    assert not is_given_up(tmp_path, healthy)
    (cell,) = (c for c in conclude(run).cells if c.status == "failed")
    assert cell.reason == (
        "all 2 trials failed: exit 2 (2); it was given up, as its first two failed in the same way"
    )


@pytest.mark.parametrize("start", [["exit 2", "exit 3"], ["ok", "exit 2"], ["lost", "lost"]])
def test_a_cell_that_may_still_do_is_not(tmp_path: Path, start: list[str]) -> None:
    run, _ = given_up(tmp_path, start + ["exit 2"] * 4)
    assert len(run.trials) == 12


def test_rounds_are_complete_without_a_cell_that_was_given_up(tmp_path: Path) -> None:
    given_up(tmp_path, ["exit 2"] * 6, {"min": 3, "max": 6})
    assert is_decided(tmp_path, "large-buffers"), "there is nothing to wait for"
