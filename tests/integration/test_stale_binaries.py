"""No binary is taken from the cache that a change of any file would have made another."""

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from golang_support import HELLO, NEW, build, find, get, output_of, shared_cache, write_module
from services import needs_c

from harness.errors import HarnessError
from harness.golang.sources import inputs, locate, memory
from harness.golang.toolchains.resolve import Toolchain
from harness.matrix.models import BuildSpec

pytestmark = pytest.mark.toolchain
Change = Callable[[Path], object]
MAIN = "package main\n\n"
PRINT = MAIN + "func main() { println(text) }\n"
MODULE = "module example.test/program\n\ngo 1.21\n"
LISTING = (
    MAIN + 'import (\n\t"embed"\n\t"io/fs"\n)\n\n{}\nvar files embed.FS\n\nfunc main() {{\n'
    '\tfs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {{\n'
    '\t\tif !d.IsDir() {{\n\t\t\tprint(path, " ")\n\t\t}}\n\t\treturn nil\n\t}})\n}}\n'
)


def write(name: str, text: str) -> Change:
    def change(module: Path) -> None:
        path = module / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return change


def unnoticed(name: str, text: str) -> Change:
    """A change of the content that leaves size and times as they were."""

    def change(module: Path) -> None:
        path = module / name
        before = path.stat()
        assert len(text) == before.st_size
        path.write_text(text)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    return change


@pytest.fixture(autouse=True)
def _remember_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the go command says is remembered, though the tests' files were written just now."""
    monkeypatch.setattr(memory, "_SETTLED", -1.0)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return shared_cache(tmp_path / "cache")


@pytest.fixture
def new(cache: Path) -> Toolchain:
    return get(NEW, cache)


@pytest.mark.parametrize(
    ("files", "before", "change", "after"),
    [
        pytest.param(
            {"main.go": PRINT, "text.txt": "one",
             "a.go": MAIN + 'import _ "embed"\n\nvar (\n\t//go:embed text.txt\n\ttext string\n)\n'},
            "one", unnoticed("text.txt", "two"), "two", id="embedded-in-an-indented-block",
        ),
        pytest.param(
            {"main.go": LISTING.format("//go:embed data"), "data/a": "", "data/deep/b": ""},
            "data/a data/deep/b", write("data/deep/c", ""), "data/a data/deep/b data/deep/c",
            id="embedded-directory",
        ),
        pytest.param(
            {"main.go": LISTING.format("//go:embed all:data/*"), "data/.a": ""},
            "data/.a", write("data/d/_b", ""), "data/.a data/d/_b", id="embedded-pattern",
        ),
        pytest.param(
            {"main.go": PRINT, "a.go": MAIN + '//go:generate true\n\nvar text = "one"\n'},
            "one", unnoticed("a.go", MAIN + '//go:generate true\n\nvar text = "two"\n'), "two",
            id="same-size-and-times",
        ),
        pytest.param(
            {"main.go": PRINT, "a.go": MAIN + 'var text = "one"\n'},
            "one", write("b_linux.go", MAIN + 'func init() { text = "two" }\n'), "two",
            id="new-file",
        ),
        pytest.param(
            {"main.go": PRINT, "a.go": MAIN + 'var text = "one"\n',
             "b.go": "//go:build never\n\n" + MAIN + 'func init() { text = "two" }\n'},
            "one", write("b.go", MAIN + 'func init() { text = "two" }\n'), "two",
            id="constraint-taken-away",
        ),
        pytest.param(
            {"m/go.mod": MODULE + "\nrequire example.test/lib v1.0.0\n"
                         "\nreplace example.test/lib => ../lib\n",
             "m/main.go": MAIN + 'import "example.test/lib"\n\nfunc main() { println(lib.Name) }\n',
             "lib/go.mod": "module example.test/lib\n",
             "lib/lib.go": 'package lib\n\nconst Name = "replaced"\n',
             "w/go.mod": "module example.test/lib\n",
             "w/lib.go": 'package lib\n\nconst Name = "workspace"\n'},
            "replaced", write("go.work", "go 1.21\n\nuse ./m\nuse ./w\n"), "workspace",
            id="workspace-that-appears",
        ),
        pytest.param(
            {"main.go": MAIN + 'import "example.test/program/sub"\n\n'
                        "func main() { println(sub.Name) }\n",
             "sub/link.go": "-> ../elsewhere/sub.txt",
             "elsewhere/sub.txt": 'package sub\n\nconst Name = "one"\n'},
            "one", write("elsewhere/sub.txt", 'package sub\n\nconst Name = "two"\n'), "two",
            id="linked-source",
        ),
        pytest.param(
            {"main.go": MAIN + "func text() int\n\nfunc main() { println(text()) }\n",
             "text_amd64.s": '#include "../consts.h"\nTEXT ·text(SB), 4, $0-8\n'
                             "\tMOVQ $ANSWER, ret+0(FP)\n\tRET\n",
             "text_arm64.s": '#include "../consts.h"\nTEXT ·text(SB), 4, $0-8\n'
                             "\tMOVD $ANSWER, R0\n\tMOVD R0, ret+0(FP)\n\tRET\n",
             "../consts.h": "#define ANSWER 1\n"},
            "1", write("../consts.h", "#define ANSWER 2\n"), "2", id="included-in-assembly",
        ),
    ],
)  # fmt: skip
def test_a_change_of_any_file_that_a_build_reads_makes_a_new_binary(
    tmp_path: Path, cache: Path, new: Toolchain, files: Mapping[str, str], before: str,
    change: Change, after: str,
) -> None:  # fmt: skip
    module = write_module(tmp_path / "up" / "module", files)
    for path in module.rglob("link.go"):
        target = path.read_text().removeprefix("-> ")
        path.unlink()
        path.symlink_to(target)
    start = module / "m" if "m/go.mod" in files else module

    def measured() -> tuple[str, bool]:
        record = build(new, start, cache)
        assert record.error is None, record.error
        return output_of(record.binary), record.cached

    assert measured() == (before, False)
    write("notes.txt", "nothing that a build reads")(module)
    assert measured() == (before, True)
    change(module)
    assert measured() == (after, False)
    assert measured() == (after, True)


