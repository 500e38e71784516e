"""What each entry may import: a second of imports in each of four processes is a slow run."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("dask", "distributed", "harness.golang.toolchains.providers", "harness.version", "jinja2",
         "numpy", "pip", "psutil", "pydantic", "pytest", "rich", "scipy", "scipy.special",
         "scipy.stats", "vl_convert")  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "allowed"),
    [
        ("import harness", ""),
        ("import harness.pytest_plugin.plugin", "pytest"),
        ("from harness.cli import main; main(['--help'], standalone_mode=False)", ""),
        ("import harness.cli.plan", "pydantic"),
        ("import harness.cli.runs", "pydantic"),
        ("import harness.cli.run", "pydantic pytest"),
        ("import harness.cli.cluster, harness.session.invocation", "pydantic"),
        ("import harness.cli.worker", "pydantic"),
        ("import harness.cli.verdict", "numpy pydantic scipy"),
        ("import harness.pytest_plugin.collection", "pydantic pytest"),
        ("import harness.session.execute", "pydantic"),
        ("import harness.pytest_plugin.controller", "pydantic pytest"),
        ("import harness.analysis.conclusion", "numpy pydantic scipy"),
        ("import harness.session.judge_apart", ""),
        ("import harness.session.judge", "jinja2 numpy pydantic scipy vl_convert"),
    ],
)
def test_an_entry_imports_only_what_it_needs(entry: str, allowed: str) -> None:
    code = f"import sys\n{entry}\nprint('loaded:', *[m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.rpartition("loaded:")[2].split()
    assert set(loaded) <= set(allowed.split())


def test_a_command_is_loaded_without_validators_and_leaves_no_garbage_to_look_for() -> None:
    code = """
import gc, json
from harness.cli import main
from harness.models import Frozen
main(["plan", "--help"], standalone_mode=False)
def below(model): return [m for c in model.__subclasses__() for m in (c, *below(c))]
built = [m.__name__ for m in below(Frozen) if m.__pydantic_complete__]
print("loaded:", json.dumps([gc.get_freeze_count(), gc.isenabled(), built]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    frozen, enabled, built = json.loads(done.stdout.rpartition("loaded:")[2])
    assert frozen > 20_000
    assert enabled
    # of what stands for a key that is not given, and of constants
    constants = {"BuildAxesSpec", "BuildPattern", "BuildSpec", "Experiments", "MarginSpec",
                 "Switch", "TrialsSpec"}  # fmt: skip
    assert set(built) <= constants


@pytest.mark.parametrize("line", [["run", "--cluster", "local:1"], ["worker", "tls://a:8786"]])
def test_a_cluster_without_dask_says_what_to_install(line: list[str], tmp_path: Path) -> None:
    (tmp_path / "matrix.yaml").write_text(
        "go: [go1.24.3]\nworkloads: [{name: a, package: ./a}]\ntrials: 1\n"
    )
    code = f"""
import sys
sys.modules |= {{"dask": None, "distributed": None}}
from harness.cli import main
main({line})
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode > 1
    assert "pip install 'goexperiment-matrix[cluster]'" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
