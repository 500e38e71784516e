"""What the probe and the harness cost a program, and how well their numbers agree with its own.

Run as ``python benchmarks/probe.py [agreement|effect|gc|faults|overhead …]``; without a word, all.
``gc`` and ``faults``, together ``effect``, compare a program that collects garbage, or faults pages
in, with and without the probe. Prints one line a finding, ends with status 1 if a limit is broken.
What it compares runs in turns on one CPU; lines that begin with "null" compare a program with
itself, which shows what the machine's noise leaves of that.
"""

import json
import os
import resource
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
from scipy import stats

from harness.golang.builds.build import build_all
from harness.golang.builds.request import BuildRequest
from harness.golang.builds.tools import Tool, build_tool
from harness.golang.cache import default_cache
from harness.golang.probe.overlay import ProbeMode
from harness.golang.records import BuildRecord
from harness.golang.sources.locate import locate
from harness.golang.toolchains.resolve import Toolchain, resolve
from harness.matrix.models import BuildSpec, ToolchainSpec, TrialsSpec, WorkloadSpec
from harness.trial.observe import procfs
from harness.trial.observe.tree import children
from harness.trial.process import Job, Supervised
from harness.trial.request import TrialRequest
from harness.trial.trial import run_trial

ROOT = Path(__file__).parents[1]
VERSIONS = ("go1.21.13", "go1.22.10", "go1.23.9", "go1.24.3", "go1.25.5", "go1.26.6", "go1.27.3")
PAIRS = 20
NULL_PAIRS = 8
ROUNDS = 3
"""Of the program's work; it takes some 0.3 to 0.7 s."""
TURN = 0.010
"""Seconds."""
TRIALS = 60
TIME_LIMIT = 0.02
"""Share by which wall and CPU may change."""
PEAK_SHARE, PEAK_BYTES = 0.005, 1 << 20
HARNESS_LIMIT = 0.01
"""Part of a core that the harness may use while it samples one process."""
OVERHEAD_LIMIT = 0.040
"""Seconds, median, for a program that ends at once."""
AGREEMENT_LIMIT = 0.01


class Bench:
    """Toolchains, binaries and trials for the measurements below."""

    records: dict[Path, BuildRecord]
    """Builds by binary."""

    def __init__(self, versions: Sequence[str], directory: Path) -> None:
        self.cache = default_cache()
        self.toolchains = resolve([ToolchainSpec(go=v) for v in versions], self.cache, print)
        self.newest: Toolchain = list(self.toolchains.values())[-1]
        source = ROOT / "harness" / "trial" / "supervisor"
        self.supervisor = build_tool(Tool(source, self.newest), self.cache)
        self.directory = directory
        self.records = {}
        self.cpu = min(os.sched_getaffinity(0))

    def build(self, fixture: str, version: str, probe: ProbeMode) -> Path:
        """The binary of a fixture."""
        workload = WorkloadSpec(name=fixture, package=f"./go_fixtures/{fixture}")
        source = locate(workload, ROOT, self.newest, self.cache)
        toolchain = self.toolchains[version]
        request = BuildRequest(
            source=source,
            toolchain=toolchain,
            settings=(),
            build=BuildSpec(),
            probe=probe,
            aligned=True,
        )
        (record,) = build_all([request], self.cache, print)
        if record.error:
            raise SystemExit(record.error)
        binary = Path(record.binary)
        self.records[binary] = record
        return binary

    def request(self, binary: Path, *args: str) -> TrialRequest:
        """A trial on one CPU in a directory of its own."""
        directory = Path(tempfile.mkdtemp(dir=self.directory))
        record = self.records[binary]
        workload = WorkloadSpec(name=record.workload, package="./any", args=list(args))
        return TrialRequest(
            supervisor=self.supervisor, workload=workload, build=record, cpus=(self.cpu,),
            directory=directory, profile=directory / "heap.pb.gz",
        )  # fmt: skip

    def alone(self, binary: Path, *args: str) -> str:
        """Run a program under a supervisor only: no probe, no samples. Gives its output."""
        request = self.request(binary, *args)
        path = request.directory / "output"
        job = Job(
            path=binary, copy_to=request.executable, args=(str(binary), *args),
            env=tuple(f"{name}={value}" for name, value in request.environment({}).items()),
            directory=request.directory, cpus=request.cpus,
        )  # fmt: skip
        with path.open("wb") as output:
            supervised = Supervised(self.supervisor, job, lambda _: None, output=output.fileno())
        with supervised:
            while not supervised.closed:
                supervised.read()
        return path.read_text()


