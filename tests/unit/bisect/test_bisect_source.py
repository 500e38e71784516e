import math
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.bisect.page import bisection_markdown, render_bisection
from harness.bisect.points import Finding, Point, Span
from harness.bisect.record import Bisection, Request, Stage
from harness.bisect.sentences import headline, of_source
from harness.bisect.source.answer import DIRECTIONS, Direction, SourceAnswer
from harness.bisect.source.changes import Edit, combine, compare
from harness.bisect.source.grouptest import MOST
from harness.bisect.source.hybrids import Ends, Hybrids
from harness.bisect.source.imports import fit_imports
from harness.bisect.source.minimise import Answer, ddmin, halve
from harness.bisect.source.needs import Needs
from harness.bisect.source.patch import ChangedDeclaration, changed_declarations, unified_diff
from harness.bisect.source.search import _Search
from harness.bisect.source.split import Import, Segment, Split, Splitter, split_other
from harness.bisect.source.used import out_of_reach
from harness.golang.experiments import Experiments
from harness.golang.patches import apply_patches, split_lines
from harness.golang.toolchains.resolve import Toolchain

Needed = tuple[int, frozenset[int]]


@st.composite
def monotone(draw: st.DrawFn) -> Needed:
    """How many changes there are, and which of them matter only together."""
    size = draw(st.integers(1, 40))
    needed = draw(st.sets(st.integers(0, size - 1), min_size=1, max_size=4))
    return size, frozenset(needed)


def counted(
    answer: Callable[[frozenset[int]], Answer],
) -> tuple[Callable[[frozenset[int]], Answer], dict[frozenset[int], Answer]]:
    asked: dict[frozenset[int], Answer] = {}

    def ask(changes: frozenset[int]) -> Answer:
        return asked.setdefault(changes, answer(changes))

    return ask, asked


def singles(size: int) -> list[frozenset[int]]:
    return [frozenset({n}) for n in range(size)]


@settings(deadline=None)
@given(monotone())
def test_halving_finds_what_matters_with_few_questions(case: Needed) -> None:
    size, needed = case
    ask, asked = counted(lambda changes: "yes" if needed <= changes else "no")
    assert halve(singles(size), ask) == needed
    assert len(asked) <= len(needed) * (math.ceil(math.log2(size)) + 2)


def test_halving_takes_what_does_not_run_for_what_lacks_something() -> None:
    """It is not left by passing over its neighbours one by one, as a broken commit is."""

    def answer(changes: frozenset[int]) -> Answer:
        if 200 in changes and 77 not in changes:
            return "unresolved"
        return "yes" if 200 in changes else "no"

    ask, asked = counted(answer)
    assert halve(singles(256), ask) == {77, 200}
    assert len(asked) <= 18


def test_halving_comes_sooner_to_blocks_that_hold_more() -> None:
    blocks = [*singles(63), frozenset(range(63, 127)), *[frozenset({n}) for n in range(127, 190)]]
    ask, asked = counted(lambda changes: "yes" if 63 in changes else "no")
    assert halve(blocks, ask) == blocks[63]
    assert len(asked) <= 4


@settings(deadline=None)
@given(monotone(), st.data())
def test_halving_leaves_out_no_needed_change_where_some_sets_do_not_build(
    case: Needed, data: st.DataObject
) -> None:
    size, needed = case
    broken = data.draw(st.sets(st.integers(0, size)))

    def answer(changes: frozenset[int]) -> Answer:
        if len(changes) in broken and len(changes) != size:
            return "unresolved"
        return "yes" if needed <= changes else "no"

    ask, _ = counted(answer)
    found = halve(singles(size), ask)
    assert needed <= found


