from datetime import UTC, datetime, timedelta
from pathlib import Path

from synthetic import make_run

from harness.reports import list_runs, prune_runs
from harness.run import MANIFEST, append_trial, point_latest, write_json

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
