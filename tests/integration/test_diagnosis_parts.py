"""Real programs whose memory lies in the runtime's own parts, or is held by its queues."""

import json
import re
import shutil
from pathlib import Path

import pytest
from projects import FIXTURES, Project
from services import needs_c
from shared import made_once

pytestmark = pytest.mark.toolchain

PARTS = """\
go: [go1.27.3]
env: {BEHAVIOUR: ["off", "on"]}
build: {cgo: false} # of threads, which has a file of C
question: {baseline: go1.27.3 BEHAVIOUR=off, candidate: go1.27.3 BEHAVIOUR=on}
workloads:
  - {name: threads, package: ./go_fixtures/threads}
  - {name: finalized, package: ./go_fixtures/finalized, args: ["-pause=50ms"],
     snapshots: [400ms, 600ms, 800ms, 1400ms]}
  - {name: finalizers, package: ./go_fixtures/held, args: ["-by=finalizers"]}
  - {name: goroutines, package: ./go_fixtures/held, args: ["-by=goroutines"]}
  - {name: cleanups, package: ./go_fixtures/held, args: ["-by=cleanups"]}
  - {name: timers, package: ./go_fixtures/held, args: ["-by=timers"]}
  - {name: weak, package: ./go_fixtures/held, args: ["-by=weak"]}
  - {name: percent, package: ./go_fixtures/pacing, args: ["-by=percent"]}
  - {name: limit, package: ./go_fixtures/pacing, args: ["-by=limit"]}
  - {name: garbage, package: ./go_fixtures/pacing, args: ["-by=garbage"]}
  - {name: spans, package: ./go_fixtures/pacing, args: ["-by=spans"],
     snapshots: [400ms, 600ms, 800ms, 1400ms]}
trials: 8 # of five, one collection that comes late is enough to leave a rule undecided
"""
C_THREADS = """\
go: [go1.27.3]
env: {BEHAVIOUR: ["off", "on"]}
build: {cgo: true}
question: {baseline: go1.27.3 BEHAVIOUR=off, candidate: go1.27.3 BEHAVIOUR=on}
workloads: [{name: threads, package: ./go_fixtures/threads}]
trials: 5
"""
DEEP_STACKS = """\
go: [go1.22.10, go1.23.9]
question: {baseline: go1.22.10, candidate: go1.23.9}
workloads: [{name: profiled, package: ./go_fixtures/profiled}]
trials: 5
"""


def measured(directory: Path, matrix: str) -> tuple[Project, str]:
    """A project whose matrix was run, and what the terminal said."""
    shutil.copytree(FIXTURES, directory / "go_fixtures")
    project = Project(directory)
    project.write(matrix)
    done = project.gomatrix("run")
    assert done.returncode == 0, done.stdout + done.stderr
    return project, done.stdout


def diagnoses(project: Project) -> dict[str, dict[str, str]]:
    """By workload: signature → evidence."""
    verdict = json.loads((project.latest / "verdict.json").read_text(encoding="utf-8"))
    told: dict[str, dict[str, str]] = {}
    for found in verdict["diagnosis"]:
        told.setdefault(found["workload"], {})[found["signature"]] = found["evidence"]
    return told


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(made_once(tmp_path_factory, "parts", lambda path: measured(path, PARTS)))