@settings(deadline=None)
@given(monotone(), st.randoms(use_true_random=False))
def test_ddmin_ends_with_a_set_that_no_single_change_can_leave(
    case: Needed, random: object
) -> None:
    size, _ = case
    outcomes: dict[frozenset[int], Answer] = {}

    def ask(changes: frozenset[int]) -> Answer:  # any function at all, with unresolved outcomes
        if len(changes) == size:
            return "yes"
        choices: list[Answer] = ["yes", "no", "unresolved"]
        return outcomes.setdefault(changes, random.choice(choices))  # type: ignore[attr-defined]

    left = ddmin(range(size), ask)
    assert ask(frozenset(left)) == "yes"
    if len(left) > 1:
        assert all(ask(frozenset(left) - {one}) != "yes" for one in left)


def split_text(sources: Sequence[tuple[str, str]]) -> list[Split]:
    return [split_other(path, text) for path, text in sources]


LINES = st.sampled_from(
    ["TEXT ·a(SB),NOSPLIT,$0\n", "TEXT runtime·b<ABIInternal>(SB),0,$0-8\n", "\tRET\n", "// note\n",
     '#include "textflag.h"\n', "\tMOVQ AX, BX\n", "\n", "x\u2028y\r\n"]
)  # fmt: skip
TEXTS = st.builds(
    lambda lines, end: "".join(lines) + end, st.lists(LINES), st.sampled_from(["", "end"])
)
FILES = st.dictionaries(
    st.sampled_from(["src/p/a.s", "src/p/b.h", "src/q/c.s"]),
    st.tuples(st.none() | TEXTS, st.none() | TEXTS), min_size=1,
)  # fmt: skip


@settings(deadline=None)
@given(FILES)
def test_all_edits_make_the_bad_files_and_none_the_good_ones(
    files: dict[str, tuple[str | None, str | None]],
) -> None:
    good = {path: sides[0] for path, sides in files.items()}
    bad = {path: sides[1] for path, sides in files.items()}
    changes = compare(good, bad, (split_text, split_text))
    everything = {Edit(c.path, n) for c in changes.values() for n in c.differing}
    everything |= {edit for change in changes.values() for edit in change.edits}
    assert {**good, **combine(changes, set(), split_text)} == good
    assert {**good, **combine(changes, everything, split_text)} == bad


@settings(deadline=None)
@given(FILES)
def test_hunks_make_the_same_files_as_their_declarations(
    files: dict[str, tuple[str | None, str | None]],
) -> None:
    good = {path: sides[0] for path, sides in files.items()}
    bad = {path: sides[1] for path, sides in files.items()}
    for path, change in compare(good, bad, (split_text, split_text)).items():
        chosen = frozenset(edit.piece for edit in change.edits)
        fine, inside = change.refined(chosen)
        whole = combine({path: change}, set(change.edits), split_text)
        hunks = {edit for edit in inside if edit.piece in fine.differing} or inside
        assert combine({path: fine}, hunks, split_text) == whole


def test_assembly_is_split_at_its_functions() -> None:
    text = (
        '#include "textflag.h"\n\n// f does it.\nTEXT ·f(SB),NOSPLIT,$0-8\n\tRET\n\n'
        "TEXT runtime·g<ABIInternal>(SB),0,$0\n\tRET\n"
    )
    head, f, g = split_other("src/p/f.s", text).segments
    assert (head.kind, f.symbols[0].name, g.symbols[0].name) == ("head", "f", "g")
    assert f.text.startswith("// f does it.\n")
    assert head.text + f.text + g.text == text


TOOLCHAIN = Toolchain(
    name="go1.24.3", version="go1.24.3", goroot=Path("/nowhere"), provider="path", sha256=None,
    experiments=Experiments(known=(), on=frozenset()), digest="d",
)  # fmt: skip


@settings(deadline=None)
@given(FILES)
def test_the_patch_of_a_change_makes_the_bad_files(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, tuple[str | None, str | None]]
) -> None:
    old = {path: sides[0] for path, sides in files.items()}
    new = {path: sides[1] for path, sides in files.items()}
    root = tmp_path_factory.mktemp("goroot")
    for path, text in old.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        if text is not None:
            (root / path).write_bytes(text.encode())
    diff = unified_diff(old, new)
    (root / "culprit.diff").write_bytes(diff.encode())
    changed = apply_patches(root, [root / "culprit.diff"]) if diff else {}
    assert {**old, **changed} == new


