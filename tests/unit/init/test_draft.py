from functools import cache
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.golang.cache import default_cache
from harness.golang.experiments import parse_meanings
from harness.golang.toolchains.resolve import Toolchain
from harness.init.programs import Program
from harness.init.survey import Survey, find_modules, highest
from harness.init.survey import survey as survey_modules
from harness.init.text import matrix_text, metrics_of, remarks
from harness.init.versions import Versions, _closest, any_go
from harness.matrix.document import SpecError
from harness.matrix.load import Matrix, load

pytestmark = pytest.mark.toolchain
VERSIONS = Versions(baseline="go1.24.3", candidate="go1.27.3")
MAIN = 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println() }\n'


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@cache
def newest_go() -> Toolchain:
    return any_go(default_cache(), print)


def survey(root: Path) -> Survey:
    modules = find_modules(root, newest_go(), default_cache())
    return survey_modules(root, modules, newest_go(), default_cache())


def loaded(found: Survey, root: Path, versions: Versions = VERSIONS) -> Matrix:
    (root / "matrix.yaml").write_text(matrix_text(found, versions))
    return load(root / "matrix.yaml")


def names(found: Survey) -> list[str]:
    return [program.directory for program in found.programs]


def program(tmp_path: Path, source: str) -> Program:
    files = {"go.mod": "module m\ngo 1.24\n", "main.go": source}
    return survey(write(tmp_path, files)).programs[0]


@pytest.mark.parametrize(
    ("mod", "go", "toolchain"),
    [
        ("module m\n\ngo 1.21\n", "1.21", None),
        ("module m\n\ngo 1.24.3 // why\n", "1.24.3", None),
        ("module m\ngo 1.24\ntoolchain go1.25.5\n", "1.24", "go1.25.5"),
        ("module m\ngo 1.25rc1\n", "1.25rc1", None),
        ("module m\n", None, None),
        ("module m\ngo 1.24\ntoolchain default\n", "1.24", None),
    ],
)
def test_the_lines_of_go_mod(tmp_path: Path, mod: str, go: str | None, toolchain: str) -> None:
    (found,) = find_modules(write(tmp_path, {"go.mod": mod}), newest_go(), default_cache())

    assert (found.go, found.toolchain) == (go, toolchain)


def test_programs_and_benchmarks_are_found_and_nothing_else(tmp_path: Path) -> None:
    benchmark = 'package codec\n\nimport "testing"\n\nfunc BenchmarkSum(b *testing.B) {\n}\n'
    root = write(tmp_path, {
        "go.mod": "module example.com/acme/orders/v2\n", "main.go": MAIN,
        "cmd/orders/main.go": MAIN, "cmd/orders/main_test.go": "package main\n",
        "codec/codec.go": "package codec\n", "codec/codec_test.go": benchmark,
        "gen/gen.go": "//go:build ignore\n\n" + MAIN,
        "cmd/win/main_windows.go": MAIN, "cmd/lib/lib.go": "package main\n",
        "testdata/x/main.go": MAIN, "vendor/x/main.go": MAIN, "_old/main.go": MAIN,
        "nested/go.mod": "module nested\n", "nested/main.go": MAIN,
        "text/text.go": "package text\n\n/*\npackage main\n*/\n// func main() {}\n",
    })  # fmt: skip

    found = survey(root)

    assert names(found) == [".", "./cmd/orders"]
    assert [p.name for p in found.programs] == ["orders", "cmd-orders"]
    assert [(b.directory, b.functions) for b in found.benchmarks] == [
        ("./codec", ("BenchmarkSum",))
    ]
    assert [w.name for w in loaded(found, root).spec.workloads] == [
        "orders", "cmd-orders", "codec-bench"
    ]  # fmt: skip


def test_a_workspace_is_one_whole(tmp_path: Path) -> None:
    root = write(tmp_path, {
        "go.work": "go 1.25\n\nuse (\n\t./a // first\n\t./b\n)\n",
        "a/go.mod": "module a\n\ngo 1.22\n", "a/main.go": MAIN,
        "b/go.mod": "module b\n\ngo 1.24\n", "b/cmd/x/main.go": MAIN,
        "c/go.mod": "module c\n", "c/main.go": MAIN,
    })  # fmt: skip

    modules = find_modules(root, newest_go(), default_cache())

    assert names(survey(root)) == ["./a", "./b/cmd/x"]
    assert highest(module.go for module in modules) == "1.25"


