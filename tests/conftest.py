import compileall
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from golang_support import NEW, get
from hypothesis import HealthCheck, settings
from projects import FIXTURES, MATRIX, Project

from harness.golang.builds.tools import Tool, build_tool
from harness.golang.cache import default_cache

# Neither a busy machine nor a new draw of examples makes a test fail: --hypothesis-profile=default
# draws new ones.
settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")


def pytest_configure(config: pytest.Config) -> None:
    """Leave long tests to ``pytest -m soak``, unless a file or a test is named.

    Hundreds of processes import the harness: they find it compiled, also where Python is told to
    write no bytecode, and need no threads for small matrices. Both variables are what a command
    sets for itself (harness/cli): here from the start, so that none is left by the first test
    that calls one.
    """
    if not hasattr(config, "workerinput"):
        compileall.compile_dir(FIXTURES.parent / "harness", quiet=1)
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    bare = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    if bare and not config.option.markexpr and not config.option.keyword:
        config.option.markexpr = "not soak"


@pytest.fixture(autouse=True)
def _environment_stays() -> Iterator[None]:
    """A variable that a test leaves behind fails those that start processes after it, by chance."""
    before = dict(os.environ)
    yield
    names = {name for name, _ in before.items() ^ os.environ.items()}
    assert names <= {"PYTEST_CURRENT_TEST"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    shutil.copytree(FIXTURES, tmp_path / "go_fixtures")
    made = Project(tmp_path)
    made.write(MATRIX)
    return made


@pytest.fixture(scope="session")
def supervisor() -> Path:
    """The program that starts and watches each trial."""
    source = FIXTURES.parent / "harness" / "trial" / "supervisor"
    return build_tool(Tool(source, get(NEW, default_cache())), default_cache())


@pytest.fixture
def broken_project(project: Project) -> Callable[[str, str], Project]:
    """A project whose matrix has one piece of text replaced."""

    def make(old: str, new: str) -> Project:
        assert old in MATRIX
        project.write(MATRIX.replace(old, new))
        return project

    return make


@pytest.fixture
def empty_project(tmp_path: Path) -> Project:
    """A directory with nothing in it."""
    (tmp_path / "empty").mkdir()
    return Project(tmp_path / "empty")
