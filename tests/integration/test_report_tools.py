"""What the report writes and reads, against the tools of the Go project itself."""

import csv
import os
import shutil
import statistics
import subprocess
from pathlib import Path

import pytest
from services import missing
from synthetic import make_run
from verdicts import make_verdict

from harness.profiles.merge import merge, top
from harness.profiles.pprof import parse_heap
from harness.report.formats import FORMATS

pytestmark = [pytest.mark.toolchain, pytest.mark.soak]

PROGRAM = """package main

import ("os"; "runtime"; "runtime/pprof")

var kept [][]byte

func fill(n int) { for range n { kept = append(kept, make([]byte, 1<<20)) } }

func main() {
	runtime.MemProfileRate = 1
	fill(32)
	runtime.GC()
	file, err := os.Create(os.Args[1])
	if err != nil { panic(err) }
	if err := pprof.Lookup("heap").WriteTo(file, 0); err != nil { panic(err) }
}
"""


@pytest.fixture(scope="module")
def go() -> str:
    found = shutil.which("go")
    if found is None:
        pytest.skip("needs a go command on PATH to get benchstat and pprof")
    return found


def run_tool(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=900,
        env=os.environ | {"GOFLAGS": "", "GOEXPERIMENT": ""} | environment,
    )  # fmt: skip


def test_medians_of_benchstat_are_ours(go: str, tmp_path: Path) -> None:
    package = "golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da"
    installed = run_tool(go, "install", package, GOBIN=str(tmp_path))
    if installed.returncode:
        missing(f"benchstat cannot be had here: {installed.stderr.splitlines()[-1]}")

    def measure(_workload: str, variant: str, number: int) -> dict[str, float | None]:
        base = 422 if variant.startswith("go1.24.3") else 270
        return {"rss.peak": base * 1e6 + 12345.0 * number**2, "cpu.user": 1.25}

    run = make_run(measure)
    data = tmp_path / "out.txt"
    text = FORMATS["benchfmt"](run, make_verdict(run, "go1.23.9", "go1.24.3"))
    data.write_text(text, encoding="utf-8")
    done = run_tool(
        str(tmp_path / "benchstat"), "-format", "csv", "-col", "toolchain",
        "-filter", ".unit:rss.peak-bytes experiments:default", str(data),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = list(csv.reader(done.stdout.splitlines()))
    toolchains = next(row for row in rows if row[1:2] == ["go1.23.9"])
    medians = next(row for row in rows if row[:1] == ["Large-buffers"])
    for name in ("go1.23.9", "go1.24.3", "go1.24.11"):
        ours = statistics.median(
            t.metrics["rss.peak"] or 0 for t in run.trials if t.variant == name
        )
        assert float(medians[toolchains.index(name)]) == pytest.approx(ours, rel=1e-6)


def test_profiles_read_without_go_are_what_pprof_reads(go: str, tmp_path: Path) -> None:
    source, heap = tmp_path / "main.go", tmp_path / "heap.pb.gz"
    source.write_text(PROGRAM, encoding="utf-8")
    made = run_tool(go, "run", str(source), str(heap))
    assert made.returncode == 0, made.stderr
    ours = parse_heap(heap.read_bytes())
    fill = sum(size for stack, size in ours.items() if stack[-1] == "main.fill")
    assert fill >= 32 << 20
    (merged := tmp_path / "merged.pb.gz").write_bytes(merge([heap, heap]))
    for path, times in ((heap, 1), (merged, 2)):
        rows = run_tool(go, "tool", "pprof", "-top", "-unit=B", "-sample_index=inuse_space",
                        str(path))  # fmt: skip
        assert rows.returncode == 0, rows.stderr
        line = next(line for line in rows.stdout.splitlines() if "main.fill" in line)
        assert float(line.split()[0].removesuffix("B")) == fill * times
        (held,) = [holder for holder in top([path]) if holder.function == "main.fill"]
        assert (held.flat, held.cumulative) == (fill * times, fill * times)
