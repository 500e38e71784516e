"""Builds: isolated, verified, keyed by content; workloads from everywhere."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from golang_support import (
    HELLO,
    NEW,
    OLD,
    build,
    built,
    find,
    finish_build,
    get,
    linked_goroot,
    output_of,
    quiet,
    shared_cache,
    start_build,
    write_module,
)
from projects import Project
from services import missing, needs_c

from harness.errors import HarnessError
from harness.golang.builds.build import build_all
from harness.golang.builds.cached import is_cached
from harness.golang.builds.request import MACHINES, BuildRequest, key_of
from harness.golang.builds.tools import Tool, build_tool
from harness.golang.builds.verify import parse_build_info
from harness.golang.cache import default_cache
from harness.golang.command import run_go
from harness.golang.toolchains.resolve import Toolchain
from harness.matrix.models import BuildSpec
from harness.run.store import read_manifest, read_trials

pytestmark = pytest.mark.toolchain
HOSTILE = {
    "GOGC": "5", "GODEBUG": "gctrace=1", "GOFLAGS": "-race", "GOEXPERIMENT": "rangefunc",
    "GOARCH": "arm64", "GOTOOLCHAIN": "go1.21.13",
}  # fmt: skip
PUBLISHED = "golang.org/x/example/hello@v0.0.0-20250915201037-7f05d217867b"
VERSION = 'package main\n\nimport "runtime"\n\nfunc main() { println(runtime.Version()) }\n'


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return shared_cache(tmp_path / "cache")


@pytest.fixture
def old(cache: Path) -> Toolchain:
    return get(OLD, cache)


@pytest.fixture
def new(cache: Path) -> Toolchain:
    return get(NEW, cache)


def test_the_callers_environment_changes_neither_key_nor_binary(tmp_path: Path) -> None:
    module = write_module(tmp_path / "module", {})
    home = tmp_path / "home"
    (home / ".config" / "go").mkdir(parents=True)
    inherited = {k: v for k, v in os.environ.items() if k not in (*HOSTILE, "XDG_CONFIG_HOME")}
    clean = inherited | {"HOME": str(home)}
    results = []
    for name, environment in (("clean", clean), ("variables", clean | HOSTILE), ("file", clean)):
        if name == "file":
            lines = "".join(f"{key}={value}\n" for key, value in HOSTILE.items())
            (home / ".config" / "go" / "env").write_text(lines)
        process = start_build(shared_cache(tmp_path / name), module, OLD, environment)
        record, _ = finish_build(process)
        assert record["cached"] is False
        results.append((record["key"], record["sha256"]))
    assert len(set(results)) == 1


def test_each_variant_says_what_it_was_built_with(
    tmp_path: Path, cache: Path, old: Toolchain, new: Toolchain
) -> None:
    module = write_module(tmp_path / "module", {"main.go": VERSION})
    assert output_of(built(old, module, cache)) == OLD
    assert output_of(built(new, module, cache)) == NEW
    settings = ("noswissmap", "nospinbitmutex")
    binary = built(new, module, cache, settings=settings)
    assert output_of(binary) == f"{NEW} X:noswissmap,nospinbitmutex"
    text = run_go(new.goroot, new.build_cache(cache), ["version", "-m", str(binary)])
    info = parse_build_info(binary, text)
    assert (info.version, info.deviations) == (NEW, settings)
    assert info.settings["GOEXPERIMENT"] == "noswissmap,nospinbitmutex"


def test_a_binary_that_says_otherwise_is_an_error(
    tmp_path: Path, cache: Path, old: Toolchain, new: Toolchain
) -> None:
    module = write_module(tmp_path / "module", {})
    wrong = new._replace(version=OLD)
    record = build(wrong, module, cache)
    assert record.error == (
        f"the binary of program with {NEW} says that it was built by {NEW}; it is not used"
    )
    assert not list(cache.glob("builds/[0-9a-f]*"))
    # ... and a toolchain that leaves the settings out
    lying = linked_goroot(old.goroot, tmp_path / "lying")
    go = lying / "bin" / "go"
    go.rename(lying / "bin" / "real")
    go.write_text(f'#!/bin/sh\nunset GOEXPERIMENT\nexec "{lying}/bin/real" "$@"\n')
    go.chmod(0o755)
    own = tmp_path / "own"
    toolchain = get({"path": str(lying)}, own)
    compiled = toolchain.build_cache(own)
    shutil.rmtree(compiled)
    compiled.symlink_to(old.build_cache(cache))  # the compiler is the same
    record = build(toolchain, module, own, settings=("rangefunc",))
    assert record.error is not None
    assert "says that it was built with GOEXPERIMENT=''" in record.error


def test_files_that_change_during_a_build_leave_nothing_under_the_old_key(
    tmp_path: Path, cache: Path, new: Toolchain
) -> None:
    module = write_module(tmp_path / "m", {})
    request = BuildRequest(
        source=find(new, module, cache), toolchain=new, settings=(), build=BuildSpec(), probe="off"
    )
    assert not is_cached(request, cache)  # its files are looked at, and changed only then
    (module / "main.go").write_text(HELLO.replace("hello", "changed"))
    (record,) = build_all([request], cache, quiet)
    assert record.error is not None
    assert "main.go was changed since this run began" in record.error
    assert output_of(built(new, module, cache)) == "changed"


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        ("echo '// more' >>main.go", True),
        ("echo 'package main' >more.go", True),
        ("rm -f go.sum && touch go.sum", True),
        ("echo more >notes.txt", False),  # a name more, of which the go command makes nothing
        ("cp main.go copy && mv copy main.go", False),  # the same content
    ],
)
def test_files_that_change_while_they_are_compiled(
    tmp_path: Path, cache: Path, new: Toolchain, change: str, *, changed: bool
) -> None:
    module = write_module(tmp_path / "m", {})
    slow = linked_goroot(new.goroot, tmp_path / "slow")
    go = slow / "bin" / "go"
    go.rename(slow / "bin" / "real")
    go.write_text(
        f'#!/bin/sh\n[ $1 != build ] || (cd {module} && {change})\nexec {slow}/bin/real "$@"\n'
    )
    go.chmod(0o755)
    toolchain = get({"path": str(slow)}, cache)
    compiled = toolchain.build_cache(cache)
    shutil.rmtree(compiled)
    compiled.symlink_to(new.build_cache(cache))  # the compiler is the same
    record = build(toolchain, module, cache, probe="off")
    if not changed:
        assert record.error is None
        return
    assert record.error is not None
    assert "were changed while program with slow was built; run it again" in record.error
    assert not list(cache.glob("builds/[0-9a-f]*"))


def test_a_failed_build_is_its_own_failure_alone(
    tmp_path: Path, cache: Path, new: Toolchain
) -> None:
    good = write_module(tmp_path / "good", {})
    bad = write_module(tmp_path / "bad", {"main.go": "package main\n\nfunc main() { x }\n"})
    requests = [
        BuildRequest(source=find(new, m, cache), toolchain=new, settings=(), build=BuildSpec())
        for m in (good, bad, good)
    ]
    said: list[str] = []
    records = build_all(requests, cache, said.append)
    assert [record.error is None for record in records] == [True, False, True]
    assert records[1].error is not None
    assert "main.go:3:15: undefined: x" in records[1].error
    assert output_of(records[0].binary) == "hello"


def test_tools_are_built_beside_programs(tmp_path: Path, cache: Path, new: Toolchain) -> None:
    module = write_module(tmp_path / "m", {})
    request = BuildRequest(
        source=find(new, module, cache), toolchain=new, settings=(), build=BuildSpec(), probe="off"
    )
    bad, alone = write_module(tmp_path / "bad", {"main.go": "package\n"}), tmp_path / "alone"
    write_module(alone, {"main.go": HELLO.replace("hello", "alone")})
    tools = [Tool(bad, new), Tool(module, new), Tool(alone, new, probed=True)]
    (record,) = build_all([request], cache, quiet, tools=tools)
    assert record.error is None
    made = {output_of(path / "tool") for path in (cache / "tools").iterdir() if path.name[0] != "."}
    assert made == {"hello", "alone"}
    with pytest.raises(HarnessError, match=r"main\.go:1:9"):
        build_tool(tools[0], cache)


def test_a_module_for_a_newer_go_does_not_apply(
    tmp_path: Path, cache: Path, old: Toolchain, new: Toolchain
) -> None:
    module = write_module(tmp_path / "m", {"go.mod": "module example.test/m\n\ngo 1.24\n"})
    source = find(new, module, cache)
    assert source.needs_newer(old.version) == f"its go.mod asks for go 1.24, newer than {OLD}"
    assert source.needs_newer(new.version) is None
    beyond = write_module(tmp_path / "n", {"go.mod": "module example.test/n\n\ngo 1.99.0\n"})
    assert find(new, beyond, cache).needs_newer(NEW) is not None
    work = tmp_path / "go.work"
    work.write_text("go 1.24.2\n\nuse ./m\n")
    assert find(new, module, cache).go == "1.24.2"


def test_sources_of_every_kind(tmp_path: Path, cache: Path, new: Toolchain) -> None:
    library = 'package lib\n\nconst Name = "{}"\n'
    program = 'package main\n\nimport "example.test/lib"\n\nfunc main() { println(lib.Name) }\n'
    requires = "module example.test/program\n\ngo 1.21\n\nrequire example.test/lib v1.0.0\n"
    lib_mod = "module example.test/lib\n\ngo 1.21\n"

    def write_library(directory: Path, name: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "go.mod").write_text(lib_mod)
        (directory / "lib.go").write_text(library.format(name))

    # replace: a directory outside of the module; editing it changes the build
    write_library(tmp_path / "lib", "replaced")
    replaced = requires + "\nreplace example.test/lib => ../lib\n"
    module = write_module(tmp_path / "a", {"go.mod": replaced, "main.go": program})
    first = build(new, module, cache)
    assert output_of(first.binary) == "replaced"
    write_library(tmp_path / "lib", "edited")
    second = build(new, module, cache)
    assert output_of(second.binary) == "edited"
    assert first.key != second.key
    # a package of another module than the matrix file's, by a path
    assert output_of(built(new, tmp_path, cache, package="./a")) == "edited"
    # a vendor directory
    vendored = {
        "go.mod": requires, "main.go": program,
        "vendor/modules.txt": "# example.test/lib v1.0.0\n## explicit; go 1.21\nexample.test/lib\n",
        "vendor/example.test/lib/lib.go": library.format("vendored"),
    }  # fmt: skip
    module = write_module(tmp_path / "b", vendored)
    assert output_of(built(new, module, cache)) == "vendored"
    # a workspace
    plain = requires.replace("\nrequire example.test/lib v1.0.0\n", "")
    module = write_module(tmp_path / "w" / "main", {"go.mod": plain, "main.go": program})
    write_library(tmp_path / "w" / "lib", "workspace")
    (tmp_path / "w" / "go.work").write_text("go 1.21\n\nuse ./main\nuse ./lib\n")
    first = build(new, module, cache)
    assert output_of(first.binary) == "workspace"
    write_library(tmp_path / "w" / "lib", "again")
    assert output_of(built(new, module, cache)) == "again"


def test_embedded_files_tags_and_linker_flags(tmp_path: Path, cache: Path, new: Toolchain) -> None:
    program = (
        'package main\n\nimport _ "embed"\n\n//go:embed text.txt\nvar text string\n\n'
        'var linked = "no"\n\nfunc main() { println(text, linked, tagged) }\n'
    )
    files = {
        "main.go": program, "text.txt": "one",
        "on.go": "//go:build special\n\npackage main\n\nconst tagged = true\n",
        "off.go": "//go:build !special\n\npackage main\n\nconst tagged = false\n",
    }  # fmt: skip
    module = write_module(tmp_path / "m", files)
    assert output_of(built(new, module, cache)) == "one no false"
    (module / "text.txt").write_text("two")
    spec = BuildSpec(tags=("special",), ldflags="-X 'main.linked=yes it is'")
    record = build(new, module, cache, spec=spec)
    assert output_of(record.binary) == "two yes it is true"
    subprocess.run(["/bin/sh", "-c", record.command], cwd=tmp_path, check=True)
    assert output_of(tmp_path / "program") == "two yes it is true"


@needs_c
def test_cgo_and_the_race_detector(
    tmp_path: Path, cache: Path, new: Toolchain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CGO_ENABLED", raising=False)
    program = (
        "package main\n\n// int answer(void) { return 42; }\n"
        'import "C"\n\nfunc main() { println(C.answer()) }\n'
    )
    module = write_module(tmp_path / "c", {"main.go": program})
    plain = build(new, module, cache)  # as go build does it
    assert output_of(plain.binary) == "42"
    assert plain.cgo
    without = build(new, module, cache, spec=BuildSpec(cgo=False))
    assert without.error is not None
    racy = write_module(tmp_path / "r", {})
    assert output_of(built(new, racy, cache, spec=BuildSpec(race=True))) == "hello"
    assert not build(new, racy, cache).cgo  # it has no C code
    monkeypatch.setenv("CGO_ENABLED", "0")
    assert build(new, module, cache).error is not None


@pytest.mark.soak
def test_profiles_and_instruction_sets(tmp_path: Path, cache: Path, new: Toolchain) -> None:
    collect = (
        'package main\n\nimport (\n\t"os"\n\t"runtime/pprof"\n)\n\nfunc main() {\n'
        "\tpprof.StartCPUProfile(os.Stdout)\n\tpprof.StopCPUProfile()\n}\n"
    )
    binary = built(new, write_module(tmp_path / "p", {"main.go": collect}), cache)
    profile = subprocess.run([binary], capture_output=True, check=True).stdout
    module = write_module(tmp_path / "m", {"cmd/main.go": HELLO})
    (module / "cmd" / "default.pgo").write_bytes(profile)
    (tmp_path / "other.pgo").write_bytes(profile)

    def setting(key: str, **choice: str) -> str | None:
        path = built(new, module, cache, spec=BuildSpec.model_validate(choice), package="./cmd")
        assert output_of(path) == "hello"
        text = run_go(new.goroot, new.build_cache(cache), ["version", "-m", str(path)])
        return parse_build_info(path, text).settings.get(key)

    assert setting("-pgo") == "default.pgo"  # as go build does it
    assert setting("-pgo", pgo="off") is None
    assert setting("-pgo", pgo="default.pgo") == "default.pgo"
    assert setting("-pgo", pgo="../other.pgo") == "other.pgo"
    assert setting("GOAMD64", goamd64="v2") == "v2"
    assert build(new, module, cache, package="./cmd").profile == "default.pgo"
    missing = build(new, module, cache, spec=BuildSpec(pgo="absent.pgo"), package="./cmd")
    assert missing.error is not None
    assert "there is no profile" in missing.error


@pytest.mark.parametrize("ldflags", ["", "-s -w"])
def test_binary_size_is_that_of_the_users_binary_and_not_of_the_one_with_the_probe(
    tmp_path: Path, cache: Path, new: Toolchain, ldflags: str
) -> None:
    module, spec = write_module(tmp_path / "m", {}), BuildSpec(ldflags=ldflags)
    plain = build(new, module, cache, spec=spec)
    probed = build(new, module, cache, spec=spec, probe="full")
    assert plain.size == Path(plain.binary).stat().st_size
    assert Path(probed.binary).stat().st_size > plain.size * 1.03
    assert 0 <= probed.size - plain.size < 8192  # the probe's place in the runtime
    text = probed.sections[".text"] - plain.sections[".text"]
    assert 0 <= text < 2048


def test_a_program_out_of_the_module_proxy(tmp_path: Path, cache: Path, new: Toolchain) -> None:
    probe = subprocess.run(
        [new.go, "list", "-m", PUBLISHED], cwd=tmp_path, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    if probe.returncode != 0:
        missing(f"the module proxy cannot be reached: {probe.stderr}")
    # with the probe, which the go command refuses to add to files of its module cache
    record = build(new, tmp_path, cache, probe="metrics", module=PUBLISHED)
    assert record.error is None
    assert output_of(record.binary) == "Hello, world!"
    again = find(new, tmp_path, cache, module=PUBLISHED)
    assert again.package == "golang.org/x/example/hello"
    with pytest.raises(HarnessError, match=r"module rsc\.io/absent/x@v9\.9\.9"):
        find(new, tmp_path, cache, module="rsc.io/absent/x@v9.9.9")
    with pytest.raises(
        HarnessError, match=r"is package quote, not package main; .* rsc\.io/quote/DIR"
    ):
        find(new, tmp_path, cache, module="rsc.io/quote@v1.5.2")


def test_a_module_or_workspace_around_the_cache_is_not_read(tmp_path: Path) -> None:
    for name in ("go.mod", "go.work"):
        line = "module example.test/around\n\n" if name == "go.mod" else ""
        (tmp_path / name).write_text(f"{line}go 1.99\n")
    fresh = tmp_path / "cache"
    fresh.mkdir()
    for kind in ("toolchains", "go-build"):
        (fresh / kind).symlink_to(default_cache() / kind)
    # where nothing is remembered of the toolchain, it is asked, from a directory below those files
    toolchain = get({"path": str(get(OLD, shared_cache(tmp_path / "c")).goroot)}, fresh)
    linked = linked_goroot(toolchain.goroot, tmp_path / "linked")
    assert get({"path": str(linked)}, tmp_path / "other").version == OLD
    tool = tmp_path / "tool" / "main.go"
    tool.parent.mkdir()
    tool.write_text(HELLO)
    assert output_of(build_tool(Tool(tool.parent, toolchain), fresh)) == "hello"


def test_a_runtime_that_the_probe_does_not_fit_still_builds_the_harness_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = shared_cache(tmp_path / "cache")
    toolchain = get(OLD, cache)
    tool = tmp_path / "tool" / "main.go"
    tool.parent.mkdir()
    tool.write_text(HELLO)
    probe = tmp_path / "probe.go"
    probe.write_text("package runtime\n\nvar gomatrix = absent\n")
    overlay = tmp_path / "overlay.json"
    target = toolchain.goroot / "src" / "runtime" / "zz_gomatrix.go"
    overlay.write_text(json.dumps({"Replace": {str(target): str(probe)}}))
    monkeypatch.setattr("harness.golang.builds.tools.write_overlay", lambda *_: overlay)
    assert output_of(build_tool(Tool(tool.parent, toolchain, probed=True), cache)) == "hello"


@pytest.mark.parametrize(
    ("package", "message"),
    [("./absent", "there is no directory './absent'"), ("./empty", "no Go files"),
     ("./lib", "is package lib, not package main"), ("a.test/b", "package 'a.test/b': ")],
)  # fmt: skip
def test_packages_that_are_none_are_explained(
    tmp_path: Path, cache: Path, new: Toolchain, package: str, message: str
) -> None:
    module = write_module(tmp_path / "m", {"lib/lib.go": "package lib\n"})
    (module / "empty").mkdir()
    with pytest.raises(HarnessError, match=message):
        find(new, module, cache, package=package)


def test_a_build_with_a_probe_and_one_without_have_their_own_keys(
    tmp_path: Path, cache: Path, new: Toolchain
) -> None:
    module = write_module(tmp_path / "m", {})
    source = find(new, module, cache)
    requests = [
        BuildRequest(source=source, toolchain=new, settings=s, build=b, probe=p)
        for s in ((), ("noswissmap",))
        for b in (BuildSpec(), BuildSpec(race=True), BuildSpec(goamd64="v2"))
        for p in ("full", "metrics", "off")
    ]
    padded = [r for r in (q._replace(aligned=True) for q in requests) if r.padded]
    assert len(padded) == (12 if os.uname().machine in MACHINES else 0)
    requests += padded
    assert len({key_of(request, "digest") for request in requests}) == len(requests)
    assert build_all([], cache, quiet) == []


def test_a_whole_run_is_the_same_under_a_hostile_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ", ".join(f'"{name}"' for name in [*HOSTILE, "GOMEMLIMIT"])
    program = f"""package main

