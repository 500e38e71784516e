import os
import platform
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from bisect_support import TrialClassifier
from golang_support import NEW, OLD, find, get, quiet, shared_cache, write_module

from harness.bisect.source.answer import DIRECTIONS, Direction, SourceAnswer
from harness.bisect.source.changes import Edit, combine, compare
from harness.bisect.source.needs import Needs
from harness.bisect.source.search import search_source
from harness.bisect.source.split import make_splitter
from harness.bisect.source.used import differences, library, moved_packages, used_files
from harness.golang.patches import apply_patches
from harness.golang.toolchains.resolve import Toolchain
from harness.matrix.models import BuildSpec

pytestmark = pytest.mark.toolchain

PROGRAM = """package main

import (
	"container/list"
	"container/ring"
	"math"
)

func main() {
	l := list.New()
	l.PushBack(ring.New(2).Len())
	var ballast []byte
	if math.Hypot(3, 4) != 5 {
		ballast = make([]byte, 32<<20)
		for i := range ballast {
			ballast[i] = 1
		}
	}
	println(l.Len(), len(ballast))
}
"""
PATCH = shutil.which("patch") or "patch"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared_cache(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def good(cache: Path) -> Toolchain:
    return get(NEW, cache)


@pytest.fixture(scope="module")
def search(
    cache: Path, good: Toolchain, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Toolchain], SourceAnswer]:
    """A search from a release to a toolchain that differs, on a program that may get a ballast."""
    module = write_module(tmp_path_factory.mktemp("module"), {"main.go": PROGRAM})

    def run(bad: Toolchain) -> SourceAnswer:
        source = find(good, module, cache)
        classify = TrialClassifier(source, (good, bad), cache)
        return search_source(good, bad, source, (), BuildSpec(), classify, cache, quiet)

    return run


def edit(texts: Callable[[str], str], *changes: tuple[str, str, str]) -> dict[str, str]:
    """Files with some of their text replaced."""
    made: dict[str, str] = {}
    for path, old, new in changes:
        text = made.get(path) or texts(path)
        assert text.count(old) == 1, (path, old)
        made[path] = text.replace(old, new)
    return made


def edited(
    toolchain: Toolchain, files: dict[str, str | None], *changes: tuple[str, str, str]
) -> Toolchain:
    """A toolchain with texts of its files replaced, and files added or taken away."""

    def own(path: str) -> str:
        return (toolchain.goroot / path).read_text(encoding="utf-8")

    patched = files | edit(own, *DECOYS, *changes)
    return toolchain._replace(name=f"{toolchain.name}~edited", patched=patched)


DECOYS = (
    ("src/container/list/list.go", "// Next returns the next list", "// Next gives the next list"),
    ("src/container/list/list.go", "int { return l.len }", "int { return 0 + l.len }"),
    ("src/container/ring/ring.go", "\tn := 0\n", "\tn := 1 - 1\n"),
    ("src/math/floor.go", "\treturn floor(x)\n", "\ty := floor(x)\n\treturn y\n"),
    ("src/container/heap/heap.go", "\tn := h.Len()\n\tfor", "\tn := h.Len() + 0\n\tfor"),
)
BALLAST = """package list

const size = 32 << 20

func newBallast() []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = 1
	}
	return b
}

func unused() {}
"""


def names(answer: SourceAnswer) -> list[str]:
    return [culprit.name for culprit in answer.culprits]


def assert_confirmed(answer: SourceAnswer) -> None:
    assert answer.stopped is None
    assert answer.forward is not None
    assert answer.reverse is not None
    assert (answer.forward.state, answer.reverse.state) == ("bad", "good")


@pytest.mark.soak
def test_a_field_its_uses_and_an_added_file_are_found_together(
    search: Callable[[Toolchain], SourceAnswer], good: Toolchain, tmp_path: Path
) -> None:
    list_go = "src/container/list/list.go"
    bad = edited(
        good, {"src/container/list/ballast.go": BALLAST},
        (list_go, "type List struct {\n", "type List struct {\n\tballast []byte\n"),
        (list_go, "\tl.len = 0\n", "\tl.len = 0\n\tl.ballast = newBallast()\n"),
    )  # fmt: skip
    answer = search(bad)
    assert sorted(names(answer)) == [
        "container/list.(*List).Init", "container/list.List", "container/list.newBallast",
        "container/list.size",
    ]  # fmt: skip
    assert_confirmed(answer)
    assert answer.elsewhere == 1  # container/heap
    assert "unused" not in answer.diff
    assert_applies(answer.diff, good, tmp_path)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="edits amd64's assembly")
