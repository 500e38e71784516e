"""What README promises of the exit status where nothing could be measured or compared."""

import pytest
from projects import Project

pytestmark = pytest.mark.toolchain

MATRIX = """\
go: [go1.24.3]
experiments: [[], [noswissmap]]
env: {GOMEMLIMIT: ["off", broken]}
workloads:
  - {name: small, package: ./go_fixtures/livemap, args: ["-entries=10"]}
trials: {min: 2, max: 2, seed: 1}
"""
FAILS = "question: {baseline: go1.24.3 GOMEMLIMIT=broken, candidate: go1.24.3 GOMEMLIMIT=off}\n"
"""The runtime refuses such a limit: one side of the question never gives a sample."""


def test_all_trials_failed_exits_with_2_or_above(project: Project) -> None:
    """As in ``test_hostile_output``, for a run that ``-x`` ends at the first; it still answers."""
    project.write(MATRIX.replace("-entries=10", "-entries=x"))

    done = project.pytest("matrix.yaml", "-p", "no:xdist", "-x")

    assert done.returncode >= 2, done.stdout
    (said,) = done.stderr.strip().splitlines()
    assert "matrix.yaml: nothing could be measured: small: no trial ended well (" in said
    assert "exit 2" in said
    assert "1 failed" in done.stdout
    assert (project.latest / "trials.jsonl").read_bytes().count(b"\n") == 1
    assert (project.latest / "verdict.json").exists()
    assert (project.latest / "report.html").exists()


def test_one_side_without_a_sample_exits_with_2_or_above(project: Project) -> None:
    project.write(MATRIX + FAILS)

    done = project.pytest("matrix.yaml", "-p", "no:xdist")

    assert done.returncode >= 2, done.stdout
    (said,) = done.stderr.strip().splitlines()
    assert "small: baseline go1.24.3 GOMEMLIMIT=broken has no sample (all 2 trials failed" in said


@pytest.mark.parametrize(("side", "command"), [("baseline", "run"), ("candidate", "plan")])
def test_a_side_that_does_not_apply_is_refused_before_anything_is_built(
    project: Project, side: str, command: str
) -> None:
    other = {"baseline": "candidate", "candidate": "baseline"}[side]
    project.write(
        "go: [go1.23.9, go1.24.3]\nexperiments: [[], [noswissmap]]\n"
        f"question: {{{side}: go1.23.9+noswissmap, {other}: go1.24.3}}\n"
        "workloads: [{name: small, package: ./go_fixtures/livemap}]\n"
    )

    done = project.gomatrix(command)

    assert done.returncode >= 2
    (said,) = done.stderr.strip().splitlines()
    assert f"matrix.yaml:3:{len(f'question: {{{side}: ') + 1}: the {side} go1.23.9" in said
    assert "does not apply: go1.23.9 does not know the experiment swissmap; name" in said
    assert not (project.root / "reports").exists()


def test_workers_execute_no_module_of_the_directory_they_start_in(project: Project) -> None:
    """It may be a run directory of a stranger; and a Go module may well have a ``json.py``."""
    for module in ("execnet", "json", "secrets"):
        (project.root / f"{module}.py").write_text("raise SystemExit('executed')\n")
    project.write(
        MATRIX.replace("[], [noswissmap]", "[]").replace("min: 2, max: 2", "min: 1, max: 1")
    )

    done = project.gomatrix("run", "-n", "1", "-k", "off")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "executed" not in done.stdout + done.stderr


def test_a_complete_run_that_is_resumed_is_judged(project: Project) -> None:
    """Its first process may have ended between the last trial and the report."""
    project.write(
        "go: [go1.24.3]\ntrials: 1\ngates: [{metric: rss.peak, max: 1GiB}]\n"
        "workloads: [{name: small, package: ./go_fixtures/livemap, args: ['-entries=10']}]\n"
    )
    assert project.gomatrix("run", "-n", "0").returncode == 0
    run = project.latest

    for command in (
        "gomatrix run -n 1 --run-file told --resume",
        f"pytest matrix.yaml -p no:xdist --matrix-resume {run}",
    ):
        (run / "report.html").unlink()
        tool, *arguments = command.split()
        done = getattr(project, tool)(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "has all of its trials; judging it again" in done.stdout
        assert (run / "report.html").exists()
    assert (project.root / "told").read_text() == f"{run}\n"
