"""A trial's own files: names from any name, and a sample that is kept without them."""

import json
import os
from pathlib import Path

import pytest
from synthetic import ORIGIN, make_run

from harness.plan.plan import Trial
from harness.run.records import Manifest
from harness.run.series import encode_series
from harness.run.store import Run, append_trial, write_json
from harness.session.execute import keep
from harness.session.job import Observed, record_of


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """Of variants that differ in an environment value of 280 characters, in its case and in its
    end."""
    values = ["x" * 280, "x" * 279 + "y", "X" * 280, "../../up", "a/b", ".", ""]
    run = make_run(lambda *_: {}, ORIGIN | {"trials": 1, "env": {"A": values}})
    (tmp_path / "run").mkdir()
    write_json(tmp_path / "run" / "run.json", run.manifest)
    return run.manifest


def observed(trial: Trial) -> Observed:
    record = record_of(trial, outcome="ok", metrics={"rss.peak": 1.0})
    return Observed(record, encode_series([(0.0, 1), (1.0, 2)]), b"profile")


def test_a_long_variant_name_loses_no_sample(tmp_path: Path, manifest: Manifest) -> None:
    trials = [trial for trial in manifest.plan.trials() if trial.round == 1]
    names = set()
    kept = [keep(tmp_path / "run", manifest, observed(trial)) for trial in trials]
    for record in kept:
        assert record.notes == {}
        assert record.series is not None
        assert record.profile is not None
        assert json.loads((tmp_path / "run" / record.series).read_text())["rss"] == [1, 2]
        names.add(record.series.lower())
    assert len(names) == len(trials)
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
    append_trial(tmp_path / "run", kept[-1])
    assert Run.load(tmp_path / "run").trials == (kept[-1],)


@pytest.mark.parametrize("spoilt", ["link", "file", "pipe"])
def test_a_sample_is_kept_where_its_files_cannot_be_written(
    tmp_path: Path, manifest: Manifest, spoilt: str
) -> None:
    trial = Trial(workload="large-buffers", variant="go1.23.9", round=1)
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in ("series", "profiles"):
        path = tmp_path / "run" / name
        if spoilt == "link":
            path.symlink_to(outside)
        elif spoilt == "file":
            path.touch()
        else:
            os.mkfifo(path)
    record = keep(tmp_path / "run", manifest, observed(trial))
    assert (record.series, record.profile) == (None, None)
    assert record.notes.keys() == {"series", "profile"}
    assert all("could not be written" in note for note in record.notes.values())
    assert list(outside.iterdir()) == []