def test_a_module_below_is_found_and_one_above_seen_from_below(tmp_path: Path) -> None:
    root = write(tmp_path, {
        "services/api/go.mod": "module api\n", "services/api/cmd/x/main.go": MAIN,
        "services/api/cmd/y/main.go": MAIN, "services/api/doc/doc.go": "package doc\n",
    })  # fmt: skip

    assert names(survey(root)) == ["./services/api/cmd/x", "./services/api/cmd/y"]
    assert names(survey(root / "services/api/cmd/y")) == ["."]
    assert names(survey(root / "services/api/doc")) == ["../cmd/x", "../cmd/y"]


def test_no_module_and_nothing_to_measure_are_said(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"there is no go\.mod in .* run go mod init"):
        survey(tmp_path)
    write(tmp_path, {"go.mod": "module m\n", "lib.go": "package lib\n"})
    with pytest.raises(HarnessError, match="m: there is no main package and no benchmark"):
        survey(tmp_path)


def test_names_that_yaml_would_misread_survive(tmp_path: Path) -> None:
    root = write(tmp_path, {"go.mod": "module m\n", "no/main.go": MAIN, "1.20/main.go": MAIN})

    workloads = loaded(survey(root), root).spec.workloads

    assert [w.package for w in workloads] == ["./1.20", "./no"]


def test_what_the_go_command_refuses_is_no_workload(tmp_path: Path) -> None:
    root = write(tmp_path, {
        "go.mod": "module m\n", "good/main.go": MAIN, "a: b/main.go": MAIN, "-x/main.go": MAIN,
        "c/main.go": 'package main\n\nimport "C"\n\nfunc main() {}\n',
        "odd/main.go": "//go:build gc && !(windows || ignore)\n\n" + MAIN,
        "old/main.go": "// +build ignore\n\n" + MAIN,
    })  # fmt: skip

    assert names(survey(root)) == ["./good", "./odd"]


def test_a_module_in_blocks_and_quotes(tmp_path: Path) -> None:
    mod = 'module (\n\t"example.com/m" // the name\n)\n\ngo 1.24\n'
    (found,) = find_modules(write(tmp_path, {"go.mod": mod}), newest_go(), default_cache())

    assert (found.path, found.go) == ("example.com/m", "1.24")


def test_a_server_with_a_flag_is_served_on_a_free_port(tmp_path: Path) -> None:
    root = write(tmp_path, {
        "go.mod": "module example.com/m\ngo 1.24\n",
        "main.go": 'package main\n\nimport (\n\t"flag"\n\t"example.com/m/web"\n)\n\n'
        'func main() { web.Serve(*flag.String("listen", ":8080", "")) }\n',
        "web/web.go": 'package web\n\nimport "net/http"\n\nfunc Serve(a string) {\n'
        'http.HandleFunc("GET /healthz", nil)\nhttp.HandleFunc("/debug/vars", nil)\n'
        'http.HandleFunc("/orders/{id}", nil)\nhttp.HandleFunc("/orders", nil)\n'
        'log.Fatal(http.ListenAndServe(a, nil))\n}\n',
    })  # fmt: skip

    workload = loaded(survey(root), root).spec.workloads[0]

    assert workload.args == ["-listen=127.0.0.1:{port}"]
    assert workload.server is not None
    assert workload.server.ready.url == "http://127.0.0.1:{port}/healthz"
    assert workload.server.load.url == "http://127.0.0.1:{port}/orders"


def test_a_server_with_a_variable(tmp_path: Path) -> None:
    source = 'package main\n\nfunc main() { http.ListenAndServe(":"+os.Getenv("PORT"), nil) }\n'

    found = program(tmp_path, source)

    assert found.server is not None
    assert found.server.env == {"PORT": "{port}"}
    assert found.doubt is None


def test_a_server_on_one_port_runs_one_trial_at_a_time(tmp_path: Path) -> None:
    source = 'package main\n\nfunc main() {\n\thttp.ListenAndServe(":9090", nil)\n}\n'
    found = program(tmp_path, source)

    spec = loaded(survey(tmp_path), tmp_path).spec

    assert found.server is not None
    assert found.server.fixed_port == "9090"
    assert spec.trials.lanes == 1
    assert spec.workloads[0].server is not None
    assert spec.workloads[0].server.ready.url == "tcp://127.0.0.1:9090"


@pytest.mark.parametrize(
    ("body", "serves"),
    [
        ("log.Fatal(http.ListenAndServe(x, nil))", True),
        ("go http.ListenAndServe(x, nil)\n\tdo()", False),
        ("go func() {\n\t\tsrv.Serve(l)\n\t}()\n\tdo()", False),
        ("go func() {\n\t\tsrv.Serve(l)\n\t}()\n\tsignal.Notify(c)\n\t<-c", True),
        ('r.Run(":8080")', True),
        ("http.Get(x)", False),
        ("mux.ServeHTTP(w, r)", False),
    ],
)
def test_what_serves(tmp_path: Path, body: str, *, serves: bool) -> None:
    found = program(tmp_path, f"package main\n\nfunc main() {{\n\t{body}\n}}\n")

    assert (found.server is not None) == serves


