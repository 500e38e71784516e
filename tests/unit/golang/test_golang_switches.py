from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.golang.switches import SWITCHES, came_between, merge_gcflags, split_gcflags

BY_NAME = {switch.name: switch for switch in SWITCHES}
PACKAGES = {"m": True, "m/a": False, "mm": False, "other/x": False, "runtime": False}
"""Packages of a build, and whether they are those of the command line."""
PATTERNS = st.sampled_from(["all", "m/...", "m/a", "m", "", "other/...", "runtime"])
TEXTS = st.lists(
    st.tuples(PATTERNS, st.text("abcd", min_size=1, max_size=1).map(lambda flag: f"-d={flag}")),
    max_size=3,
)
ADDED = st.lists(st.tuples(st.sampled_from(["all", "m/..."]), st.sampled_from(["-d=x", "-d=y"])))


def matches(pattern: str, package: str) -> bool:
    """Whether the go command applies flags with a pattern to a package."""
    if pattern in ("", "all"):
        return pattern == "all" or PACKAGES[package]
    head = pattern.removesuffix("...")
    return package == pattern or (head != pattern and f"{package}/".startswith(head))


def values(text: str) -> list[tuple[str, str]]:
    """Patterns and flags of each ``-gcflags``."""
    pairs = (value.partition("=") for value in split_gcflags(text))
    return [("", f"{p}={f}") if p.startswith("-") else (p, f) for p, _, f in pairs]


def compiled_with(given: Sequence[tuple[str, str]], package: str) -> list[str]:
    """The flags of a package: those of the last pattern that matches."""
    return next((f.split() for p, f in reversed(given) if matches(p, package)), [])


def written(given: Sequence[tuple[str, str]]) -> str:
    return " -gcflags=".join(f"{p}={f}" if p else f for p, f in given)


@given(TEXTS, ADDED)
def test_merged_flags_hold_for_each_package_together(
    own: list[tuple[str, str]], added: list[tuple[str, str]]
) -> None:
    merged = values(merge_gcflags(written(own), [written([one]) for one in added]))
    for package in PACKAGES:
        more = {flags for pattern, flags in added if matches(pattern, package)}
        found = compiled_with(merged, package)
        assert set(found) == {*compiled_with(own, package), *more}
        # what was given first comes first, so that what is added wins
        assert found[: len(compiled_with(own, package))] == compiled_with(own, package)


def test_merged_flags_are_as_short_as_they_can_be() -> None:
    one, two = "all=-d=a=n", "m/...=-d=b=n"
    assert merge_gcflags("", []) == ""
    assert merge_gcflags("", [one]) == one
    assert merge_gcflags(one, [one]) == one
    assert merge_gcflags("all=-N -l", [one]) == "all=-N -l -d=a=n"
    assert merge_gcflags(one, [two]) == "all=-d=a=n -gcflags=m/...=-d=a=n -d=b=n"
    assert merge_gcflags("-N", [one]) == "all=-d=a=n -gcflags=-N -d=a=n"
    assert split_gcflags(merge_gcflags(one, [two])) == [one, "m/...=-d=a=n -d=b=n"]


@pytest.mark.parametrize(
    ("before", "after", "lines", "names"),
    [
        ("go1.24.3", "go1.25.5", ("1.21", "1.21"), ["variablemake", "literalalloc"]),
        ("go1.24.3", "go1.24.11", ("1.21", "1.21"), []),
        ("go1.25.5", "go1.24.3", ("1.21", "1.21"), []),
        ("go1.21.13", "go1.22.10", ("1.21", "1.21"), ["zerocopy", "sccp"]),
        # private loop variables come with the go line, not with the toolchain
        ("go1.21.13", "go1.22.10", ("1.21", "1.22"), ["loopvar", "zerocopy", "sccp"]),
        ("go1.23.9", "go1.23.9", ("1.21", "1.22"), ["loopvar"]),
    ],
)
def test_an_upgrade_brings_what_is_new_on_one_side_only(
    before: str, after: str, lines: tuple[str, str], names: list[str]
) -> None:
    assert [switch.name for switch in came_between(before, after, lines)] == names


def test_what_needs_a_profile_counts_only_with_one() -> None:
    found = came_between("go1.22.10", "go1.23.9", ("1.21", "1.21"), pgo=True)
    assert [switch.name for switch in found] == ["mergelocals", "alignhot"]


def test_loop_variables_are_shared_in_the_main_module_alone() -> None:
    assert BY_NAME["loopvar"].gcflags("m.example/x") == "m.example/x/...=-d=loopvarhash=qn"
    assert BY_NAME["variablemake"].gcflags("m.example/x") == "all=-d=variablemakehash=n"