def agreement(bench: Bench) -> bool:
    """End snapshots against what a program prints last of itself."""
    good = True
    for version in VERSIONS:
        result = run_trial(bench.request(bench.build("selfreport", version, "full")))
        said = json.loads(result.log)
        status, runtime = said["status"], said["metrics"]
        total, released = "/memory/classes/total:bytes", "/memory/classes/heap/released:bytes"
        pairs = {
            "rss.peak": status["VmHWM"],
            "rss.end": status["VmRSS"],
            "rss.anon": status["RssAnon"],
            "runtime.mapped": runtime[total] - runtime[released],
            "heap.objects": runtime["/memory/classes/heap/objects:bytes"],
            "heap.live": runtime["/gc/heap/live:bytes"],
            "allocs.bytes": runtime["/gc/heap/allocs:bytes"],
        }
        off = {name: (result.metrics[name] or 0) / value - 1 for name, value in pairs.items()}
        worst = max(off, key=lambda name: abs(off[name]))
        fine = abs(off[worst]) <= AGREEMENT_LIMIT
        good &= fine
        print(f"agreement {version}: worst is {worst}, off by {off[worst]:+.3%}{_mark(fine)}")
    return good


def effect(bench: Bench, kinds: Sequence[str] = ("gc", "faults")) -> bool:
    """The program's own account of itself, with probe and samples against without either."""
    good = True
    for version, kind in product((VERSIONS[-1], VERSIONS[0]), kinds):
        full, off = (bench.build("effort", version, mode) for mode in ("full", "off"))
        probed, plain = partial(_with_probe, bench, full), partial(_without, bench, off)
        good &= _judge(f"effect {version} {kind}", _pairs((probed, plain), kind, PAIRS))
        _judge(f"null {version} {kind}", _pairs((plain, plain), kind, NULL_PAIRS))
    return good


Run = Callable[..., str]
Cost = dict[str, float]
"""``wall`` and ``cpu`` in seconds, ``peak`` in bytes."""


def _with_probe(bench: Bench, binary: Path, *args: str) -> str:
    return run_trial(bench.request(binary, *args)).log


def _without(bench: Bench, binary: Path, *args: str) -> str:
    return bench.alone(binary, *args)


def _pairs(runs: tuple[Run, Run], kind: str, count: int) -> list[tuple[Cost, Cost]]:
    """What two programs cost, again and again; which comes first alternates."""
    pairs = []
    for number in range(count):
        order = (0, 1) if number % 2 else (1, 0)
        costs = _in_turns([runs[i] for i in order], kind)
        pairs.append((costs[order.index(0)], costs[order.index(1)]))
    return pairs


def _in_turns(runs: Sequence[Run], kind: str) -> list[Cost]:
    """Run programs on one CPU in short turns, so that what disturbs one disturbs the other.

    A program's wall time is what of its turns lies before its own end. A machine's noise comes and
    goes within seconds, and would make up most of the difference between runs one after the other.
    """
    args = (f"-kind={kind}", f"-rounds={ROUNDS}", "-stopped")
    futures: list[Future[str]] = []
    processes: list[int] = []
    with ThreadPoolExecutor(len(runs)) as pool:
        for run in runs:
            futures.append(pool.submit(run, *args))
            processes.append(_stopped(set(processes)))
        turns: list[list[tuple[float, float]]] = [[] for _ in runs]
        while not all(future.done() for future in futures):
            for future, process, mine in zip(futures, processes, turns, strict=True):
                if future.done():
                    continue
                began = time.monotonic()
                _signal(process, signal.SIGCONT)
                wait([future], timeout=TURN)
                _signal(process, signal.SIGSTOP)
                mine.append((began, time.monotonic()))
    costs = []
    for future, mine in zip(futures, turns, strict=True):
        said = json.loads(future.result())
        wall = sum(max(0.0, min(until, said["ended"]) - since) for since, until in mine)
        costs.append({"wall": wall, "cpu": said["cpu"], "peak": said["peak"]})
    return costs


