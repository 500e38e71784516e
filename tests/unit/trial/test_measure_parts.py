import ctypes
import math
import mmap
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.golang import elf
from harness.matrix.models import WorkloadSpec
from harness.metrics.catalogue import CATALOGUE, describe
from harness.trial import cgroup, placeholders
from harness.trial import numbers as metrics
from harness.trial.observe import procfs, smaps
from harness.trial.observe.gctrace import GCTrace
from harness.trial.observe.monitor import Observation
from harness.trial.observe.procfs import Mapping
from harness.trial.observe.snapshot import KernelView, Snapshot
from harness.trial.observe.tree import Tree
from harness.trial.process import Ended, Usage
from harness.trial.server.load import parse_report
from harness.trial.trial import outcome_of


def mapping(start: int, size: int, permissions: str = "rw-p", name: str = "") -> Mapping:
    inode = 7 if name.startswith("/") else 0
    return Mapping(start, start + size, permissions, inode, name, {"Rss": size})


@pytest.mark.parametrize("base", [0xC000000000, 0x3A7F40000000])
def test_arenas_are_found_wherever_the_runtime_put_them(base: int) -> None:
    maps = [
        mapping(0x400000, 4096, "r-xp", "/prog"),
        mapping(0x500000, 4096, "rw-p", "/prog"),
        mapping(0x501000, 4096),
        mapping(base, 1 << 20),
        mapping(base + (1 << 20), 63 << 20, "---p"),
        mapping(0x7F0000000000, 8192),
        mapping(0x7FFF00000000, 4096, name="[stack]"),
    ]
    classes = smaps.classify(maps, "/prog", base + 512)
    assert {name: kinds["size"] for name, kinds in classes.items()} == {
        "text": 4096, "data": 8192, "go heap": 64 << 20, "go metadata": 8192, "stack": 4096,
    }  # fmt: skip
    assert classes["go heap"]["reserved"] == 63 << 20


def test_with_c_code_anonymous_memory_is_not_called_the_runtimes() -> None:
    maps = [
        mapping(0x400000, 4096, "r-xp", "/prog"),
        mapping(0x10000000, 4096, name="[heap]"),
        mapping(0x7F0000000000, 8192),
        mapping(0x7F1000000000, 4096, "---p"),
        mapping(0x7F1000001000, 8 << 20),
        mapping(0x7F2000000000, 4096, "r-xp", "/lib/libc.so.6"),
    ]
    classes = smaps.classify(maps, "/prog", None)
    assert {name: kinds["size"] for name, kinds in classes.items()} == {
        "text": 4096, "c heap": 4096, "other": 8192 + 4096, "thread stack": 8 << 20, "file": 4096,
    }  # fmt: skip


def test_time_weighted_mean() -> None:
    assert metrics.time_weighted([(0.0, 0), (1.0, 100), (3.0, 100)]) == pytest.approx(250 / 3)
    assert metrics.time_weighted([(0.0, 5)]) is None
    assert metrics.time_weighted([]) is None


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=30))
def test_mean_lies_between_extremes(values: list[int]) -> None:
    mean = metrics.time_weighted([(float(i), v) for i, v in enumerate(values)])
    assert mean is not None
    assert min(values) - 1e-9 <= mean <= max(values) + 1e-9


def test_histogram_becomes_quantiles() -> None:
    histogram: metrics.Histogram = [[0.0, 1.0, 98.0], [1.0, 2.0, 1.0], [5.0, None, 1.0]]
    assert metrics.reduce_histogram(histogram) == {"count": 100, "p50": 1.0, "p99": 2.0, "max": 5.0}
    assert metrics.reduce_histogram([]) == {"count": 0, "p50": None, "p99": None, "max": None}


buckets = st.lists(st.integers(1, 50), min_size=1, max_size=20)


@given(buckets)
def test_quantiles_bound_the_samples(counts: list[int]) -> None:
    histogram = [[float(i), float(i + 1), float(c)] for i, c in enumerate(counts)]
    found = metrics.reduce_histogram(histogram)
    samples = sorted(i + 1 for i, c in enumerate(counts) for _ in range(c))
    assert found["max"] == samples[-1]
    assert found["p50"] == samples[math.ceil(len(samples) / 2) - 1]


