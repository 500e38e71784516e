from pathlib import Path

import pytest

from harness.golang.builds.lengths import Clocks, expected_seconds, note_seconds
from harness.golang.builds.request import BuildRequest
from harness.golang.durations import note, recall
from harness.golang.experiments import Experiments
from harness.golang.sources.locate import Source
from harness.golang.toolchains.resolve import Toolchain
from harness.matrix.models import BuildSpec


def request(package: str, toolchain: str, *settings: str) -> BuildRequest:
    place = Path("/x")
    made = Toolchain(
        name=toolchain, version=toolchain, goroot=place, provider="path", sha256=None,
        experiments=Experiments(known=(), on=frozenset()), digest=toolchain,
    )  # fmt: skip
    source = Source(
        workload="a", package=package, directory=place, module=place, go="1.24", base=place
    )
    return BuildRequest(source=source, toolchain=made, settings=settings, build=BuildSpec())


def test_a_build_takes_as_long_as_the_last_like_it_or_the_first_of_another(tmp_path: Path) -> None:
    assert expected_seconds(request("a", "go1.24.3"), tmp_path) is None

    note_seconds(request("a", "go1.24.3"), tmp_path, 60.0)
    note_seconds(request("a", "go1.24.3"), tmp_path, 2.0)

    assert expected_seconds(request("a", "go1.24.3"), tmp_path) == 2.0
    assert expected_seconds(request("a", "go1.25.5"), tmp_path) == 60.0
    assert expected_seconds(request("a", "go1.24.3", "noswissmap"), tmp_path) == 60.0
    assert expected_seconds(request("b", "go1.24.3"), tmp_path) is None


def test_what_cannot_be_read_or_written_is_unknown(tmp_path: Path) -> None:
    note(tmp_path, ["trial", "a"], "", 3.0)
    (file,) = (tmp_path / "durations").iterdir()
    file.write_text("{")
    assert recall(tmp_path, ["trial", "a"]) == {}
    note_seconds(request("a", "go1.24.3"), Path("/dev/null"), 1.0)


def test_builds_at_once_share_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 0.0, 2.0, 5.0, 6.0, 10.0])
    monkeypatch.setattr("time.monotonic", lambda: next(now))
    clocks = Clocks()
    clocks.start(1)
    clocks.start(2)  # at 2
    assert clocks.running() == {1: 5.0, 2: 3.0}  # at 5
    assert clocks.stop(1) == 2.0 + 4.0 / 2  # at 6
    assert clocks.stop(2) == 4.0 / 2 + 4.0  # at 10