def _stopped(known: set[int]) -> int:
    """The process id of a new grandchild, once it has stopped itself."""
    while True:
        for supervisor in children(os.getpid()):
            for pid in children(supervisor):
                stat = procfs.parse_stat(procfs.read(pid, "stat") or b"")
                if pid not in known and stat and stat.state == "T":
                    return pid
        time.sleep(0.002)


def _signal(process: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # it has ended; nobody else gets its number so soon
        os.kill(process, number)


def _judge(name: str, pairs: list[tuple[Cost, Cost]]) -> bool:
    good = True
    for what in ("wall", "cpu", "peak"):
        a, b = np.array([[one[what], other[what]] for one, other in pairs]).T
        limit = TIME_LIMIT if what != "peak" else PEAK_SHARE + PEAK_BYTES / np.median(b)
        logs = np.log(a) - np.log(b)
        change = float(np.expm1(np.median(logs)))
        interval = stats.bootstrap(
            (logs,), np.median, rng=1, method="percentile"
        ).confidence_interval
        low, high = np.expm1(interval)
        fine = abs(change) <= limit
        good &= fine
        print(
            f"{name}: {what} {np.median(b):.6g} without, changes by {change:+.2%} "
            f"[{low:+.2%}, {high:+.2%}] over {len(pairs)} pairs, limit {limit:.2%}{_mark(fine)}",
            flush=True,
        )
    return good


def overhead(bench: Bench) -> bool:
    """What the harness adds to a trial, and what it uses while it samples."""
    nothing = bench.build("awkward", VERSIONS[-1], "full")
    times = []
    for _ in range(TRIALS):
        request = bench.request(nothing, "nothing")
        began = time.monotonic()
        run_trial(request)
        times.append(time.monotonic() - began)
    median = statistics.median(times)
    fine = median <= OVERHEAD_LIMIT
    print(f"overhead: a trial of a program that ends at once takes {median * 1e3:.1f} ms, "
          f"limit {OVERHEAD_LIMIT * 1e3:.0f} ms{_mark(fine)}")  # fmt: skip
    began, before = time.monotonic(), _own_cpu()
    run_trial(bench.request(nothing, "forever").model_copy(update={"timeout": 10.0}))
    share = (_own_cpu() - before) / (time.monotonic() - began)
    small = share <= HARNESS_LIMIT
    began, before = time.monotonic(), _own_cpu()
    while time.monotonic() < began + 3:
        time.sleep(TrialsSpec().sample_every)
    null = (_own_cpu() - before) / (time.monotonic() - began)
    print(f"overhead: the harness uses {share:.2%} of a core while it samples one process, "
          f"limit {HARNESS_LIMIT:.0%}{_mark(small)}")  # fmt: skip
    print(f"null overhead: a loop that only sleeps as often uses {null:.2%} of a core")
    return fine and small


def _own_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _mark(fine: bool) -> str:  # noqa: FBT001 - read as a word in each message
    return "" if fine else "  ** broken **"


def main() -> int:
    """Do what the command line asks for."""
    parts: dict[str, Callable[[Bench], bool]] = {
        "agreement": agreement,
        "effect": effect,
        "gc": partial(effect, kinds=("gc",)),
        "faults": partial(effect, kinds=("faults",)),
        "overhead": overhead,
    }
    words = sys.argv[1:] or ["agreement", "effect", "overhead"]
    if unknown := set(words) - set(parts):
        raise SystemExit(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(VERSIONS, Path(directory))
        results = [parts[word](bench) for word in words]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
