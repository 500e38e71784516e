"""Trials of real programs, built by real toolchains with the probe."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from services import needs_c
from trials import trial_request
from waiting import wait_until

from harness.golang.builds.build import build_all
from harness.golang.builds.request import MACHINES, BuildRequest
from harness.golang.builds.tools import Tool, build_tool
from harness.golang.cache import default_cache
from harness.golang.elf import functions
from harness.golang.probe.layout import END, PADS
from harness.golang.probe.overlay import ProbeMode, write_overlay
from harness.golang.sources.locate import locate
from harness.golang.toolchains.resolve import Toolchain, resolve
from harness.matrix.models import BuildSpec, ServerSpec, ToolchainSpec, WorkloadSpec
from harness.profiles.merge import top
from harness.profiles.pprof import Stack, parse_heap
from harness.trial.cgroup import delegated
from harness.trial.observe import procfs
from harness.trial.request import TrialRequest
from harness.trial.trial import TrialResult, run_trial

pytestmark = pytest.mark.toolchain

ROOT = Path(__file__).parents[2]
MEASURE = ROOT / "harness" / "trial"
OLDEST, MIDDLE, NEWEST = VERSIONS = ("go1.21.13", "go1.24.3", "go1.27.3")
"""What is big, as net/http, is built by the newest: the load generator needs it there anyhow."""
OLDEST_IN_SOAK = [pytest.param(OLDEST, marks=pytest.mark.soak), NEWEST]
"""For programs that need much of the standard library compiled."""

_PLAIN = BuildSpec()


class Lab:
    """Builds fixtures and runs them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.cache = default_cache()
        self.toolchains = resolve([ToolchainSpec(go=v) for v in VERSIONS], self.cache, print)
        self.supervisor = self.tool("supervisor")
        self.generator = self.tool("loadgen")
        self.count = 0

    def tool(self, name: str) -> Path:
        return build_tool(Tool(MEASURE / name, self.toolchains[NEWEST]), self.cache)

    def toolchain(self, version: str) -> Toolchain:
        return self.toolchains[version]

    def build(
        self,
        workload: WorkloadSpec,
        version: str,
        probe: ProbeMode = "full",
        build: BuildSpec = _PLAIN,
        base: Path = ROOT,
        *,
        aligned: bool = False,
    ) -> Path:
        toolchain = self.toolchains[version]
        newest = self.toolchains[NEWEST]
        source = locate(workload, base, newest, self.cache)
        request = BuildRequest(
            source=source,
            toolchain=toolchain,
            settings=(),
            build=build,
            probe=probe,
            aligned=aligned,
        )
        (record,) = build_all([request], self.cache, print)
        assert record.error is None, record.error
        return Path(record.binary)

    def fixture(self, name: str, version: str = MIDDLE, probe: ProbeMode = "full") -> Path:
        package = f"./go_fixtures/{name}"
        return self.build(WorkloadSpec(name=name, package=package), version, probe)

    def go(self, toolchain: Toolchain, *args: str | Path) -> None:
        """Run a go command by hand, in the fixtures' module."""
        env = {"HOME": str(self.directory), "PATH": os.environ["PATH"], "GOTOOLCHAIN": "local",
               "GOCACHE": str(toolchain.build_cache(self.cache)), "GOFLAGS": "", "GOENV": "off",
               "GOROOT": str(toolchain.goroot), "CGO_ENABLED": "0"}  # fmt: skip
        subprocess.run([toolchain.go, *args], cwd=ROOT / "go_fixtures", env=env, check=True)

    def scratch(self) -> Path:
        self.count += 1
        path = self.directory / f"trial{self.count}"
        path.mkdir()
        return path

    def request(self, binary: Path, *args: str, **options: object) -> TrialRequest:
        directory = self.scratch()
        base: dict[str, Any] = {
            "load_generator": self.generator,
            "directory": directory,
            "timeout": 20.0,
            "profile": self.directory / f"{directory.name}.pb.gz",
        }
        return trial_request(self.supervisor, binary, *args, **(base | options))

    def run(self, binary: Path, *args: str, **options: object) -> TrialResult:
        return run_trial(self.request(binary, *args, **options))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(tmp_path_factory.mktemp("lab"))