def test_doubtful_programs_are_comments(tmp_path: Path) -> None:
    needs = 'package main\n\nfunc main() {\n\tif len(os.Args) < 2 {\n\t\tpanic("usage: x")\n}\n}\n'
    endless = "package main\n\nfunc main() {\n\tselect {}\n}\n"
    root = write(tmp_path, {"go.mod": "module m\n", "needs/main.go": needs,
                            "endless/main.go": endless})  # fmt: skip

    with pytest.raises(SpecError, match="'workloads' is empty"):
        loaded(survey(root), root)
    write(root, {"good/main.go": MAIN})
    together = loaded(survey(root), root)

    assert [w.name for w in together.spec.workloads] == ["good"]
    assert "# - name: needs" in together.text
    said = remarks(survey(root), VERSIONS)
    assert "./needs: it seems to need arguments; it is left as a comment" in said


def test_of_many_programs_few_are_measured_at_first(tmp_path: Path) -> None:
    files = {f"cmd/p{number}/main.go": MAIN for number in range(9)}
    root = write(tmp_path, {"go.mod": "module m\n", **files})

    matrix = loaded(survey(root), root)

    assert len(matrix.spec.workloads) == 4
    assert all(f"name: p{number}" in matrix.text for number in range(9))


def test_a_module_of_benchmarks_alone_is_judged_by_what_each_reports(tmp_path: Path) -> None:
    source = (
        "package p\n\nfunc BenchmarkA(b *testing.B) {\n\tb.Loop()\n}\n\n"
        "func BenchmarkB(b *testing.B) {\n\tb.Run(x, f)\n}\n\n"
        "func Benchmarks(b *testing.B) {\n}\n\nfunc TestC(t *testing.T) {\n}\n"
    )
    root = write(tmp_path, {"go.mod": "module m\n", "p.go": "package p\n", "p_test.go": source})

    spec = loaded(survey(root), root).spec

    assert spec.question is not None
    assert spec.question.metrics is None
    assert spec.measures_time
    assert metrics_of(survey(root)) == ["BenchmarkA ns/op"]
    assert spec.workloads[0].benchmark is not None
    assert spec.workloads[0].benchmark.run == "^(BenchmarkA|BenchmarkB)$"


def test_all_that_differs_is_suspected(tmp_path: Path) -> None:
    found = survey(write(tmp_path, {"go.mod": "module m\n", "main.go": MAIN}))

    spec = loaded(found, tmp_path, VERSIONS).spec

    assert spec.experiments == [[]]
    assert spec.question is not None
    assert [suspect.auto for suspect in spec.question.suspects or ()] == [True]


def test_of_one_go_version_the_baseline_has_all_experiments_off(tmp_path: Path) -> None:
    found = survey(write(tmp_path, {"go.mod": "module m\n", "main.go": MAIN}))
    versions = Versions(baseline="go1.27.3", candidate="go1.27.3", settings=("noa", "nob"))

    spec = loaded(found, tmp_path, versions).spec

    assert [toolchain.name for toolchain in spec.go] == ["go1.27.3"]
    assert spec.experiments == [["noa", "nob"], []]
    assert spec.question is not None
    assert (spec.question.baseline, spec.question.candidate) == ("go1.27.3+noa,nob", "go1.27.3")


def test_what_experiments_mean_is_read_from_gos_source() -> None:
    source = (
        "type Flags struct {\n\tOld bool\n\n\t// About several. More.\n\n\t// SwissMap enables\n"
        "\t// swiss maps. Beta.\n\tSwissMap bool\n\n"
        "\t// Two ends\n\t//\n\t// More.\n\tTwo bool\n}\n"
    )

    meanings = {"swissmap": "SwissMap enables swiss maps.", "two": "Two ends"}
    assert parse_meanings(source) == meanings


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [("go1.24", "go1.24.11"), ("go1.24.3", "go1.24.3"), ("go1.24.12", "go1.25.0"),
     ("go1.22", "go1.24.3"), ("go1.25", "go1.25.0")],
)  # fmt: skip
def test_the_baseline_is_the_modules_own_go_or_the_next_that_can_build_it(
    wanted: str, chosen: str
) -> None:
    available = ["go1.21.13", "go1.24.3", "go1.24.11", "go1.25.0", "go1.26rc1"]

    assert _closest(wanted, available) == chosen
