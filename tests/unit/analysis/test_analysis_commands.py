import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from synthetic import HOST, ORIGIN, make_run

from harness.cli import main
from harness.run.store import MANIFEST, append_trial, write_json


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A run directory with a regression of 50 % against a gate of 5 %."""
    run = make_run(
        lambda _w, v, r: {"rss.peak": (1.5e8 if v.startswith("go1.24.3") else 1e8) + 1e5 * r},
        {**ORIGIN, "gates": [{"metric": "rss.peak", "max_increase": "5%"}]},
    )
    write_json(tmp_path / MANIFEST, run.manifest)
    for trial in run.trials:
        append_trial(tmp_path, trial)
    return tmp_path


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_verdict_concludes_anew(stored: Path) -> None:
    files = sorted(stored.iterdir())
    done = call("verdict", stored)
    assert done.exit_code == 1  # the gate
    assert "rss.peak is 50 % higher" in done.output
    assert "suspect swissmap on large-buffers rss.peak: ruled out" in done.output
    assert sorted(stored.iterdir()) == files


def test_verdict_takes_a_margin(stored: Path) -> None:
    found = json.loads(call("verdict", stored, "--margin", "60%", "--json").output)
    assert {c["decision"] for c in found["comparisons"]} == {"equivalent"}
    refused = call("verdict", stored, "--margin", "much")
    assert refused.exit_code == 2
    assert "write it as 5% or 0.05" in refused.output


def test_compare_takes_any_two_variants(stored: Path) -> None:
    done = call("compare", stored, "go1.24.3+nospinbitmutex,noswissmap", "go1.24.11")
    assert done.exit_code == 0
    assert "increase" in done.output
    assert "interval of rss.peak: Student's t on 6 paired rounds" in done.output
    assert "corrected p: for repeated looks, then Benjamini and Hochberg over 1 sec" in done.output
    unknown = call("compare", stored, "go1.24.4", "go1.24.11")
    assert unknown.exit_code == 2
    assert "did you mean 'go1.24.3'" in unknown.output


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A run of two hosts; a trial failed on one of them."""
    hosts = [HOST.model_copy(update={"id": f"{n}-id", "name": n}) for n in ("quiet", "odd")]
    run = make_run(
        lambda _w, _v, r: {"rss.peak": 1e8 + r},
        ORIGIN | {"trials": 12},
        outcome=lambda _w, v, r: "exit 2" if (v, r) == ("go1.24.11", 3) else "ok",
        hosts=hosts,
    )
    write_json(tmp_path / MANIFEST, run.manifest)
    for trial in run.trials:
        append_trial(tmp_path, trial)
    return tmp_path


def test_verdict_and_report_leave_a_host_out(shared: Path) -> None:
    whole, rest = call("verdict", shared), call("verdict", shared, "--exclude", "odd")
    assert (whole.exit_code, rest.exit_code) == (1, 0)
    assert "the trials of odd are left out, as --exclude asks" in rest.output
    assert "left out" not in whole.output
    page = call("report", shared, "--format", "md", "--exclude", "odd-id").output
    assert "the trials of odd are left out" in page
    lines = call("report", shared, "--format", "csv", "--exclude", "odd").output
    assert "quiet-id" in lines
    assert "odd-id" not in lines


def test_a_misspelt_host_is_one_message(shared: Path) -> None:
    for command in ("verdict", "report"):
        refused = call(command, shared, "--exclude", "quite")
        assert refused.exit_code == 2
        assert "there is no host 'quite'; did you mean 'quiet'?" in refused.output
    several = call("report", shared, shared, "--exclude", "quiet")
    assert several.exit_code == 2
    assert "name one run" in several.output
