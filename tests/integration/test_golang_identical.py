"""Builds that are the same program, on real toolchains."""

from pathlib import Path

import pytest
from golang_support import HELLO, NEW, find, get, output_of, shared_cache, write_module

from harness.golang.builds.build import build_all
from harness.golang.builds.identical import code_digest
from harness.golang.builds.request import BuildRequest
from harness.golang.toolchains.resolve import Toolchain
from harness.matrix.models import BuildSpec

pytestmark = pytest.mark.toolchain
GENERIC_ALIAS = """package main

type box[T any] struct{ value T }
type alias[T any] = box[T]

func main() { println(alias[int]{3}.value) }
"""
MAPS = 'package main\n\nfunc main() { m := map[string]int{"a": 1}; println(len(m)) }\n'
MAKES = """package main

//go:noinline
func fill(b []byte) int { return len(b) }

func main() { println(fill(make([]byte, len(table)))) }

var table = []int{1}
"""
BENCHMARK = """package program

import "testing"

//go:noinline
func fill(b []byte) int { return len(b) }

func BenchmarkFill(b *testing.B) { fill(make([]byte, SIZE)) }
"""
SWITCHED = "example.test/program=-d=variablemakehash=n"
"""The standard library makes slices too, so only the program's own package is switched."""


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return shared_cache(tmp_path / "cache")


def digest(
    toolchain: Toolchain, cache: Path, module: Path, *settings: str, **build: object
) -> str | None:
    """The digest of a module's program, without the probe."""
    request = BuildRequest(
        source=find(toolchain, module, cache), toolchain=toolchain, settings=settings,
        build=BuildSpec.model_validate(build), probe="off",
    )  # fmt: skip
    return code_digest(request, cache)


@pytest.mark.soak
def test_an_idle_experiment_leaves_the_program_as_it_is(tmp_path: Path, cache: Path) -> None:
    toolchain = get(NEW, cache)
    module = write_module(tmp_path / "module", {"main.go": MAPS})
    plain = digest(toolchain, cache, module)
    assert plain is not None
    assert digest(toolchain, cache, module, "noaliastypeparams") == plain
    others = {
        digest(toolchain, cache, module, setting) for setting in ("noswissmap", "nospinbitmutex")
    }
    assert len({plain, None, *others}) == 4


def test_an_experiment_that_a_program_needs_is_not_called_idle(tmp_path: Path, cache: Path) -> None:
    toolchain = get(NEW, cache)
    files = {"go.mod": "module example.test/program\n\ngo 1.24\n", "main.go": GENERIC_ALIAS}
    module = write_module(tmp_path / "module", files)
    assert digest(toolchain, cache, module) is not None
    # without it this does not even compile
    assert digest(toolchain, cache, module, "noaliastypeparams") is None


@pytest.mark.parametrize("release", [pytest.param("go1.25.5", marks=pytest.mark.soak), "go1.27.3"])
def test_a_compiler_switch_is_idle_where_nothing_is_made_for_it(
    tmp_path: Path, cache: Path, release: str
) -> None:
    toolchain = get(release, cache)
    idle = write_module(tmp_path / "idle", {})
    needy = write_module(tmp_path / "needy", {"main.go": MAKES})
    plain = digest(toolchain, cache, idle)
    assert plain is not None
    assert digest(toolchain, cache, idle, gcflags=SWITCHED) == plain
    pair = digest(toolchain, cache, needy), digest(toolchain, cache, needy, gcflags=SWITCHED)
    assert len({None, *pair}) == 3


def test_benchmarks_with_the_probe_are_compared_too(tmp_path: Path, cache: Path) -> None:
    toolchain = get("go1.27.3", cache)  # with which test_measure.py has benchmarks too
    found = {}
    for size in ("1", "b.N"):
        files = {"bench_test.go": BENCHMARK.replace("SIZE", size)}
        module = write_module(tmp_path / size, files)
        (module / "main.go").unlink()
        source = find(toolchain, module, cache, benchmark={"package": ".", "run": "."})
        for gcflags in ("", SWITCHED):
            request = BuildRequest(
                source=source, toolchain=toolchain, settings=(), build=BuildSpec(gcflags=gcflags)
            )
            found[size, gcflags] = code_digest(request, cache)
    assert None not in found.values()
    assert found["1", ""] == found["1", SWITCHED]
    assert found["b.N", ""] != found["b.N", SWITCHED]


def test_the_digest_is_of_content_and_kept_beside_the_build(tmp_path: Path, cache: Path) -> None:
    toolchain = get(NEW, cache)
    module = write_module(tmp_path / "a", {})
    first = digest(toolchain, cache, module)
    assert first == digest(toolchain, cache, write_module(tmp_path / "b", {}))
    (kept,) = cache.glob("builds/*/code-*")
    assert kept.read_text() == first
    kept.write_text("remembered")
    assert digest(toolchain, cache, module) == "remembered"
    changed = write_module(tmp_path / "c", {"main.go": HELLO.replace("hello", "hullo")})
    assert digest(toolchain, cache, changed) not in (None, first)
    assert not list(cache.glob("builds/.*~*"))


def test_the_users_flags_for_the_linker_stay(tmp_path: Path, cache: Path) -> None:
    toolchain = get(NEW, cache)
    named = 'package main\n\nvar name = "x"\n\nfunc main() { println(name) }\n'
    module = write_module(tmp_path / "module", {"main.go": named})
    plain = digest(toolchain, cache, module)
    assert digest(toolchain, cache, module, ldflags="-s=false -w=0") == plain
    assert digest(toolchain, cache, module, ldflags="-X main.name=y") not in (None, plain)


@pytest.mark.parametrize(
    "build",
    [
        {"cgo": True},
        {"race": True},
        {"ldflags": "-linkmode=external"},
        {"ldflags": "-X runtime.buildVersion=go1"},
        {"ldflags": "-B gobuildid"},
        {"gcflags": "-no-such-flag"},
    ],
)
def test_what_is_not_certain_has_no_digest(
    tmp_path: Path, cache: Path, build: dict[str, object]
) -> None:
    module = write_module(tmp_path / "module", {})
    assert digest(get(NEW, cache), cache, module, **build) is None


def test_a_digest_is_of_a_program_that_runs(tmp_path: Path, cache: Path) -> None:
    toolchain = get("go1.21.13", cache)
    module = write_module(tmp_path / "it's here", {})
    request = BuildRequest(
        source=find(toolchain, module, cache), toolchain=toolchain, settings=(), build=BuildSpec()
    )
    assert code_digest(request, cache) is not None
    (record,) = build_all([request], cache, print)
    assert record.cached
    assert output_of(record.binary) == "hello"
