import pytest

from harness.golang.versions import (
    GoVersion,
    expand_shorthand,
    is_shorthand,
    nearest_versions,
)

AVAILABLE = ["go1.20.14", "go1.23.12", "go1.24.0", "go1.24.3", "go1.24.11", "go1.25.5", "go1.26rc1"]


def test_versions_compare_as_go_compares_them() -> None:
    names = ["go1.20", "go1.20.1", "go1.21", "go1.21rc2", "go1.21.0", "go1.24.3", "go1.24.11",
             "devel go1.25-abc", "go1.25beta1", "go1.25rc1", "go1.25.0"]  # fmt: skip
    parsed = [GoVersion.parse(name) for name in names]
    assert parsed == sorted(parsed)
    assert len(set(parsed)) == len(parsed)


def test_development_trees_of_both_forms_are_the_same_version() -> None:
    assert GoVersion.parse("devel go1.28-0123456789ab") == GoVersion.parse("go1.28-devel_0123")


@pytest.mark.parametrize("name", ["1.24", "go2.0.0", "go1.24.3.1", "go1.24x", "stable", "", "go1"])
def test_other_names_are_no_versions(name: str) -> None:
    with pytest.raises(ValueError, match="is not a Go version"):
        GoVersion.parse(name)


def test_shorthands() -> None:
    assert [n for n in ("stable", "oldstable", "go1.24", "go1.24.3", "go1.20", "go1.26rc1")
            if is_shorthand(n)] == ["stable", "oldstable", "go1.24"]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "version"),
    [("go1.24", "go1.24.11"), ("stable", "go1.25.5"), ("oldstable", "go1.24.11"),
     ("go1.22", None), ("go1.26", None)],
)  # fmt: skip
def test_a_shorthand_is_the_newest_release_it_covers(name: str, version: str | None) -> None:
    assert expand_shorthand(name, AVAILABLE) == version


def test_nothing_available_expands_to_nothing() -> None:
    assert expand_shorthand("stable", []) is None


def test_nearest_versions_are_those_of_the_same_minor_first() -> None:
    assert nearest_versions("go1.24.9", AVAILABLE, 3) == ["go1.24.0", "go1.24.3", "go1.24.11"]
    assert nearest_versions("go1.24.9", AVAILABLE, 1) == ["go1.24.11"]
