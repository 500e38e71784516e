"""A chi service's memory under the built-in load and under two public load generators.

Run as ``python benchmarks/load.py [--rounds 5]``: vegeta and hey, at the same rate and number of
connections, each driven as a ``command`` of the same harness. Prints the median peak of each and
its ratio to the built-in load's. Exits with 1 where vegeta's, whose requests are as evenly spaced,
is not within 3 %; hey's workers send theirs at one moment, so that all connections are in use.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from project import gomatrix

from harness.golang.cache import default_cache
from harness.init.versions import any_go
from harness.run.store import Run

CHI = "github.com/go-chi/chi/v5@v5.1.0"
VEGETA = "github.com/tsenart/vegeta/v12@v12.13.0"
HEY = "github.com/rakyll/hey@v0.1.5"
GO = "go1.26.6"
MIB = 1 << 20
RATE, CONNECTIONS, SECONDS = 200, 16, 8
LIMIT = 0.03
SERVICE = """package main

import (
	"encoding/json"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

type line struct {
	Order, Line int
	Text        string
}

var cache = make([][]byte, 16<<10) // what the service keeps: 64 MiB

// orders answers with the lines of one order, after as long as a database might take.
func orders(w http.ResponseWriter, r *http.Request) {
	order, _ := strconv.Atoi(chi.URLParam(r, "order"))
	page := make([]byte, 512<<10) // what the database would be read into
	for i := range page {
		page[i] = 'a'
	}
	time.Sleep(5 * time.Millisecond)
	lines := make([]line, 300)
	for i := range lines {
		lines[i] = line{order, i, string(page[i*100 : i*100+50])}
	}
	_ = json.NewEncoder(w).Encode(lines)
}

func main() {
	for i := range cache {
		cache[i] = make([]byte, 4<<10)
		for j := range cache[i] {
			cache[i][j] = 1
		}
	}
	router := chi.NewRouter()
	router.Use(middleware.RequestID, middleware.Recoverer)
	router.Get("/orders/{order}", orders)
	_ = http.ListenAndServe(os.Args[1], router)
}
"""
URL = "http://127.0.0.1:{port}/orders/7"
KEPT = f"-connections={CONNECTIONS} -max-connections={CONNECTIONS}"
ATTACK = f"TOOLS/vegeta attack -rate={RATE} -duration={SECONDS}s {KEPT}"
EACH = RATE // CONNECTIONS
LOADS = {
    "built-in": f"{{url: '{URL}', rate: {RATE}, duration: {SECONDS}s, connections: {CONNECTIONS}}}",
    "vegeta": f"{{command: [sh, -c, 'echo GET {URL} | {ATTACK} | TOOLS/vegeta report']}}",
    "hey": f"{{command: [TOOLS/hey, -z, {SECONDS}s, -c, '{CONNECTIONS}', -q, '{EACH}', '{URL}']}}",
}
WORKLOAD = """\
- name: %s
  package: .
  args: ["127.0.0.1:{port}"]
  server: {ready: "tcp://127.0.0.1:{port}", warmup: 1s, load: %s}
"""


def main() -> int:
    """Print a line for each generator."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    rounds: int = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as scratch:
        root, tools = Path(scratch) / "service", Path(scratch) / "tools"
        root.mkdir()
        (root / "main.go").write_text(SERVICE, encoding="utf-8")
        (root / "go.mod").write_text("module service\n\ngo 1.21\n", encoding="utf-8")
        run_go(root, tools, "get", CHI)
        for generator in (VEGETA, HEY):
            run_go(root, tools, "install", generator)
        rows = (
            WORKLOAD % (name, load.replace("TOOLS", str(tools))) for name, load in LOADS.items()
        )
        text = f"go: [{GO}]\ntrials: {{min: {rounds}, max: {rounds}}}\nworkloads:\n"
        (root / "matrix.yaml").write_text(text + "".join(rows), encoding="utf-8")
        run = Run.load(gomatrix(root))
    found = {name: [t for t in run.trials if t.workload == name and t.ok] for name in LOADS}
    peaks = {name: [t.metrics["rss.peak"] or 0.0 for t in trials] for name, trials in found.items()}
    base = statistics.median(peaks["built-in"])
    for name, trials in found.items():
        allocated = statistics.median(t.metrics["allocs.objects"] or 0.0 for t in trials)
        peak, low, high = statistics.median(peaks[name]), min(peaks[name]), max(peaks[name])
        print(
            f"{name}: rss.peak {peak / MIB:.2f} MiB [{low / MIB:.2f}, {high / MIB:.2f}], "
            f"{peak / base - 1:+.1%}; {allocated:,.0f} objects; {len(trials)} trials"
        )
    return int(abs(statistics.median(peaks["vegeta"]) / base - 1) > LIMIT)


def run_go(directory: Path, tools: Path, *arguments: str) -> None:
    """Run a go command that installs into ``tools``."""
    newest = any_go(default_cache(), lambda _: None)
    environment = os.environ | {"GOBIN": str(tools), "GOTOOLCHAIN": "local"}
    subprocess.run([newest.go, *arguments], cwd=directory, env=environment, check=True)


if __name__ == "__main__":
    sys.exit(main())
