"""A trial's own files: names from any name, and a sample that is kept without them."""

import json
import os
from pathlib import Path

import pytest
from synthetic import ORIGIN, make_run

from harness.plan.plan import Trial
from harness.run.records import Manifest
from harness.run.store import Run, append_trial, write_json
from harness.session.execute import _store_files
from harness.trial.trial import TrialResult

RESULT = TrialResult(outcome="ok", metrics={"rss.peak": 1.0}, series=[(0.0, 1), (1.0, 2)])


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """Of variants that differ in an environment value of 280 characters, in its case and in its
    end."""
    values = ["x" * 280, "x" * 279 + "y", "X" * 280, "../../up", "a/b", ".", ""]
    run = make_run(lambda *_: {}, ORIGIN | {"trials": 1, "env": {"A": values}})
    (tmp_path / "run").mkdir()
    write_json(tmp_path / "run" / "run.json", run.manifest)
    return run.manifest


def profile(tmp_path: Path) -> Path:
    path = tmp_path / "profile"
    path.write_bytes(b"profile")
    return path


def test_a_long_variant_name_loses_no_sample(tmp_path: Path, manifest: Manifest) -> None:
    trials = [trial for trial in manifest.plan.trials() if trial.round == 1]
    names = set()
    for trial in trials:
        files, notes = _store_files(tmp_path / "run", manifest, trial, RESULT, profile(tmp_path))
        assert notes == {}
        assert files.keys() == {"series", "profile"}
        assert json.loads((tmp_path / "run" / files["series"]).read_text())["rss"] == [1, 2]
        names.add(files["series"].lower())
    assert len(names) == len(trials)
    inside = {p.name for p in tmp_path.iterdir()}
    assert inside == {"run", "profile"}
    record = make_run(lambda *_: {}, ORIGIN | {"trials": 1}).trials[0]
    stored = record.model_copy(update={"variant": trials[0].variant, **files})
    append_trial(tmp_path / "run", stored)
    assert Run.load(tmp_path / "run").trials == (stored,)


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
    files, notes = _store_files(tmp_path / "run", manifest, trial, RESULT, profile(tmp_path))
    assert files == {}
    assert notes.keys() == {"series", "profile"}
    assert all("could not be written" in note for note in notes.values())
    assert list(outside.iterdir()) == []
