from pathlib import Path

import pytest

from harness.golang.environment import go_environment, passed_environment
from harness.matrix.models import BuildSpec

HOSTILE = {
    "GOGC": "5", "GODEBUG": "gctrace=1", "GOFLAGS": "-race", "GOEXPERIMENT": "rangefunc",
    "GOARCH": "arm64", "GOOS": "windows", "GOTOOLCHAIN": "go1.21.13", "GOMAXPROCS": "1",
    "GOMEMLIMIT": "1MiB", "GOROOT": "/elsewhere", "GOCACHE": "/elsewhere", "GOWORK": "off",
    "CGO_ENABLED": "1", "CGO_CFLAGS": "-O0", "CC": "/bin/false", "GOAMD64": "v4",
    "GO111MODULE": "off", "LD_PRELOAD": "x.so", "GOCACHEPROG": "x", "GOTMPDIR": "/elsewhere",
}  # fmt: skip


def test_nothing_that_changes_a_result_gets_in(tmp_path: Path) -> None:
    clean = {"HOME": str(tmp_path), "PATH": "/usr/bin"}
    goroot, cache = tmp_path / "go", tmp_path / "cache"
    expected = go_environment(goroot, cache, caller=clean)
    assert go_environment(goroot, cache, caller=clean | HOSTILE) == expected
    stored = tmp_path / ".config/go/env"
    stored.parent.mkdir(parents=True)
    stored.write_text("".join(f"{key}={value}\n" for key, value in HOSTILE.items()))
    assert go_environment(goroot, cache, caller=clean) == expected


def test_where_modules_come_from_passes_from_both_places(tmp_path: Path) -> None:
    stored = tmp_path / "go/env"
    stored.parent.mkdir()
    stored.write_text("# a comment\nGOPROXY=https://a.test\nGOPRIVATE=corp.test\nGOFLAGS=-race\n")
    caller = {"XDG_CONFIG_HOME": str(tmp_path), "GOPROXY": "https://b.test", "GOPRIVATE": ""}
    passed = passed_environment(caller)
    assert (passed["GOPROXY"], passed["GOPRIVATE"]) == ("https://b.test", "corp.test")
    assert "GOFLAGS" not in passed
    assert "GOPRIVATE" not in passed_environment({**caller, "GOENV": "off"})
    assert passed_environment({"GOENV": str(stored)})["GOPROXY"] == "https://a.test"


def test_build_settings_arrive(tmp_path: Path) -> None:
    build = BuildSpec(race=True, goamd64="v3")
    environment = go_environment(
        tmp_path, tmp_path, settings=("noswissmap", "arenas"), build=build, caller={}
    )
    assert environment["CGO_ENABLED"] == "1"
    assert environment["GOAMD64"] == "v3"
    assert environment["GOEXPERIMENT"] == "noswissmap,arenas"
    assert "GOARM64" not in environment


@pytest.mark.parametrize(
    ("gib", "cpus", "limit"), [(0.5, 2, 1), (8, 2, 1), (24, 2, 3), (256, 64, 1), (512, 8, 4)]
)
def test_go_tools_collect_rarely_within_a_share_of_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gib: float, cpus: int, limit: int
) -> None:
    pages = {"SC_PHYS_PAGES": int(gib * (1 << 30)) // 4096, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr("os.sysconf", pages.__getitem__)
    monkeypatch.setattr("os.cpu_count", lambda: cpus)
    environment = go_environment(tmp_path, tmp_path, caller={"GOGC": "off", "GOMEMLIMIT": "1"})
    assert environment["GOGC"] == "400"
    assert environment["GOMEMLIMIT"] == str(limit << 30)
