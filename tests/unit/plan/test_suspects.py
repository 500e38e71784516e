"""Suspects of a question: what differs, how it is turned back, and what needs no trial."""

from collections.abc import Mapping, Sequence

import pytest

from harness.golang.experiments import Experiments
from harness.golang.godebugs import Removed, Setting
from harness.matrix.models import BuildPattern, BuildSpec, SuspectSpec
from harness.plan.sides import Side, Sides, suspects_of, turned_back
from harness.plan.suspects import Suspected, undoing, undone
from harness.plan.variants import Variant

OLD = Experiments(known=("rangefunc", "loops"), on=frozenset({"loops"}))
NEW = Experiments(
    known=("rangefunc", "loops", "swissmap", "spinbitmutex"),
    on=frozenset({"loops", "swissmap", "spinbitmutex"}),
)
TABLE = {
    "timers": Setting(name="timers", changed=23, old="1", package="time"),
    "mtu": Setting(name="mtu", changed=24, old="0", package="net", opaque=True),
    "fresh": Setting(name="fresh", package="net"),
    "tool": Setting(name="tool", changed=24, old="1", package="cmd/go"),
    "stack": Setting(name="stack", changed=24, old="32", follows_line=False),
}


def side(
    version: str, experiments: Experiments, *, variant: Variant | None = None,
    godebugs: Sequence[str] = tuple(TABLE), defaults: Mapping[str, str] | None = None,
    removed: Sequence[Removed] = (), line: str = "1.21",
) -> Side:  # fmt: skip
    return Side(
        variant=variant or Variant(name=version, toolchain=version),
        version=version, experiments=experiments,
        godebugs={name: TABLE[name] for name in godebugs},
        removed={r.name: r for r in removed},
        defaults={"w": defaults or {}}, lines={"w": line},
    )  # fmt: skip


def labels(asked: list[object], baseline: Side, candidate: Side) -> dict[str, Suspected]:
    specs = [SuspectSpec.model_validate(a) for a in asked]
    return {s.label: s for s in suspects_of(specs, Sides.of(baseline, candidate), ["w"])}


AUTO: list[object] = [{"auto": True}]
OLDER = side("go1.23.9", OLD, godebugs=["timers"], defaults={"timers": "1"})


def test_auto_lists_experiments_whose_default_differs() -> None:
    found = labels(AUTO, OLDER, side("go1.24.3", NEW, godebugs=[]))
    experiments = {s.name: s.back for s in found.values() if s.kind == "experiment"}
    assert experiments == {"swissmap": "noswissmap", "spinbitmutex": "nospinbitmutex"}
    assert not any(s.settled for s in found.values() if s.kind == "experiment")


def test_auto_lists_settings_that_changed_between_and_settles_those_the_go_line_keeps() -> None:
    newer = side("go1.24.3", NEW, defaults={"timers": "1", "mtu": "0"})
    found = {s.name: s for s in labels(AUTO, OLDER, newer).values() if s.kind == "godebug"}
    assert set(found) == {"mtu", "stack"}  # timers changed before, tool is no part of a program
    assert found["mtu"].settled["w"].certainty == "same value"
    assert found["stack"].settled == {}
    assert found["stack"].back == "32"


def test_auto_lists_settings_that_the_newer_go_has_removed_and_the_older_one_keeps_old() -> None:
    newer = side("go1.27.3", NEW, godebugs=[], removed=[
        Removed(name="timers", minor=27), Removed(name="mtu", minor=27),
        Removed(name="elsewhere", minor=27),
    ])  # fmt: skip
    older = side("go1.25.5", NEW, godebugs=["timers", "mtu"], defaults={"timers": "1"})
    found = [s for s in labels(AUTO, older, newer).values() if s.kind == "godebug"]
    assert [s.label for s in found] == ["timers=1"]
    assert found[0].settled["w"].verdict == "not applicable"
    assert "go1.27 removed it" in found[0].settled["w"].reason


def test_auto_lists_settings_that_differ_because_the_go_line_does() -> None:
    older = side("go1.24.3", NEW, defaults={"timers": "1", "mtu": "0"})
    newer = side("go1.24.3", NEW, line="1.24")
    found = labels(AUTO, older, newer)
    assert set(found) == {"timers=1", "mtu=0", "loopvar"}
    assert not any(s.settled for s in found.values())
    assert {s.name: s.counted for s in found.values()} == {
        "timers": True, "mtu": False, "loopvar": False,
    }  # fmt: skip


def test_what_returns_to_the_newest_behaviour_is_not_counted() -> None:
    """The runtime counts what differs from that, so that zero would mean nothing."""
    older = side("go1.24.3", NEW, line="1.24")
    newer = side("go1.24.3", NEW, defaults={"timers": "1"}, line="1.24")
    found = labels(AUTO, older, newer)
    assert found["timers=0"].counted is False


def test_auto_lists_conditions_and_switches_that_differ() -> None:
    older = side("go1.24.3", NEW, variant=Variant(
        name="a", toolchain="go1.24.3", env={"GOGC": "50"}, build=BuildSpec(race=True)
    ))  # fmt: skip
    newer = side("go1.25.5", NEW)
    found = labels(AUTO, older, newer)
    assert {"GOGC=50", "race=true", "variablemake", "literalalloc"} <= found.keys()
    assert found["GOGC=50"].free
    assert not found["race=true"].free
    back = turned_back(newer.variant, found.values(), NEW)
    assert (back.env["GOGC"], back.build.race) == ("50", True)
    assert "variablemakehash=n" in back.build.gcflags