def segment(name: str, text: str, *uses: str, types: tuple[str, ...] = ()) -> Segment:
    """Of package p; without a type, a name is there on one side only or the same on both."""
    names = {name, *(t.split()[0] for t in types)}
    return Segment(
        kind="func", text=text, code=text, symbols=({"name": name, "text": text},),
        signatures=frozenset(f"p.{t}" for t in types), defines=frozenset(f"p.{n}" for n in names),
        uses=frozenset(f"p.{n}" for n in uses),
    )  # fmt: skip


def splitter_of(splits: dict[str, Split]) -> Splitter:
    def split(sources: Sequence[tuple[str, str]]) -> list[Split]:
        return [splits[text] for _, text in sources]

    return split


def needs_of(
    good: dict[str, list[Segment]],
    bad: dict[str, list[Segment]],
    direction: Direction = "forward",
    unreachable: frozenset[str] = frozenset(),
) -> tuple[Needs, dict[str, Edit]]:
    """Of files named by path; edits by the bad or good text of their declaration."""
    splits = {}
    texts: list[dict[str, str | None]] = []
    for side in (good, bad):
        for segments in side.values():
            splits["".join(s.text for s in segments)] = Split(segments=tuple(segments))
        texts.append({path: "".join(s.text for s in segments) for path, segments in side.items()})
    for path in texts[0].keys() ^ texts[1].keys():
        texts[path in texts[0]][path] = None
    splits[""] = Split(segments=())
    changes = compare(texts[0], texts[1], (splitter_of(splits), splitter_of(splits)))
    edits = {}
    for change in changes.values():
        for edit in change.edits:
            piece = change.pieces[edit.piece]
            edits[piece.bad.text or piece.good.text] = edit
    return Needs(changes, direction, unreachable), edits


def test_a_new_name_is_needed_by_its_users_and_not_the_other_way() -> None:
    good = {"src/p/a.go": [segment("user", "old user")]}
    bad = {"src/p/a.go": [segment("user", "new user", "fresh"), segment("fresh", "fresh")]}
    needs, edits = needs_of(good, bad)
    assert needs.close({edits["new user"]}) == {edits["new user"], edits["fresh"]}
    assert needs.close({edits["fresh"]}) == {edits["fresh"]}
    assert needs.blocks(set(edits.values())) == [{edits["fresh"]}, {edits["new user"]}]
    back, _ = needs_of(good, bad, "reverse")
    assert back.close({edits["fresh"]}) == {edits["new user"], edits["fresh"]}


def test_a_name_that_goes_away_needs_its_users_to_change() -> None:
    needs, edits = needs_of(
        {"src/p/a.go": [segment("stale", "stale"), segment("user", "old user", "stale")]},
        {"src/p/a.go": [segment("user", "new user")]},
    )
    assert needs.close({edits["stale"]}) == {edits["stale"], edits["new user"]}
    assert needs.close({edits["new user"]}) == {edits["new user"]}


@pytest.mark.parametrize("named", ["f", "field"])
def test_what_has_another_type_goes_with_its_users(named: str) -> None:
    needs, edits = needs_of(
        {
            "src/p/a.go": [
                segment("f", "old f", types=(f"{named} int",)),
                segment("g", "old g", named),
                segment("h", "old h"),
            ]
        },
        {
            "src/p/a.go": [
                segment("f", "new f", types=(f"{named} string",)),
                segment("g", "new g", named),
                segment("h", "new h"),
            ]
        },
    )
    assert needs.close({edits["new g"]}) == {edits["new f"], edits["new g"]}
    assert needs.blocks(set(edits.values()))[0] == {edits["new f"], edits["new g"]}


