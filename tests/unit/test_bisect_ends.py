"""What a command line may call an end, which experiments are suspects, and how they flip."""

from pathlib import Path

import pytest
from bisecting import point

from harness.bisect.ends import parse_end
from harness.bisect.experiments import flips, suspects_between
from harness.errors import HarnessError
from harness.spec.models import MatrixSpec

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


def test_suspects_are_the_experiments_that_are_on_in_one_of_both() -> None:
    older = point("old", "go1.23.9")
    newer = point("new", on=frozenset({"swissmap", "spinbitmutex"}))
    assert suspects_between(older, newer) == ("swissmap", "spinbitmutex")
    without = newer.model_copy(update={"settings": ("noswissmap",)})
    assert suspects_between(older, without) == ("spinbitmutex",)
    assert suspects_between(newer, newer) == ()


def test_every_combination_of_two_suspects_is_flipped() -> None:
    newer = point("new", on=frozenset({"swissmap", "spinbitmutex"}))
    assert [p.name for p in flips(newer, ("swissmap", "spinbitmutex"))] == [
        "new+noswissmap", "new+nospinbitmutex", "new+noswissmap,nospinbitmutex",
    ]  # fmt: skip


def test_a_setting_is_flipped_by_leaving_it_out() -> None:
    newer = point("new", on=frozenset({"spinbitmutex"})).model_copy(
        update={"name": "new+swissmap", "settings": ("swissmap",)}
    )
    assert [p.name for p in flips(newer, ("swissmap",))] == ["new"]
    assert [p.settings for p in flips(newer, ("spinbitmutex",))] == [("swissmap", "nospinbitmutex")]
