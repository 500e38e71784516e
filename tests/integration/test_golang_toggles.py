"""What toolchains tell of their toggles, and whether it is so."""

import json
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from golang_support import HELLO, NEW, OLD, built, get, shared_cache, write_module

from harness.golang.command import run_go
from harness.golang.godebugs import (
    changes,
    default_of,
    lost,
    meanings_of,
    parse,
    removed_of,
    settings_of,
)
from harness.golang.toolchains.resolve import Toolchain

pytestmark = pytest.mark.toolchain
RELEASES = ("go1.21.13", "go1.22.10", OLD, NEW, "go1.25.5", "go1.26.6", "go1.27.3")
"""One of each minor version."""


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
        expected = {s.name: default_of(s, line) for s in settings_of(toolchain.goroot).values()}
        given = {name: value for name, value in expected.items() if value is not None}
        assert defaults(toolchain, cache, module) == given
        assert given or line == own


def test_each_upgrade_changes_defaults(cache: Path) -> None:
    found = {release: settings_of(get(release, cache).goroot) for release in RELEASES}
    for before, after in pairwise(RELEASES):
        line = after.removeprefix("go").rpartition(".")[0]
        assert changes(found[before], found[after], (line, line)), after
    assert changes(found["go1.22.10"], found[OLD], ("1.23", "1.23")).items() >= {
        ("asynctimerchan", "1"),
        ("profstackdepth", "32"),
    }
    assert "asynctimerchan" in lost(found["go1.26.6"], found["go1.27.3"], ("1.22", "1.22"))


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
