"""Every example runs: the matrices over all fixtures, the tests in a test file, the workflow."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from projects import Project

from harness import Run, Verdict

pytestmark = [pytest.mark.toolchain, pytest.mark.soak]

EXAMPLES = Path(__file__).parents[2] / "examples"
Step = dict[str, Any]


def copied(name: str, target: Path) -> Project:
    shutil.copytree(EXAMPLES / name, target / name)
    return Project(target / name)


def one_round(matrix: Path) -> str:
    """The first round without experiments: each costs a standard library or two."""
    experiments = yaml.safe_load(matrix.read_text(encoding="utf-8")).get("experiments", [])
    names = dict.fromkeys(setting for settings in experiments for setting in settings)
    return " and ".join(["r01", *(f"not {setting}" for setting in names)])


@pytest.mark.parametrize(
    "matrix", sorted(EXAMPLES.glob("*.matrix.yaml")), ids=lambda path: path.name.split(".")[0]
)
def test_every_fixture_runs_in_a_matrix(matrix: Path, tmp_path: Path) -> None:
    done = Project(tmp_path).gomatrix("run", str(matrix), "-k", one_round(matrix))
    assert done.returncode == 0, done.stdout + done.stderr
    run = Run.load(tmp_path / "reports" / "latest")
    assert {trial.workload for trial in run.trials} == {
        workload.name for workload in run.manifest.matrix.workloads
    }
    assert (run.path / "report.html").exists()


def test_comparisons_in_a_users_own_test_file(tmp_path: Path) -> None:
    project = copied("comparisons-as-tests", tmp_path)
    done = project.pytest("test_upgrade.py", "--matrix", "matrix.yaml")
    assert "3 passed" in done.stdout, done.stdout
    assert (project.latest / "report.html").exists()


class Runner:
    """Does what the steps of a workflow do, as far as they concern this package."""

    def __init__(self, project: Project, artifacts: Path) -> None:
        self.project = project
        self.artifacts = artifacts
        self.summary = artifacts / "summary.md"
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        outer = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "COV_"))}
        self.environment = outer | {"PATH": path, "GITHUB_STEP_SUMMARY": str(self.summary)}

    def do(self, step: Step) -> None:
        action, given = step.get("uses", "").partition("@")[0], step.get("with", {})
        if action == "actions/upload-artifact":
            shutil.copytree(self.project.root / given["path"], self.artifacts / given["name"])
        elif action == "actions/download-artifact":
            for artifact in self.artifacts.glob(given["pattern"]):
                target = self.project.root / given["path"] / artifact.name
                shutil.copytree(artifact, target)
        elif step.get("run", "").startswith("pip install"):
            assert step["run"] == "pip install goexperiment-matrix"
        elif "run" in step:
            done = subprocess.run(
                ["/bin/bash", "-eo", "pipefail", "-c", step["run"]], cwd=self.project.root,
                env=self.environment, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, f"{step['run']}\n{done.stdout}{done.stderr}"


def steps_of(job: Step) -> Iterator[list[Step]]:
    """The steps of each machine of a job, the values of its matrix filled in."""
    for shard in job.get("strategy", {}).get("matrix", {}).get("shard", [0]):
        text = re.sub(r"\$\{\{\s*matrix\.shard\s*\}\}", str(shard), yaml.safe_dump(job["steps"]))
        yield yaml.safe_load(text)


def test_the_workflow_joins_shards_and_hands_over_the_report(tmp_path: Path) -> None:
    workflow = EXAMPLES / "github-actions" / ".github" / "workflows" / "go-upgrade.yml"
    artifacts = tmp_path / "artifacts"
    artifacts.mkdir()
    machines = 0
    for job in yaml.safe_load(workflow.read_text())["jobs"].values():
        for steps in steps_of(job):
            machines += 1
            runner = Runner(copied("github-actions", tmp_path / str(machines)), artifacts)
            for step in steps:
                runner.do(step)
    shards = [Run.load(artifacts / f"shard-{k}") for k in (1, 2)]
    joined = Run.load(artifacts / "report")
    assert machines == 3
    assert {t.round % 2 for t in shards[0].trials} != {t.round % 2 for t in shards[1].trials}
    assert len(joined.trials) == sum(len(shard.trials) for shard in shards)
    assert (joined.path / "report.html").exists()
    verdict = Verdict.model_validate_json((joined.path / "verdict.json").read_text())
    assert verdict.headlines[0].sentence in (artifacts / "summary.md").read_text()
