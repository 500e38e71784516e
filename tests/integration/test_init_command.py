import json
import re

import pytest
from projects import Project

from harness.matrix.load import load

pytestmark = [pytest.mark.toolchain, pytest.mark.soak]

SERVER = """\
package main

import (
	"flag"
	"log"
	"net/http"
)

func main() {
	address := flag.String("listen", ":8080", "where to listen")
	flag.Parse()
	http.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {})
	http.HandleFunc("GET /orders", func(w http.ResponseWriter, r *http.Request) {
		w.Write(make([]byte, 1000))
	})
	log.Fatal(http.ListenAndServe(*address, nil))
}
"""
PROGRAM = """\
package main

var kept [][]byte

func main() {
	for len(kept) < 400 {
		kept = append(kept, make([]byte, 100_000))
		for i := range kept[len(kept)-1] {
			kept[len(kept)-1][i]++
		}
	}
}
"""
OTHERS = {
    "cmd/empty/main.go": "package main\n\nfunc main() {}\n",
    "cmd/reader/main.go": 'package main\n\nimport ("io"; "os")\n\n'
    "func main() { io.Copy(io.Discard, os.Stdin) }\n",
    "daemon/main.go": """\
package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	if len(os.Args) != 2 || os.Args[1] != "serve" {
		fmt.Println("Usage: daemon COMMAND\\n\\nCommands:\\n  serve  serves\\n  help   helps")
		return
	}
	http.ListenAndServe("127.0.0.1:18127", nil)
}
""",
    "bad/bad_test.go": 'package bad\n\nimport "testing"\n\n'
    'func BenchmarkBad(b *testing.B) {\n\tpanic("oh no")\n}\n',
    "half/half_test.go": 'package half\n\nimport "testing"\n\n'
    'func BenchmarkBad(b *testing.B) {\n\tb.Fatal("no luck")\n}\n\n'
    "func BenchmarkGood(b *testing.B) {\n\tfor i := 0; i < b.N; i++ {\n\t}\n}\n",
}
BENCHMARK = """\
package codec

import "testing"

func BenchmarkSum(b *testing.B) {
	data := make([]byte, 1000)
	for i := 0; i < b.N; i++ {
		for j := range data {
			data[j]++
		}
	}
}
"""


def test_what_init_writes_runs_without_another_step(empty_project: Project) -> None:
    root = empty_project.root
    for name, text in {
        "go.mod": "module example.com/orders\n\ngo 1.26\n", "cmd/api/main.go": SERVER,
        "cmd/tool/main.go": PROGRAM, "codec/codec_test.go": BENCHMARK,
        "codec/codec.go": "package codec\n",
    }.items():  # fmt: skip
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)

    written = empty_project.gomatrix("init")
    assert written.returncode == 0, written.stderr
    text = (root / "matrix.yaml").read_text()
    quick = text.replace("min: 5, max: 10", "min: 1, max: 1").replace("5s", "500ms")
    quick = re.sub(r"^  - \[no.*\n", "", quick, flags=re.MULTILINE)  # two builds will do
    assert quick != text
    (root / "matrix.yaml").write_text(quick)
    done = empty_project.gomatrix("run")

    assert done.returncode == 0, done.stdout
    assert (empty_project.latest / "report.html").exists()
    verdict = json.loads((empty_project.latest / "verdict.json").read_text())
    assert {c["workload"] for c in verdict["comparisons"]} == {"api", "tool", "codec-bench"}
    again = empty_project.gomatrix("init")
    assert (again.returncode, "left as it is" in again.stdout) == (0, True)
    assert (root / "matrix.yaml").read_text() == quick


def test_what_does_not_run_as_it_is_is_a_comment_with_the_reason(empty_project: Project) -> None:
    root = empty_project.root
    for name, text in {"go.mod": "module example.com/m\n\ngo 1.26\n", **OTHERS}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    written = empty_project.gomatrix("init")
    assert written.returncode == 0, written.stderr
    text = (root / "matrix.yaml").read_text()
    spec = load(root / "matrix.yaml").spec
    daemon, half = spec.workloads
    assert half.benchmark is not None
    assert half.benchmark.run == "^BenchmarkGood$"
    assert (daemon.name, daemon.args, spec.trials.lanes) == ("daemon", ["serve"], 1)
    assert daemon.server is not None
    assert daemon.server.ready.url == "tcp://127.0.0.1:18127"
    assert "#   # it ended at once, without work" in text
    assert "#   # it reads its standard input" in text
    assert "#   # one round of them ended with status 2: panic: oh no" in text


def test_where_no_go_can_be_had_init_says_so(
    empty_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_project.root / "go.mod").write_text("module m\n\ngo 1.24\n")
    (empty_project.root / "main.go").write_text(PROGRAM)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(empty_project.root))
    monkeypatch.setenv("GOMATRIX_CACHE", str(empty_project.root / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("GOPROXY", "off")

    written = empty_project.gomatrix("init")

    assert written.returncode == 2
    assert "the go command is needed to read the module" in written.stderr
    assert not (empty_project.root / "matrix.yaml").exists()
