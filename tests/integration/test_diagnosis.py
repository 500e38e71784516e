"""Where memory sits in real programs: each way of using it gets its own name."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from projects import FIXTURES, Project
from shared import made_once

from harness.analysis.conclusion import conclude
from harness.analysis.evidence import read_evidence
from harness.analysis.models import Verdict
from harness.run.store import Run

pytestmark = pytest.mark.toolchain
HUGE = Path("/sys/kernel/mm/transparent_hugepage/enabled")

SHAPES = """\
go: [go1.24.3]
env: {BEHAVIOUR: ["off", "on"]}
include: [{go: go1.24.3, env: {BEHAVIOUR: "off", TWIN: "2"}}]
question: {baseline: go1.24.3 BEHAVIOUR=off, candidate: go1.24.3 BEHAVIOUR=on}
workloads:
  - {name: leak, package: ./go_fixtures/leak, args: ["-pause=25ms"]} # a stall of 0.1 s is a tenth
  - {name: churn, package: ./go_fixtures/churn, args: ["-noise=0"]}
  - {name: stacks, package: ./go_fixtures/stacks, args: ["-linger=100ms"]}
  - {name: mapped, package: ./go_fixtures/mapped, args: ["-linger=100ms"]}
  - {name: fragments, package: ./go_fixtures/fragments, args: ["-linger=100ms"]}
  - {name: peak, package: ./go_fixtures/peak, args: ["-linger=1s"]}
  - {name: hugepages, package: ./go_fixtures/hugepages}
trials: 8 # of five, one in which the machine stands still for 0.2 s leaves growth undecided
"""
KEPT = """\
go: [go1.24.3]
env: {GODEBUG: [madvdontneed=1, madvdontneed=0]}
question: {baseline: go1.24.3 GODEBUG=madvdontneed=1, candidate: go1.24.3 GODEBUG=madvdontneed=0}
workloads: [{name: peak, package: ./go_fixtures/peak}]
trials: 5
"""
ORIGIN = """\
go: [go1.23.9, go1.24.3]
question: {baseline: go1.23.9, candidate: go1.24.3}
workloads:
  - {name: large-buffers, package: ./go_fixtures/largebuffers, args: ["-retain-mib=64"]}
  - {name: live-map, package: ./go_fixtures/livemap, args: ["-entries=450000"]}
  - {name: locals, package: ./go_fixtures/locals}
trials: 5
"""


TOUCHED = """\
// Touched keeps the same live heap always, and touches it or not. Every allocation is profiled.
package main

import (
	"os"
	"runtime"
)

func init() { runtime.MemProfileRate = 1 }

var kept []byte

func main() {
	kept = make([]byte, 64<<20)
	for i := 0; os.Getenv("BEHAVIOUR") != "off" && i < len(kept); i += 4096 {
		kept[i] = 1
	}
	runtime.GC()
}
"""
ONE_SIDED = """\
go: [go1.24.3]
env: {BEHAVIOUR: ["off", "on"]}
question: {baseline: go1.24.3 BEHAVIOUR=off, candidate: go1.24.3 BEHAVIOUR=on}
workloads:
  - {name: leak, package: ./go_fixtures/leak, args: ["-live-mib=0", "-pause=1ms"]}
  - {name: touched, package: ./go_fixtures/touched}
