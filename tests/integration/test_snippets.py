"""Commands and Python of README and docs are run as they are printed."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from documents import DOCUMENTS, Block, blocks, every_block
from projects import FIXTURES, Project

pytestmark = [pytest.mark.toolchain, pytest.mark.soak]

SKIPPED = {
    "install": "installs a clone; .ci/run does just that, and the test of the wheel likewise",
    "long": "takes minutes of measuring; tests/integration has searches of its own",
}
"""Why a block is not run."""

MATRIX = """\
go: [go1.23.9, go1.24.3, go1.24.11]
experiments: [[], [noswissmap]]
question: {baseline: go1.23.9, candidate: go1.24.3}
workloads:
  - {name: large-buffers, package: ./go_fixtures/largebuffers, args: ["-retain-mib=32"]}
trials: 5
"""


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a run, made once."""
    root = tmp_path_factory.mktemp("documented")
    shutil.copytree(FIXTURES, root / "go_fixtures")
    project = Project(root)
    project.write(MATRIX)
    done = project.gomatrix("run")
    assert done.returncode == 0, done.stdout
    return project


WORK = """\
package main

func main() {
	kept := make([]byte, 40<<20)
	for i := range kept {
		kept[i]++
	}
	println(len(kept))
}
"""


@pytest.fixture(scope="session")
def module(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A Go module without a matrix."""
    root = tmp_path_factory.mktemp("module")
    (root / "go.mod").write_text("module example.com/orders\n\ngo 1.26\n")
    (root / "main.go").write_text(WORK)
    return Project(root)


@pytest.fixture(scope="session")
def fixtures(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Programs without a matrix: what is measured here is not the latest run of other pages."""
    root = tmp_path_factory.mktemp("fixtures")
    shutil.copytree(FIXTURES, root / "go_fixtures")
    return Project(root)


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Callable[[Block], Project]:
    def find(block: Block) -> Project:
        found: Project = request.getfixturevalue(block.needs.get("in", "measured"))
        return found

    return find


def console_blocks(document: Path) -> list[Block]:
    return [b for b in blocks(document) if b.language == "console" and "skip" not in b.needs]


def test_what_is_not_run_is_rare_and_has_a_reason() -> None:
    skipped = [block for block in every_block("console", "python") if "skip" in block.needs]

    assert {block.needs["skip"] for block in skipped} <= SKIPPED.keys()
    assert len(skipped) <= 7


@pytest.mark.parametrize(
    "document", [d for d in DOCUMENTS if console_blocks(d)], ids=lambda path: path.name
)
def test_every_command_does_what_its_page_says(
    document: Path, place: Callable[[Block], Project]
) -> None:
    for block in console_blocks(document):
        for line in block.text.splitlines():
            done = place(block).shell(line)

            expected = int(block.needs.get("exits", "0"))
            assert done.returncode == expected, f"{block.name}: {line}\n{done.stdout}{done.stderr}"
            assert "Traceback" not in done.stderr


@pytest.mark.parametrize("block", every_block("python"), ids=lambda block: block.name)
def test_every_python_block_runs_under_pytest(block: Block, measured: Project) -> None:
    (measured.root / "test_snippet.py").write_text(block.text)

    done = measured.pytest("test_snippet.py", "--matrix-run", "reports/latest", "-q")

    failed = int(block.needs.get("fails", "0"))
    assert done.returncode == (1 if failed else 0), done.stdout
    assert (f"{failed} failed" in done.stdout) == (failed > 0)