def test_a_name_that_this_go_does_not_know_is_none() -> None:
    kernel = KernelView(b"VmRSS:\t 4 kB\n", b"", open_files=None)
    snapshot = Snapshot(kernel, {"utime": 0, "stime": 0}, "go1.21", {"/gc/heap/live:bytes": 5.0})
    found = metrics.of_snapshot(snapshot, metrics.classes_of(snapshot, "/prog"))
    assert (found["heap.live"], found["rss.end"]) == (5.0, 4096)
    assert found["heap.goal"] is None
    assert found["unseen"] is None


@pytest.mark.parametrize(
    ("said", "kept", "left"), [(4096, 4096, 4096), (0, 0, 8192), (-1, None, 8192)]
)
def test_what_the_probe_keeps_is_taken_away_where_it_is_known(
    said: int, kept: int | None, left: int
) -> None:
    kernel = KernelView(b"VmRSS:\t 8 kB\n", b"", open_files=None)
    found = metrics.of_snapshot(Snapshot(kernel, {"utime": 0, "stime": 0, "profiler": said}), {})
    assert (found["probe.memory"], found["rss.end"]) == (kept, left)


def test_benchmark_output() -> None:
    text = """goos: linux
pkg: example.org/a b
BenchmarkA-8   \t     100\t     12345 ns/op\t    1.50 widgets\t      64 B/op\t       2 allocs/op
BenchmarkB/x-y \t 1\t7 ns/op\t 100 MB/s
--- BENCH: BenchmarkA-8
PASS
cpu: printed by something else
"""
    assert metrics.labels_of_benchmarks(text) == {"goos": "linux", "pkg": "example.org/a b"}
    assert metrics.of_benchmarks(text, processors=8) == {
        "BenchmarkA iterations": 100,
        "BenchmarkA ns/op": pytest.approx(12345e-9),
        "BenchmarkA widgets": 1.5,
        "BenchmarkA B/op": 64,
        "BenchmarkA allocs/op": 2,
        "BenchmarkB/x-y iterations": 1,
        "BenchmarkB/x-y ns/op": pytest.approx(7e-9),
        "BenchmarkB/x-y MB/s": 100e6,
    }


@given(st.text())
def test_benchmark_parser_survives_anything(text: str) -> None:
    metrics.of_benchmarks("BenchmarkX 1\t" + text, processors=1)
    metrics.labels_of_benchmarks(text)


def test_a_number_in_a_benchmarks_name_is_not_taken_for_its_processors() -> None:
    text = "BenchmarkX/n-10\t1\t7 ns/op\nBenchmarkX/n-100\t1\t9 ns/op\n"
    found = metrics.of_benchmarks(text, processors=1)
    assert found["BenchmarkX/n-10 ns/op"] == pytest.approx(7e-9)
    assert found["BenchmarkX/n-100 ns/op"] == pytest.approx(9e-9)
    both = metrics.of_benchmarks("BenchmarkX/n-10-2\t1\t7 ns/op\n", processors=2)
    assert "BenchmarkX/n-10 ns/op" in both


@pytest.mark.parametrize(
    ("name", "unit", "direction"),
    [
        ("rss.peak", "bytes", "lower is better"),
        ("BenchmarkA ns/op", "seconds", "lower is better"),
        ("BenchmarkA MB/s", "1/s", "higher is better"),
        ("BenchmarkA widgets", "", "neutral"),
        ("/gc/heap/live:bytes", "bytes", "neutral"),
        ("/gc/pauses:seconds p99", "seconds", "neutral"),
        ("/gc/pauses:seconds count", "count", "neutral"),
        ("nobody knows", "", "neutral"),
    ],
)
def test_every_metric_has_a_description(name: str, unit: str, direction: str) -> None:
    metric = describe(name)
    assert (metric.unit, metric.direction) == (unit, direction)


def test_runtime_metrics_are_in_the_catalogue() -> None:
    assert metrics.RUNTIME.keys() <= CATALOGUE.keys()


