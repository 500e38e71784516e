"""The first hour: a wheel in an empty environment, and a fresh copy of each example."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from golang_support import machine_without_go
from shared import made_once

from harness.golang.cache import default_cache

pytestmark = [pytest.mark.toolchain, pytest.mark.soak]

ROOT = Path(__file__).parents[2]
SMALLEST = "github-actions"
EXAMPLES = sorted(path.parent.name for path in ROOT.glob("examples/*/matrix.yaml"))


def call(
    *command: str | Path, cwd: Path, env: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=600
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of a wheel that was built from this repository, alone in an environment."""

    def make(directory: Path) -> None:
        venv, wheels = directory / "venv", directory / "wheels"
        pip = [str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "-q"]
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run([*pip, "wheel", "--no-deps", "-w", str(wheels), str(ROOT)], check=True)
        (wheel,) = wheels.glob("*.whl")
        subprocess.run([*pip, "install", str(wheel)], check=True)

    return made_once(tmp_path_factory, "wheel", make) / "venv" / "bin" / "gomatrix"


@pytest.fixture(params=["with Go", "without Go"])
def environment(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """Nothing of this checkout's; toolchains that were downloaded before are kept."""
    outer = ("PYTEST_", "COV_", "PYTHON", "VIRTUAL_ENV")
    bare = machine_without_go(tmp_path / "home") if request.param == "without Go" else os.environ
    found = {k: v for k, v in bare.items() if not k.startswith(outer)}
    assert (shutil.which("go", path=found["PATH"]) is None) == (request.param == "without Go") or (
        shutil.which("go") is None  # a machine that has none anyhow
    )
    return found | {"GOMATRIX_CACHE": str(default_cache())}


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_fresh_copy_of_each_example_gives_a_report(
    installed: Path, environment: dict[str, str], example: str, tmp_path: Path
) -> None:
    """Where there is a Go, all but one are only planned: they are measured where there is none.

    Of all but one, a round is measured.
    """
    measured = shutil.which("go", path=environment["PATH"]) is None or example == SMALLEST
    rounds = [] if example == SMALLEST else ["-k", "r01"]
    directory = tmp_path / "copy"
    shutil.copytree(ROOT / "examples" / example, directory)
    before = (directory / "matrix.yaml").read_bytes()
    for command in (["init"], ["run", *rounds] if measured else ["plan"]):
        done = call(installed, *command, cwd=directory, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
    assert (directory / "matrix.yaml").read_bytes() == before
    if measured:
        page = (directory / "reports" / "latest" / "report.html").read_text()
        assert "<html" in page


def test_the_package_is_typed_and_complete(installed: Path, tmp_path: Path) -> None:
    python = installed.with_name("python")
    code = (
        "import harness, pathlib; home = pathlib.Path(harness.__file__).parent; "
        "print((home / 'py.typed').exists(), (home / 'trial/supervisor/main.go').exists(), "
        "(home / 'golang/probe/probe.go').exists(), "
        "all(getattr(harness, name) for name in harness.__all__))"
    )
    done = call(python, "-c", code, cwd=tmp_path, env={"PATH": os.environ["PATH"]})
    assert done.stdout.split() == ["True"] * 4, done.stderr
