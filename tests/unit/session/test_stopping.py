"""When a workload is decided, in the controller and in workers that have trials at hand."""

from pathlib import Path

from synthetic import ORIGIN, make_run

from harness.pytest_plugin.collection import Collection, MatrixItem
from harness.session.stopping import Stopping, is_decided

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


def test_a_worker_leaves_out_what_is_not_needed_any_more() -> None:
    item = MatrixItem.__new__(MatrixItem)
    assert Collection().pytest_runtest_protocol(item) is None
    item.needed = lambda: False
    assert Collection().pytest_runtest_protocol(item) is True