def within(value: float | None, expected: float, share: float) -> bool:
    return value is not None and abs(value - expected) <= share * expected


@pytest.mark.parametrize("version", VERSIONS)
def test_end_agrees_with_what_the_program_says_last(lab: Lab, version: str) -> None:
    # a pause, so that the sampler has its turn on a busy machine too
    result = lab.run(lab.fixture("selfreport", version), "-pause=500ms")
    assert result.outcome == "ok", result.log
    assert result.go_version == version
    said = json.loads(result.log)
    status, runtime, metrics = said["status"], said["metrics"], result.metrics
    assert within(metrics["rss.peak"], status["VmHWM"], 0.01)
    assert within(metrics["rss.end"], status["VmRSS"], 0.01)
    assert within(metrics["rss.anon"], status["RssAnon"], 0.01)
    mapped = runtime["/memory/classes/total:bytes"] - runtime["/memory/classes/heap/released:bytes"]
    assert within(metrics["runtime.mapped"], mapped, 0.01)
    assert within(metrics["heap.objects"], runtime["/memory/classes/heap/objects:bytes"], 0.01)
    assert within(metrics["allocs.bytes"], runtime["/gc/heap/allocs:bytes"], 0.01)
    assert within(result.smaps["go heap"]["rss"], 64 << 20, 0.05)
    missing = {name: result.notes[name] for name, value in metrics.items() if value is None}
    assert missing == {}
    assert result.runtime["/sched/latencies:seconds count"]


@pytest.mark.parametrize("version", VERSIONS)
def test_heap_profile_says_what_is_held(lab: Lab, version: str) -> None:
    small, large = (
        [lab.request(binary, f"-mib={mib}") for _ in range(2)]
        for binary in [lab.fixture("selfreport", version)]
        for mib in (64, 256)  # large, since the runtime samples what it profiles
    )
    for request in (*small, *large):
        assert run_trial(request).outcome == "ok"
    before, after = ([r.profile for r in group if r.profile] for group in (small, large))
    (alone, *_) = top(after)
    assert alone.function == "main.main"
    assert within(alone.flat, 256 << 20, 0.1)
    (change, *_) = top(after, before)
    assert change.function == "main.main"
    assert within(change.flat, 192 << 20, 0.15)  # the samples' standard error is 2.6 %


@pytest.mark.parametrize("version", VERSIONS)
def test_heap_profile_is_what_the_runtime_would_have_written(lab: Lab, version: str) -> None:
    """The program writes its own by runtime/pprof just before its end; nothing happens between."""
    request = lab.request(lab.fixture("ownprofile", version))
    result = run_trial(request)
    assert result.outcome == "ok", result.log
    assert request.profile is not None
    theirs, ours = (
        {kind: parse_heap(data, kind) for kind in ("inuse_space", "alloc_objects")}
        for data in (base64.b64decode(result.log), request.profile.read_bytes())
    )
    for kind in ("inuse_space", "alloc_objects"):
        own, written = _of_main(ours[kind]), _of_main(theirs[kind])
        assert own == written
        assert any("größe" in name for stack in own for name in stack)
        assert len({stack for stack in own if "main.deep" in stack}) == 1


def _of_main(stacks: Mapping[Stack, float]) -> dict[Stack, float]:
    """Stacks of the program's own allocations, by the names of their 24 innermost functions."""
    found: dict[Stack, float] = defaultdict(float)
    for stack, size in stacks.items():
        if stack[-1].startswith("main.") and "profile" not in stack[-1]:
            found[tuple(re.sub(r"\[.*\]", "[...]", name) for name in stack[-24:])] += size
    return dict(found)


@pytest.mark.parametrize(
    ("fixture", "version"),
    [*product(["effort", "livemap"], VERSIONS), ("ordersapi", NEWEST)],  # large, with net/http
)
@pytest.mark.skipif(os.uname().machine not in MACHINES, reason="pads are for amd64")
def test_code_keeps_its_place_in_the_cache_line(lab: Lab, fixture: str, version: str) -> None:
    """Programs that differ in what they need of the runtime by themselves."""
    workload = WorkloadSpec(name=fixture, package=f"./go_fixtures/{fixture}")
    modes: tuple[ProbeMode, ...] = ("full", "metrics")
    if fixture == "ordersapi":  # net/http is compiled anew for each
        modes = ("full",)
    without, *probes = (
        functions(lab.build(workload, version, mode, aligned=True)) for mode in ("off", *modes)
    )
    for probed in probes:
        moved = {p.landmark: probed[p.landmark][0] - without[p.landmark][0] for p in (*PADS, END)}
        assert moved[END.landmark], "the probe has moved nothing, so there is nothing to see"
        assert {name: shift % 64 for name, shift in moved.items()} == dict.fromkeys(moved, 0)