def test_a_declaration_that_moves_is_one_change() -> None:
    x, y, f, moved = (
        segment(n, t) for n, t in (("x", "x"), ("y", "y"), ("f", "f"), ("f", "moved f"))
    )
    needs, edits = needs_of(
        {"src/p/a.go": [f, x], "src/p/b.go": [y]}, {"src/p/a.go": [x], "src/p/b.go": [y, moved]}
    )
    assert needs.blocks(set(edits.values())) == [{edits["f"], edits["moved f"]}]


def test_what_a_failed_build_misses_is_taken_over_with_what_uses_it() -> None:
    needs, edits = needs_of(
        {"src/p/a.go": [segment("T", "old T"), segment("f", "old f", "T")]},
        {"src/p/a.go": [segment("T", "new T"), segment("f", "new f", "T")]},
    )
    f = frozenset({edits["new f"]})
    assert needs.close(f) == f
    assert not needs.learn("# p\np/a.go:3:4: syntax error: unexpected name", f)
    assert not needs.learn("# q\nq/a.go:3:4: undefined: T", f)  # of another package
    assert needs.learn("# p\np/a.go:3:4: undefined: T", f)
    assert needs.close(f) == set(edits.values())
    assert needs.close({edits["new T"]}) == {edits["new T"]}
    assert not needs.learn("# p\np/a.go:3:4: undefined: T", f)


def test_a_type_that_lacks_a_method_of_an_interface_is_taken_over_with_it() -> None:
    good = {"src/p/a.go": [segment("f", "old f")]}
    bad = {
        "src/p/a.go": [
            segment("f", "new f", "T"), segment("T", "T"), segment("T.M", "method M", "T"),
            segment("U.M", "another M"),
        ]
    }  # fmt: skip
    needs, edits = needs_of(good, bad)
    chosen = frozenset({edits["new f"], edits["T"]})
    assert needs.close({edits["new f"]}) == chosen
    complaint = "cannot use t (variable of type T) as I value: T does not implement I"
    assert needs.learn(f"# p\np/a.go:3:4: {complaint} (missing method M)", chosen)
    assert needs.close({edits["new f"]}) == chosen | {edits["method M"]}


@pytest.mark.parametrize(
    "complaint",
    [
        "cannot use f() (value of type int64) as uintptr value in assignment",
        "invalid operation: c.f -= int64(size) (mismatched types uintptr and int64)",
        "invalid operation: cannot call non-function f (variable of type [13]int32)",
        "f(size) (no value) used as value",
    ],
)
def test_what_fits_another_version_of_a_name_is_taken_over_with_it(complaint: str) -> None:
    needs, edits = needs_of(
        {"src/p/a.go": [segment("f", "old f"), segment("g", "old g", "f")]},
        {"src/p/a.go": [segment("f", "new f"), segment("g", "new g", "f")]},
    )
    chosen = frozenset({edits["new g"]})
    assert needs.learn(f"# p\np/a.go:3:4: {complaint}", chosen)
    assert needs.close(chosen) == set(edits.values())


def test_what_misses_something_that_is_taken_over_already_can_be_in_no_mixture() -> None:
    needs, edits = needs_of(
        {"src/p/a.go": [segment("f", "old f"), segment("g", "old g")]},
        {
            "src/p/a.go": [segment("f", "new f", "fresh"), segment("g", "new g")],
            "src/q/b.go": [segment("fresh", "fresh")],
        },
    )
    everything = frozenset(edits.values())
    assert needs.possible({edits["new f"]})
    assert needs.learn("# p\np/a.go:3:4: undefined: fresh", everything)
    assert not needs.possible({edits["new f"]})
    assert needs.possible({edits["new g"]})


