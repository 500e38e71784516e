"""What ``suspects: auto`` costs, beside a question about two suspects.

    python benchmarks/suspects.py [--rounds 3]

The origin's two programs, go1.23.9 against go1.24.3: every toggle that differs, screened in groups,
and beside it two experiments in every combination. Both begin with the toolchains at hand and an
empty build cache, in turn in each round; medians are printed, with the builds of go1.24.3 that were
made and the verdicts. Exits with 1 when a limit is exceeded. Run it alone on the machine.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from project import cache_without_builds

from harness.run.store import Run

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
CANDIDATE = "go1.24.3"
TWO = """\
experiments: [[], [noswissmap], [nospinbitmutex], [noswissmap, nospinbitmutex]]
question: {baseline: go1.23.9, candidate: go1.24.3, suspects: [swissmap, spinbitmutex]}
"""
AUTO = "question: {suspects: auto}\n"
PROGRAMS = {"large-buffers": ("largebuffers", "-retain-mib=256"),
            "live-map": ("livemap", "-entries=900000")}  # fmt: skip
RATIO = 1.5
"""Wall of all toggles by that of two, for a program whose change none of them explains."""
MOST_BUILDS = {"large-buffers": 5, "live-map": 8}
"""Variants of go1.24.3."""


def main() -> int:
    """Print times, builds and verdicts of both questions for both programs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds: int = parser.parse_args().rounds
    exceeded = False
    for name, (package, argument) in PROGRAMS.items():
        seconds: dict[str, list[float]] = {TWO: [], AUTO: []}
        for _ in range(rounds):
            for asked, found in seconds.items():
                with tempfile.TemporaryDirectory() as scratch:
                    root = Path(scratch)
                    (root / "matrix.yaml").write_text(
                        f"go: [go1.23.9, {CANDIDATE}]\n{asked}workloads: [{{name: {name}, "
                        f"package: {ROOT}/go_fixtures/{package}, args: ['{argument}']}}]\n",
                        encoding="utf-8",
                    )
                    found.append(_seconds(root, cache_without_builds(root / "cache")))
                    if asked == AUTO:
                        builds, verdicts = _screened(root / "reports" / "latest")
        two, auto = (statistics.median(found) for found in seconds.values())
        print(f"{name}: two suspects {two:.1f} s, all toggles {auto:.1f} s: {auto / two:.2f}")
        print(f"  {builds} builds of {CANDIDATE}; {verdicts}")
        exceeded |= builds > MOST_BUILDS[name] or (name == "large-buffers" and auto > RATIO * two)
    print(f"limits: {RATIO} for large-buffers; builds {MOST_BUILDS}")
    return int(exceeded)


def _seconds(root: Path, cache: Path) -> float:
    started = time.perf_counter()
    subprocess.run(
        [BIN / "gomatrix", "run"], cwd=root, env=os.environ | {"GOMATRIX_CACHE": str(cache)},
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return time.perf_counter() - started


def _screened(path: Path) -> tuple[int, str]:
    """Builds of the candidate's toolchain, and the verdicts in words."""
    screening = Run.load(path).screening
    builds = screening.manifest.builds if screening else ()
    made = {(b.settings, b.build.gcflags) for b in builds if b.toolchain == CANDIDATE}
    suspects = json.loads((path / "verdict.json").read_text())["suspects"]
    named = [" with ".join(s["toggles"]) for s in suspects if s["verdict"] != "ruled out"]
    ruled_out = len(suspects) - len(named)
    return len(made), f"{ruled_out} ruled out, not so: {', '.join(named) or 'none'}"


if __name__ == "__main__":
    sys.exit(main())
