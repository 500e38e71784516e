"""What the build phase costs, beside plain ``go build`` of the same programs.

    python benchmarks/builds.py [--rounds 5]

Ten sets of toolchain and experiment settings, each with a standard library of its own, times four
workloads: forty cells. Cold: the toolchains are at hand, nothing else is; the CPU time of all
processes is compared with that of ``go build -trimpath`` of the same forty with an empty cache of
their own, and the wall time with the CPU time shared by the cores. Warm: the same again by a new
process, from finding the toolchains to the last build's record. Taken in turn in each round;
medians are printed. Exits with 1 when a limit is exceeded. Run it alone on the machine.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from project import cache_without_builds

from harness.golang.builds.build import build_all
from harness.golang.builds.request import BuildRequest
from harness.golang.cache import default_cache
from harness.golang.sources.locate import locate_all
from harness.golang.toolchains.resolve import Toolchain, resolve
from harness.matrix.models import BuildSpec, ToolchainSpec, WorkloadSpec

FIXTURES = Path(__file__).parents[1] / "go_fixtures"
BOTH = ((), ("noswissmap",), ("nospinbitmutex",), ("noswissmap", "nospinbitmutex"))
SETTINGS = {"go1.23.9": ((), ("rangefunc",)), "go1.24.3": BOTH, "go1.24.11": BOTH}
WORKLOADS = sorted(path.parent.name for path in FIXTURES.glob("*/main.go"))[:4]
CPU_LIMIT, WALL_LIMIT, WARM_LIMIT = 1.15, 1.1, 0.3
"""CPU by that of plain builds; wall by CPU over cores; seconds."""


def main() -> int:
    """Print the figures beside their limits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--warm", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.warm is not None:
        print(_warm(options.warm))
        return 0
    toolchains = _toolchains(default_cache())
    cores = len(os.sched_getaffinity(0))
    cpu, wall, warm = [], [], []
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as scratch:
            root = Path(scratch)
            plain, _ = _cost(lambda: _plain(toolchains, root / "plain"))  # noqa: B023 - called at once
            cache = cache_without_builds(root / "cache")
            used, seconds = _cost(lambda: _build(cache))  # noqa: B023 - as above
            command = [sys.executable, __file__, "--warm", str(cache)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            print(f"plain {plain:.1f} s of CPU, cold {used:.1f}, wall {seconds:.1f}", flush=True)
        cpu.append(used / plain)
        wall.append(seconds / (used / cores))
        warm.append(float(done.stdout))
    figures = {
        "cold, CPU / plain go build": (statistics.median(cpu), CPU_LIMIT),
        "cold, wall / (CPU / cores)": (statistics.median(wall), WALL_LIMIT),
        "warm, s": (statistics.median(warm), WARM_LIMIT),
    }
    for name, (value, limit) in figures.items():
        print(f"{name:30}{value:8.3f}   limit {limit}{'' if value <= limit else '   EXCEEDED'}")
    return int(any(value > limit for value, limit in figures.values()))


def _cost(do: Callable[[], None]) -> tuple[float, float]:
    """CPU seconds of this process and its children, and seconds of wall."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)

    def used() -> float:
        return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, kinds))

    before, started = used(), time.perf_counter()
    do()
    return used() - before, time.perf_counter() - started


def _plain(toolchains: Mapping[str, Toolchain], root: Path) -> None:
    for name, choices in SETTINGS.items():
        for settings in choices:
            env = os.environ | {
                "GOROOT": str(toolchains[name].goroot), "GOTOOLCHAIN": "local", "GOFLAGS": "",
                "GOEXPERIMENT": ",".join(settings), "GOCACHE": str(root), "CGO_ENABLED": "0",
            }  # fmt: skip
            for workload in WORKLOADS:
                go, binary = toolchains[name].go, root / "binary"
                subprocess.run(
                    [go, "build", "-trimpath", "-o", binary, "."],
                    cwd=FIXTURES / workload, env=env, check=True,
                )  # fmt: skip


def _warm(cache: Path) -> float:
    """Seconds."""
    _build(cache)  # fingerprints of files that were new a moment ago are remembered from now on
    started = time.monotonic()
    _build(cache)
    return time.monotonic() - started


def _build(cache: Path) -> None:
    toolchains = _toolchains(cache)
    newest = list(toolchains.values())[-1]
    workloads = [WorkloadSpec(name=name, package=f"./{name}") for name in WORKLOADS]
    sources = [found.result() for found in locate_all(workloads, FIXTURES, newest, cache)]
    requests = [
        BuildRequest(
            source=source, toolchain=toolchains[name], settings=settings, build=BuildSpec()
        )
        for source in sources
        for name, choices in SETTINGS.items()
        for settings in choices
    ]
    failed = [r.error for r in build_all(requests, cache, lambda _: None) if r.error]
    if failed:
        raise SystemExit(failed[0])


def _toolchains(cache: Path) -> dict[str, Toolchain]:
    return resolve([ToolchainSpec(go=name) for name in SETTINGS], cache, print)


if __name__ == "__main__":
    sys.exit(main())