def test_before_go_1_26_no_package_can_be_added(tmp_path: Path) -> None:
    (tmp_path / "src" / "runtime").mkdir(parents=True)
    old = TOOLCHAIN._replace(goroot=tmp_path)
    new = old._replace(version="go1.26.0")
    packages = {"runtime", "internal/sync"}
    assert out_of_reach(old, packages) == {"internal/sync"}
    assert out_of_reach(new, packages) == frozenset()


def test_what_needs_a_package_that_cannot_be_added_is_in_no_hybrid() -> None:
    good = {"src/p/a.go": [segment("f", "old f"), segment("g", "old g")]}
    bad = {
        "src/p/a.go": [segment("f", "new f", "fresh"), segment("g", "new g")],
        "src/q/b.go": [segment("fresh", "fresh")],
    }
    needs, edits = needs_of(good, bad, unreachable=frozenset({"q"}))
    assert not needs.possible({edits["new f"]})
    assert needs.possible({edits["new g"]})


def imports(text: str, paths: list[str], *used: str) -> tuple[Split, str]:
    body = Segment(kind="func", text="", code="", qualifiers=frozenset(used))
    found = [
        Import(name=p.partition("=")[0] if "=" in p else "", path=p.rpartition("=")[2])
        for p in paths
    ]
    return Split(segments=(body,), imports=tuple(found)), text


def test_imports_of_a_mixture_are_those_of_a_side_that_fits() -> None:
    good = imports("good", ["os", "internal/abi"], "os", "abi")
    bad = imports("bad", ["os", "math/rand/v2"], "os", "rand")
    assert fit_imports(good, bad, {"os", "abi", "x"}) == "good"
    assert fit_imports(good, bad, {"os", "rand"}) == "bad"


def test_imports_of_a_mixture_are_taken_from_both_sides_if_need_be() -> None:
    good = imports("good", ["os", "internal/abi", "_=unsafe"], "os", "abi")
    bad = imports("bad", ["os", "a=strings", "x/not-its-name"], "os", "a")
    assert fit_imports(good, bad, {"a", "abi"}) == (
        '\nimport (\n\t"internal/abi"\n\t_ "unsafe"\n\ta "strings"\n)\n\n'
    )
    assert fit_imports(good, bad, set()) == '\nimport (\n\t_ "unsafe"\n)\n\n'
    assert '\t"x/not-its-name"\n' in fit_imports(bad, good, {"abi"})


Texts = dict[str, str | None]


def functions(**bodies: str) -> str:
    return "".join(f"TEXT ·{name}(SB),0,$0\n{body}\n" for name, body in bodies.items())


def search(
    good: Texts,
    bad: Texts,
    state: Callable[[Texts], str],
    broken: str = "",
    refused: Callable[[AbstractSet[str]], bool] = lambda _: False,
) -> tuple[dict[str, object], Hybrids]:
    """Search among assembly files, which need no Go to be split, classified by their texts.

    No hybrid on the end ``broken`` builds, nor one that takes over functions that are ``refused``.
    """

    def classify(point: Point) -> Finding:
        end = point.toolchain.name.partition("~")[0]
        if end == broken:
            return Finding(point=point.name, state="unresolved")
        base = good if end == "good" else bad
        texts = {**base, **point.toolchain.patched, "end": end}
        if refused(marks(base) ^ marks(texts)):
            return Finding(point=point.name, state="unresolved")
        return Finding(point=point.name, state=state(texts))

    toolchains = [TOOLCHAIN._replace(name=name) for name in ("good", "bad")]
    changes = compare(good, bad, (split_text, split_text))
    hybrids = Hybrids(Ends(toolchains[0], toolchains[1], ()), classify, split_text, lambda _: None)
    reach: dict[Direction, frozenset[str]] = dict.fromkeys(DIRECTIONS, frozenset())
    return _Search(hybrids, changes, split_text, reach).run(), hybrids


