"""The examples are whole and say what they show; running them is tested with real toolchains."""

import re
from pathlib import Path

import pytest
import yaml

from harness.matrix.load import load

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
FIXTURES = ROOT / "go_fixtures"
FOR_TESTS = {"awkward", "burst", "deep", "effort", "httpservice", "loopvar", "ownprofile",
             "pacing", "selfreport", "timers", "varmake"}  # fmt: skip
"""Programs that tests need and nobody would measure; go_fixtures/README.md says so of them."""

matrices = sorted([*EXAMPLES.glob("*.matrix.yaml"), *EXAMPLES.glob("*/matrix.yaml")])
copies = sorted(EXAMPLES.glob("*/*/*.go"))
programs = sorted(p.name for p in FIXTURES.iterdir() if list(p.glob("*.go")))


def directories_used(matrix: Path) -> set[Path]:
    packages = [
        workload.package or (workload.benchmark and workload.benchmark.package)
        for workload in load(matrix).spec.workloads
    ]
    return {(matrix.parent / package).resolve() for package in packages if package}


@pytest.mark.parametrize("copy", copies, ids=lambda path: str(path.relative_to(EXAMPLES)))
def test_a_program_of_an_example_is_the_fixture_itself(copy: Path) -> None:
    original = FIXTURES / copy.parent.name / copy.name
    assert copy.read_bytes() == original.read_bytes(), f"cp {original} {copy}"


@pytest.mark.parametrize("matrix", matrices, ids=lambda path: str(path.relative_to(EXAMPLES)))
def test_a_matrix_uses_programs_that_are_there_and_says_what_it_asks(matrix: Path) -> None:
    for directory in directories_used(matrix):
        assert list(directory.glob("*.go"))
        home = EXAMPLES if matrix.name != "matrix.yaml" else matrix.parent
        assert home in directory.parents or (home == EXAMPLES and FIXTURES in directory.parents)
    assert matrix.read_text().startswith("# ")
    document = (matrix.parent / "README.md").read_text()
    assert matrix.name in document


def test_every_fixture_is_measured_by_an_example_or_is_for_tests() -> None:
    used = {path.name for matrix in matrices for path in directories_used(matrix)}
    assert set(programs) - used == FOR_TESTS


@pytest.mark.parametrize("program", programs)
def test_every_fixture_says_what_it_exercises(program: str) -> None:
    listed = (FIXTURES / "README.md").read_text()
    assert f"`{program}`" in listed
    source = "".join(path.read_text() for path in (FIXTURES / program).glob("*.go"))
    if program not in FOR_TESTS:
        assert re.search(r"^// It exercises", source, re.MULTILINE)


def test_every_directory_is_in_the_list_of_examples() -> None:
    listed = (EXAMPLES / "README.md").read_text()
    for directory in (path for path in EXAMPLES.iterdir() if path.is_dir()):
        assert f"]({directory.name})" in listed


def test_the_workflow_lets_nothing_foreign_into_a_shell() -> None:
    """Expressions in commands are of the workflow's own matrix, not of whoever opened it."""
    (workflow,) = EXAMPLES.glob("*/.github/workflows/*.yml")
    jobs = yaml.safe_load(workflow.read_text())["jobs"]
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    found = {name for text in commands for name in re.findall(r"\$\{\{\s*(.+?)\s*\}\}", text)}
    assert found == {"matrix.shard"}