import (
	"os"
	"runtime/debug"
)

func main() {{
	for _, name := range []string{{{names}}} {{
		if value, set := os.LookupEnv(name); set {{
			println("leaked:", name, value)
			os.Exit(7)
		}}
	}}
	if debug.SetGCPercent(100) != 100 {{
		os.Exit(8)
	}}
}}
"""
    write_module(tmp_path / "program", {"main.go": program})
    project = Project(tmp_path)
    project.write(f"go: {OLD}\nworkloads: [{{name: program, package: ./program}}]\ntrials: 1\n")
    monkeypatch.setenv("GOMATRIX_CACHE", str(default_cache()))
    results = []
    for hostile in (False, True):
        if hostile:
            stored = tmp_path / "home" / ".config" / "go" / "env"
            stored.parent.mkdir(parents=True)
            stored.write_text("".join(f"{key}={value}\n" for key, value in HOSTILE.items()))
            for key, value in {**HOSTILE, "HOME": str(tmp_path / "home")}.items():
                monkeypatch.setenv(key, value)
        done = project.gomatrix("run", "-n", "0")
        assert done.returncode == 0, done.stdout + done.stderr
        (record,) = read_manifest(project.latest).builds
        results.append((record.key, record.sha256))
    assert results[0] == results[1]


def test_a_build_that_fails_fails_its_cell_and_the_run_only_at_the_end(tmp_path: Path) -> None:
    write_module(tmp_path / "good", {})
    write_module(tmp_path / "bad", {"main.go": "package main\n\nfunc main() { x }\n"})
    project = Project(tmp_path)
    project.write(
        f"go: {OLD}\nworkloads: [{{name: bad, package: ./bad}}, {{name: good, package: ./good}}]\n"
        "trials: 1\n"
    )
    done = project.gomatrix("run", "-n", "0")
    assert done.returncode == 1
    assert "main.go:3:15: undefined: x" in done.stdout
    trials = {trial.workload: trial for trial in read_trials(project.latest)}
    assert trials["good"].outcome == "ok"
    assert trials["bad"].outcome == "build failed"
    assert "undefined: x" in (project.latest / "report.html").read_text()
