"""Suspects of any kind, turned back in groups on real toolchains."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from projects import Project
from waiting import wait_until

from harness.run.store import Run

pytestmark = pytest.mark.toolchain

BUFFERS = """\
package main

import "sync"

var kept [64][]*int

func main() {
	new(sync.Map).Store(1, 1)
	for i := range kept {
		kept[i] = make([]*int, 0, 128<<10)
		for j := 0; j < 80<<10; j++ {
			kept[i] = append(kept[i], new(int))
		}
	}
}
"""
"""What the origin keeps, and a map as synchashtriemap makes it. It imports little, and no probe is
added: each group of suspects has another standard library compiled."""
AUTO = """\
go: [go1.23.9, go1.24.3]
question: {suspects: auto}
workloads: [{name: large-buffers, package: ./buffers}]
trials: {min: 3, max: 10}
probe: "off"
"""
LISTED = """\
go: [go1.23.9, go1.24.3]
question:
  suspects:
    - aliastypeparams
    - {env: GOGC=400}
    - {patch: go_fixtures/patches/needzero.diff}
    - {godebug: madvdontneed=0}
workloads: [{name: large-buffers, package: ./buffers}]
trials: {min: 3, max: 10}
probe: "off"
"""


@pytest.fixture
def project(project: Project) -> Project:
    """A project with the program above."""
    (project.root / "buffers").mkdir()
    (project.root / "buffers" / "main.go").write_text(BUFFERS)
    (project.root / "go.mod").write_text("module example.test/buffers\n\ngo 1.21\n")
    return project


def suspects(project: Project) -> dict[str, dict[str, Any]]:
    verdict = json.loads((project.latest / "verdict.json").read_text())
    return {" with ".join(s["toggles"]): s for s in verdict["suspects"]}


@pytest.mark.soak
def test_everything_that_an_upgrade_changes_is_ruled_out_in_few_builds(project: Project) -> None:
    project.write(AUTO)
    planned = project.gomatrix("plan")
    assert "suspects: 11" in planned.stdout, planned.stdout + planned.stderr
    alike = "x509usepolicies=0  need no trial: all programs have them in go1.24.3 anyway"
    assert alike in planned.stdout
    done = project.gomatrix("run", "-n", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    found = suspects(project)
    experiments = {"aliastypeparams", "swissmap", "spinbitmutex", "synchashtriemap"}
    settings = {"multipathtcp=0", "randseednop=0", "rsa1024min=0", "tlsmlkem=0", "x509rsacrt=0",
                "x509usepolicies=0"}  # fmt: skip
    assert found.keys() == {*experiments, *settings, "deadlocals"}
    assert {s["verdict"] for s in found.values()} == {"ruled out"}
    assert {found[name]["certainty"] for name in settings} == {"same value"}
    assert found["aliastypeparams"]["certainty"] == "identical code"
    assert "all 11 suspects are ruled out" in done.stdout
    assert not (project.latest / "screening" / "tmp").exists()
    run = Run.load(project.latest)
    assert run.screening is not None
    manifest = run.screening.manifest
    built = {(b.settings, b.build.gcflags) for b in manifest.builds if b.toolchain == "go1.24.3"}
    assert len(built) <= 5
    measured = {trial.variant for trial in run.screening.trials}
    assert "go1.24.3+noaliastypeparams" in manifest.plan.turned_back
    assert "go1.24.3+noaliastypeparams" not in measured
    page = (project.latest / "report.html").read_text()
    assert "what was turned back" in page
    assert "no two that cancel each other" in page
    again = project.gomatrix("verdict", "reports/latest")
    assert "identical code" not in again.stderr
    assert "the program is the same byte for byte" in again.stdout


@pytest.mark.soak
def test_listed_suspects_of_every_kind_need_no_axis(project: Project) -> None:
    project.write(LISTED)
    done = project.gomatrix("run", "-n", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    found = suspects(project)
    assert {name: s["verdict"] for name, s in found.items()} == {
        "aliastypeparams": "ruled out", "GOGC=400": "ruled out", "patch needzero": "implicated",
        "madvdontneed=0": "ruled out",
    }  # fmt: skip
    assert found["aliastypeparams"]["certainty"] == "identical code"
    verdict = json.loads((project.latest / "verdict.json").read_text())
    assert [c["toggles"] for c in verdict["cures"]] == [["patch needzero"]]
    assert verdict["cures"][0]["variant"] == "go1.24.3~needzero"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("[swissmapp]", "2:23: there is no experiment 'swissmapp' in this matrix; did you mean"),
        ("[{godebug: asynctimer=1}]", "no Go has the setting 'asynctimer'; did you mean 'asynct"),
        ("[{patch: none.diff}]", "none.diff"),
        ("[{gcflags: a, env: B=c}]", "a suspect has exactly one key"),
    ],
)
def test_a_suspect_that_means_nothing_is_an_error_with_its_place(
    project: Project, written: str, said: str
) -> None:
    text = AUTO.replace("question: {suspects: auto}", f"question: {{suspects: {written}}}")
    project.write(text)
    done = project.gomatrix("plan")
    assert done.returncode == 2
    assert "matrix.yaml:2:" in done.stderr
    assert said in done.stderr


@pytest.mark.soak
def test_a_killed_screening_is_resumed_and_measures_nothing_twice(project: Project) -> None:
    project.write(AUTO.replace("max: 10}", "max: 10, seed: 7}"))
    command = [str(Path(sys.executable).with_name("gomatrix")), "run", "-n", "2"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "COV_"))}
    with subprocess.Popen(
        command, cwd=project.root, env=environment, stdout=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:  # fmt: skip
        wait_until(lambda: project.recorded("2*/screening") > 3, process=process)
        os.killpg(process.pid, signal.SIGKILL)
    (lines,) = project.root.glob("reports/2*/screening/trials.jsonl")
    directory = lines.parents[1]
    before = lines.read_text().splitlines()
    done = project.gomatrix("run", "-n", "2", "--resume", str(directory))
    assert done.returncode == 0, done.stdout + done.stderr
    after = lines.read_text().splitlines()
    whole = [line for line in before if line.endswith("}")]
    assert after[: len(whole)] == whole
    places = [(t["variant"], t["round"]) for t in map(json.loads, (li for li in after if li))]
    assert len(places) == len(set(places))
    assert {s["verdict"] for s in suspects(project).values()} == {"ruled out"}