def test_each_trial_runs_a_copy_of_its_own(lab: Lab) -> None:
    """Under the binary's name, in a file that a program can start again, and that then is gone."""
    binary = lab.fixture("awkward")
    results = [lab.run(binary, "itself") for _ in range(2)]
    assert [result.outcome for result in results] == ["ok", "ok"]
    paths, numbers = zip(*(result.log.split() for result in results), strict=True)
    assert str(binary.stat().st_ino) not in numbers
    assert len(set(paths)) == 2
    for path in map(Path, paths):
        assert path.name == binary.name
        assert not path.parent.exists()


def test_a_directory_may_be_relative(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    request = lab.request(lab.fixture("awkward"), "nothing")
    monkeypatch.chdir(request.directory.parent)
    result = run_trial(request.model_copy(update={"directory": Path(request.directory.name)}))
    assert (result.outcome, result.notes.get("profile")) == ("ok", None), result.log
    assert request.profile is not None
    assert request.profile.exists()
    assert result.smaps["text"]["rss"]


@pytest.mark.parametrize("version", VERSIONS)
def test_trace_of_the_collector(lab: Lab, version: str) -> None:
    args = ("-kind=gc", "-mib=8", "-rounds=5")
    result = lab.run(lab.fixture("effort", version), *args, gctrace=True)
    assert result.outcome == "ok"
    assert result.metrics["gctrace.cycles"] == result.metrics["gc.cycles"] >= 5  # type: ignore[operator]
    assert (result.metrics["gctrace.heap.peak"] or 0) >= 8 << 20
    assert result.log.startswith("{")
    assert "gctrace.cycles" not in lab.run(lab.fixture("burst")).metrics


def test_a_heap_profile_in_mid_run(lab: Lab) -> None:
    """It holds what the program had then, and the end does not write over it."""
    request = lab.request(lab.fixture("awkward"), "let-go", profile_at=1.5)
    result = run_trial(request)
    assert result.outcome == "ok"
    assert "profile" not in result.notes
    assert request.profile is not None
    (held, *_) = top([request.profile])
    assert within(held.flat, 128 << 20, 0.2)  # the samples' standard error is 3.5 %
    assert 0 < (result.metrics["heap.live"] or 0) < 1 << 20


def test_samples_at_another_rate(lab: Lab) -> None:
    awkward = lab.fixture("awkward")
    result = lab.run(awkward, "forever", timeout=1.0, sample_every=0.2)
    last, _ = result.series[-1]  # on a busy machine the program lives on for a while
    assert 2 <= len(result.series) <= last / 0.2 + 3
    assert lab.run(awkward, "forever", timeout=0.5, sample_every=1000.0).outcome == "timeout"


def test_peak_of_a_burst_is_the_kernels(lab: Lab) -> None:
    result = lab.run(lab.fixture("burst"))
    assert result.outcome == "ok"
    assert within(result.metrics["rss.peak"], int(result.log), 0.01)
    assert int(result.log) > 200 << 20
    assert (result.metrics["rss.end"] or 0) < 50 << 20


def test_children_are_part_of_the_tree(lab: Lab) -> None:
    result = lab.run(lab.fixture("family"), "-linger=1s")
    assert result.outcome == "ok", result.log
    assert (result.metrics["tree.rss.peak"] or 0) >= 300 << 20
    assert (result.metrics["rss.peak"] or 0) < 100 << 20
    assert max(rss for _, rss in result.tree_series) >= 320 << 20
    (child,) = result.processes
    assert child.peak >= 300 << 20
    (series,) = result.child_series
    assert max(rss for _, rss in series) == child.peak


def test_children_have_shares_at_a_snapshot(lab: Lab) -> None:
    result = lab.run(lab.fixture("family"), "-linger=2s", snapshots=(1.1, 1.2, 1.3, 1.4, 1.5))
    mark = result.marks["1.5s"]
    (child,) = result.processes
    assert (child.pss or 0) >= (child.uss or 0) >= 50 << 20  # more than the parent has
    assert max(child.account, key=lambda part: child.account[part]) == "go heap"
    assert sum(child.account.values()) >= (child.pss or 0)
    assert result.children.keys() == result.marks.keys()
    assert result.children["1.5s"] == child.account
    assert sum(result.accounts["1.5s"].values()) == mark["rss.end"]
    # The parent waits; but while a thread of its runtime waits for a processor, as on a busy
    # machine, it is about to run, and its pages are not read: 1 snapshot of 10 beside busy loops.
    assert [at for at in result.marks.values() if at["heap.zero"] is not None]
    assert (mark["tree.pss"] or 0) == (mark["pss"] or 0) + (child.pss or 0)
    assert (result.metrics["tree.pss"] or 0) < 100 << 20  # the child has gone


def test_a_child_too_quick_to_sample_still_counts(lab: Lab) -> None:
    result = lab.run(lab.fixture("family"), "-linger=0s")
    assert (result.metrics["tree.rss.peak"] or 0) >= 300 << 20


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("does", "outcome", "snapshot"),
    [
        ("exit", "exit 3", True),
        ("term", "signal SIGTERM", True),
        ("handle", "ok", True),
        ("syscall-exit", "exit 4", False),
        ("close", "ok", False),
        ("exec", "exit 5", False),
        ("panic", "exit 2", False),
        ("segfault", "exit 2", False),
        ("daemon", "ok", True),
        ("hup", "signal SIGHUP", True),
        ("reset", "signal SIGTERM", True),
        ("fork", "ok", True),
        ("deadlock", "exit 2", False),
        ("deadlock-late", "exit 2", False),
        ("goexit", "exit 2", False),
    ],
)
def test_awkward_programs_come_to_their_own_end(
    lab: Lab, version: str, does: str, outcome: str, *, snapshot: bool
) -> None:
    result = lab.run(lab.fixture("awkward", version), does)
    assert result.outcome == outcome, result.log
    if snapshot:
        assert result.go_version == version
        assert result.metrics["heap.live"] is not None
    else:
        assert result.metrics["heap.live"] is None
        assert result.notes["heap.live"] == "the program ended without a snapshot"
        assert (result.metrics["rss.peak"] or 0) > 1 << 20
        assert "wait4" in result.notes["rss.peak"]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_probe_hides_no_deadlock(lab: Lab, version: str) -> None:
    """Neither the thread that waits for signals nor the one that waits for requests does."""
    awkward = lab.fixture("awkward", version)
    for does, snapshots in (("deadlock", ()), ("deadlock-late", (0.02,))):
        result = lab.run(awkward, does, snapshots=snapshots)
        assert result.outcome == "exit 2"
        assert result.log.startswith("fatal error: all goroutines are asleep - deadlock!\n")
        assert "gomatrix" not in result.log.replace("gomatrix.test", "")
        assert len(result.marks) == len(snapshots)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_program_does_not_see_the_probes_goroutines(lab: Lab, version: str) -> None:
    result = lab.run(lab.fixture("awkward", version), "goroutines", snapshots=(60.0,))
    count, stacks = result.log.split("\n", 1)
    assert count == "1"
    assert stacks.count("goroutine ") == 1