ENDS = Span(
    older=Point(name="good", toolchain=TOOLCHAIN), newer=Point(name="bad", toolchain=TOOLCHAIN),
    regression=True,
)  # fmt: skip
GOOD: Texts = {
    f"src/p{n}/f.s": functions(**{f"f{n}x{i}": f"\tMOVQ ${i}\n\tNOP\n\tRET" for i in range(6)})
    for n in range(4)
}
BAD: Texts = {path: str(text).replace("NOP", "BAD") for path, text in GOOD.items()}


def marks(texts: Texts) -> set[str]:
    """Names of functions that are the bad ones."""
    joined = "".join(text or "" for text in texts.values())
    return {part.partition("(")[0] for part in joined.split("TEXT ·") if "BAD" in part}


def names(fields: dict[str, object], key: str = "culprits") -> set[str]:
    return {culprit.symbol for culprit in fields[key]}  # type: ignore[attr-defined]


@settings(deadline=None, max_examples=25)
@given(st.sets(st.sampled_from(sorted(marks(BAD))), min_size=1, max_size=3))
def test_the_culprits_are_found_and_confirmed_both_ways(culprit: AbstractSet[str]) -> None:
    fields, hybrids = search(GOOD, BAD, lambda t: "bad" if culprit <= marks(t) else "good")
    assert names(fields) == culprit
    assert (fields["forward"].state, fields["reverse"].state) == ("bad", "good")  # type: ignore[attr-defined]
    assert "stopped" not in fields
    assert hybrids.asked <= 8 * len(culprit) + 4


def test_the_same_search_asks_the_same_questions() -> None:
    def run() -> list[str]:
        _, hybrids = search(GOOD, BAD, lambda t: "bad" if {"f2x3", "f0x1"} <= marks(t) else "good")
        return [step.finding.point for step in hybrids.steps]

    assert run() == run()


def test_less_of_what_has_no_effect_is_not_tried() -> None:
    culprits = {"f0x1", "f2x0", "f2x1"}
    fields, hybrids = search(GOOD, BAD, lambda t: "bad" if culprits <= marks(t) else "good")
    assert names(fields) == culprits
    assert hybrids.asked <= 20  # 21 with it


def test_of_two_sufficient_causes_one_is_found_and_the_remedy_names_both() -> None:
    fields, _ = search(GOOD, BAD, lambda t: "bad" if marks(t) & {"f1x1", "f3x2"} else "good")
    assert len(names(fields)) == 1
    assert fields["reverse"].state == "bad"  # type: ignore[attr-defined]
    assert names(fields, "remedy") == {"f1x1", "f3x2"}
    assert "more than one cause" in str(fields["stopped"])


def test_where_the_patch_cannot_be_taken_back_a_part_of_it_may_be_the_remedy() -> None:
    def state(texts: Texts) -> str:
        bad = marks(texts)
        if "f0x5" in bad and "f1x1" not in bad:
            return "unresolved"  # f0x5 uses what f1x1 declares, and so does f2x2
        return "bad" if {"f1x1", "f2x2"} <= bad else "good"

    fields, _ = search(GOOD, BAD, state)
    assert names(fields) == {"f1x1", "f2x2"}
    assert fields["reverse"].state == "good"  # type: ignore[attr-defined]
    assert names(fields, "remedy") == {"f2x2"}
    assert "stopped" not in fields


def test_nothing_is_searched_where_the_whole_stays_good() -> None:
    fields, hybrids = search(GOOD, BAD, lambda _: "good")
    assert "the compiler, the assembler or the linker" in str(fields["stopped"])
    assert hybrids.asked == 1


def test_where_only_the_other_direction_can_be_mixed_it_is_searched_in() -> None:
    fields, _ = search(GOOD, BAD, lambda t: "bad" if "f1x1" in marks(t) else "good", broken="good")
    assert names(fields) == {"f1x1"}
    assert fields["reverse"].state == "good"  # type: ignore[attr-defined]


COMPILERS = frozenset(f"f0x{i}" for i in range(6))
"""Functions that go with the compiler, which is never mixed."""
ALL = frozenset(marks(BAD))


