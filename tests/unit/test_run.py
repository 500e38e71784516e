from pathlib import Path

import pytest
from synthetic import make_run

from harness.errors import HarnessError
from harness.run import MANIFEST, TRIALS, Run, append_trial, point_latest, write_json


def stored(path: Path) -> Run:
    run = make_run(lambda _workload, _variant, number: {"rss.peak": float(number)}, path=path)
    path.mkdir()
    write_json(path / MANIFEST, run.manifest)
    for trial in run.trials:
        append_trial(path, trial)
    return run


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    run = stored(tmp_path / "run")
    assert Run.load(tmp_path / "run") == run


def test_a_line_cut_short_is_passed_over_and_the_rest_kept(tmp_path: Path) -> None:
    run = stored(tmp_path / "run")
    file = tmp_path / "run" / TRIALS
    file.write_bytes(file.read_bytes()[:-20])
    assert Run.load(tmp_path / "run").trials == run.trials[:-1]


def test_what_is_added_after_a_line_cut_short_is_kept(tmp_path: Path) -> None:
    run = stored(tmp_path / "run")
    file = tmp_path / "run" / TRIALS
    file.write_bytes(file.read_bytes()[:-20])
    append_trial(tmp_path / "run", run.trials[-1])
    assert Run.load(tmp_path / "run").trials == run.trials


def test_a_directory_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="is not a run directory"):
        Run.load(tmp_path)


def test_latest_moves_to_the_newest(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        point_latest(tmp_path / name)
    assert (tmp_path / "latest").resolve() == tmp_path / "b"