@pytest.mark.soak
def test_a_runtime_in_other_words(lab: Lab) -> None:
    """Where the runtime does not read as it is known to, the probe does without its help."""
    toolchain = lab.toolchain(MIDDLE)
    other = {
        "os_linux.go": ("func futexwakeup(", "func futexwakeup ("),
        "mprof.go": ("b := stkbucket(memProfile,", "b := stkbucket( memProfile,"),
        "mheap.go": ("// span offset of object", "// of the object in its span"),
    }
    patched = {}
    for name, (known, words) in other.items():
        text = (toolchain.goroot / "src" / "runtime" / name).read_text()
        assert known in text
        patched[f"src/runtime/{name}"] = text.replace(known, words)
    package = ROOT / "go_fixtures" / "awkward"
    scratch = lab.scratch()
    overlay = write_overlay(toolchain.goroot, package, scratch, patched=patched)
    lab.go(toolchain, "build", f"-overlay={overlay}", "-o", scratch / "binary", "./awkward")
    ended = lab.run(scratch / "binary", "exit", snapshots=(60.0,))
    assert (ended.outcome, ended.go_version) == ("exit 3", MIDDLE)
    assert "profile" not in ended.notes
    assert ended.metrics["probe.memory"] is None
    assert "memory profiler" in ended.notes["probe.memory"]
    assert list(lab.run(scratch / "binary", "let-go", snapshots=(0.1,)).marks) == ["0.1s"]
    killed = lab.run(scratch / "binary", "hup")
    assert (killed.outcome, killed.go_version) == ("signal SIGHUP", None)


