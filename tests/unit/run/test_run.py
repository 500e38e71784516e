import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner
from synthetic import make_run

from harness.cli import main
from harness.errors import HarnessError
from harness.golang.records import BuildRecord
from harness.matrix.models import GateSpec
from harness.run.resume import continued
from harness.run.store import MANIFEST, TRIALS, Run, append_trial, point_latest, write_json
from harness.session.judge_apart import Judging


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


BAD_LINES = {
    b"{}": r"trials\.jsonl:2: was not written.*workload: Field required; remove the line",
    b"[" * 900 + b"]" * 900: r"trials\.jsonl:2:\d+: is no JSON.*recursion limit exceeded; remove",
    b'{"schema": NaN}': r"trials\.jsonl:2:12: is no JSON",
    b'{"schema": 1e999}': r"trials\.jsonl:2: holds a number beyond",
    b'{"schema": 1%s}' % (b"0" * 30): r"trials\.jsonl:2: holds a whole number of more than 63",
    b'{"schema": 1%s}' % (b"0" * 5000): r"trials\.jsonl:2:\d+: is no JSON.*number out of range",
    b"\0\0": r"trials\.jsonl:2:1: is no JSON",
    b"[" + b"1," * 200_000 + b"1]": r"trials\.jsonl:2: holds more than 100,000 values",
    b'"' + b"x" * (9 << 20) + b'"': r"trials\.jsonl:2: is longer than 8 MiB",
}


@pytest.mark.parametrize("line", BAD_LINES, ids=range(len(BAD_LINES)))
def test_a_bad_line_is_named_by_its_number_and_stays(tmp_path: Path, line: bytes) -> None:
    run = stored(tmp_path / "run")
    file = tmp_path / "run" / TRIALS
    first, _, rest = file.read_bytes().partition(b"\n")
    bad = first + b"\n" + line + b"\n" + rest
    file.write_bytes(bad)
    with pytest.raises(HarnessError, match=BAD_LINES[line]):
        Run.load(tmp_path / "run")
    append_trial(tmp_path / "run", run.trials[0])
    assert file.read_bytes().startswith(bad)


@pytest.mark.parametrize(
    "fields",
    [{"round": 0}, {"round": -1}, {"round": 10**9}, {"started": -1.0}, {"lane": -1},
     {"variant": "go1.0"}, {"workload": "nobody's"}],
)  # fmt: skip
def test_a_trial_that_cannot_be_is_named_by_its_line(
    tmp_path: Path, fields: dict[str, object]
) -> None:
    run = stored(tmp_path / "run")
    append_trial(tmp_path / "run", run.trials[0].model_copy(update=fields))
    with pytest.raises(HarnessError, match=rf"trials\.jsonl:{len(run.trials) + 1}: "):
        Run.load(tmp_path / "run")


def test_a_file_belongs_to_the_last_trial_that_names_it(tmp_path: Path) -> None:
    run = stored(tmp_path / "run")
    for trial in run.trials[:2]:
        append_trial(tmp_path / "run", trial.model_copy(update={"series": "series/x.json"}))
    series = [trial.series for trial in Run.load(tmp_path / "run").trials]
    assert series[-2:] == [None, "series/x.json"]


def test_a_trial_that_was_measured_twice_counts_once(tmp_path: Path) -> None:
    run = stored(tmp_path / "run")
    again = run.trials[0].model_copy(update={"started": run.trials[0].started + 1})
    append_trial(tmp_path / "run", again)
    assert Run.load(tmp_path / "run").trials == (*run.trials[1:], again)


def test_an_unknown_metric_in_a_stored_gate_is_one_line(tmp_path: Path) -> None:
    run = stored(tmp_path / "run")
    gate = GateSpec.model_validate({"metric": "unheard.of", "max_increase": "5%"})
    matrix = run.manifest.matrix.model_copy(update={"gates": [gate]})
    write_json(tmp_path / "run" / MANIFEST, run.manifest.model_copy(update={"matrix": matrix}))
    path = str(tmp_path / "run")
    variants = ["go1.24.3", "go1.23.9"]
    for command in (["verdict", path], ["report", path], ["compare", path, *variants],
                    ["merge", path, "-o", str(tmp_path / "merged")]):  # fmt: skip
        done = CliRunner().invoke(main, command)
        assert done.exit_code == 2, done.output
        assert f"{path}/run.json: matrix.gates.0.metric: there is no metric" in done.output
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_a_run_without_variants_is_told_in_one_line(tmp_path: Path) -> None:
    run = stored(tmp_path / "run")
    plan = run.manifest.plan.model_copy(update={"variants": (), "cells": ()})
    write_json(tmp_path / "run" / MANIFEST, run.manifest.model_copy(update={"plan": plan}))
    (tmp_path / "run" / TRIALS).unlink()
    done = CliRunner().invoke(main, ["verdict", str(tmp_path / "run")])
    assert done.exit_code == 2
    assert "has no variant" in done.output


