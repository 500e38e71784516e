import os
import shutil
from pathlib import Path

import pytest

from harness.golang.toolchains import identity
from harness.golang.toolchains.identity import content_digest

FILES = ["VERSION", "bin/go", "pkg/tool/x_y/compile", "src/runtime/malloc.go", "pkg/include/a.h"]


@pytest.fixture
def goroot(tmp_path: Path) -> Path:
    for name in [*FILES, "src/runtime/malloc_test.go", "src/runtime/testdata/x.go"]:
        path = tmp_path / "go" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {name}")
    return tmp_path / "go"


@pytest.mark.parametrize("name", FILES)
def test_an_edit_that_keeps_size_and_time_is_seen(
    goroot: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "_SETTLED", -1.0)  # remember at once
    cache, path = goroot.parent / "cache", goroot / name
    before, status = content_digest(goroot, cache), path.stat()
    path.write_text(path.read_text().replace("content", "CONTENT"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert content_digest(goroot, cache) != before


def test_files_that_come_and_go_are_seen(goroot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "_SETTLED", -1.0)
    cache = goroot.parent / "cache"
    digests = [content_digest(goroot, cache)]
    (goroot / "src/runtime/new.go").write_text("")
    digests.append(content_digest(goroot, cache))
    (goroot / "src/runtime/malloc.go").unlink()
    digests.append(content_digest(goroot, cache))
    (goroot / "go.env").write_text("")
    digests.append(content_digest(goroot, cache))
    (goroot / "lib/fips140").mkdir(parents=True)
    (goroot / "lib/fips140/v1.0.0.zip").write_text("")
    digests.append(content_digest(goroot, cache))
    (goroot / "src/linked.go").symlink_to(goroot.parent / "later.go")
    assert content_digest(goroot, cache) == digests[-1]
    (goroot.parent / "later.go").write_text("")
    digests.append(content_digest(goroot, cache))
    (goroot / "pkg/include/a.h").rename(goroot / "pkg/include/b.h")
    digests.append(content_digest(goroot, cache))
    assert len(set(digests)) == 7


def test_bytes_are_read_once(goroot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "_SETTLED", -1.0)
    cache = goroot.parent / "cache"
    first = content_digest(goroot, cache)
    monkeypatch.setattr(identity, "_names", lambda _: pytest.fail("directories are read again"))
    assert content_digest(goroot, cache) == first


def test_equal_content_is_the_same_wherever_it_lies(goroot: Path) -> None:
    cache = goroot.parent / "cache"
    shutil.copytree(goroot, goroot.parent / "copy")
    shutil.rmtree(goroot.parent / "copy/src/runtime/testdata")
    linked = goroot.parent / "linked"
    linked.mkdir()
    for part in goroot.iterdir():  # as distributions split a GOROOT
        (linked / part.name).symlink_to(part)
    digests = {content_digest(g, cache) for g in (goroot, goroot.parent / "copy", linked)}
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("src/runtime/os_linux.go", True),
        ("src/runtime/windows.go", True),
        ("src/runtime/os_windows_fast.go", True),  # Go compiles it: "fast" is no processor
        ("src/runtime/os_test.s", True),
        ("src/runtime/cmd/a.go", True),
        ("src/runtime/os_windows.go", False),
        ("src/runtime/os_windows.s", False),
        ("src/runtime/os_test.go", False),
        ("src/cmd/compile/main.go", False),
    ],
)
def test_what_no_build_for_linux_reads_does_not_count(
    goroot: Path,
    name: str,
    counts: bool,  # noqa: FBT001 - a row of the table
) -> None:
    path = goroot / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("1")
    before = content_digest(goroot, goroot.parent / "cache")
    path.write_text("2")
    assert (content_digest(goroot, goroot.parent / "cache") != before) == counts


def test_links_in_a_circle_end(goroot: Path) -> None:
    (goroot / "src/again").symlink_to(goroot / "src")
    assert content_digest(goroot, goroot.parent / "cache")


def test_a_digest_is_remembered_only_once_its_files_have_settled(goroot: Path) -> None:
    cache = goroot.parent / "cache"
    content_digest(goroot, cache)
    assert not (cache / "identities").exists()
