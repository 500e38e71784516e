"""What a command line may call an end."""

from pathlib import Path
from typing import Literal

import pytest
from bisecting import point

from harness.bisect.ends import End, check_conditions, parse_end
from harness.bisect.points import Finding, State
from harness.bisect.prepare import _span
from harness.bisect.sentences import of_survey
from harness.errors import HarnessError
from harness.golang.sources.locate import Source
from harness.matrix.models import BuildSpec, MatrixSpec

MATRIX = MatrixSpec.model_validate(
    {
        "go": [
            "go1.23.9",
            {"path": "../dev", "name": "ours"},
            {"go": "go1.24.3", "patch": "f.diff"},
        ],
        "workloads": [{"name": "w", "package": "."}],
    }
)


@pytest.mark.parametrize(
    ("text", "name", "settings"),
    [
        ("go1.24.3", "go1.24.3", ()),
        ("go1.24.3+noswissmap,nospinbitmutex", "go1.24.3", ("noswissmap", "nospinbitmutex")),
        ("ours", "ours", ()),
        ("ours+swissmap", "ours", ("swissmap",)),
        ("go1.24.3~f", "go1.24.3~f", ()),
        ("/opt/c++/go", "c--", ()),
        ("{go: go1.20, name: old}", "old", ()),
        ("{path: /opt/go, patch: [a.diff]}+noswissmap", "opt~a", ("noswissmap",)),
    ],
)
def test_an_end_is_any_form_that_a_matrix_knows(
    text: str, name: str, settings: tuple[str, ...]
) -> None:
    end = parse_end(text, MATRIX, None)
    assert (end.toolchain.name, end.settings) == (name, settings)


def test_a_commit_is_an_end_where_there_is_a_repository(tmp_path: Path) -> None:
    end = parse_end("8730fcf885", MATRIX, tmp_path)
    assert (end.toolchain.git, end.toolchain.ref) == (str(tmp_path), "8730fcf885")
    with pytest.raises(HarnessError, match="a commit needs --repo"):
        parse_end("8730fcf885", MATRIX, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "needs a name"),
        ("{go: go1.24.3", "is not YAML"),
        ("{go: go1.24.3, path: x}", "exactly one of go, path and git"),
        ("{!!python/object/apply:os.system [id]: x}", "is no"),
        ("1.24.3", "write go1.24.3"),
    ],
)
def test_what_is_no_end_is_said_in_one_line(text: str, message: str) -> None:
    with pytest.raises(HarnessError) as error:
        parse_end(text, MATRIX, None)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


AXES = MatrixSpec.model_validate(
    {
        "go": ["go1.23.9", "go1.24.3"],
        "build": {"race": [False, True], "gcflags": ["", "-N -l"]},
        "env": {"GOGC": ["100", "50"], "GODEBUG": ["", "madvdontneed=1"]},
        "include": [{"go": "go1.24.3", "env": {"GOGC": "20"}, "build": {"cgo": True}}],
        "workloads": [{"name": "w", "package": "."}],
    }
)


def ran(text: str) -> End:
    return parse_end(text, AXES, None)


def test_build_settings_and_environment_of_an_end_are_what_it_is_run_in() -> None:
    end = ran('go1.24.3+noswissmap GODEBUG="madvdontneed=1" race=true gcflags="-N -l"')
    assert (end.toolchain.name, end.settings) == ("go1.24.3", ("noswissmap",))
    assert (end.build.race, end.build.gcflags) == (True, "-N -l")
    assert end.env == {"GOGC": "100", "GODEBUG": "madvdontneed=1"}
    assert ran("go1.24.3").env == {"GOGC": "100", "GODEBUG": ""}
    assert ran("go1.24.3 cgo=true race=true").env == {"GOGC": "20"}
    assert ran("{go: go1.24.3, name: x}+noswissmap race=true").build.race


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("go1.24.3 GOGC=7", "nothing in this matrix is run with GOGC=7"),
        ("go1.24.3 race=true race=false", "each KEY=VALUE once"),
        ('go1.24.3 gcflags="-N', "in quotes as in JSON"),
    ],
)
def test_an_end_in_unknown_conditions_is_refused(text: str, message: str) -> None:
    with pytest.raises(HarnessError, match=message):
        ran(text)


def test_ends_run_in_different_ways_are_refused() -> None:
    check_conditions(ran("go1.23.9 race=true"), ran("go1.24.3+noswissmap race=true"))
    check_conditions(ran("go1.24.3"), ran("go1.24.3 race=true"))
    with pytest.raises(HarnessError, match=r"with race=true.*name the same for both ends"):
        check_conditions(ran("go1.23.9"), ran("go1.24.3 race=true"))


@pytest.mark.parametrize(
    ("newer", "older"), [(None, "bad"), ("bad", "good"), ("good", "bad")]
)  # fmt: skip
def test_of_one_release_the_newer_end_is_as_asked_or_by_its_go_line(
    newer: Literal["good", "bad"] | None, older: str, tmp_path: Path
) -> None:
    lines = {"good": "1.23", "bad": "1.22"}
    good, bad = (
        point(name).model_copy(update={"build": BuildSpec(go_line=line)})
        for name, line in lines.items()
    )
    source = Source(
        workload="a", package="a", directory=tmp_path, module=tmp_path, go="1.21", base=tmp_path
    )
    span = _span(good, bad, {"": source}, None, newer)
    assert (span.older.name, span.good.name) == (older, "good")


@pytest.mark.parametrize(
    ("states", "told"),
    [
        (("good",), "the one minor version that begins between them is not worse"),
        (("good", "good"), "none of the 2 minor versions that begin between them is worse"),
        (("doubtful",), ("the one minor version that begins between them is not shown to be worse; "
         "v0 could not be decided")),
    ],
)  # fmt: skip
def test_versions_between_that_are_not_worse_are_counted(
    states: tuple[State, ...], told: str
) -> None:
    findings = [Finding(point=f"v{i}", state=state) for i, state in enumerate(states)]
    assert of_survey(findings) == told