@pytest.mark.soak
def test_a_change_in_assembly_is_found(
    search: Callable[[Toolchain], SourceAnswer], good: Toolchain
) -> None:
    hypot = "src/math/hypot_amd64.s"
    bad = edited(good, {}, (hypot, "\tMULSD   X1, X0\n", "\tMULSD   X1, X0\n\tADDSD   X0, X0\n"))
    answer = search(bad)
    assert names(answer) == ["math.archHypot"]
    assert "+\tADDSD   X0, X0\n" in answer.diff
    assert_confirmed(answer)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="edits amd64's assembly")
@pytest.mark.soak
def test_files_that_go_away_and_build_constraints_are_found_together(
    search: Callable[[Toolchain], SourceAnswer], good: Toolchain, tmp_path: Path
) -> None:
    bad = edited(
        good, dict.fromkeys(("src/math/hypot_asm.go", "src/math/hypot_amd64.s")),
        ("src/math/hypot_noasm.go", "//go:build !386 && !amd64\n", ""),
        ("src/math/hypot.go", "\treturn p * Sqrt(1+q*q)\n", "\treturn 2 * p * Sqrt(1+q*q)\n"),
    )  # fmt: skip
    answer = search(bad)
    assert {culprit.path for culprit in answer.culprits} == {
        "src/math/hypot.go", "src/math/hypot_asm.go", "src/math/hypot_noasm.go",
        "src/math/hypot_amd64.s",
    }  # fmt: skip
    assert_confirmed(answer)
    assert_applies(answer.diff, good, tmp_path)


@pytest.mark.soak
def test_a_copied_goroot_with_an_edited_function_is_told_from_its_origin(
    search: Callable[[Toolchain], SourceAnswer], good: Toolchain, cache: Path, tmp_path: Path
) -> None:
    goroot = tmp_path / "edited"
    shutil.copytree(good.goroot, goroot, copy_function=_link, symlinks=True)
    init = (
        "src/container/list/list.go",
        "\tl.len = 0\n",
        "\tl.len = 0\n\tballast = newBallast()\n",
    )
    texts = edit(lambda path: (goroot / path).read_text(encoding="utf-8"), *DECOYS, init)
    texts["src/container/list/ballast.go"] = f"{BALLAST}\nvar ballast []byte\n"
    for path, text in texts.items():
        (goroot / path).unlink(missing_ok=True)  # it may be a link to the original
        (goroot / path).write_text(text, encoding="utf-8")
    answer = search(get({"path": str(goroot), "name": "edited"}, cache))
    assert sorted(names(answer)) == [
        "container/list.(*List).Init", "container/list.ballast", "container/list.newBallast",
        "container/list.size",
    ]  # fmt: skip
    assert_confirmed(answer)


QUERIES = """package main

import "net/url"

func main() {
	values := url.Values{}
	for i := 0; i < 1000; i++ {
		values.Set(string(rune(1000+i)), "value")
	}
	size := 0
	for i := 0; i < 40; i++ {
		size += len(values.Encode())
	}
	println(size)
}
"""


@pytest.mark.soak
def test_a_leaf_package_is_found_where_the_whole_libraries_cannot_be_mixed(
    cache: Path, good: Toolchain, tmp_path: Path
) -> None:
    """Since go1.24 the keys are sorted in a slice that grows."""
    old, new = get(OLD, cache), good
    source = find(old, write_module(tmp_path, {"main.go": QUERIES}), cache)
    classify = TrialClassifier(source, (old, new), cache, probe="metrics", metric="allocs.bytes")
    answer = search_source(old, new, source, (), BuildSpec(), classify, cache, quiet)
    assert names(answer) == ["net/url.Values.Encode"]
    assert_confirmed(answer)
    assert "slices.Sorted(maps.Keys(v))" in answer.diff
    assert [step.finding.state for step in answer.steps[:2]] == ["unresolved", "unresolved"]
    assert len(answer.steps) < 20


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def assert_applies(diff: str, good: Toolchain, scratch: Path) -> None:
    """By the harness and by patch(1), with the same result."""
    (scratch / "culprit.diff").write_bytes(diff.encode())
    texts = apply_patches(good.goroot, [scratch / "culprit.diff"])
    tree = scratch / "tree"
    for path in texts:
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        if (good.goroot / path).exists():
            shutil.copy(good.goroot / path, tree / path)
            (tree / path).chmod(0o644)
    with (scratch / "culprit.diff").open("rb") as patch:
        subprocess.run([PATCH, "-p1", "-s"], cwd=tree, stdin=patch, check=True)
    for path, text in texts.items():
        assert ((tree / path).read_bytes().decode() if (tree / path).exists() else None) == text


