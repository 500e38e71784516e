import multiprocessing
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from synthetic import make_run

from harness.errors import HarnessError
from harness.reports import list_runs, newest_run, prune_runs, reserve
from harness.run import MANIFEST, append_trial, point_latest, read_manifest, write_json

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def store(reports: Path, name: str, age: int) -> None:
    path = reports / name
    path.mkdir(parents=True)
    run = make_run(lambda *_: {"rss.peak": 1.0}, path=path)
    created = NOW - timedelta(days=age)
    write_json(path / MANIFEST, run.manifest.model_copy(update={"created": created}))
    append_trial(path, run.trials[0])
    point_latest(path)


def test_runs_are_listed_oldest_first_and_nothing_else(tmp_path: Path) -> None:
    store(tmp_path, "new", 1)
    store(tmp_path, "old", 9)
    (tmp_path / "notes").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / MANIFEST).write_text("{")
    assert [(run.path.name, run.trials) for run in list_runs(tmp_path)] == [("old", 1), ("new", 1)]
    assert list_runs(tmp_path / "absent") == []


def test_prune_keeps_the_newest_and_the_young(tmp_path: Path) -> None:
    for name, age in (("a", 30), ("b", 20), ("c", 10), ("d", 0)):
        store(tmp_path, name, age)
    removed = prune_runs(tmp_path, NOW, keep=1, older_than=timedelta(days=15))
    assert [run.path.name for run in removed] == ["a", "b"]
    assert [run.path.name for run in list_runs(tmp_path)] == ["c", "d"]
    prune_runs(tmp_path, NOW, keep=1)
    assert (tmp_path / "latest").resolve() == tmp_path / "d"
    prune_runs(tmp_path, NOW)
    assert not (tmp_path / "latest").is_symlink()


def test_runs_that_start_in_the_same_second_have_directories_of_their_own(tmp_path: Path) -> None:
    arguments = [(tmp_path / "reports", "matrix", NOW)] * 40
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        made = pool.starmap(reserve, arguments)
    assert len(set(made)) == 40
    assert all(path.is_dir() for path in made)
    assert {path.name.startswith("20260601T000000Z-matrix") for path in made} == {True}


def test_resume_looks_for_the_newest_run_of_its_own_matrix(tmp_path: Path) -> None:
    for name, age, matrix in (("mine", 5, "a.yaml"), ("older", 9, "a.yaml"), ("b", 1, "b.yaml")):
        store(tmp_path, name, age)
        manifest = read_manifest(tmp_path / name)
        path = str(tmp_path / matrix)
        write_json(tmp_path / name / MANIFEST, manifest.model_copy(update={"matrix_path": path}))
    assert (tmp_path / "latest").resolve() == tmp_path / "b"
    assert newest_run(tmp_path, tmp_path / "a.yaml", "") == tmp_path / "mine"
    (tmp_path / "mine" / "bisect.json").write_text("{}")
    assert newest_run(tmp_path, tmp_path / "a.yaml", "") == tmp_path / "older"
    with pytest.raises(HarnessError, match=r"has no run of .*c\.yaml to go on with"):
        newest_run(tmp_path, tmp_path / "c.yaml", "")


def test_latest_moves_although_somebody_died_moving_it(tmp_path: Path) -> None:
    (tmp_path / f".latest.{os.getpid()}").symlink_to("gone")
    point_latest(tmp_path / "a")
    assert (tmp_path / "latest").readlink() == Path("a")