@pytest.mark.parametrize(
    "change",
    [{"rounds": -1}, {"rounds": 10**9}, {"shard": (0, 0)}, {"shard": (3, 2)}, {"cells": 2},
     {"variants": 2}, {"variants": 0}],
)  # fmt: skip
def test_a_plan_that_contradicts_itself_is_refused(
    tmp_path: Path, change: dict[str, object]
) -> None:
    run = stored(tmp_path / "run")
    plan = run.manifest.plan
    twice = {key: getattr(plan, key) * n for key, n in change.items() if isinstance(n, int)
             and key in {"cells", "variants"}}  # fmt: skip
    changed = plan.model_copy(update=change | twice)
    write_json(tmp_path / "run" / MANIFEST, run.manifest.model_copy(update={"plan": changed}))
    with pytest.raises(HarnessError, match=r"run\.json: .*; copy the run again"):
        Run.load(tmp_path / "run")


def test_metrics_that_a_stranger_made_up_have_a_limit(tmp_path: Path) -> None:
    run = stored(tmp_path / "run")
    (tmp_path / "run" / TRIALS).unlink()
    wide: dict[str, float | None] = {f"m{number}": 1.0 for number in range(90_000)}
    for trial in run.trials[:8]:
        append_trial(tmp_path / "run", trial.model_copy(update={"metrics": wide}))
    with pytest.raises(HarnessError, match="at most 600,000 are compared"):
        Run.load(tmp_path / "run")


def test_no_module_of_the_directory_one_stands_in_is_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = stored(tmp_path / "run").path
    for module in ("json", "secrets", "harness"):
        (run / f"{module}.py").write_text("raise SystemExit('executed')\n", encoding="utf-8")
    monkeypatch.chdir(run)

    judging = Judging()
    judging.judge(Path.cwd())
    assert judging.verdict().schema_version == 1
    judging.finish()


def test_a_report_that_cannot_be_written_leaves_the_verdict(tmp_path: Path) -> None:
    run = stored(tmp_path / "run").path
    (run / "report.html").mkdir()
    judging = Judging()
    judging.judge(run)

    assert judging.verdict().schema_version == 1
    with pytest.raises(HarnessError, match="measured but could not be reported"):
        judging.finish()


def test_a_judge_whose_parent_is_gone_ends() -> None:
    """It reads the run directory from a pipe, which ends with the parent."""
    judge = [sys.executable, "-P", "-m", "harness.session.judge"]
    done = subprocess.run(judge, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"ready\n", b"")


def test_a_judge_without_a_run_is_ended() -> None:
    before = set(psutil.Process().children())  # of other tests, which may end meanwhile
    judging = Judging()
    judging.wait_until_ready()
    (judge,) = set(psutil.Process().children()) - before
    judging.close()
    assert judge not in psutil.Process().children()


def test_a_run_that_cannot_be_judged_says_why(tmp_path: Path) -> None:
    judging = Judging()
    judging.judge(tmp_path)
    with pytest.raises(HarnessError, match=r"could not be judged.*is not a run directory"):
        judging.verdict()


def test_numbers_whose_names_records_share_count_as_a_tenth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = stored(tmp_path / "run")
    monkeypatch.setattr("harness.run.store._TRIALS_VALUES", 20_000)
    (tmp_path / "run" / TRIALS).unlink()
    for trial in run.trials[:20]:
        alike = {f"/some/metric/{number}": 1.0 for number in range(5_000)}
        append_trial(tmp_path / "run", trial.model_copy(update={"runtime": alike}))
    assert len(Run.load(tmp_path / "run").trials) == 20
    for turn, trial in enumerate(run.trials[20:24]):
        own = {f"/some/metric/{turn}/{number}": 1.0 for number in range(5_000)}
        append_trial(tmp_path / "run", trial.model_copy(update={"runtime": own}))
    with pytest.raises(HarnessError, match="the run is too large"):
        Run.load(tmp_path / "run")