def test_real_go_files_are_split_and_mixed_byte_for_byte(
    cache: Path, good: Toolchain, tmp_path: Path
) -> None:
    old = get(OLD, cache)
    module = write_module(tmp_path, {"main.go": PROGRAM})
    used = [used_files(t, find(old, module, cache), (), BuildSpec(), cache) for t in (old, good)]
    found = differences(old, good, used[0] | used[1])
    split = make_splitter(good, cache)
    changes = compare(found.good, found.bad, (split, split))
    assert len(changes) > 100
    everything = {Edit(c.path, n) for c in changes.values() for n in c.differing}
    assert combine(changes, set(), split) == {path: found.good[path] for path in changes}
    assert combine(changes, everything, split) == {path: found.bad[path] for path in changes}
    for path, text in found.bad.items():
        segments = split([(path, text or "")])[0].segments if path.endswith("malloc.go") else ()
        assert not segments or "".join(segment.text for segment in segments) == text


def test_a_declaration_needs_what_the_type_checker_says_it_refers_to(
    cache: Path, good: Toolchain, tmp_path: Path
) -> None:
    """By names alone, go1.24's mallocgcLarge would need half of package runtime."""
    ends = (get(OLD, cache), good)
    module = write_module(tmp_path, {"main.go": PROGRAM})
    used = [used_files(t, find(ends[0], module, cache), (), BuildSpec(), cache) for t in ends]
    found = differences(*ends, used[0] | used[1])
    moved = moved_packages(*used)
    sides = [
        make_splitter(good, cache, library(end, files), moved)
        for end, files in zip(ends, used, strict=True)
    ]
    changes = compare(found.good, found.bad, (sides[0], sides[1]))

    def needed(name: str, direction: Direction) -> set[str]:
        edits = {e for c in changes.values() for e in c.edits if c.pieces[e.piece].name == name}
        closed = Needs(changes, direction).close(edits)
        return {changes[e.path].pieces[e.piece].name for e in closed}

    forward, reverse = (needed("mallocgcLarge", d) for d in DIRECTIONS)
    assert {"mallocgc", "mallocgcTiny", "heapSetTypeLarge", "mcache"} <= forward
    assert {"mallocgc", "heapSetType", "mcache"} <= reverse
    assert len(forward) < 40
    assert len(reverse) < 80
    assert moved["internal/runtime/sys"] == moved["runtime/internal/sys"] == "sys"


@pytest.mark.soak
def test_each_single_declaration_of_a_real_change_gives_a_file_that_parses(
    cache: Path, good: Toolchain
) -> None:
    newer = get("go1.24.11", cache)
    found = differences(newer, good, frozenset({"src/os/root_unix.go", "src/runtime/proc.go"}))
    split = make_splitter(newer, cache)
    changes = compare(found.good, found.bad, (split, split))
    for change in changes.values():
        for edit in change.edits:
            texts = combine({change.path: change}, {edit}, split)
            assert texts[change.path] not in (change.good, None)


def test_only_files_that_the_settings_choose_are_used(
    cache: Path, good: Toolchain, tmp_path: Path
) -> None:
    module = write_module(tmp_path, {"main.go": PROGRAM})
    source = find(good, module, cache)
    default = used_files(good, source, (), BuildSpec(), cache)
    other = used_files(good, source, ("noswissmap",), BuildSpec(), cache)
    assert "src/runtime/map_swiss.go" in default - other
    assert "src/runtime/map_noswiss.go" in other - default
    assert "src/runtime/race.go" in used_files(good, source, (), BuildSpec(race=True), cache)
    assert not {"src/runtime/race.go", "src/os/signal/signal.go", "src/fmt/print.go"} & default
    assert not any(path.startswith("src/cmd/") for path in default)
