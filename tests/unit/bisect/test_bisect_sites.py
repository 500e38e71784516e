"""Places in a program: patterns, what programs and compilers report, and which places are found."""

import random
import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.screening.models import Answer, Ask, Outcome, Row
from harness.analysis.screening.search import screen
from harness.bisect.record import Frame
from harness.bisect.sites.places import (
    OUTSIDE,
    OWN,
    Lines,
    NoPlacesError,
    Stacks,
    chosen_value,
    innermost,
    shown,
    stacks_of,
    switch_of,
)
from harness.bisect.sites.protocol import lines, pattern, stacks
from harness.golang.godebugs import Setting
from harness.golang.sources.locate import Source
from harness.golang.switches import SWITCHES
from harness.plan.suspects import Suspected

HASHES = st.sets(st.integers(0, 2**64 - 1), min_size=1, max_size=30)
SOURCE = Source.model_validate({
    "workload": "w", "package": "example.test/app/cmd", "directory": "/src/app/cmd",
    "module": "/src/app", "path": "example.test/app", "go": "1.25", "base": "/src",
})  # fmt: skip


def selects(text: str, place: int) -> bool:
    """Whether a pattern selects a place, by the rules of ``internal/bisect``."""
    parts = [part.removeprefix("x") for part in text.split("+")]
    return any(place % 16 ** len(part) == int(part, 16) for part in parts)


@given(HASHES, st.data())
def test_a_pattern_selects_the_chosen_places_and_no_other(
    known: set[int], data: st.DataObject
) -> None:
    chosen = data.draw(st.sets(st.sampled_from(sorted(known)), min_size=1))
    text = pattern(chosen, known)
    assert {place for place in known if selects(text, place)} == chosen


def test_a_pattern_tells_places_apart_whose_hashes_end_alike() -> None:
    assert pattern([0xA00000001], [0xA00000001, 0xB00000001]) == "xa00000001"
    assert pattern([0x1], [0x1, 0x2]) == "x00001"


STACKS = """\
something that the program says
[bisect-match 0x1b3c1d0554f45af0]time.NewTimer()
[bisect-match 0x1b3c1d0554f45af0]\ttime/sleep.go:145
[bisect-match 0x1b3c1d0554f45af0]example.test/app/cmd.(*server).serve()
[bisect-match 0x1b3c1d0554f45af0]\texample.test/app/cmd/main.go:54
[bisect-match 0x1b3c1d0554f45af0]
[bisect-match 0x2]example.test/other.f()
[bisect-match 0x2]\t/elsewhere/other.go:7
[bisect-match 0x
[bisect-match 0xzz]f()
"""


def test_call_stacks_are_read_from_what_a_program_says() -> None:
    found = stacks(STACKS)
    assert list(found) == [0x1B3C1D0554F45AF0, 2]
    first = found[0x1B3C1D0554F45AF0]
    assert first == (
        Frame(function="time.NewTimer", file="time/sleep.go", line=145),
        Frame(
            function="example.test/app/cmd.(*server).serve", file="example.test/app/cmd/main.go",
            line=54,
        ),
    )  # fmt: skip
    at = shown(innermost(first, SOURCE), SOURCE)
    assert (at.file, at.line) == ("cmd/main.go", 54)
    assert shown(found[2][0], SOURCE).file == "other.go"  # no path of this machine


def test_a_goroutine_of_the_library_alone_is_named_by_its_first_call() -> None:
    calls = ["internal/godebug.(*Setting).Value", "crypto/tls.(*Conn).Handshake"]
    frames = tuple(Frame(function=name, file="x/x.go", line=1) for name in calls)
    end = Frame(function="runtime.goexit", file="runtime/asm_amd64.s", line=9)
    assert innermost((*frames, end), SOURCE).function == "crypto/tls.(*Conn).Handshake"
    assert innermost((end,), SOURCE) == end
    assert innermost(frames, SOURCE) == frames[0]  # of a source line, with what was inlined


COMPILER = """\
# example.test/app/cmd
example.test/app/cmd/main.go:29:16 [DISABLED] [bisect-match 0xebb0d5ee99f27c23]
variablemake triggered example.test/app/cmd/main.go:29:16 [DISABLED] 111100100111110000100011
# strconv
strconv/itoa.go:25:6: loop variable i now per-iteration [DISABLED] [bisect-match 0x11]
a.go:1:2; b.go:3:4 [DISABLED] [bisect-match 0x12]
"""


def test_source_lines_are_read_from_what_a_compiler_says() -> None:
    assert lines(COMPILER) == {
        0xEBB0D5EE99F27C23: (
            "example.test/app/cmd", (Frame(file="example.test/app/cmd/main.go", line=29),)
        ),
        0x11: ("strconv", (Frame(file="strconv/itoa.go", line=25),)),
        0x12: ("strconv", (Frame(file="b.go", line=3), Frame(file="a.go", line=1))),
    }  # fmt: skip


@given(st.text())
def test_whatever_a_program_says_is_read(text: str) -> None:
    for place in (*stacks(text), *lines(text)):
        assert 0 <= place < 2**64


TIMERS = Setting(name="asynctimerchan", changed=23, old="1")


