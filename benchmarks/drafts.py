"""What a first hour with a real project gives: `gomatrix init` and `run` without an edit.

Run as ``python benchmarks/drafts.py [--run SECONDS] [WORD …]``: for each published module whose
path holds one of the words (all without one), download it, copy it, and write the draft. With
``--run``, measure it too, for that long at most. Prints a row of a Markdown table a module.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness.golang.cache import default_cache
from harness.init.versions import any_go
from harness.matrix.document import SpecError
from harness.matrix.load import load

MODULES = (
    "github.com/evanw/esbuild@v0.25.5",
    "github.com/caddyserver/caddy/v2@v2.8.4",
    "github.com/benhoyt/goawk@v1.29.1",
    "go.etcd.io/bbolt@v1.3.11",
    "github.com/tetratelabs/wazero@v1.8.0",
    "github.com/itchyny/gojq@v0.12.14",
    "github.com/go-chi/chi/v5@v5.1.0",
    "github.com/tdewolff/minify/v2@v2.20.37",
)
HEAD = "| module | init | measured | left as a comment, with the reason |\n|---|---|---|---|"


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", type=float, default=0.0)
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    chosen = [m for m in MODULES if not options.words or any(w in m for w in options.words)]
    print(HEAD, flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        for number, module in enumerate(chosen):
            print(row(module, Path(scratch) / str(number), options.run), flush=True)
    return 0


def row(module: str, directory: Path, seconds: float) -> str:
    """Draft a matrix for a module, measure it for some seconds, and tell of both."""
    fetch(module, directory)
    began = time.monotonic()
    said = gomatrix(directory, "init")
    took = time.monotonic() - began
    reasons = [line for line in said.splitlines() if "as a comment" in line or "nothing" in line]
    try:
        names = [workload.name for workload in load(directory / "matrix.yaml").spec.workloads]
    except SpecError:
        names = []
    measured = ", ".join(names) or "nothing"
    if names and seconds:
        measured += ": " + measure(directory, seconds)
    told = "<br>".join(reason.replace("|", "\\|") for reason in reasons)
    return f"| `{module}` | {took:.0f} s | {measured} | {told} |"


def fetch(module: str, directory: Path) -> None:
    """Copy a module's source from the proxy."""
    go = any_go(default_cache(), lambda _: None)
    done = subprocess.run(
        [go.go, "mod", "download", "-json", module], capture_output=True, text=True, check=True,
        cwd="/", env=os.environ | {"GOTOOLCHAIN": "local"},
    )  # fmt: skip
    shutil.copytree(json.loads(done.stdout)["Dir"], directory)
    for path in [directory, *directory.rglob("*")]:
        path.chmod(path.stat().st_mode | 0o200)


def measure(directory: Path, seconds: float) -> str:
    """The verdict's first sentences of what was measured."""
    gomatrix(directory, "run", seconds=seconds)
    latest = directory / "reports" / "latest" / "verdict.json"
    if not latest.exists():
        return f"no verdict within {seconds:.0f} s"
    verdict = json.loads(latest.read_text())
    return "; ".join(headline["sentence"] for headline in verdict["headlines"]).replace("|", "\\|")


def gomatrix(directory: Path, *arguments: str, seconds: float | None = None) -> str:
    """Run a command; what it printed. After ``seconds`` it is interrupted, as by Ctrl-C."""
    command = [str(Path(sys.executable).with_name("gomatrix")), *arguments]
    with subprocess.Popen(
        command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            return process.communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired:
            process.send_signal(2)
            return process.communicate()[0]


if __name__ == "__main__":
    sys.exit(main())
