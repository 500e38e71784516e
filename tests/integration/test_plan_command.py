import html
import json
import secrets

import pytest
from projects import MATRIX, Project

pytestmark = pytest.mark.toolchain


def test_a_plan_tells_of_cells_builds_and_time_and_learns_from_a_run(project: Project) -> None:
    never = f"  - {{env: {{NEVER_RUN: x{secrets.token_hex(8)}}}, name"
    project.write(MATRIX.replace("  - {name", never))
    before = json.loads(project.gomatrix("plan", "--json").stdout)
    reasons = {(c["workload"], c["variant"]): c["reason"] for c in before["cells"]}
    assert reasons["live-map", "go1.24.3"] is None
    assert "does not know" in reasons["live-map", "go1.23.9+noswissmap"]
    assert len(before["builds"]) == 6
    assert {time["basis"] for time in before["estimate"]["trials"]} == {"unknown"}
    assert before["estimate"]["least"] is None
    assert before["estimate"]["most"] is None
    assert "time: unknown" in project.gomatrix("plan").stdout
    assert not (project.root / "reports").exists()

    assert project.gomatrix("run", "-n", "0").returncode == 0

    after = json.loads(project.gomatrix("plan", "--json").stdout)
    assert all(build["cached"] for build in after["builds"])
    assert {time["basis"] for time in after["estimate"]["trials"]} == {"earlier trials"}
    assert after["estimate"]["builds"] == 0
    assert 0 < after["estimate"]["least"] <= after["estimate"]["most"] < 60
    page = html.unescape((project.latest / "report.html").read_text())
    assert "How the programs were built" in page
    assert all(sentence in page for sentence in after["built"])
    assert any("go1.23.9: GODEBUG defaults" in sentence for sentence in after["built"])
    text = project.gomatrix("plan").stdout
    assert "6 cached, 0 to do" in text
    assert "not applicable: go1.23.9 does not know the experiment swissmap" in text


def test_a_package_that_only_the_tags_of_an_included_cell_make_one_is_found(
    project: Project,
) -> None:
    package = project.root / "go_fixtures" / "tagged"
    package.mkdir()
    (package / "main.go").write_text("//go:build special\n\npackage main\n\nfunc main() {}\n")
    matrix = (
        "go: [go1.24.3]\ntrials: 1\n"
        "include: [{go: go1.24.3, build: {tags: [TAG]}}]\n"
        "workloads: [{name: tagged, package: ./go_fixtures/tagged}]\n"
    )
    project.write(matrix.replace("TAG", "special"))

    done = project.gomatrix("run", "-n", "0", "-k", "special")

    assert done.returncode == 0, done.stdout + done.stderr
    project.write(matrix.replace("TAG", "other"))
    refused = project.gomatrix("plan")
    assert refused.returncode == 2
    assert "matrix.yaml:4:37: package './go_fixtures/tagged'" in refused.stderr
    assert "build constraints exclude all Go files" in refused.stderr