@needs_c
@pytest.mark.soak
def test_race_detector_and_c(lab: Lab) -> None:
    workload = WorkloadSpec(name="awkward", package="./go_fixtures/awkward")
    binary = lab.build(workload, NEWEST, build=BuildSpec(race=True))
    for does, outcome in (("hup", "signal SIGHUP"), ("exit", "exit 3"), ("goroutines", "ok")):
        result = lab.run(binary, does)
        assert result.outcome == outcome, result.log
        assert result.metrics["heap.live"] is not None, does
        assert "DATA RACE" not in result.log


ODD = {
    "go.mod": "module odd.test/m\n\ngo 1.21\n",
    "main.go": "package main\n\nfunc main() { println(gomatrixVariable, probe(), order) }\n",
    "zz_gomatrix_probe.go": 'package main\n\nconst gomatrixVariable = "mine"\n',
    "zz_gomatrix_probe2x.go": 'package main\n\nfunc probe() string { return "mine too" }\n',
    "a.go": "package main\n\nvar order = 1\n\nfunc init() { order *= 10 }\n",
    "b.go": "package main\n\nfunc init() { order += 2 }\n",
    "other_windows.go": 'package main\n\nimport _ "no.such/package"\n',
    "generate.go": "//go:build ignore\n\npackage other\n",
    "odd_test.go": "package main_test\n",
}
"""A program that imports nothing and has files, and names in them, like the probe's."""


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_a_program_with_names_like_the_probes(lab: Lab, version: str) -> None:
    directory = lab.scratch()
    for name, text in ODD.items():
        (directory / name).write_text(text)
    binary = lab.build(WorkloadSpec(name="odd", package="."), version, base=directory)
    result = lab.run(binary)
    assert (result.outcome, result.log) == ("ok", "mine mine too 12\n")
    assert result.go_version == version
    assert sorted(p.name for p in directory.iterdir()) == sorted(ODD)  # nothing was added


def test_a_descriptor_reused_by_the_program_is_left_alone(lab: Lab) -> None:
    assert "own file holds 0 bytes" in lab.run(lab.fixture("awkward"), "close").log


def test_a_handled_signal_is_the_programs_own(lab: Lab) -> None:
    assert "handled" in lab.run(lab.fixture("awkward"), "handle").log


