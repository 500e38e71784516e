"""What toolchains tell of their toggles, and whether it is so."""

import json
import subprocess
from pathlib import Path

import pytest
from golang_support import HELLO, NEW, OLD, built, get, output_of, shared_cache, write_module
from projects import Project

from harness.errors import HarnessError
from harness.golang.command import run_go
from harness.golang.experiments import KNOWN, KNOWN_MINORS
from harness.golang.godebugs import (
    meanings_of,
    parse,
    removed_of,
    settings_of,
)
from harness.golang.sources.inputs import reads_unknown_files
from harness.golang.switches import SWITCHES, Switch, merge_gcflags
from harness.golang.toolchains.resolve import Toolchain
from harness.golang.versions import GoVersion
from harness.matrix.models import BuildSpec
from harness.run.store import read_manifest

pytestmark = pytest.mark.toolchain
RELEASES = ("go1.21.13", "go1.22.10", OLD, NEW, "go1.25.5", "go1.26.6", "go1.27.3")
"""One of each minor version."""
SAMPLES = {
    "loopvar": "func f(g func(*int)) { for i := 0; i < 3; i++ { g(&i) } }",
    "zerocopy": """
//go:noinline
func g(b []byte) int { return len(b) }
func f(s string) int { return g([]byte(s)) }
""",
    "sccp": """
func g() bool
func f(n int) int {
	a, b := 3, 0
	for g() { if a > 2 { b += 1 } else { a = n; println(n) } }
	return a + b
}
""",
    "mergelocals": """
func f(b bool, i int) int {
	if b { var x [64]int; x[i&63] = 7; return x[(i+1)&63] }
	var y [64]int; y[i&63] = 8; return y[(i+2)&63]
}
""",
    "deadlocals": "func g(fn func()) {}\nfunc f() { g(func() { println() }) }",
    "variablemake": """
//go:noinline
func g(b []byte) int { return len(b) }
func f(n int) int { return g(make([]byte, n)) }
""",
    "literalalloc": "var s any\nfunc f() { n := 1000; s = any(n) }",
    "knownbits": "func f(x, y uint64) bool { return (x<<2|y<<3)&3 == 0 }",
    "licm": "func f(a []int, x, y int) { for i := range a { a[i] += x*y + x/3 } }",
}
"""Programs that each switch makes a difference to; those without one need a profile."""

LOOPS = """package main

import "testing"

//go:noinline
func fill(b []byte) int { return len(b) }

func main() {
	var seen []*int
	for i := 0; i < 3; i++ {
		seen = append(seen, &i)
	}
	n := len(seen) + 5
	made := testing.AllocsPerRun(10, func() { fill(make([]byte, n)) })
	println(seen[0] == seen[1], int(made))
}
"""
"""Prints whether iterations share their variable, and allocations by a small slice."""


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return shared_cache(tmp_path / "cache")


def defaults(toolchain: Toolchain, cache: Path, module: Path) -> dict[str, str]:
    """The GODEBUG settings that the go command gives a program."""
    form = '{"Default": "{{.DefaultGODEBUG}}"}'
    text = run_go(
        toolchain.goroot, toolchain.build_cache(cache), ["list", "-f", form, "."], directory=module
    )
    return parse(json.loads(text)["Default"])


@pytest.mark.parametrize("release", RELEASES)
def test_defaults_are_those_that_the_go_command_gives(
    tmp_path: Path, cache: Path, release: str
) -> None:
    toolchain = get(release, cache)
    own = release.removeprefix("go").rpartition(".")[0]
    for line in ("1.20", "1.21", own):
        files = {"go.mod": f"module example.test/program\n\ngo {line}\n", "main.go": HELLO}
        module = write_module(tmp_path / line, files)
        minor = GoVersion.parse(f"go{line}").minor
        given = {
            s.name: s.old for s in settings_of(toolchain.goroot).values()
            if s.follows_line and s.changed is not None and minor < s.changed
        }  # fmt: skip
        assert defaults(toolchain, cache, module) == given
        assert given or line == own


def test_names_of_experiments_are_known_by_heart(cache: Path) -> None:
    known = [get(release, cache).experiments.known for release in RELEASES]
    assert set[str]().union(*known) <= KNOWN
    assert [GoVersion.parse(release).minor for release in RELEASES] == list(KNOWN_MINORS)


def test_a_removed_setting_keeps_a_program_from_starting(tmp_path: Path, cache: Path) -> None:
    toolchain = get("go1.27.3", cache)
    removed = removed_of(toolchain.goroot)["asynctimerchan"]
    assert removed.minor == 27
    assert removed.name not in settings_of(toolchain.goroot)
    binary = built(toolchain, write_module(tmp_path / "module", {}), cache)
    for value, starts in ((removed.old[0], False), (removed.old[-1], False), ("0", True)):
        env = {"GODEBUG": f"{removed.name}={value}"}
        done = subprocess.run([binary], env=env, capture_output=True, check=False)
        assert (done.returncode == 0) is starts, done.stderr