TRACE = (
    b"gc 1 @0.010s 2%: 0.5+10+1.5 ms clock, 0.5+0.25/4.0/3.0+1.5 ms cpu, 4->6->1 MB, 5 MB goal, "
    b"0 MB stacks, 0 MB globals, 1 P\n"
    b"gc 2 @0.100s 3%: 1+20+2 ms clock, 1+0.75/6.0/0+2 ms cpu, 9->8->2 MB, 7 MB goal, 0 MB stacks, "
    b"0 MB globals, 1 P (forced)\n"
)


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_the_collectors_lines_are_added_up_and_leave_the_output(size: int) -> None:
    text = b"first\n" + TRACE[:-1] + b"\nlast, gc 3 @ no line"
    trace = GCTrace()
    own = b"".join(trace.feed(text[i : i + size]) for i in range(0, len(text), size))
    assert own + trace.held == b"first\nlast, gc 3 @ no line"
    found = trace.metrics()
    assert found == {
        "gctrace.cycles": 2, "gctrace.stopped": pytest.approx(0.005),
        "gctrace.mark": pytest.approx(0.030), "gctrace.assist.cpu": pytest.approx(0.001),
        "gctrace.background.cpu": pytest.approx(0.010), "gctrace.idle.cpu": pytest.approx(0.003),
        "gctrace.heap.start": 9 << 20, "gctrace.heap.peak": 8 << 20, "gctrace.goal.peak": 7 << 20,
    }  # fmt: skip
    assert set(found) == {m for m in CATALOGUE if "gctrace" in m}
    assert GCTrace().metrics() == {}


@given(st.binary())
def test_the_trace_survives_anything(foreign: bytes) -> None:
    trace = GCTrace()
    trace.feed(TRACE + foreign)
    assert (trace.metrics()["gctrace.cycles"] or 0) >= 2


def test_placeholders() -> None:
    words = placeholders.values({"http": 80, "admin": 81}, Path("/t"), Path("/m"))
    text = '{port} {port.http} {port.admin} {tmp}/x {here} {port.none} {} {"a": {port}}'
    assert placeholders.fill(text, words) == '80 80 81 /t/x /m {port.none} {} {"a": 80}'


def test_ports_are_free_and_different() -> None:
    ports = placeholders.free_ports(["a", "b", "c"])
    assert len(set(ports.values())) == 3
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", ports["b"]))


def test_children_are_found_whenever_they_are_started() -> None:
    tree = Tree(supervisor=os.getpid(), main=0)
    tree.discover()
    others = len(tree.report())  # children that other tests of this process have left
    for count in range(1, 4):
        with subprocess.Popen(["sleep", "60"]) as process:  # noqa: S607 - whichever it is
            tree.discover()
            tree.discover()
            found = [child.pid for child in tree.report()]
            process.kill()
        assert found[-1] == process.pid
        assert len(found) == others + count
    tree.close()


@pytest.fixture
def borrower() -> Iterator[int]:
    """A process that waits in this one's memory, as a child made by vfork does until its exec."""
    libc = ctypes.CDLL(None, use_errno=True)
    stack = mmap.mmap(-1, 1 << 16)
    top = ctypes.addressof(ctypes.c_char.from_buffer(stack)) + len(stack)
    clone_vm = 0x100
    pause = ctypes.cast(libc.pause, ctypes.c_void_p)
    pid = libc.clone(pause, ctypes.c_void_p(top), clone_vm | signal.SIGCHLD, None)
    assert pid > 0, os.strerror(ctypes.get_errno())
    yield pid
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_a_child_in_its_parents_memory_does_not_count_twice(borrower: int) -> None:
    tree = Tree(supervisor=os.getpid(), main=0)
    tree.discover()
    assert procfs.parse_statm(procfs.read(borrower, "statm") or b"")
    assert borrower not in [child.pid for child in tree.report()]
    assert tree.sample(0.0) == sum(child.peak for child in tree.report())
    assert tree.read_shares().pss == sum(child.pss or 0 for child in tree.report())
    tree.close()


def test_sections_of_a_binary_and_of_no_binary(tmp_path: Path) -> None:
    sizes = elf.section_sizes(Path("/proc/self/exe"))
    assert sizes[".text"] > 0
    assert sum(sizes.values()) > 1000
    data = Path("/proc/self/exe").read_bytes()
    for cut in (0, 10, 64, 1000):
        path = tmp_path / str(cut)
        path.write_bytes(data[:cut])
        assert elf.section_sizes(path) == {}


MOUNTS = """\
31 24 0:27 / /sys rw - sysfs sysfs rw
35 31 0:30 /slice /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate
"""


