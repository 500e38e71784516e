"""How long the build phase takes: forty cells cold, with every core at work, and warm.

Cold: ten sets of toolchain and experiment settings, each with a standard library of its own, times
four workloads; the toolchains are at hand, nothing else is. The bound is 1.15 times the processor
time of all ``go`` commands, shared by the cores. Warm: the same again by a new process, from
finding the toolchains to the last build's record; the bound is one second.

Run it alone on the machine, or the first figure says more of its neighbours than of the builds:
``python benchmarks/builds.py``.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from harness.golang.builds.build import build_all
from harness.golang.builds.request import BuildRequest
from harness.golang.cache import default_cache
from harness.golang.sources.locate import locate
from harness.golang.toolchains.resolve import resolve
from harness.matrix.models import BuildSpec, ToolchainSpec, WorkloadSpec

FIXTURES = Path(__file__).parents[1] / "go_fixtures"
BOTH = ((), ("noswissmap",), ("nospinbitmutex",), ("noswissmap", "nospinbitmutex"))
SETTINGS = {"go1.23.9": ((), ("rangefunc",)), "go1.24.3": BOTH, "go1.24.11": BOTH}
WORKLOADS = 4
COLD_LIMIT = 1.15
WARM_LIMIT = 1.0


def main() -> int:
    """Print both figures; exit with 1 if one is beyond its bound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--warm", type=Path, help=argparse.SUPPRESS)
    cache: Path | None = parser.parse_args().warm
    if cache is not None:
        return _warm(cache)
    resolve([ToolchainSpec(go=name) for name in SETTINGS], default_cache(), print)
    with tempfile.TemporaryDirectory() as scratch:
        cache = Path(scratch)
        for kind in ("toolchains", "identities", "facts"):
            (default_cache() / kind).mkdir(exist_ok=True)
            (cache / kind).symlink_to(default_cache() / kind)
        failures = _cold(cache)
        command = [sys.executable, __file__, "--warm", str(cache)]
        return subprocess.run(command, check=False).returncode | failures


def _cold(cache: Path) -> int:
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    psutil.cpu_times_percent()  # begins the interval that the next call ends
    cells = _build(cache)
    wall = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    cores = len(os.sched_getaffinity(0))
    ratio = wall / (cpu / cores)
    idle = psutil.cpu_times_percent().idle
    print(
        f"cold: {cells} cells in {wall:.1f} s; {cpu:.1f} s of processor time on {cores} cores: "
        f"{ratio:.2f} of the ideal (bound {COLD_LIMIT}); the machine was idle {idle:.0f} % of it"
    )
    return int(ratio > COLD_LIMIT)


def _warm(cache: Path) -> int:
    _build(cache)  # fingerprints of files that were new a moment ago are remembered from now on
    started = time.monotonic()
    cells = _build(cache)
    wall = time.monotonic() - started
    print(f"warm: {cells} cells in {wall:.3f} s (bound {WARM_LIMIT} s)")
    return int(wall > WARM_LIMIT)


def _build(cache: Path) -> int:
    toolchains = resolve([ToolchainSpec(go=name) for name in SETTINGS], cache, print)
    newest = list(toolchains.values())[-1]
    packages = sorted(path.parent.name for path in FIXTURES.glob("*/main.go"))[:WORKLOADS]
    sources = [
        locate(WorkloadSpec(name=name, package=f"./{name}"), FIXTURES, newest, cache)
        for name in packages
    ]
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
    return len(requests)


if __name__ == "__main__":
    sys.exit(main())