trials: 5
"""


def measured(directory: Path, matrix: str, *arguments: str) -> Run:
    shutil.copytree(FIXTURES, directory / "go_fixtures")
    (directory / "go_fixtures" / "touched").mkdir()
    (directory / "go_fixtures" / "touched" / "main.go").write_text(TOUCHED, encoding="utf-8")
    project = Project(directory)
    project.write(matrix)
    done = project.gomatrix("run", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return Run.load(project.latest)


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Run:
    chosen = ("-k", "leak or not TWIN")
    made = made_once(tmp_path_factory, "shapes", lambda path: measured(path, SHAPES, *chosen))
    return Run.load(Project(made).latest)


def asked(run: Run, **names: str) -> Run:
    """The same run with another baseline or candidate."""
    question = run.manifest.matrix.question
    assert question is not None
    changed = question.model_copy(update=names)
    matrix = run.manifest.matrix.model_copy(update={"question": changed})
    return replace(run, manifest=run.manifest.model_copy(update={"matrix": matrix}))


def found_in(run: Run, workload: str, candidate: str) -> Verdict:
    """The verdict on one workload, with and without what it does."""
    workloads = [w for w in run.manifest.matrix.workloads if w.name == workload]
    matrix = run.manifest.matrix.model_copy(update={"workloads": workloads})
    trials = tuple(t for t in run.trials if t.workload == workload)
    only = replace(run, manifest=run.manifest.model_copy(update={"matrix": matrix}), trials=trials)
    again = asked(only, candidate=f"go1.24.3 {candidate}")
    return conclude(again, evidence=read_evidence(again))


@pytest.mark.parametrize(
    ("shape", "signature", "words"),
    [
        ("leak", "memory grows over time", "a second"),
        ("leak", "live heap grew", "main.keep"),
        ("churn", "allocation churn grew", "short-lived"),
        ("stacks", "goroutine stacks grew", "heap.stacks"),
        ("mapped", "memory outside the Go heap grew", "(other mappings 6"),
        ("fragments", "heap fragmentation grew", "not used by any"),
        ("fragments", "number of small spans grew", "spans of one page (8.00 KiB)"),
        ("peak", "transient peak grew", "rss.avg"),
    ],
)
def test_each_shape_is_recognised(shapes: Run, shape: str, signature: str, words: str) -> None:
    found = {d.signature: d.evidence for d in found_in(shapes, shape, "BEHAVIOUR=on").diagnosis}
    assert signature in found, found
    assert words in found[signature]


def test_shapes_are_not_taken_for_each_other(shapes: Run) -> None:
    mapped = found_in(shapes, "mapped", "BEHAVIOUR=on").diagnosis
    assert [d.signature for d in mapped] == ["memory outside the Go heap grew"]
    stacks = found_in(shapes, "stacks", "BEHAVIOUR=on").diagnosis
    assert [d.signature for d in stacks] == ["goroutine stacks grew"]


def test_the_same_under_two_names_has_no_diagnosis_and_no_change(shapes: Run) -> None:
    verdict = found_in(shapes, "leak", "BEHAVIOUR=off TWIN=2")
    assert verdict.diagnosis == ()
    (primary,) = [c for c in verdict.comparisons if c.primary and c.workload == "leak"]
    assert primary.decision == "equivalent"


@pytest.mark.skipif(
    "[never]" in HUGE.read_text() if HUGE.exists() else True, reason="no huge pages here"
)
def test_huge_pages_are_told_from_untouched_ones(shapes: Run) -> None:
    on = [t for t in shapes.trials if t.workload == "hugepages" and t.variant.endswith("=on")]
    granted = min(trial.smaps["go heap"]["huge"] for trial in on)
    if granted < 56 << 20:
        pytest.skip(f"the kernel had huge pages for {granted >> 20} of 64 MiB only")
    found = {
        d.signature: d.evidence for d in found_in(shapes, "hugepages", "BEHAVIOUR=on").diagnosis
    }
    assert list(found) == ["resident but unseen by the runtime: transparent huge pages"]
    assert "of the Go heap is in huge pages" in next(iter(found.values()))


def test_pages_that_the_kernel_has_not_taken_back_are_told_from_untouched_ones(
    tmp_path: Path,
) -> None:
    run = measured(tmp_path, KEPT)
    (found,) = conclude(run, evidence=read_evidence(run)).diagnosis
    assert found.signature == "resident but unseen by the runtime: pages not returned to the OS"
    assert "given back by MADV_FREE" in found.evidence


def test_the_origins_regression_is_found_where_the_runtime_does_not_look(tmp_path: Path) -> None:
    run = measured(tmp_path, ORIGIN)
    verdict = conclude(run, evidence=read_evidence(run))
    told = {(d.workload, d.signature): d.evidence for d in verdict.diagnosis}
    unseen = "resident but unseen by the runtime: untouched heap pages became resident"
    pages = told["large-buffers", unseen]
    assert "MiB more resident memory of the Go heap was never written" in pages
    assert "allocated by main.fill[...] (+2" in pages  # though nothing is live after main
    assert [w for w, _ in told].count("large-buffers") == 1
    assert "most of it in main.fill (-" in told["live-map", "live heap shrank"]
    churn = told["locals", "allocation churn grew"]
    assert "main.digest (+" in churn
    assert "variables of more than 128 KiB are made on the heap" in churn
    assert run.manifest.module_of("locals") == "gomatrix.test/fixtures"


def test_functions_are_named_where_one_side_holds_nothing_and_never_the_probe(
    tmp_path: Path,
) -> None:
    run = measured(tmp_path, ONE_SIDED)
    evidence = read_evidence(run)
    off, on = (f"go1.24.3 BEHAVIOUR={state}" for state in ("off", "on"))
    assert "main.keep" not in evidence.functions["leak", off]

    told = {
        (d.workload, d.signature): d.evidence for d in conclude(run, evidence=evidence).diagnosis
    }
    assert "most of it in main.keep (+" in told["leak", "live heap grew"]
    cured = conclude(asked(run, baseline=on, candidate=off), evidence=evidence).diagnosis
    shrunk = {(d.workload, d.signature): d.evidence for d in cured}
    assert "most of it in main.keep (-" in shrunk["leak", "live heap shrank"]

    unseen = (
        "resident but unseen by the runtime: heap pages that the program writes became resident"
    )
    assert [signature for workload, signature in told if workload == "touched"] == [unseen]
    for variant in (off, on):
        held = evidence.functions["touched", variant]
        assert held["main.main"] == 64 << 20
        assert not [n for n in held if n.startswith("runtime/") or "gomatrix" in n]