def test_files_that_an_experiment_or_a_tag_selects_count_for_those_cells(
    tmp_path: Path, cache: Path, new: Toolchain
) -> None:
    """A package that only one of two experiments imports is looked at for its cells alone."""
    imports = 'import "example.test/program/{0}"\n\nvar text = {0}.Name\n'
    files = {
        "main.go": PRINT,
        "on.go": "//go:build goexperiment.swissmap\n\n" + MAIN + imports.format("on"),
        "off.go": "//go:build !goexperiment.swissmap\n\n" + MAIN + imports.format("off"),
        "on/on.go": 'package on\n\nconst Name = "on"\n',
        "off/off.go": 'package off\n\nconst Name = "off"\n',
    }
    module = write_module(tmp_path / "m", files)

    def measured(*settings: str) -> tuple[str, bool]:
        record = build(new, module, cache, settings=settings)
        assert record.error is None, record.error
        return output_of(record.binary), record.cached

    assert [measured(), measured("noswissmap")] == [("on", False), ("off", False)]
    write("off/off.go", 'package off\n\nconst Name = "other"\n')(module)
    assert [measured(), measured("noswissmap")] == [("on", True), ("other", False)]


def test_what_only_a_test_binary_embeds(tmp_path: Path, cache: Path, new: Toolchain) -> None:
    test = (
        'package lib_test\n\nimport (\n\t_ "embed"\n\t"testing"\n)\n\nvar (\n'
        "\t//go:embed testdata/text\n\ttext string\n)\n\n"
        "func TestMain(m *testing.M) { println(text) }\n"
    )
    files = {"lib.go": "package lib\n", "lib_test.go": test, "testdata/text": "one"}
    module = write_module(tmp_path / "m", files)
    (module / "main.go").unlink()
    for text, cached in (("one", False), ("one", True), ("two", False)):
        (module / "testdata" / "text").write_text(text)
        record = build(new, module, cache, benchmark={"package": "."})
        assert (output_of(record.binary), record.cached) == (text, cached)