def test_the_side_with_the_newer_go_is_varied_also_if_it_is_the_baseline() -> None:
    newer = side("go1.24.3", NEW, godebugs=[])
    assert Sides.of(newer, OLDER).varied is newer
    assert Sides.of(OLDER, newer).varied is newer
    again = side("go1.24.3", NEW)
    assert Sides.of(newer, again).varied is again


@pytest.mark.parametrize(
    ("asked", "certainty"),
    [
        ({"experiment": "greenteagc"}, "unknown"),
        ({"experiment": "rangefunc"}, "same value"),
        ({"godebug": "gone=1"}, "removed"),
        ({"godebug": "unheardof=1"}, "unknown"),
        ({"godebug": "timers=1"}, "same value"),
        ({"godebug": "timers=0"}, None),
        ({"experiment": "swissmap"}, None),
        ({"env": "GOGC=50"}, None),
    ],
)
def test_what_is_listed_may_need_no_trial(asked: object, certainty: str | None) -> None:
    newer = side("go1.24.3", NEW, defaults={"timers": "1"},
                 removed=[Removed(name="gone", minor=24)])  # fmt: skip
    (found,) = labels([asked], OLDER, newer).values()
    known = found.settled.get("w")
    assert (known and known.certainty) == certainty


def test_every_kind_is_turned_back() -> None:
    candidate = Variant(
        name="go1.24.3+rangefunc GODEBUG=mtu=1", toolchain="go1.24.3", settings=("rangefunc",),
        env={"GODEBUG": "mtu=1"}, build=BuildSpec(gcflags="all=-N"),
    )  # fmt: skip
    asked: list[object] = [
        {"experiment": "rangefunc"}, {"experiment": "swissmap"}, {"godebug": "timers=1"},
        {"env": "GOGC=50"}, {"gcflags": "all=-d=a=n"}, {"gcflags": "all=-d=b=n"},
        {"ldflags": "-checklinkname=0"}, {"tags": ["x", "y"]}, {"race": True},
        {"goamd64": "v3"}, {"patch": "p/fix.diff"},
    ]  # fmt: skip
    newer = side("go1.24.3", NEW, variant=candidate)
    found = labels(asked, OLDER, newer)
    assert list(found) == [
        "rangefunc", "swissmap", "timers=1", "GOGC=50", 'gcflags="all=-d=a=n"',
        'gcflags="all=-d=b=n"', 'ldflags="-checklinkname=0"', "tags=x,y", "race=true",
        "GOAMD64=v3", "patch fix",
    ]  # fmt: skip
    back = turned_back(candidate, found.values(), NEW)
    assert back.toolchain == "go1.24.3~fix"
    assert back.settings == ("noswissmap",)
    assert back.env == {"GODEBUG": "mtu=1,timers=1", "GOGC": "50"}
    assert back.build == BuildSpec(
        gcflags="all=-N -d=a=n -d=b=n", ldflags="-checklinkname=0", tags=("x", "y"), race=True,
        goamd64="v3",
    )  # fmt: skip


def test_settings_of_the_toolchain_stay_when_others_are_turned_back() -> None:
    own = BuildPattern(gcflags="all=-N", ldflags="-checklinkname=0")
    candidate = Variant(name="go1.24.3", toolchain="go1.24.3", own=own)
    newer = side("go1.24.3", NEW, variant=candidate)
    found = labels([{"gcflags": "all=-d=a=n"}, {"env": "GOGC=50"}], OLDER, newer)
    back = turned_back(candidate, found.values(), NEW)
    assert back.name == 'go1.24.3 gcflags="all=-N -d=a=n" GOGC=50'
    assert back.made_with == BuildSpec(gcflags="all=-N -d=a=n", ldflags="-checklinkname=0")
    assert back.build == BuildSpec(gcflags="all=-N -d=a=n")
    assert turned_back(candidate, [], NEW) == candidate


def test_a_variable_is_turned_back_to_not_set() -> None:
    candidate = Variant(name="go1.24.3 GOGC=50", toolchain="go1.24.3", env={"GOGC": "50"})
    (found,) = labels([{"env": "GOGC="}], OLDER, side("go1.24.3", NEW, variant=candidate)).values()
    assert undoing([[found]]) == "turning back GOGC"
    back = turned_back(candidate, [found], NEW)
    assert (back.env, back.name) == ({}, "go1.24.3")


def test_nothing_turned_back_is_the_variant_itself() -> None:
    candidate = Variant(name="go1.24.3 race=false GOGC=50", toolchain="go1.24.3",
                        env={"GOGC": "50"})  # fmt: skip
    assert turned_back(candidate, [], NEW) == candidate


def test_what_a_suspect_is_set_to_is_not_said_to_be_turned_back() -> None:
    setting = Suspected(kind="godebug", name="timers", back="1")
    variable = Suspected(kind="env", name="GOGC", back="50")
    flag = Suspected(kind="experiment", name="swissmap", back="noswissmap")
    patch = Suspected(kind="patch", name="fix", back="fix.diff")
    assert undoing([[setting], [variable]]) == "setting timers=1 and GOGC=50"
    assert undoing([[flag, setting], [patch]], " with ") == (
        "turning back swissmap with setting timers=1 and applying patch fix"
    )
    assert undone([setting]) == "timers=1 set"
    assert undone([flag, variable]) == "swissmap turned back and GOGC=50 set"
