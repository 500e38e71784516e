"""The origin's question by the harness, and by hand in a loop of the shell.

    python benchmarks/question.py [--rounds 5]

Is one of the new features of go1.24.3 to blame for more resident memory? Four variants of
``go_fixtures/largebuffers``. By hand: four builds in turn, then ten runs each, one at a time. The
harness makes five to ten rounds, as its examples say: it stops once the question is decided, which
is a part of what it does for its user; how many it took is printed. Both begin with the toolchains
at hand and an empty build cache; the harness is timed once more with its builds cached. Taken in
turn in each round; medians are printed. Exits with 1 when a limit is exceeded. Run it alone on the
machine.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from project import cache_without_builds

from harness.golang.cache import default_cache
from harness.golang.toolchains.resolve import Toolchain, resolve
from harness.matrix.models import ToolchainSpec

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
TRIALS = 10
"""Of each variant by hand, and at most by the harness."""
ARGUMENT = "-retain-mib=256"
VARIANTS = (("go1.23.9", ""), ("go1.24.3", ""), ("go1.24.3", "noswissmap"),
            ("go1.24.3", "nospinbitmutex"))  # fmt: skip
MATRIX = f"""\
go: [go1.24.3]
experiments: [[], [noswissmap], [nospinbitmutex]]
include: [{{go: go1.23.9}}]
question:
  baseline: go1.23.9
  candidate: go1.24.3
  metrics: [rss.peak]
workloads: [{{name: large-buffers, package: {ROOT}/go_fixtures/largebuffers, args: ["{ARGUMENT}"]}}]
trials: {{min: 5, max: {TRIALS}}}
"""
COLD_LIMIT, WARM_LIMIT = 0.6, 0.22
"""Wall of the harness by that of the loop, with an empty build cache and with its builds cached."""


def main() -> int:
    """Print the three times and two ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds: int = parser.parse_args().rounds
    names = list(dict.fromkeys(name for name, _ in VARIANTS))
    toolchains = resolve([ToolchainSpec(go=name) for name in names], default_cache(), print)
    hand, cold, warm, trials = [], [], [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as scratch:
            root = Path(scratch)
            hand.append(_seconds(lambda: _by_hand(root / "hand", toolchains)))  # noqa: B023 - called at once
            (root / "matrix.yaml").write_text(MATRIX, encoding="utf-8")
            cache = cache_without_builds(root / "cache")
            cold.append(_seconds(lambda: _by_harness(root, cache)))  # noqa: B023 - as above
            warm.append(_seconds(lambda: _by_harness(root, cache)))  # noqa: B023 - as above
            lines = (root / "reports" / "latest" / "trials.jsonl").read_text(encoding="utf-8")
            trials.append(lines.count("\n"))
    by_hand = statistics.median(hand)
    print(
        f"by hand {by_hand:.1f} s, {TRIALS * len(VARIANTS)} trials; by the harness {trials} trials"
    )
    failed = False
    for name, found, limit in (("cold", cold, COLD_LIMIT), ("builds cached", warm, WARM_LIMIT)):
        seconds = statistics.median(found)
        ratio = seconds / by_hand
        failed |= ratio > limit
        verdict = "" if ratio <= limit else "   EXCEEDED"
        print(f"gomatrix run, {name:14}{seconds:6.1f} s: {ratio:.2f}   limit {limit}{verdict}")
    return int(failed)


def _seconds(do: Callable[[], None]) -> float:
    started = time.perf_counter()
    do()
    return time.perf_counter() - started


def _by_hand(root: Path, toolchains: dict[str, Toolchain]) -> None:
    root.mkdir()
    binaries = []
    for name, setting in VARIANTS:
        binary = root / f"{name}{setting}"
        env = os.environ | {
            "GOROOT": str(toolchains[name].goroot), "GOTOOLCHAIN": "local", "GOEXPERIMENT": setting,
            "GOCACHE": str(root / "cache"), "GOFLAGS": "", "CGO_ENABLED": "0",
        }  # fmt: skip
        go = toolchains[name].goroot / "bin" / "go"
        command: list[str | Path] = [go, "build", "-trimpath", "-o", binary, "."]
        subprocess.run(command, cwd=ROOT / "go_fixtures" / "largebuffers", env=env, check=True)
        binaries.append(binary)
    for binary in binaries:
        for _ in range(TRIALS):
            with subprocess.Popen([binary, ARGUMENT], stdout=subprocess.DEVNULL) as process:
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode or not usage.ru_maxrss:
                raise SystemExit(f"{binary}: exit status {process.returncode}")


def _by_harness(root: Path, cache: Path) -> None:
    env = os.environ | {"GOMATRIX_CACHE": str(cache)}
    subprocess.run(
        [BIN / "gomatrix", "run"], cwd=root, env=env, check=True, stdout=subprocess.DEVNULL
    )


if __name__ == "__main__":
    sys.exit(main())
