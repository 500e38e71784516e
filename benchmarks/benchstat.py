"""Goawk's benchmarks by the harness and by ``go test -bench``, in one table of benchstat.

Run as ``python benchmarks/benchstat.py``: the same toolchain, iterations and number of processors
both times. Prints benchstat's table, and what is not the same in both: names, labels, B/op and
allocs/op. Exits with 1 where something is not.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from drafts import fetch
from project import gomatrix

from harness.golang.cache import default_cache
from harness.golang.toolchains.resolve import Toolchain, parse_toolchain, resolve
from harness.init.versions import any_go
from harness.report.table import render_benchfmt
from harness.run.store import Run

MODULE = "github.com/benhoyt/goawk@v1.29.1"
BENCHSTAT = "golang.org/x/perf/cmd/benchstat@latest"
GO = "go1.26.6"
CHOSEN = {
    "interp": "ForLoop$|ConcatSmall|Repeat|BuiltinSplit|NativeFunc|GetField",
    "lexer": "Numbers|Strings|Regex",
}
"""Expressions over benchmarks by package."""
ROUNDS = 6
ITERATIONS = "2000x"
MATRIX = f"go: [{GO}]\ntrials: {{min: {ROUNDS}, max: {ROUNDS}, timeout: 120s}}\nworkloads:\n"
WORKLOAD = "- {name: %s, benchmark: {package: ./%s, run: '%s', time: %s}}\n"
ALONE = "env -i PATH=/usr/bin:/bin HOME=/tmp TMPDIR=/tmp LANG=C.UTF-8 TZ=UTC GOMAXPROCS=1"
"""As many variables as a trial has: goawk copies them in some benchmarks."""
UNITS = ".unit:(sec/op OR B/op OR allocs/op)"
LINE = re.compile(r"^(Benchmark\S+)\s+\d+\s(.*)$|^((?:goos|goarch|pkg|cpu): .*)$", re.MULTILINE)
VALUE = re.compile(r"(\S+) (B/op|allocs/op)")


def main() -> int:
    """Print the table and what differs."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "goawk"
        fetch(MODULE, root)
        rows = (WORKLOAD % (name, name, run, ITERATIONS) for name, run in CHOSEN.items())
        (root / "matrix.yaml").write_text(MATRIX + "".join(rows), encoding="utf-8")
        results = {"harness": by_harness(root), "hand": by_hand(root)}
        print(benchstat(Path(scratch), results))
    harness, hand = map(values, results.values())
    differing = {name for name in harness | hand if harness.get(name) != hand.get(name)}
    for name in sorted(differing):
        print(f"{name}: {harness.get(name)} by the harness, {hand.get(name)} by hand")
    print(f"{len(hand) - len(differing)} of {len(harness | hand)} values are the same")
    return 1 if differing else 0


def by_harness(root: Path) -> str:
    """What ``gomatrix run`` measured, in the Go benchmark format."""
    return render_benchfmt(Run.load(gomatrix(root)))


def by_hand(root: Path) -> str:
    """What ``go test -bench`` prints."""
    go = resolve([parse_toolchain(GO)], default_cache(), lambda _: None)[GO]
    measured = [
        f"-count={ROUNDS}",
        f"-benchtime={ITERATIONS}",
        "-benchmem",
        "-run=^$",
        f"-exec={ALONE}",
    ]
    return "".join(
        run_go(go, root, "test", *measured, f"-bench={run}", f"./{name}")
        for name, run in CHOSEN.items()
    )


def benchstat(directory: Path, results: dict[str, str]) -> str:
    """One table of all results."""
    for name, text in results.items():
        (directory / name).write_text(text, encoding="utf-8")
    newest = any_go(default_cache(), lambda _: None)
    ignored = "toolchain,experiments,build,env"
    return run_go(
        newest, directory, "run", BENCHSTAT, "-ignore", ignored, "-filter", UNITS, *results
    )


def run_go(go: Toolchain, directory: Path, *arguments: str) -> str:
    """What a go command prints."""
    environment = os.environ | {"GOMAXPROCS": "1", "GOTOOLCHAIN": "local", "GOFLAGS": ""}
    done = subprocess.run(
        [go.go, *arguments], cwd=directory, env=environment, check=True,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return done.stdout


def values(text: str) -> dict[str, list[str]]:
    """The labels, and by benchmark and unit its values in ascending order."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, rest, label in LINE.findall(text):
        if label:
            found[label] = ["said"]
        for value, unit in VALUE.findall(rest):
            found[f"{name} {unit}"].append(value)
    return {name: sorted(values) for name, values in found.items()}


if __name__ == "__main__":
    sys.exit(main())
