"""The fixture ``matrix_run`` in a user's own test file, as docs/pytest.md shows it."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from projects import Project

from harness.pytest_plugin.testing import measure_matrix

pytestmark = pytest.mark.toolchain

DOCUMENT = Path(__file__).parents[2] / "docs" / "pytest.md"
MATRIX = """\
go: [go1.23.9, go1.24.3]
question: {baseline: go1.23.9, candidate: go1.24.3}
workloads:
  - {name: large-buffers, package: ./go_fixtures/largebuffers, args: ["-retain-mib=32"]}
trials: 3
"""


@pytest.fixture
def documented(project: Project) -> Project:
    """A project with the matrix above and the document's test file."""
    project.write(MATRIX)
    (code,) = re.findall(
        r"```python title=\"test_memory.py\"\n(.*?)```", DOCUMENT.read_text(), re.DOTALL
    )
    (project.root / "test_memory.py").write_text(code)
    return project


def runs(project: Project) -> list[Path]:
    return [path for path in (project.root / "reports").iterdir() if not path.is_symlink()]


def test_the_documented_tests_measure_once_for_all_workers_and_read_a_stored_run(
    documented: Project,
) -> None:
    done = documented.pytest("test_memory.py", "-n", "2", "--matrix", "matrix.yaml")
    assert "2 passed, 1 failed" in done.stdout or "1 failed, 2 passed" in done.stdout
    assert len(runs(documented)) == 1
    numbers = r"<large-buffers rss.peak: go1.24.3 against go1.23.9: increase, ratio 1\.\d+, 95 %"
    assert re.search(numbers, done.stdout)
    # the stored run is loaded, and nothing is measured
    done = documented.pytest("test_memory.py", "--matrix-run", "reports/latest", "-k", "noticed")
    assert "1 passed" in done.stdout
    assert len(runs(documented)) == 1


def test_without_a_run_the_fixture_says_what_it_needs(documented: Project) -> None:
    done = documented.pytest("test_memory.py", "-k", "noticed")
    assert "needs --matrix FILE" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_matrix_that_cannot_be_measured_fails_with_its_message(documented: Project) -> None:
    documented.write("go: [1.20]\n")
    done = documented.pytest("test_memory.py", "-k", "noticed", "--matrix", "matrix.yaml")
    assert "matrix.yaml could not be measured: " in done.stdout


def test_measure_matrix_returns_its_own_run_whatever_else_is_measured(project: Project) -> None:
    matrices = []
    for number in range(2):
        path = project.root / f"{number}" / "matrix.yaml"  # the same name, so the same directory's
        path.parent.mkdir()
        arguments = f'["-retain-mib={number + 1}"]'
        path.write_text(
            f"go: [go1.24.3]\nworkloads: [{{name: w, package: ../go_fixtures/largebuffers, "
            f"args: {arguments}}}]\ntrials: 1\n"
        )
        matrices.append(path)
    reports = project.root / "reports"
    with ThreadPoolExecutor(len(matrices)) as pool:
        found = list(pool.map(lambda path: measure_matrix(path, reports=reports), matrices))
    for path, measured in zip(matrices, found, strict=True):
        assert measured.run.manifest.matrix_text == path.read_text()
        assert len(measured.run.trials) == 1
    assert len({measured.run.path for measured in found}) == len(matrices)