@needs_c
def test_headers_and_libraries_of_c_are_never_taken_on_trust(
    tmp_path: Path, cache: Path, new: Toolchain
) -> None:
    """The go command itself does not watch them: neither its cache nor ours may answer."""
    program = (
        "package main\n\n/*\n#cgo CFLAGS: -I${SRCDIR}/../include\n"
        "#cgo LDFLAGS: -L${SRCDIR}/../lib -lanswer\n"
        '#include "../near.h"\n#include <far.h>\nint answer(void);\n'
        'int near(void) { return NEAR; }\nint far(void) { return FAR; }\n*/\nimport "C"\n\n'
        'func main() { print(C.near(), " ", C.far(), " ", C.answer()) }\n'
    )
    module = write_module(tmp_path / "up" / "m", {"main.go": program})
    library = tmp_path / "up" / "lib" / "libanswer.a"

    def put(near: int, far: int, answer: int) -> None:
        write("../near.h", f"#define NEAR {near}\n")(module)
        write("../include/far.h", f"#define FAR {far}\n")(module)
        write("../lib/answer.c", f"int answer(void) {{ return {answer}; }}\n")(module)
        library.unlink(missing_ok=True)
        for command in (["gcc", "-c", "answer.c"], ["ar", "rc", library.name, "answer.o"]):
            subprocess.run(command, cwd=library.parent, check=True)

    binaries: dict[tuple[int, ...], set[tuple[str, str]]] = {}
    for numbers in ((1, 1, 1), (1, 1, 1), (2, 1, 1), (2, 2, 1), (2, 2, 2)):
        put(*numbers)
        record = build(new, module, cache, spec=BuildSpec(cgo=True))
        assert record.error is None, record.error
        assert output_of(record.binary) == " ".join(map(str, numbers))
        assert not record.cached
        binaries.setdefault(numbers, set()).add((record.key, record.sha256))
    assert all(len(same) == 1 for same in binaries.values())  # made anew, and the same


def test_a_linker_that_may_read_any_file_is_asked_each_time(
    tmp_path: Path, cache: Path, new: Toolchain
) -> None:
    module = write_module(tmp_path / "m", {})
    for flags, again in (("-s -w -X main.a=b", True), ("-L /nowhere", False)):
        spec = BuildSpec(ldflags=flags)
        records = [build(new, module, cache, spec=spec) for _ in range(2)]
        assert [record.cached for record in records] == [False, again]
        assert records[0].sha256 == records[1].sha256
    refused = build(new, module, cache, spec=BuildSpec(gcflags="all=-pgoprofile=/tmp/x"))
    assert refused.error is not None
    assert "the go command does not watch" in refused.error


def test_what_the_go_command_said_is_remembered_while_it_holds(
    tmp_path: Path, cache: Path, new: Toolchain, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = write_module(tmp_path / "m", {})
    first = build(new, module, cache)

    def refuse(*_: object) -> None:
        raise AssertionError("the go command was asked")

    monkeypatch.setattr(inputs, "ask", refuse)
    assert build(new, module, cache).key == first.key
    write("main.go", PRINT)(module)
    with pytest.raises(AssertionError, match="was asked"):
        build(new, module, cache)


LIBRARY = "package library\n"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        pytest.param(write("cmd/tool/note.txt", ""), True, id="another-kind-of-file"),
        pytest.param(write("other/main.go", LIBRARY), True, id="another-package"),
        pytest.param(write("cmd/tool/main.go", LIBRARY), False, id="its-package-clause"),
        pytest.param(write("cmd/tool/more.go", LIBRARY), False, id="a-second-package"),
        pytest.param(write("go.mod", "module example.test/renamed\n"), True, id="its-module"),
        pytest.param(write("cmd/go.mod", "module example.test/cmd\n"), True, id="a-nearer-module"),
        pytest.param(write("go.work", "go 1.21\n"), False, id="a-workspace-without-it"),
        pytest.param(write("../go.work", "go 1.21\nuse ./m\n"), True, id="a-workspace-with-it"),
        pytest.param(write("vendor/modules.txt", "# x v1\n"), True, id="vendored-modules"),
    ],
)
def test_where_a_program_is_told_as_by_the_go_command(
    change: Change, found: bool, tmp_path: Path, cache: Path, new: Toolchain,  # noqa: FBT001 - a row
) -> None:  # fmt: skip
    files = {"cmd/tool/main.go": HELLO, "other/main.go": HELLO}
    module = write_module(tmp_path / "up" / "m", files)
    find(new, module, cache, package="./cmd/tool")
    change(module)
    fresh = shared_cache(tmp_path / "fresh")
    if found:
        told = find(new, module, cache, package="./cmd/tool").model_dump()
        assert told == find(new, module, fresh, package="./cmd/tool").model_dump()
        return
    for place in (cache, fresh):
        with pytest.raises(HarnessError, match=r"package '\./cmd/tool'"):
            find(new, module, place, package="./cmd/tool")


def test_where_a_program_is_is_asked_once(
    tmp_path: Path, cache: Path, new: Toolchain, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = write_module(tmp_path / "m", {})
    first = find(new, module, cache)

    def refuse(*_: object, **__: object) -> str:
        raise AssertionError("the go command was asked")

    monkeypatch.setattr(locate, "run_go", refuse)
    assert find(new, module, cache).model_dump() == first.model_dump()
    with pytest.raises(AssertionError, match="was asked"):
        find(new, module, cache, name="renamed", package=".")
