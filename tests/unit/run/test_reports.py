import multiprocessing
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from synthetic import make_run

from harness.cli import main
from harness.errors import HarnessError
from harness.run.directory import list_runs, newest_run, prune_runs, reserve
from harness.run.store import (
    MANIFEST,
    TRIALS,
    append_trial,
    point_latest,
    read_manifest,
    write_json,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def store(reports: Path, name: str, age: int) -> None:
    path = reports / name
    path.mkdir(parents=True)
    run = make_run(lambda *_: {"rss.peak": 1.0}, path=path)
    created = NOW - timedelta(days=age)
    write_json(path / MANIFEST, run.manifest.model_copy(update={"created": created}))
    append_trial(path, run.trials[0])
    point_latest(path)


def silent(line: str) -> None:
    raise AssertionError(line)


def test_runs_are_listed_oldest_first_and_nothing_else(tmp_path: Path) -> None:
    store(tmp_path, "new", 1)
    store(tmp_path, "old", 9)
    (tmp_path / "notes").mkdir()
    found = [(run.path.name, run.trials) for run in list_runs(tmp_path, silent)]
    assert found == [("old", 1), ("new", 1)]
    assert list_runs(tmp_path / "absent", silent) == []


def test_prune_keeps_the_newest_and_the_young(tmp_path: Path) -> None:
    for name, age in (("a", 30), ("b", 20), ("c", 10), ("d", 0)):
        store(tmp_path, name, age)
    removed = prune_runs(tmp_path, NOW, silent, keep=1, older_than=timedelta(days=15))
    assert [run.path.name for run in removed] == ["a", "b"]
    assert [run.path.name for run in list_runs(tmp_path, silent)] == ["c", "d"]
    prune_runs(tmp_path, NOW, silent, keep=1)
    assert (tmp_path / "latest").resolve() == tmp_path / "d"
    prune_runs(tmp_path, NOW, silent)
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
    assert newest_run(tmp_path, tmp_path / "a.yaml", "", silent) == tmp_path / "mine"
    (tmp_path / "mine" / "bisect.json").write_text("{}")
    assert newest_run(tmp_path, tmp_path / "a.yaml", "", silent) == tmp_path / "older"
    with pytest.raises(HarnessError, match=r"has no run of .*c\.yaml to go on with"):
        newest_run(tmp_path, tmp_path / "c.yaml", "", silent)


def test_latest_moves_although_somebody_died_moving_it(tmp_path: Path) -> None:
    (tmp_path / f".latest.{os.getpid()}").symlink_to("gone")
    point_latest(tmp_path / "a")
    assert (tmp_path / "latest").readlink() == Path("a")


def spoil(reports: Path) -> None:
    """Runs that cannot be read, each for a reason of its own."""
    for name in ("empty line", "gate", "no json", "deep", "pipe", "link", "naive"):
        store(reports, name, 5)
    with (reports / "empty line" / TRIALS).open("a") as file:
        file.write("{}\n")
    manifest = (reports / "gate" / MANIFEST).read_text()
    (reports / "gate" / MANIFEST).write_text(manifest.replace('"rounds": 6', '"rounds": -6'))
    (reports / "no json" / MANIFEST).write_text("{")
    (reports / "deep" / TRIALS).write_text("[" * 900 + "]" * 900 + "\n")
    (reports / "pipe" / TRIALS).unlink()
    os.mkfifo(reports / "pipe" / TRIALS)
    (reports / "link" / MANIFEST).unlink()
    (reports / "link" / MANIFEST).symlink_to("/etc/passwd")
    (reports / "naive" / MANIFEST).write_text(manifest.replace("+00:00", "").replace('Z"', '"'))


BAD = {"empty line", "gate", "no json", "deep", "pipe", "link", "naive"}


def test_one_bad_run_does_not_stop_runs_list_and_runs_prune(tmp_path: Path) -> None:
    store(tmp_path, "good", 9)
    spoil(tmp_path)
    told: list[str] = []
    assert [run.path.name for run in list_runs(tmp_path, told.append)] == ["good"]
    assert len(told) == len(BAD)
    assert {line.partition(" is left out: ")[0] for line in told} == BAD
    assert any(f"{TRIALS}:2" in line for line in told)
    assert [run.path.name for run in prune_runs(tmp_path, NOW, told.append)] == ["good"]
    assert {path.name for path in tmp_path.iterdir()} - {"latest"} == BAD
    listed = CliRunner().invoke(main, ["runs", "list", "--reports", str(tmp_path)])
    assert listed.exit_code == 0
    assert listed.stdout == ""
    assert len(listed.stderr.splitlines()) == len(BAD)


def test_one_bad_run_does_not_stop_a_history(tmp_path: Path) -> None:
    for name in ("a", "b"):
        store(tmp_path, name, 1)
    spoil(tmp_path)
    runs = [str(tmp_path / name) for name in ("a", "b", *BAD)]
    done = CliRunner().invoke(main, ["report", *runs])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("<!doctype html>")
    assert len(done.stderr.splitlines()) == len(BAD)


def test_what_is_called_latest_and_is_no_link_stays(tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    store(tmp_path, "a", 1)
    assert (tmp_path / "latest").is_dir()
    assert not (tmp_path / "latest").is_symlink()


@pytest.mark.parametrize("days", ["9999999999", "-1"])
def test_days_beyond_a_calendar_are_refused(tmp_path: Path, days: str) -> None:
    command = ["runs", "prune", "--older-than", days, "--reports", str(tmp_path)]
    assert CliRunner().invoke(main, command).exit_code == 2
