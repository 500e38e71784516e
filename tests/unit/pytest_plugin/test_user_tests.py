"""What a user's own test shows when it fails on a mistake: its own line, and the nearest name."""

import subprocess
import sys
from pathlib import Path

import pytest
from synthetic import ORIGIN, make_run

from harness.errors import HarnessError
from harness.pytest_plugin.testing import MatrixRun
from harness.run.store import MANIFEST, append_trial, write_json

TESTS = """\
from pathlib import Path

import pytest

from harness import MatrixRun, measure_matrix

def test_variant(matrix_run):
    matrix_run.compare("go1.24.4", "go1.23.9", workload="large-buffers")

def test_load():
    MatrixRun.load(Path("nowhere"))

def test_measure():
    measure_matrix(Path("absent.yaml"))

def test_change(matrix_run):
    assert matrix_run.compare("go1.24.3", "go1.23.9", workload="large-buffers").within(0.05)
"""


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    directory = tmp_path / "run"
    directory.mkdir()
    run = make_run(
        lambda _w, v, r: {"rss.peak": (1.5e8 if v.startswith("go1.24.3") else 1e8) + 1e5 * r},
        ORIGIN,
    )
    write_json(directory / MANIFEST, run.manifest)
    for trial in run.trials:
        append_trial(directory, trial)
    return directory


@pytest.mark.parametrize(
    ("candidate", "workload", "metric", "message"),
    [
        ("go1.24.4", "large-buffers", "rss.peak", "no variant 'go1.24.4'; did you mean 'go1.24.3'"),
        ("go1.24.3", "buffers", "rss.peak", "no workload 'buffers'; did you mean 'large-buffers'"),
        ("go1.24.3", "large-buffers", "rss.max", "no metric 'rss.max'; did you mean 'rss.peak'"),
        ("go1.24.3", "large-buffers", "x", "no metric 'x'; valid here: rss.peak"),
    ],
)
def test_a_typo_is_answered_with_the_nearest_name(
    stored: Path, candidate: str, workload: str, metric: str, message: str
) -> None:
    run = MatrixRun.load(stored)
    with pytest.raises(HarnessError, match=message.replace("[", r"\[")):
        run.compare(candidate, "go1.23.9", workload=workload, metric=metric)


def test_failures_show_the_users_lines_and_none_of_the_packages(stored: Path) -> None:
    (stored.parent / "test_user.py").write_text(TESTS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "test_user.py", "--matrix-run", "run", "-p", "no:xdist"],
        cwd=stored.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "4 failed" in done.stdout
    for line in TESTS.splitlines():
        if line.startswith("    "):
            assert f">   {line}" in done.stdout, line
    assert "testing.py" not in done.stdout
    assert "harness/" not in done.stdout
    assert "HarnessError: run: there is no variant 'go1.24.4'; did you mean" in done.stdout
    assert "<large-buffers rss.peak: go1.24.3 against go1.23.9: increase, ratio 1." in done.stdout
