"""From a change to the toggle, and on to the places in the program that need it, on real Go."""

import pytest
from projects import Project

from harness.analysis.models import Verdict
from harness.bisect.record import Bisection, Stage

pytestmark = pytest.mark.toolchain

TIMERS = """\
go: [go1.25.5]
build: {go_line: ["1.22", "1.23"]}
question:
  baseline: go1.25.5 go_line=1.22
  candidate: go1.25.5 go_line=1.23
  suspects: auto
  metrics: [heap.live]
workloads:
  - {name: timers, package: ./go_fixtures/timers, args: ["-waits=20000"]}
trials: 4
"""
LOOPS = """\
go: [go1.25.5]
build: {go_line: ["1.21", "1.22"]}
question:
  baseline: go1.25.5 go_line=1.21
  candidate: go1.25.5 go_line=1.22
  suspects: auto
  metrics: [allocs.objects]
workloads:
  - {name: loops, package: ./go_fixtures/loopvar, args: ["-count=10000"]}
trials: 4
"""


def bisected(project: Project, *ends: str) -> dict[str, Stage]:
    done = project.gomatrix("bisect", *ends, "--seed", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    found = Bisection.model_validate_json((project.latest / "bisect.json").read_bytes())
    assert found.finished
    assert found.headline in done.stdout
    return {stage.kind: stage for stage in found.stages}


def places(stages: dict[str, Stage]) -> list[tuple[str, str]]:
    return [(site.at.function, site.at.file) for site in stages["sites"].sites]


def to_blame(project: Project) -> list[tuple[str, ...]]:
    """The toggles that a run with ``suspects: auto`` implicates."""
    done = project.gomatrix("run", "matrix.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    verdict = Verdict.model_validate_json((project.latest / "verdict.json").read_bytes())
    assert len(verdict.suspects) > 1
    return [s.toggles for s in verdict.suspects if s.verdict == "implicated"]


@pytest.mark.soak
def test_a_leak_by_a_setting_that_follows_the_go_line_is_found_with_its_call_stack(
    project: Project,
) -> None:
    project.write(TIMERS)
    assert to_blame(project) == [("asynctimerchan=1",)]
    stages = bisected(
        project, "--good", "go1.25.5 go_line=1.23", "--bad", "go1.25.5 go_line=1.22"
    )  # fmt: skip
    assert places(stages) == [("main.await", "timers/main.go")]
    (site,) = stages["sites"].sites
    assert (site.kind, site.toggle) == ("call stack", "asynctimerchan=1")
    assert [f.function for f in site.stack][-4:-2] == ["main.await", "main.main"]
    assert site.share > 0.9
    page = (project.latest / "report.html").read_text(encoding="utf-8")
    assert "main.await" in page
    assert "/" not in {frame.file[0] for frame in site.stack}
    assert any("1 other place is ruled out" in said for said in stages["sites"].passed_over)


@pytest.mark.soak
def test_two_independent_places_are_found_where_the_older_value_is_the_bad_ends_own(
    project: Project,
) -> None:
    """Then the pattern says which places keep the value."""
    project.write(
        "go: [go1.25.5]\n"
        'build: {go_line: "1.23"}\n'
        'env: {GODEBUG: ["", "asynctimerchan=1"]}\n'
        "workloads:\n"
        "  - {name: timers, package: ./go_fixtures/timers,"
        ' args: ["-waits=20000", "-tickers=20000"]}\n'
    )
    stages = bisected(
        project, "--good", "go1.25.5", "--bad", "go1.25.5 GODEBUG=asynctimerchan=1",
        "--metric", "heap.live",
    )  # fmt: skip
    assert sorted(places(stages)) == [
        ("main.await", "timers/main.go"), ("main.watch", "timers/main.go"),
    ]  # fmt: skip
    assert "releases" not in stages
    assert "source" not in stages


@pytest.mark.soak
def test_two_lines_that_a_compiler_switch_keeps_on_the_stack_are_found(project: Project) -> None:
    project.write(
        "go: [go1.25.5]\n"
        'build: {gcflags: ["", "all=-d=variablemakehash=n"]}\n'
        "workloads:\n"
        "  - {name: slices, package: ./go_fixtures/varmake,"
        ' args: ["-blocks=10000", "-words=10000"]}\n'
    )
    stages = bisected(
        project, "--good", "go1.25.5", "--bad", 'go1.25.5 gcflags="all=-d=variablemakehash=n"',
        "--metric", "allocs.objects",
    )  # fmt: skip
    assert sorted(places(stages)) == [
        ("main.block", "varmake/main.go"), ("main.word", "varmake/main.go"),
    ]  # fmt: skip
    assert {site.kind for site in stages["sites"].sites} == {"source line"}


@pytest.mark.soak
def test_the_loop_whose_variables_are_allocated_is_found(project: Project) -> None:
    project.write(LOOPS)
    assert to_blame(project) == [("loopvar",)]
    stages = bisected(
        project, "--good", "go1.25.5 go_line=1.21", "--bad", "go1.25.5 go_line=1.22"
    )  # fmt: skip
    assert places(stages) == [("main.many", "loopvar/main.go")]
    lines = (project.root / "go_fixtures/loopvar/main.go").read_text(encoding="utf-8").splitlines()
    assert lines[stages["sites"].sites[0].at.line - 1].startswith("\tfor c := (cursor{})")


@pytest.mark.soak
def test_between_two_releases_the_compiler_switch_is_found(project: Project) -> None:
    project.write(
        "go: [go1.24.11, go1.25.5]\n"
        "question: {suspects: auto, metrics: [allocs.objects]}\n"
        "workloads:\n"
        '  - {name: slices, package: ./go_fixtures/varmake, args: ["-blocks=10000"]}\n'
        "trials: 4\n"
    )
    assert to_blame(project) == [("variablemake",)]