@pytest.mark.parametrize("culprit", sorted(ALL - COMPILERS))
def test_a_leaf_package_is_found_where_the_whole_libraries_cannot_be_mixed(culprit: str) -> None:
    fields, hybrids = search(
        GOOD, BAD, lambda t: "bad" if culprit in marks(t) else "good",
        refused=lambda taken: bool(taken & COMPILERS),
    )  # fmt: skip
    assert (fields["outcome"], names(fields)) == ("found", {culprit})
    assert (fields["forward"].state, fields["reverse"].state) == ("bad", "good")  # type: ignore[attr-defined]
    assert "stopped" not in fields
    assert hybrids.asked < 20


@pytest.mark.parametrize("end", ["good", "bad"])
@pytest.mark.parametrize("culprit", ["f1x0", "f2x3", "f3x5"])
def test_one_declaration_is_found_among_others_that_do_not_build(culprit: str, end: str) -> None:
    """Its whole package cannot be mixed, nor can anything on one end."""
    fields, _ = search(
        GOOD, BAD, lambda t: "bad" if culprit in marks(t) else "good",
        refused=lambda taken: bool(taken & {"f0x0", "f1x3", "f2x1", "f3x0"}), broken=end,
    )  # fmt: skip
    assert (fields["outcome"], names(fields)) == ("found", {culprit})
    direction = "reverse" if end == "good" else "forward"
    assert fields[direction].state == ("good" if end == "good" else "bad")  # type: ignore[attr-defined]
    assert "unresolved" in str(fields["stopped"])  # the other way is not shown, and that is said


@settings(deadline=None, max_examples=30)
@given(
    st.sets(st.sampled_from(sorted(ALL)), min_size=1, max_size=2),
    st.sets(st.sampled_from(sorted(ALL)), min_size=1, max_size=5),
)
def test_what_is_said_of_parts_is_true(culprits: set[str], broken: set[str]) -> None:
    """A patch makes the difference; where there is none, what was not tried is counted."""
    fields, hybrids = search(
        GOOD, BAD, lambda t: "bad" if culprits <= marks(t) else "good",
        refused=lambda taken: bool(taken & broken),
    )  # fmt: skip
    if not culprits & broken:
        assert culprits == names(fields)
    elif fields["outcome"] == "found":  # a part that can be taken back takes the difference away
        assert names(fields) <= culprits
        assert len(names(fields) - broken) == 1
    else:
        assert fields["untried"] == len(broken)
        assert f"Not tried are {len(broken)} differences" in str(fields["stopped"])
    assert hybrids.asked < 200


def test_where_nothing_can_be_tried_that_is_said_and_no_more() -> None:
    fields, hybrids = search(GOOD, BAD, lambda _: "unresolved")
    assert (fields["outcome"], fields["untried"]) == ("not found", len(ALL))
    assert "Not tried are 24 differences in p0, p1, p2 and p3: no hybrid" in str(fields["stopped"])
    assert str(fields["stopped"]).count("is unresolved") == 2
    assert hybrids.asked < 100
    answer = SourceAnswer(elsewhere=0, edits=24, **fields)
    said = of_source(answer, ENDS)
    assert "24 of 24 differences could not be tried" in said
    assert "no part of the standard library" not in said


