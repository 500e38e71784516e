"""Servers, benchmarks and process trees as workloads of a matrix, from YAML to verdict."""

import json

import pytest
from projects import Project

pytestmark = pytest.mark.toolchain

MATRIX = """\
go: [go1.27.3] # as test_measure.py has net/http
env: {GOGC: ["100", "50"]}
workloads:
  - name: service
    package: ./go_fixtures/httpservice
    args: ["-address=127.0.0.1:{port}"]
    server:
      ready: "http://127.0.0.1:{port}/healthz"
      idle: 50ms
      settle: 50ms
      load: {url: "http://127.0.0.1:{port}/work", rate: 100, duration: 300ms}
  - {name: joining, benchmark: {package: ./go_fixtures/joining, run: Join/small, time: 50x}}
  - {name: family, package: ./go_fixtures/family, args: ["-linger=1s"], snapshots: [100ms]}
question:
  baseline: go1.27.3 GOGC=100
  candidate: go1.27.3 GOGC=50
  metrics: ["rss.loaded", "tree.rss.peak", "BenchmarkJoin/small ns/op"]
trials: 1
"""


def test_every_kind_of_workload_runs(project: Project) -> None:
    project.write(MATRIX)
    done = project.pytest("matrix.yaml", "-p", "no:xdist")
    assert "6 passed" in done.stdout, done.stdout
    lines = (project.latest / "trials.jsonl").read_text().splitlines()
    trials = {t["workload"]: t for t in map(json.loads, lines)}
    assert trials["service"]["metrics"]["requests"] == 30
    assert set(trials["service"]["marks"]) == {"idle", "loaded", "after", "settled"}
    assert trials["joining"]["metrics"]["BenchmarkJoin/small iterations"] == 50
    assert trials["family"]["metrics"]["tree.rss.peak"] > 300 << 20
    assert [child["name"] for child in trials["family"]["processes"]] == ["binary"]
    series = json.loads((project.latest / trials["family"]["series"]).read_text())
    assert max(series["tree_rss"]) > max(series["rss"])
    verdict = json.loads((project.latest / "verdict.json").read_text())
    compared = verdict["comparisons"]
    accounts = {account["workload"]: account for account in verdict["accounts"]}
    assert (accounts["service"]["at"], accounts["family"]["at"]) == ("loaded", "")
    (baseline,) = (
        t["metrics"]["rss.loaded"] for t in map(json.loads, lines)
        if (t["workload"], t["variant"]) == ("service", accounts["service"]["baseline"])
    )  # fmt: skip
    assert accounts["service"]["resident"][0] == baseline
    found = {(c["workload"], c["metric"], c["unit"]) for c in compared if c["n"]}
    shown = project.gomatrix(
        "profile", "reports/latest", "service", "go1.27.3 GOGC=100", "go1.27.3 GOGC=50"
    )
    assert shown.returncode == 0, shown.stderr
    alone = project.gomatrix(
        "profile", "reports/latest", "service", "go1.27.3 GOGC=50", "--merged", "merged.pb.gz"
    )
    assert "main.main.func" in alone.stdout
    assert (project.root / "merged.pb.gz").stat().st_size > 0
    absent = project.gomatrix("profile", "reports/latest", "service", "go9")
    assert absent.returncode == 2
    assert "there is no variant 'go9'; valid here: go1.27.3 GOGC=100" in absent.stderr
    assert {
        ("service", "rss.loaded", "bytes"),
        ("joining", "BenchmarkJoin/small ns/op", "seconds"),
        ("family", "tree.rss.peak", "bytes"),
    } <= found
