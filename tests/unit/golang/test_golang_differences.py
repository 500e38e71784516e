from pathlib import Path

import pytest

from harness.golang.builds.request import BuildRequest
from harness.golang.builds.settle import differences
from harness.golang.experiments import Experiments
from harness.golang.probe.overlay import ProbeMode
from harness.golang.sources.locate import Source
from harness.golang.sources.settled import cgo_is_enabled
from harness.golang.toolchains.resolve import Toolchain
from harness.matrix.models import BuildSpec


def request(place: Path, probe: ProbeMode = "off", *, cgo: bool = False) -> BuildRequest:
    toolchain = Toolchain(
        name="go1.24.3", version="go1.24.3", goroot=place, provider="path", sha256=None,
        experiments=Experiments(known=(), on=frozenset()), digest="0",
    )  # fmt: skip
    source = Source(workload="a", package="a", directory=place, module=place, go="1.24", base=place)
    build = BuildSpec(cgo=cgo, pgo="off")
    return BuildRequest(source=source, toolchain=toolchain, settings=(), build=build, probe=probe)


def test_a_build_without_probe_and_with_c_differs_in_stamps_alone(tmp_path: Path) -> None:
    found = list(differences(request(tmp_path, cgo=True), {"CGO_ENABLED": "1", "GOENV": "off"}))
    assert found == ["-trimpath and -buildvcs=false: no path and no commit is in the binary"]


def test_probe_cgo_and_what_the_environment_says_are_told(tmp_path: Path) -> None:
    caller = {"CGO_ENABLED": "1", "GOENV": "off", "GOFLAGS": "-trimpath -tags=x", "GOAMD64": "v3"}
    told = "\n".join(differences(request(tmp_path, "full"), caller))
    assert "a probe in runtime/debug" in told
    assert "CGO_ENABLED=0, so net and os/user do not use the C library" in told
    assert "GOFLAGS=-tags=x of your environment is not used" in told
    assert "GOAMD64=v3 of your environment is not used" in told


@pytest.mark.parametrize(("said", "enabled"), [("0", False), ("1", True)])
def test_cgo_is_enabled_as_go_env_says(tmp_path: Path, said: str, *, enabled: bool) -> None:
    stored = tmp_path / "env"
    stored.write_text(f"CGO_ENABLED={said}\n")
    assert cgo_is_enabled({"CGO_ENABLED": said, "GOENV": "off"}) is enabled
    assert cgo_is_enabled({"GOENV": str(stored)}) is enabled
