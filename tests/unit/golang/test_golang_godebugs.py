from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.golang.godebugs import (
    Removed,
    Setting,
    compose,
    meanings_of,
    parse,
    parse_removed,
    parse_settings,
    parse_variables,
)

TABLE = """package godebugs

var All = []Info{
	{Name: "asynctimerchan", Package: "time", Changed: 23, Old: "1"},
	{Name: "gotestjsonbuildtext", Package: "cmd/go", Changed: 24, Old: "1"},
	{Name: "http2debug", Package: "net/http", Opaque: true}, // bug: see https://go.dev/issue/1
	//{Name: "multipartfiles", Package: "mime/multipart"},
	{Name: "decoratemappings", Package: "runtime", Opaque: true, Changed: 25, Old: "0"},
}

var Removed = []RemovedInfo{
	{Name: "x509sha1", Removed: 24, Old: one}, // Old: "7"
	{Name: "plain", Removed: 26},
	{Name: "timer", Removed: 27, Old: func(s string) bool { return s == "1" || s == "2" }},
}
"""
TIMER = Setting(name="asynctimerchan", changed=23, old="1", package="time")
DEPTH = Setting(name="profstackdepth", changed=23, old="32", opaque=True, follows_line=False)
NAMES = st.text("abc09", min_size=1, max_size=3)
VALUES = st.text("01#+xy=", max_size=5)


def test_settings_come_out_of_the_table() -> None:
    assert list(parse_settings(TABLE).values()) == [
        TIMER,
        Setting(name="gotestjsonbuildtext", changed=24, old="1", package="cmd/go"),
        Setting(name="http2debug", opaque=True, package="net/http"),
        Setting(name="decoratemappings", changed=25, old="0", opaque=True),
    ]
    with pytest.raises(ValueError, match="holds 0 settings"):
        parse_settings("package godebugs\n")


def test_removed_settings_come_with_the_values_that_are_refused() -> None:
    assert {name: (r.minor, r.old) for name, r in parse_removed(TABLE).items()} == {
        "x509sha1": (24, ("1",)),
        "plain": (26, ()),
        "timer": (27, ("1", "2")),
    }
    assert Removed(name="timer", minor=27).reason("go1.27.3") == (
        "go1.27.3 has no GODEBUG setting timer: go1.27 removed it"
    )


def test_an_endless_table_is_refused() -> None:
    entry = '\t{Name: "a%d", Package: "time"},\n'
    entries = "".join(entry % number for number in range(1001))
    with pytest.raises(ValueError, match="holds 1001 settings"):
        parse_settings(f"var All = []Info{{\n{entries}}}\n")


def test_variables_of_the_runtime_follow_the_release() -> None:
    source = """var dbgvars = []*dbgVar{
	{name: "gctrace", value: &debug.gctrace},
	{name: "profstackdepth", value: &debug.profstackdepth, def: 128},
}
	if seen == nil && key == "memprofilerate" {
"""
    found = {s.name: s for s in parse_variables(source)}
    assert list(found) == ["gctrace", "profstackdepth", "memprofilerate"]
    assert found["profstackdepth"] == DEPTH


def test_meanings_come_out_of_what_documentation_there_is(tmp_path: Path) -> None:
    assert meanings_of(tmp_path) == {}
    (tmp_path / "doc").mkdir()
    (tmp_path / "doc" / "godebug.md").write_text("""### Go 1.23

Go 1.23 changed the channels
of package time, see [`Timer.Stop`](/pkg/time/#Timer.Stop). The
[`asynctimerchan` setting](/pkg/time/#NewTimer) disables this change.

No setting is named here.
""")
    assert meanings_of(tmp_path) == {
        "asynctimerchan": "Go 1.23 changed the channels of package time, see `Timer.Stop`."
    }


def test_the_last_value_of_a_setting_wins_and_patterns_stay() -> None:
    assert parse("a=1,b=2#x+y,rubbish,a=3") == {"b": "2#x+y", "a": "3"}
    assert compose("a=1,b=2", {"a": "0#v1", "c": ""}) == "a=0#v1,b=2,c="
    assert compose("", {}) == ""


@given(st.lists(st.tuples(NAMES, VALUES)), st.dictionaries(NAMES, VALUES))
def test_composed_texts_mean_what_they_were_made_of(
    given: list[tuple[str, str]], more: dict[str, str]
) -> None:
    text = ",".join(f"{name}={value}" for name, value in given)
    assert parse(text) == dict(given)
    assert parse(compose(text, more)) == dict(given) | more