@pytest.mark.parametrize(
    ("membership", "group"),
    [
        ("0::/slice/run.scope\n", "/sys/fs/cgroup/run.scope"),
        ("4:memory:/old\n0::/slice\n", "/sys/fs/cgroup"),
        ("0::/elsewhere\n", None),  # mounted from a cgroup that ours is not below
        ("4:memory:/old\n", None),
        ("", None),
    ],
)
def test_our_own_cgroup(membership: str, group: str | None) -> None:
    place = cgroup.own_group(membership, MOUNTS)
    assert place == (group and (Path(group), Path("/sys/fs/cgroup")))
    assert cgroup.own_group(membership, "") is None


def test_the_nearest_cgroup_that_shares_memory_out_is_used(tmp_path: Path) -> None:
    scope = tmp_path / "app.slice" / "run.scope"
    scope.mkdir(parents=True)
    for group in (tmp_path, scope.parent, scope):
        (group / "cgroup.procs").touch()
        (group / "cgroup.subtree_control").touch()
    (scope / "cgroup.controllers").write_text("cpu\n")
    mounts = f"35 31 0:30 / {tmp_path} rw - cgroup2 cgroup2 rw"
    membership = "0::/app.slice/run.scope"
    assert cgroup.delegated(membership, mounts) is None
    (tmp_path / "cgroup.subtree_control").write_text("cpu memory pids\n")
    assert cgroup.delegated(membership, mounts) == tmp_path
    (scope.parent / "cgroup.subtree_control").write_text("memory\n")
    assert cgroup.delegated(membership, mounts) == scope.parent


def test_load_report() -> None:
    text = (
        'noise\n{"answered": 9, "failed": 1, "seconds": 3, "latency": {"p50": 0.1}, "missed": 1, '
        '"in_flight": 4, "connections": 2, "late": {"p50": 0.01, "p99": 0.02}}\n'
    )
    assert parse_report(text) == {
        "requests": 9, "requests.failed": 1, "requests.rate": 3.0, "latency.p50": 0.1,
        "requests.missed": 1, "requests.in_flight": 4, "load.connections": 2, "load.late": 0.02,
    }  # fmt: skip
    for wrong in ("", "noise", "{}", "[1]", '{"answered": 0, "seconds": 0}'):
        assert parse_report(wrong) == {}


@pytest.mark.parametrize(
    ("ended", "stop", "outcome"),
    [
        (None, None, "lost"),
        ({"exit": 0, "signal": 0}, None, "ok"),
        ({"exit": 3, "signal": 0}, None, "exit 3"),
        ({"exit": -1, "signal": 11}, None, "signal SIGSEGV"),
        ({"exit": -1, "signal": 15}, 15, "ok"),
        ({"exit": 143, "signal": 0}, 15, "ok"),
        ({"exit": 1, "signal": 0}, 15, "exit 1"),
        ({"exit": -1, "signal": 40}, None, "signal 40"),
    ],
)
def test_outcomes(ended: dict[str, int] | None, stop: int | None, outcome: str) -> None:
    usage = dict.fromkeys(Usage.model_fields, 0)
    answer = {"event": "ended", "monotonic": 0, "usage": usage, "orphans": usage, "left": 0}
    observed = Observation(ended=Ended.model_validate(answer | ended) if ended else None)
    assert outcome_of(observed, stop) == outcome


@pytest.mark.parametrize(
    ("server", "complaint"),
    [
        ({"ready": "localhost", "load": {"command": ["x"]}}, "is not a URL"),
        ({"ready": {"log": "("}, "load": {"command": ["x"]}}, "is not a regular expression"),
        ({"ready": {}, "load": {"command": ["x"]}}, "either url or log"),
        ({"ready": "tcp://h:1", "load": {}}, "one of command, url and requests"),
        ({"ready": "tcp://h:1", "load": {"url": "http://h/"}}, "needs a duration"),
        ({"ready": "tcp://h:1", "load": {"url": "tcp://h:1", "duration": "1s"}}, "HTTP only"),
        ({"ready": "tcp://h:1", "load": {"command": ["x"]}, "stop": "NO"}, "is not a signal"),
    ],
)
def test_a_server_that_cannot_be_meant(server: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        WorkloadSpec.model_validate({"name": "w", "package": "./w", "server": server})


@pytest.mark.parametrize("also", [{"snapshots": ["1s"]}, {"profile_at": "1s"}])
def test_a_server_has_phases_of_its_own(also: dict[str, object]) -> None:
    server = {"ready": "tcp://h:1", "load": {"command": ["x"]}}
    with pytest.raises(ValueError, match="snapshot in each phase"):
        WorkloadSpec.model_validate({"name": "w", "package": "./w", "server": server} | also)