def test_what_was_not_tried_is_told_in_headline_page_and_markdown() -> None:
    fields, _ = search(GOOD, BAD, lambda _: "unresolved")
    answer = SourceAnswer(elsewhere=0, edits=24, **fields)
    request = Request(matrix="m.yaml", matrix_text="", workload="w", metric="rss.peak",
                      good="good", bad="bad", seed=1)  # fmt: skip
    ends = Stage(kind="ends", title="Both ends", older="good", newer="bad", answer="it is more")
    source = Stage(kind="source", title="Source", older="good", newer="bad",
                   answer=of_source(answer, ENDS), stopped=answer.stopped)  # fmt: skip
    found = Bisection(request=request, unit="bytes", direction="regression", changed=True,
                      headline="", stages=(ends, source), finished=True)  # fmt: skip
    found = found.model_copy(update={"headline": headline(found)})
    assert "24 of 24 differences could not be tried" in found.headline
    for text in (render_bisection(found), bisection_markdown(found)):
        assert "Not tried are 24 differences in p0, p1, p2 and p3" in text


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (("a", "a", "b"), "p.F0, p.F1 in p/a.go and p.F2 in p/b.go"),
        (("a",) * 9, "9 declarations in one file of p"),
        (("a", "b", "c") * 30, "90 declarations in 3 files of p"),
    ],
)
def test_many_declarations_are_counted_not_named(files: Sequence[str], said: str) -> None:
    culprits = tuple(
        ChangedDeclaration(path=f"src/p/{file}.go", package="p", symbol=f"F{number}")
        for number, file in enumerate(files)
    )
    answer = SourceAnswer(outcome="found", elsewhere=0, edits=99, culprits=culprits)
    assert of_source(answer, ENDS).startswith(f"the difference is made by {said}, as far as")


def test_that_no_part_makes_it_bad_is_said_only_where_all_were_tried() -> None:
    fields, _ = search(GOOD, BAD, lambda t: str(t["end"]),  # it is the compiler
                       refused=lambda taken: len(taken) > 20)  # fmt: skip
    assert (fields["outcome"], fields["untried"]) == ("not found", 0)
    answer = SourceAnswer(elsewhere=0, edits=24, **fields)
    assert "no part of the standard library makes bad bad: all 24" in of_source(answer, ENDS)


def test_a_search_by_parts_ends_within_its_budget_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(MOST, "refused", 10)
    fields, hybrids = search(GOOD, BAD, lambda _: "unresolved")
    assert hybrids.asked < 12
    assert f"the search ended after {hybrids.asked} hybrids" in str(fields["stopped"])


def test_differences_in_comments_alone_are_never_tried() -> None:
    good: Texts = {"src/p/a.s": functions(f="\tRET", g="// one\n\tRET")}
    bad: Texts = {"src/p/a.s": functions(f="\tRET", g="// two\n\tRET")}
    fields, hybrids = search(good, bad, lambda _: "bad")
    assert hybrids.asked == 0
    assert "no code differs" in str(fields["stopped"])


def test_a_patch_within_a_function_is_as_small_as_can_be() -> None:
    body = "\tNOP\n\tMOVQ AX, BX\n\tNOP\n\tRET"
    good: Texts = {"src/p/a.s": functions(f=body)}
    bad: Texts = {"src/p/a.s": functions(f=body.replace("NOP", "BAD", 1).replace("RET", "JMP x"))}
    fields, _ = search(good, bad, lambda t: "bad" if "BAD" in str(t) else "good")
    changed = [line for line in str(fields["diff"]).splitlines() if line[:1] in "+-"]
    assert changed == ["--- a/src/p/a.s", "+++ b/src/p/a.s", "-\tNOP", "+\tBAD"]


def test_culprits_are_named_as_stack_traces_name_them() -> None:
    old: Texts = {
        "src/p/a.s": functions(f="\tRET", g="\tRET"),
        "src/p/b.h": "1\n",
        "src/q/c.s": None,
    }
    new: Texts = {
        "src/p/a.s": functions(f="\tRET", g="\tNOP"),
        "src/p/b.h": "2\n",
        "src/q/c.s": functions(h="\tRET"),
    }
    found = changed_declarations(old, new, split_text)
    assert [c.name for c in found] == ["p.g", "src/p/b.h", "q.h"]


def test_lines_end_at_line_feeds_only() -> None:
    assert split_lines("a\r\nb\u2028c\x0cd\ne") == ["a\r\n", "b\u2028c\x0cd\n", "e"]