def test_what_the_runtime_keeps_has_a_name(parts: Project) -> None:
    told = diagnoses(parts)

    assert list(told["threads"]) == ["goroutine stacks grew"]
    assert "of stacks or more for itself" in told["threads"]["goroutine stacks grew"]

    finalized = told["finalized"]
    assert "finalizers" in finalized["other memory of the runtime grew"]
    assert "runtime.other" in finalized["growth over time of other memory of the runtime"]
    assert not [signature for signature in finalized if "outside" in signature]

    by = "main.drop, in bytes.Repeat (+1"  # the user's function, and the library's for it
    for workload in ("finalizers", "goroutines"):
        assert by in told[workload]["live heap grew"]
    assert list(told["finalizers"]) == ["live heap grew", "queue of finalizers grew"]
    assert "from 0 to 1,000" in told["finalizers"]["queue of finalizers grew"]
    assert "queue of finalizers grew" not in told["goroutines"]
    evidence = told["goroutines"]["number of goroutines grew"]
    waiting = re.search(r"\(([\d.]+) to 1,(\d+) of them", evidence)
    assert waiting is not None, evidence
    # Beside the program's there are those of the runtime, fewer than ten, which wait or do not;
    # the median of 8 trials may lie between two numbers.
    assert max(float(waiting[1]), float(waiting[2])) < 10

    profile = parts.gomatrix(
        "profile", "reports/latest", "goroutines", "go1.27.3 BEHAVIOUR=on"
    ).stdout
    assert "main.drop, in bytes.Repeat" in profile
    page = (parts.latest / "report.html").read_text(encoding="utf-8")
    assert "main.drop, in bytes.Repeat" in page


@pytest.mark.parametrize(
    ("workload", "signature", "words", "metric"),
    [
        ("cleanups", "queue of cleanups grew", "from 0 to 1,000", "heap.live"),
        ("cleanups", "live heap grew", "most of it in main.drop, in bytes.Repeat (+", "heap.live"),
        ("timers", "live heap grew", "main.drop, in time.newTimer (+", "heap.live"),
        ("timers", "live heap grew", "): timers, each of which is kept until", "heap.live"),
        ("weak", "live heap grew", "main.watchWeakly, in weak.", "heap.live"),
        ("weak", "live heap grew", "): handles of weak pointers", "heap.live"),
        ("percent", "GC pacing", "heap.goal went from", "heap.goal"),
        ("percent", "GC pacing", "gc.cycles went from", "allocs.bytes"),
        ("limit", "GC pacing", "heap.goal went from", "heap.goal"),
        ("limit", "GC pacing", "gc.cycles went from", "allocs.bytes"),
        ("garbage", "garbage grew", "not yet swept went from", "heap.objects"),
        ("spans", "runtime metadata grew", "most of it records of spans", "runtime.metadata"),
        ("spans", "growth over time of the runtime's own structures", "second half",
         "runtime.metadata"),
    ],
)  # fmt: skip
def test_each_kind_has_its_sentence_and_its_metric(
    parts: Project, workload: str, signature: str, words: str, metric: str
) -> None:
    told = diagnoses(parts)[workload]
    assert words in told[signature]
    verdict = json.loads((parts.latest / "verdict.json").read_text(encoding="utf-8"))
    (compared,) = (
        c for c in verdict["comparisons"] if (c["workload"], c["metric"]) == (workload, metric)
    )
    expected = "equivalent" if metric == "allocs.bytes" else "increase"
    assert compared["decision"] == expected


def test_kinds_are_not_taken_for_each_other(parts: Project) -> None:
    told = diagnoses(parts)
    for workload in ("percent", "limit"):
        assert list(told[workload]) == ["GC pacing"]
    queues = [w for w, found in told.items() for name in found if name.startswith("queue of")]
    assert queues == ["finalizers", "cleanups"]


@needs_c
def test_stacks_of_c_threads_have_a_name(tmp_path: Path) -> None:
    project, _ = measured(tmp_path, C_THREADS)
    (told,) = diagnoses(project).values()
    assert "threads went from" in told["thread stacks grew"]
    assert not [signature for signature in told if "outside" in signature]


@pytest.mark.soak
def test_stacks_that_a_profiler_keeps_are_no_memory_outside_the_heap(tmp_path: Path) -> None:
    project, terminal = measured(tmp_path, DEEP_STACKS)
    (told,) = diagnoses(project).values()
    assert list(told) == ["profiler buckets grew"]
    page = (project.latest / "report.html").read_text(encoding="utf-8")
    terminal += project.gomatrix("verdict", "reports/latest").stdout
    for text in (terminal, page, json.dumps(told)):
        assert "profiler buckets" in text
        assert "C code" not in text
        assert "outside the Go heap" not in text
