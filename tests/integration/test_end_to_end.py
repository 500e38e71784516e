"""The whole way from matrix.yaml to the verdict, on real toolchains."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from projects import MATRIX, Project

pytestmark = pytest.mark.toolchain


def verdict(project: Project) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((project.latest / "verdict.json").read_text())
    return loaded


def trials(project: Project) -> list[dict[str, Any]]:
    lines = (project.latest / "trials.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_gomatrix_run_measures_every_cell_that_applies_and_answers(project: Project) -> None:
    done = project.gomatrix("run")
    assert done.returncode == 0, done.stdout + done.stderr
    measured = {(t["workload"], t["variant"], t["round"]) for t in trials(project)}
    variants = ["go1.23.9", "go1.24.3", "go1.24.3+noswissmap"]
    assert measured == {
        (workload, variant, number)
        for workload in ("large-buffers", "live-map")
        for variant in variants
        for number in (1, 2)
    }
    assert all(t["outcome"] == "ok" and t["metrics"]["rss.peak"] > 1 << 20 for t in trials(project))
    for workload in ("large-buffers", "live-map"):
        assert f"{workload}: " in done.stdout
    assert "workload       variant" in done.stdout
    for noise in ("created: ", " items]", "[100%]"):
        assert noise not in done.stdout
    page = (project.latest / "report.html").read_text()
    assert "go1.24.3+noswissmap" in page
    assert not (project.latest / "tmp").exists()
    cells = {(c["workload"], c["variant"]): c for c in verdict(project)["cells"]}
    cell = cells["large-buffers", "go1.23.9+noswissmap"]
    assert cell["status"] == "not applicable"
    assert cell["reason"] == "go1.23.9 does not know the experiment swissmap"
    built = json.loads((project.latest / "run.json").read_text())["builds"]
    assert {(b["toolchain"], tuple(b["settings"])) for b in built} == {
        ("go1.23.9", ()), ("go1.24.3", ()), ("go1.24.3", ("noswissmap",)),
    }  # fmt: skip


@pytest.mark.parametrize("how", [["-n", "2"], ["-n", "0"], ["-p", "no:xdist"]])
def test_pytest_gives_the_same_cells_with_and_without_workers(
    project: Project, how: list[str]
) -> None:
    project.write(
        "".join(line for line in MATRIX.splitlines(keepends=True) if "live-map" not in line)
    )
    done = project.pytest("matrix.yaml", *how)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed, 1 skipped" in done.stdout
    assert {c["variant"] for c in verdict(project)["cells"]} == {
        "go1.23.9", "go1.23.9+noswissmap", "go1.24.3", "go1.24.3+noswissmap",
    }  # fmt: skip
    assert len(trials(project)) == 6


def test_collect_only_lists_and_measures_nothing(project: Project) -> None:
    done = project.pytest("matrix.yaml", "--collect-only", "-q")
    assert done.returncode == 0
    assert "matrix.yaml::large-buffers[go1.24.3+noswissmap-r02]" in done.stdout.splitlines()
    assert "matrix.yaml::live-map[go1.23.9+noswissmap]" in done.stdout.splitlines()
    assert not (project.root / "reports").exists()


def test_a_node_id_and_k_narrow_the_run(project: Project) -> None:
    node = "matrix.yaml::live-map[go1.24.3-r01]"
    assert project.pytest(node, "-n", "2").returncode == 0
    assert [(t["workload"], t["variant"], t["round"]) for t in trials(project)] == [
        ("live-map", "go1.24.3", 1)
    ]
    assert project.pytest("matrix.yaml", "-k", "live-map and r01", "-n", "0").returncode == 0
    assert {t["workload"] for t in trials(project)} == {"live-map"}


MISTAKES = [
    ("noswissmap", "noswisssmap", "2:20", "did you mean 'noswissmap'?"),
    ("trials:", "trails:", "7:1", "unknown key 'trails'; did you mean 'trials'?"),
    ("trials: 2", "trials: 2\ntrials: 3", "8:1", "duplicate key 'trials'"),
    ("largebuffers", "largebufers", "5:36", "there is no directory"),
    ("[go1.23.9, go1.24.3]", "[1.20]", "1:6", "write go1.20"),
    ("baseline: go1.23.9", "baseline: go1.23.8", "3:22", "did you mean 'go1.23.9'?"),
]


@pytest.mark.parametrize(
    ("command", "old", "new", "place", "message"),
    [
        *(("gomatrix", *mistake) for mistake in MISTAKES),
        *(("pytest", *mistake) for mistake in MISTAKES[1:4:2]),  # one on loading, one on preparing
    ],
)
def test_a_mistake_is_one_line_with_its_place(
    broken_project: Callable[[str, str], Project],
    command: str,
    old: str,
    new: str,
    place: str,
    message: str,
) -> None:
    project = broken_project(old, new)
    done = project.gomatrix("run") if command == "gomatrix" else project.pytest("matrix.yaml")
    output = (done.stdout + done.stderr).splitlines()
    assert done.returncode >= 2
    (line,) = [line for line in output if "matrix.yaml:" in line]
    assert f"matrix.yaml:{place}: " in line
    assert message in line
    assert "Traceback" not in done.stdout + done.stderr


def test_what_fails_to_build_or_to_run_fails_alone(project: Project) -> None:
    broken = project.root / "go_fixtures" / "burst" / "main.go"
    broken.write_text("package main\n\nfunc main() { size() }\n")
    workload = "  - {name: broken, package: ./go_fixtures/burst}\ntrials: 2"
    project.write(MATRIX.replace("-entries=1000", "-entries=many").replace("trials: 2", workload))
    done = project.gomatrix("run")
    assert done.returncode == 1
    assert "invalid value" in done.stdout
    assert "undefined: size" in done.stdout
    outcomes = {(t["workload"], t["outcome"]) for t in trials(project)}
    assert {w: o for w, o in outcomes if w != "broken"} == {
        "large-buffers": "ok",
        "live-map": "exit 2",
    }
    assert all(outcome != "ok" for workload, outcome in outcomes if workload == "broken")
    assert "undefined: size" in (project.latest / "report.html").read_text()


def test_gomatrix_run_takes_any_name_and_no_pytest_settings_of_the_directory(
    project: Project,
) -> None:
    (project.root / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    (project.root / "conftest.py").write_text("raise RuntimeError('not for gomatrix')\n")
    (project.root / "matrix.yaml").rename(project.root / "upgrade check.yml")
    done = project.gomatrix("run", "upgrade check.yml", "-n", "0", "-k", "live-map and r01")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(trials(project)) == 3


def test_a_gate_that_fails_sets_the_exit_status(project: Project) -> None:
    matrix = MATRIX.replace("trials: 2", "trials: 5")  # of two, noise of 2 % leaves it undecided
    project.write(
        matrix + "gates: [{metric: rss.peak, max_increase: 5%, workload: large-buffers}]\n"
    )
    done = project.pytest("matrix.yaml", "-n", "0", "-k", "large-buffers", "--junitxml=junit.xml")
    assert done.returncode == 1, done.stdout
    assert "5 %" in done.stdout
    assert "gate" in (project.root / "junit.xml").read_text()
