from pathlib import Path

import pytest
from synthetic import make_run

from harness.errors import HarnessError
from harness.golang.records import BuildRecord
from harness.run import MANIFEST, TRIALS, Run, append_trial, continued, point_latest, write_json


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


def test_a_resumed_run_executes_nothing_that_its_directory_names() -> None:
    """A run directory may come from elsewhere, with every field as it should be but the paths."""
    new = make_run(lambda *_: {"rss.peak": 1.0}).manifest
    cells = [(v.toolchain, v.settings) for v in new.plan.variants[:2]]
    own, other = (
        BuildRecord(
            workload="large-buffers", toolchain=toolchain, settings=settings, key="k",
            binary="/cache/binary", sha256="00", size=1, command="", directory="/package",
            seconds=0.0, cached=False,
        )
        for toolchain, settings in cells
    )  # fmt: skip
    new = new.model_copy(update={"builds": (own,), "supervisor": "/cache/supervisor"})
    evil = {"binary": "/evil/binary", "directory": "/evil"}
    old = new.model_copy(
        update={
            "name": "stranger",
            "supervisor": "/evil/supervisor",
            "load_generator": "/evil/load",
            "matrix_path": "/evil/matrix.yaml",
            "toolchains": tuple(
                t.model_copy(update={"goroot": "/evil/go"}) for t in new.toolchains
            ),
            "builds": (
                own.model_copy(update={**evil, "key": "another"}), other.model_copy(update=evil)
            ),
        }
    )  # fmt: skip
    assert old.model_dump_json().count("/evil") > 5
    found = continued(old, new)
    assert "/evil" not in found.model_dump_json()
    assert found.name == "stranger"
    assert [(b.toolchain, b.binary) for b in found.builds] == [
        (own.toolchain, "/cache/binary"), (other.toolchain, ""),
    ]  # fmt: skip
