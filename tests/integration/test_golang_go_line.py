"""Builds with another go line than the module's own."""

import hashlib
import subprocess
from pathlib import Path

import pytest
from golang_support import NEW, OLD, build, built, find, get, output_of, shared_cache, write_module

from harness.bisect.source.used import used_files
from harness.golang.builds.identical import code_digest
from harness.golang.builds.request import BuildRequest
from harness.golang.sources.inputs import inputs_of
from harness.golang.toolchains.resolve import Toolchain
from harness.matrix.models import BuildSpec

pytestmark = pytest.mark.toolchain
LINE = """package main

import "runtime/debug"

func main() {
	var seen []*int
	for i := 0; i < 2; i++ {
		seen = append(seen, &i)
	}
	given := ""
	info, _ := debug.ReadBuildInfo()
	for _, setting := range info.Settings {
		if setting.Key == "DefaultGODEBUG" {
			given = setting.Value
		}
	}
	println(seen[0] == seen[1], len(given) > 0)
}
"""
"""Prints whether iterations share their variable, and whether GODEBUG has older defaults."""
OLD_LINE, NEW_LINE = "true true", "false false"
MODULE = "module example.test/program\n\ngo 1.24.0\n\ntoolchain go1.24.1\n"
PUBLISHED = "golang.org/x/example/hello@v0.0.0-20250915201037-7f05d217867b"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return shared_cache(tmp_path / "cache")


@pytest.fixture
def new(cache: Path) -> Toolchain:
    return get(NEW, cache)


def contents(directory: Path) -> dict[str, str]:
    """Digests of all files in a directory."""
    files = (path for path in directory.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_go_line_decides_on_language_and_defaults(
    tmp_path: Path, cache: Path, new: Toolchain
) -> None:
    module = write_module(tmp_path / "module", {"go.mod": MODULE, "main.go": LINE})
    before = contents(module)
    binaries = {
        line: built(new, module, cache, spec=BuildSpec(go_line=line))
        for line in ("", "1.24", "1.21", "1.21.3")
    }
    said = {line: output_of(binary) for line, binary in binaries.items()}
    assert said == {"": NEW_LINE, "1.24": NEW_LINE, "1.21": OLD_LINE, "1.21.3": OLD_LINE}
    assert len(set(binaries.values())) == 4
    assert contents(module) == before


def test_an_older_toolchain_builds_a_module_of_a_newer_one(tmp_path: Path, cache: Path) -> None:
    old = get(OLD, cache)
    module = write_module(tmp_path / "module", {"go.mod": MODULE, "main.go": LINE})
    source = find(get(NEW, cache), module, cache)
    assert source.needs_newer(OLD) == f"its go.mod asks for go 1.24.0, newer than {OLD}"
    assert source.needs_newer(OLD, "1.22") is None
    assert source.needs_newer(OLD, "1.25") == f"go_line asks for go 1.25, newer than {OLD}"
    spec = BuildSpec(go_line="1.22")
    request = BuildRequest(source=source, toolchain=old, settings=(), build=spec, probe="off")
    assert code_digest(request, cache) is not None
    assert "src/runtime/proc.go" in used_files(old, source, (), spec, cache)


def test_the_command_in_the_report_makes_the_same_binary(
    tmp_path: Path, cache: Path, new: Toolchain
) -> None:
    module = write_module(tmp_path / "module", {"go.mod": MODULE, "main.go": LINE})
    record = build(new, module, cache, spec=BuildSpec(go_line="1.21"))
    assert record.error is None
    place = tmp_path / "elsewhere"
    place.mkdir()
    environment = {"HOME": str(tmp_path), "GOCACHE": str(new.build_cache(cache))}
    subprocess.run(["/bin/sh", "-c", record.command], check=True, cwd=place, env=environment)
    assert (place / "program").read_bytes() == Path(record.binary).read_bytes()


def test_the_go_line_of_a_workspace_and_all_its_modules_changes(
    tmp_path: Path, cache: Path, new: Toolchain
) -> None:
    root = tmp_path / "workspace"
    files = {
        "go.mod": MODULE, "main.go": LINE.replace("import", 'import _ "example.test/other"\nimport')
    }  # fmt: skip
    module = write_module(root / "program", files)
    other = {"go.mod": "module example.test/other\n\ngo 1.23\n", "main.go": "package other\n"}
    write_module(root / "other", other)
    (root / "go.work").write_text(
        "go 1.24.0\n\ntoolchain go1.24.1\n\nuse (\n\t./program\n\t./other\n)\n"
    )
    before = contents(root)
    assert output_of(built(new, module, cache)) == NEW_LINE
    assert output_of(built(new, module, cache, spec=BuildSpec(go_line="1.21"))) == OLD_LINE
    assert contents(root) == before
    source = find(new, module, cache)
    assert source.needs_newer(OLD, "1.21") is None
    assert source.needs_newer("go1.22.10", "1.21") == (
        "go_line in a workspace needs go1.23 or newer, not go1.22.10"
    )


def test_vendored_modules_stay_vendored(tmp_path: Path, cache: Path, new: Toolchain) -> None:
    files = {
        "go.mod": f"{MODULE}\nrequire example.test/other v1.0.0\n",
        "main.go": LINE.replace("import", 'import _ "example.test/other"\nimport'),
        "vendor/modules.txt": "# example.test/other v1.0.0\n## explicit; go 1.20\n"
        "example.test/other\n",
        "vendor/example.test/other/other.go": "package other\n",
    }
    module = write_module(tmp_path / "module", files)
    assert output_of(built(new, module, cache, spec=BuildSpec(go_line="1.21"))) == OLD_LINE


def test_a_published_module_gets_the_line_too(cache: Path, tmp_path: Path, new: Toolchain) -> None:
    lines = {}
    for line in ("", "1.20"):
        record = build(new, tmp_path, cache, spec=BuildSpec(go_line=line), module=PUBLISHED)
        assert record.error is None, record.error
        lines[line] = record.sha256
    assert lines[""] != lines["1.20"]


def test_a_line_that_the_module_cannot_have_is_explained(
    tmp_path: Path, cache: Path, new: Toolchain
) -> None:
    files = {
        "go.mod": f"{MODULE}\nrequire example.test/other v1.0.0\n\n"
        "replace example.test/other => ./other\n",
        "main.go": LINE.replace("import", 'import _ "example.test/other"\nimport'),
        "other/go.mod": "module example.test/other\n\ngo 1.23\n",
        "other/main.go": "package other\n",
    }
    module = write_module(tmp_path / "module", files)
    record = build(new, module, cache, spec=BuildSpec(go_line="1.21"))
    assert record.error == (
        f"build.go_line: with go 1.21 in its go.mod, {module} needs other lines there too, as when "
        "a module that it requires asks for a newer Go"
    )


def test_what_was_listed_before_is_not_taken_for_another_line(
    tmp_path: Path, cache: Path, new: Toolchain
) -> None:
    module = write_module(tmp_path / "module", {"go.mod": MODULE, "main.go": LINE})
    source = find(new, module, cache)
    cells = [
        BuildRequest(
            source=source, toolchain=new, settings=(), build=BuildSpec(go_line=line)
        ).cell
        for line in ("", "1.21", "1.22")
    ]  # fmt: skip
    assert len({inputs_of(cell, cache).digest for cell in cells}) == 3
    assert len({inputs_of(cell, cache).godebug for cell in cells}) == 3