def test_meanings_come_out_of_the_toolchains_own_words(cache: Path) -> None:
    found = meanings_of(get(NEW, cache).goroot)
    assert found["gcshrinkstackoff"].startswith("setting gcshrinkstackoff=1 disables moving")
    assert all(meaning.endswith(".") and "\n" not in meaning for meaning in found.values())


def compiled(
    toolchain: Toolchain, cache: Path, directory: Path, flags: str, code: str
) -> bytes | str:
    """The object file of a package without imports, or what the compiler said."""
    source, target = directory / "x.go", directory / "x.o"
    source.write_text(f"package x\n\n{code}\n")
    options = ["-p=x", "-lang=go1.22" if GoVersion.parse(toolchain.version).minor > 21 else "-c=2"]
    try:
        run_go(
            toolchain.goroot, toolchain.build_cache(cache),
            ["tool", "compile", *options, *flags.split(), "-o", str(target), str(source)],
            directory=directory,
        )  # fmt: skip
    except HarnessError as error:
        return str(error)
    return target.read_bytes()


@pytest.mark.parametrize("switch", SWITCHES, ids=lambda switch: switch.name)
@pytest.mark.parametrize("release", RELEASES)
def test_switches_turn_off_what_they_say_in_their_versions_alone(
    tmp_path: Path, cache: Path, release: str, switch: Switch
) -> None:
    toolchain = get(release, cache)
    code = SAMPLES.get(switch.name, "func f() {}")
    plain = compiled(toolchain, cache, tmp_path, "", code)
    off = compiled(toolchain, cache, tmp_path, f"-d={switch.debug}", code)
    assert isinstance(plain, bytes), plain
    if not switch.in_effect(release, "1.99"):
        unknown = isinstance(off, str) and ("unknown debug key" in off or "find a phase" in off)
        assert unknown or off == plain
        return
    assert isinstance(off, bytes), off
    assert (off != plain) is (switch.name in SAMPLES)
    if switch.search:
        nowhere = compiled(toolchain, cache, tmp_path, f"-d={switch.search}=n", code)
        assert isinstance(nowhere, bytes), nowhere
        assert (nowhere != plain) is (switch.name in SAMPLES)


@pytest.mark.soak
def test_switches_for_different_packages_hold_together(tmp_path: Path, cache: Path) -> None:
    toolchain = get("go1.25.5", cache)
    files = {"go.mod": "module example.test/program\n\ngo 1.22\n", "main.go": LOOPS}
    module = write_module(tmp_path / "module", files)
    texts = {s.name: s.gcflags("example.test/program") for s in SWITCHES}
    chosen = [texts["variablemake"], texts["loopvar"]]
    for gcflags, said in (
        ("", "false 0"),
        (chosen[0], "false 1"),
        (merge_gcflags("", chosen), "true 1"),
        (next(s for s in SWITCHES if s.line).gcflags("."), "true 0"),
        (merge_gcflags("-l", chosen[1:]), "true 0"),
    ):
        binary = built(toolchain, module, cache, spec=BuildSpec(gcflags=gcflags))
        assert output_of(binary) == said, gcflags


def test_a_profile_is_no_flag_of_any_package() -> None:
    gcflags = "all=-N -gcflags=example.test/...=-l -pgoprofile=cpu.pprof"
    with pytest.raises(HarnessError, match="for a profile write pgo:"):
        reads_unknown_files(BuildSpec(gcflags=gcflags))
    with pytest.raises(HarnessError, match="for a profile write pgo:"):
        reads_unknown_files(BuildSpec(gcflags="-N -gcflags=all=-pgoprofile=cpu.pprof"))


LINKED = """package main

import _ "unsafe"

//go:linkname isSweepDone runtime.isSweepDone
func isSweepDone() bool

func main() { println(isSweepDone()) }
"""


def test_a_flag_that_one_toolchain_needs_and_another_does_not_know(tmp_path: Path) -> None:
    root = write_module(tmp_path / "module", {"main.go": LINKED, "empty.s": ""})
    project = Project(root)
    text = (
        "go: [{go: go1.23.9, %s}, go1.21.13]\nworkloads: [{name: w, package: .}]\ntrials: 1\n"
        "question: {baseline: go1.21.13, candidate: go1.23.9}\n"
    )
    project.write(text % "build: {ldflags: -checklinkname=0}")
    done = project.gomatrix("run", "-n", "0")
    assert done.returncode == 0, done.stdout + done.stderr
    builds = read_manifest(project.latest).builds
    assert {b.toolchain: b.build.ldflags for b in builds} == {
        "go1.23.9": "-checklinkname=0",
        "go1.21.13": "",
    }
    project.write((text % "name: go1.23.9") + "build: {ldflags: -checklinkname=0}\n")
    done = project.gomatrix("run", "-n", "0")
    assert "flag provided but not defined: -checklinkname" in done.stdout + done.stderr