@pytest.mark.parametrize(
    ("own", "back", "expected"),
    [
        (None, "1", ("1", False)),
        ("0", "1", ("1", False)),
        ("1", "0", ("1", True)),
        ("1", "", ("1", True)),
        ("0", "2", ("2", False)),
    ],
)
def test_a_pattern_stands_by_the_value_that_is_not_the_newest(
    own: str | None, back: str, expected: tuple[str, bool]
) -> None:
    assert chosen_value(TIMERS, own, back) == expected


def test_two_old_values_cannot_be_told_apart_by_places() -> None:
    with pytest.raises(NoPlacesError, match="asynctimerchan=1 or 2"):
        chosen_value(TIMERS, "1", "2")


def test_a_program_that_reports_nothing_has_no_places() -> None:
    with pytest.raises(NoPlacesError, match="by itself"):
        stacks_of(("nothing", ""), "madvdontneed", "1", kept=False)


def test_a_setting_is_turned_back_in_some_stacks_or_kept_in_all_others() -> None:
    known = {"1": (), "2": (), "3": ()}
    (back,) = Stacks(known, "timers", "1", kept=False).turning_back(frozenset({"1", "3"}))
    assert (back.name, back.back) == ("timers", "1#qx00001+x00003")
    (kept,) = Stacks(known, "timers", "1", kept=True).turning_back(frozenset({"2"}))
    assert (kept.kind, kept.back) == ("godebug", "1#q!x00002")


MAKE = next(switch for switch in SWITCHES if switch.name == "variablemake")


def flags(chosen: set[str], scopes: Mapping[str, str]) -> list[str]:
    places = Lines(dict.fromkeys([*scopes, OUTSIDE], ()), MAKE, scopes)
    return [suspect.back for suspect in places.turning_back(frozenset(chosen))]


def test_a_switch_is_turned_off_at_some_lines_and_elsewhere_as_a_whole() -> None:
    own = {"1": OWN, "2": OWN}
    assert flags({"1"}, own) == ["./...=-d=variablemakehash=q!x00001"]
    assert flags({"1", OUTSIDE}, own) == [
        "all=-d=variablemakehash=n", "./...=-d=variablemakehash=q!x00001",
    ]  # fmt: skip
    assert flags({OUTSIDE}, own) == ["all=-d=variablemakehash=n", "./...=-d=variablemakehash=qy"]
    assert flags({"1", "9"}, {"1": "strconv", "9": "fmt", "5": "os"}) == [
        "strconv=-d=variablemakehash=q!x00001", "fmt=-d=variablemakehash=q!x00009",
    ]  # fmt: skip


def test_a_switch_is_known_by_its_flag() -> None:
    def suspect(back: str) -> Suspected:
        return Suspected(kind="gcflags", name="gcflags", back=back)

    assert switch_of(suspect("all=-d=variablemakehash=n")) == MAKE
    assert switch_of(suspect("-N -d=a=1,loopvarhash=qn")) == next(
        s for s in SWITCHES if s.name == "loopvar"
    )
    assert switch_of(suspect("all=-N -l")) is None
    assert switch_of(suspect("all=-d=zerocopy=0")) is None  # it takes no pattern


def searched(effects: Mapping[str, float], places: int, noise: float, seed: int) -> Outcome:
    """Search places that add up, on the scale of differences."""
    keys = [f"{number:x}" for number in range(places)]
    rng = random.Random(seed)  # noqa: S311 - no secret

    def value(back: frozenset[str]) -> float:
        return 1 - sum(effects.get(key, 0) for key in back) + rng.gauss(0, noise)

    def answer(ask: Ask) -> Answer:
        for back in ask.sets:
            measured = rows.setdefault(back, [])
            while len(measured) < ask.rounds:
                base, candidate = rng.gauss(0, noise), value(frozenset())
                measured.append(Row(0.0, candidate - base, value(back) - base))
        return {back: rows[back] for back in ask.sets}

    rows: dict[frozenset[str], list[Row]] = {}
    search = screen(keys)
    ask = next(search)
    while True:
        try:
            ask = search.send(answer(ask))
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome


@pytest.mark.parametrize("noise", [0.0, 0.02, 0.08])
@pytest.mark.parametrize(
    "effects", [{"7": 1.0}, {"3": 0.6, "1f": 0.4}, {"2": 0.4, "9": 0.3, "1b": 0.3}]
)
def test_independent_places_are_all_found_under_noise(
    effects: Mapping[str, float], noise: float
) -> None:
    found = [searched(effects, 40, noise, seed) for seed in range(6)]
    right = [{c.toggles for c in o.culprits} == {frozenset({k}) for k in effects} for o in found]
    assert sum(right) >= 5
    for outcome in (o for o, is_right in zip(found, right, strict=True) if is_right):
        for culprit in outcome.culprits:
            (key,) = culprit.toggles
            assert abs(culprit.share.value - effects[key]) < 0.15


def test_no_place_is_named_where_none_matters() -> None:
    named = [bool(searched({}, 40, 0.05, seed).culprits) for seed in range(6)]
    assert sum(named) <= 1


def test_docs_name_the_switches_whose_lines_are_searched() -> None:
    assert {s.name for s in SWITCHES if s.search} == {
        "loopvar", "variablemake", "literalalloc", "mergelocals", "pgofuncdevirtualize",
    }  # fmt: skip
    assert re.fullmatch(r"[a-z]+hash", MAKE.search)