def test_environment_is_minimal_and_hides_the_probe(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOGC", "5")
    request = lab.request(lab.fixture("awkward"), "environment", env={"OWN": "{tmp}/x"})
    result = run_trial(request)
    *lines, at_init = result.log.splitlines()
    names = {line.partition("=")[0] for line in lines}
    assert names == {"PATH", "HOME", "TMPDIR", "LANG", "TZ", "GOMAXPROCS", "OWN"}
    assert f"OWN={request.directory}/x" in lines
    assert at_init == 'at init: ""'


def test_descriptors_are_standard_ones_and_the_probes(lab: Lab) -> None:
    """What inherits more than that may hold a pipe open that somebody waits on."""
    result = lab.run(lab.fixture("awkward"), "descriptors")
    assert [int(line) for line in result.log.split()] == [0, 1, 2, 100]
    bare = lab.run(lab.fixture("awkward", probe="off"), "descriptors", probe="off")
    assert [int(line) for line in bare.log.split()] == [0, 1, 2]


def test_what_a_daemon_leaves_is_killed(lab: Lab) -> None:
    request = lab.request(lab.fixture("awkward"), "daemon")
    assert run_trial(request).outcome == "ok"
    pid = int((request.directory / "pid").read_text())
    assert procfs.read(pid, "stat") == b""


def test_timeout_and_memory_limit(lab: Lab) -> None:
    awkward = lab.fixture("awkward")
    late = lab.run(awkward, "forever", timeout=1.0)
    assert late.outcome == "timeout"
    assert late.series
    big = lab.run(awkward, "hog", memory_limit=100 << 20)
    assert big.outcome == "memory limit"
    assert max(rss for _, rss in big.series) < 4 << 30


@pytest.mark.skipif(
    delegated(procfs.read_self("cgroup"), procfs.read_self("mountinfo")) is None,
    reason="no cgroup v2 with the memory controller is delegated to this process",
)
def test_the_kernel_keeps_the_memory_limit(lab: Lab) -> None:
    """The sampler sees nothing here; a child's memory counts too, and no cgroup is left."""
    parent = delegated(procfs.read_self("cgroup"), procfs.read_self("mountinfo"))
    assert parent is not None
    before = set(parent.glob("gomatrix-*"))
    awkward, family = lab.fixture("awkward"), lab.fixture("family")
    assert (
        lab.run(awkward, "hog", memory_limit=100 << 20, sample_every=1000).outcome == "memory limit"
    )
    assert lab.run(family, memory_limit=100 << 20, sample_every=1000).outcome == "memory limit"
    assert lab.run(family, memory_limit=1 << 30, sample_every=1000).outcome == "ok"
    assert set(parent.glob("gomatrix-*")) <= before


def test_output_is_capped_and_its_end_kept(lab: Lab) -> None:
    result = lab.run(lab.fixture("awkward"), "chatter")
    assert result.outcome == "ok"
    assert result.log.endswith("line 199999\n")
    assert len(result.log) <= 8192


def test_a_binary_that_cannot_start(lab: Lab) -> None:
    result = lab.run(lab.scratch() / "absent")
    assert result.outcome == "not started"
    assert "no such file" in result.log


def test_snapshots_in_mid_run(lab: Lab) -> None:
    result = lab.run(lab.fixture("awkward"), "forever", snapshots=(0.1, 0.3), timeout=3.0)
    assert result.outcome == "timeout"
    assert list(result.marks) == ["0.1s", "0.3s"]
    assert result.marks["0.3s"]["heap.objects"] is not None


def test_without_a_probe_the_binary_is_go_builds_own(lab: Lab) -> None:
    binary = lab.fixture("burst", probe="off")
    toolchain = lab.toolchain(MIDDLE)
    plain = lab.scratch() / "plain"
    lab.go(toolchain, "build", "-trimpath", "-buildvcs=false", "-o", plain, "./burst")
    assert binary.read_bytes() == plain.read_bytes()
    result = lab.run(binary, probe="off")
    assert result.outcome == "ok"
    assert within(result.metrics["rss.peak"], int(result.log), 0.01)
    assert result.notes["heap.live"] == "probe: off"


def test_metrics_probe_writes_no_profile(lab: Lab) -> None:
    request = lab.request(lab.fixture("burst", probe="metrics"), probe="metrics")
    result = run_trial(request)
    assert result.outcome == "ok"
    assert result.metrics["heap.live"] is not None
    assert request.profile is not None
    assert not request.profile.exists()


@pytest.mark.parametrize("version", OLDEST_IN_SOAK)
def test_benchmarks_are_metrics(lab: Lab, version: str) -> None:
    workload = WorkloadSpec.model_validate(
        {"name": "join", "benchmark": {"package": "./go_fixtures/joining", "time": "20x"}}
    )
    assert workload.benchmark is not None
    package = ROOT / "go_fixtures" / "joining"
    binary = lab.build(workload, version)
    result = lab.run(binary, benchmark=workload.benchmark, package=package)
    assert result.outcome == "ok", result.log
    metrics = result.metrics
    assert metrics["BenchmarkJoin/small iterations"] == 20
    assert metrics["BenchmarkJoin/small length"] == 49
    assert 0 < (metrics["BenchmarkJoin/large ns/op"] or 0) < 1
    assert (metrics["BenchmarkJoin/large B/op"] or 0) > 160_000
    assert metrics["BenchmarkJoin/large allocs/op"] == 3
    assert (metrics["rss.peak"] or 0) > 1 << 20
    assert metrics["heap.live"] is not None


def test_no_benchmark_is_no_success(lab: Lab) -> None:
    workload = WorkloadSpec.model_validate(
        {"name": "join", "benchmark": {"package": "./go_fixtures/joining", "run": "Nothing"}}
    )
    binary = lab.build(workload, NEWEST)
    package = ROOT / "go_fixtures" / "joining"
    result = lab.run(binary, benchmark=workload.benchmark, package=package)
    assert result.outcome == "no benchmark"


Serve = Callable[..., TrialResult]


@pytest.fixture
def serve(lab: Lab) -> Serve:
    def run(*args: str, version: str = NEWEST, **server: object) -> TrialResult:
        spec = ServerSpec.model_validate(
            {
                "ready": "http://127.0.0.1:{port}/healthz",
                "idle": 0.1,
                "settle": 0.1,
                "load": {"url": "http://127.0.0.1:{port}/work", "rate": 200, "duration": 1.0},
            }
            | server
        )
        binary = lab.fixture("httpservice", version)
        return lab.run(binary, "-address=127.0.0.1:{port}", *args, server=spec)

    return run


@pytest.mark.parametrize("version", OLDEST_IN_SOAK)
def test_server_under_load(serve: Serve, version: str) -> None:
    result = serve(version=version, warmup=0.2)
    assert result.outcome == "ok", result.log + result.load_log
    assert list(result.marks) == ["idle", "loaded", "after", "settled"]
    metrics = result.metrics
    assert {n: result.notes[n] for n, value in metrics.items() if value is None} == {}
    assert metrics["requests"] == 200
    assert 0 < (metrics["requests.rate"] or 0) < 210  # never above what was asked for
    assert 0 < (metrics["latency.p50"] or 0) <= (metrics["latency.max"] or 0)
    assert (metrics["rss.loaded"] or 0) > (metrics["rss.idle"] or 0)
    for name, mark in result.marks.items():
        assert sum(result.accounts[name].values()) == mark["rss.end"]
        assert mark["heap.zero"] is not None
    assert result.accounts["after"] == result.account
    assert (metrics["heap.live.settled"] or 0) >= 200 * (64 << 10)


def test_a_load_of_several_kinds_over_a_few_connections(serve: Serve) -> None:
    base = "http://127.0.0.1:{port}"
    kinds = [{"url": f"{base}/work", "weight": 3}, {"url": f"{base}/healthz", "method": "HEAD"}]
    load = {"requests": kinds, "connections": 4, "rate": 200, "duration": 1.0}
    metrics = serve(load=load, warmup_requests=20).metrics
    assert metrics["requests"] == 200
    assert 0 < (metrics["load.connections"] or 0) <= 4
    assert 0 < (metrics["requests.in_flight"] or 0) <= 200
    assert metrics["requests.missed"] == 0
    assert (metrics["load.late"] or 0) < 1
    kept = (metrics["heap.live.settled"] or 0) / (64 << 10)
    assert (150 + 15) <= kept <= 1.2 * (150 + 15), "three of four requests leave 64 KiB"


def test_requests_that_are_not_sent_are_counted(serve: Serve) -> None:
    load = {"url": "http://127.0.0.1:{port}/work", "rate": 20_000, "duration": 0.2,
            "max_in_flight": 1, "max_failed": "100%"}  # fmt: skip
    metrics = serve(load=load).metrics
    missed, failed = metrics["requests.missed"] or 0, metrics["requests.failed"] or 0
    assert 0 < missed == failed
    assert missed + (metrics["requests"] or 0) == 4000
    assert metrics["requests.in_flight"] == 1


def test_server_without_a_probe(lab: Lab) -> None:
    spec = ServerSpec.model_validate(
        {
            "ready": "http://127.0.0.1:{port}/healthz",
            "load": {"url": "http://127.0.0.1:{port}/work", "duration": 0.5},
            "idle": 0.1,
            "settle": 0.1,
        }
    )
    binary = lab.fixture("httpservice", NEWEST, probe="off")
    result = lab.run(binary, "-address=127.0.0.1:{port}", server=spec, probe="off")
    assert result.outcome == "ok"
    assert (result.metrics["rss.loaded"] or 0) > 1 << 20
    assert (result.metrics["rss.peak"] or 0) >= (result.metrics["rss.loaded"] or 0)
    assert result.metrics["heap.live.loaded"] is None
    assert result.notes["heap.live.loaded"]


def test_server_that_is_never_ready(serve: Serve) -> None:
    result = serve("-never-ready", ready_within=0.5)
    assert result.outcome == "not ready"
    assert 0.4 < result.series[-1][0] < 20


def test_server_that_does_not_stop(serve: Serve) -> None:
    result = serve("-ignore-sigterm", stop_within=0.5)
    assert result.outcome == "timeout"
    assert result.metrics["rss.settled"] is not None


def test_server_that_is_to_be_killed(serve: Serve) -> None:
    assert serve("-ignore-sigterm", stop="KILL").outcome == "ok"


def test_server_that_crashes_under_load(serve: Serve) -> None:
    result = serve("-crash-after=20")
    assert result.outcome == "exit 7"
    assert "crashing on purpose" in result.log


def test_server_that_ends_by_itself(serve: Serve) -> None:
    ended = serve("-address=127.0.0.1:99999", ready_within=60.0)  # no port, and no name to look up
    assert ended.outcome == "exit 1"


def test_server_that_leaves_a_child(lab: Lab) -> None:
    spec = ServerSpec.model_validate(
        {"ready": {"log": "^listening on"}, "load": {"command": ["true"]}, "settle": 0, "idle": 0}
    )
    binary = lab.fixture("httpservice", NEWEST)
    request = lab.request(binary, "-address=127.0.0.1:{port}", "-leave-child", server=spec)
    result = run_trial(request)
    assert result.outcome == "ok", result.log
    assert procfs.read(int((request.directory / "child").read_text()), "stat") == b""
    assert [child.name for child in result.processes] == ["sleep"]


@pytest.mark.parametrize(
    ("load", "outcome"),
    [
        ({"command": ["sh", "-c", "echo kept {port}; exit 3"]}, "load failed"),
        ({"command": ["sh", "-c", "echo kept {port}"]}, "ok"),
        ({"command": ["sh", "-c", "echo kept {port}; sleep 60"], "duration": 2}, "ok"),
        ({"command": ["no-such-program"]}, "load failed"),
        ({"url": "http://127.0.0.1:{port}/absent", "rate": 50, "duration": 0.2}, "load failed"),
        ({"requests": [{"url": "http://127.0.0.1:{port}/absent"}], "duration": 0.2}, "load failed"),
    ],
)
def test_the_loads_end_matters(serve: Serve, load: object, outcome: str) -> None:
    result = serve(load=load, ready="tcp://127.0.0.1:{port}")
    assert result.outcome == outcome, result.load_log
    if "sh" in str(load):
        assert re.match(r"kept \d+\n", result.load_log)


_WORKER = """
import sys
from harness.trial.request import TrialRequest
from harness.trial.trial import run_trial
run_trial(TrialRequest.model_validate_json(sys.argv[1]))
"""


def test_a_trial_that_nobody_needs_any_more_is_ended(lab: Lab) -> None:
    answers = iter([True, True])
    result = run_trial(lab.request(lab.fixture("awkward"), "forever"), lambda: next(answers, False))
    assert result.outcome == "not needed"
    assert result.metrics["wall"] is not None


def test_nothing_survives_the_harness(lab: Lab) -> None:
    """A worker that is killed takes its trial with it."""
    endless = lab.request(lab.fixture("awkward"), "forever").model_dump_json()
    worker = subprocess.Popen([sys.executable, "-c", _WORKER, endless], cwd=ROOT)
    mine: list[int] = []

    def both_run() -> bool:
        mine[:] = _descendants(worker.pid)
        return len(mine) == 2  # the supervisor and the program

    wait_until(both_run, process=worker)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    wait_until(lambda: not any(_alive(pid) for pid in mine))


def _alive(pid: int) -> bool:
    stat = procfs.parse_stat(procfs.read(pid, "stat") or b"")
    return stat is not None and stat.state != "Z"


def _descendants(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        stat = procfs.parse_stat(procfs.read(int(entry.name), "stat") or b"")
        if stat is not None and stat.parent == pid:
            found += [int(entry.name), *_descendants(int(entry.name))]
    return found
