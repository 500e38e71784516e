import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from synthetic import ORIGIN, make_run

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
