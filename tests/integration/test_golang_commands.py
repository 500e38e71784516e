"""The commands on toolchains and their cache, as a user types them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from golang_support import NEW, OLD, get, shared_cache

from harness.cli import main
from harness.golang.cache import obtain

pytestmark = pytest.mark.toolchain


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = shared_cache(tmp_path / "cache")
    monkeypatch.setenv("GOMATRIX_CACHE", str(path))
    return path


def test_toggles_by_toolchain(cache: Path) -> None:
    goroot = get(NEW, cache).goroot
    arguments = ["experiments", "--go", OLD, "--go", f"{goroot}/", "--json"]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    rows = {(row["kind"], row["name"]): row for row in json.loads(result.stdout)["toggles"]}
    states = {key: list(row["states"].values()) for key, row in rows.items()}
    assert states["experiment", "swissmap"] == ["absent", "on"]
    assert states["experiment", "rangefunc"] == ["off", "off"]
    assert states["godebug", "asynctimerchan"] == ["new", "new"]
    assert states["godebug", "rsa1024min"] == ["absent", "new"]
    assert states["switch", "deadlocals"] == ["absent", "on"]
    assert rows["experiment", "swissmap"]["turn"] == "GOEXPERIMENT=noswissmap"
    assert rows["godebug", "asynctimerchan"]["turn"] == "GODEBUG=asynctimerchan=1"
    text = CliRunner().invoke(main, ["experiments", "--go", NEW, "--kind", "experiment"]).stdout
    lines = [line.split() for line in text.splitlines()]
    assert ["experiment", "swissmap", "on", "GOEXPERIMENT=noswissmap"] in lines
    assert not any("godebug" in line for line in lines)
    wrong = CliRunner().invoke(main, ["experiments", "--go", "1.24"])
    assert wrong.exit_code == 2
    assert "write go1.24" in wrong.output


def fill(directory: Path) -> None:
    (directory / "content").write_bytes(b"x" * 9999)


def test_the_cache_is_listed_and_pruned(cache: Path) -> None:
    obtain(cache, "builds", "key", fill)
    assert "builds/key" in CliRunner().invoke(main, ["cache", "list"]).stdout
    kept = CliRunner().invoke(main, ["cache", "prune", "--older-than", "1", "--max-size", "1GiB"])
    assert kept.stdout == ""
    nothing = CliRunner().invoke(main, ["cache", "prune", "--max-size", "0B"])
    assert (nothing.exit_code, "greater than 0" in nothing.output) == (2, True)
    wrong = CliRunner().invoke(main, ["cache", "prune", "--max-size", "5x"])
    assert wrong.exit_code == 2
    assert "is not a size" in wrong.output
    assert "removed" in CliRunner().invoke(main, ["cache", "prune"]).stdout
    assert not (cache / "builds" / "key").exists()
