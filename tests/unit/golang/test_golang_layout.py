"""The pads that keep code in its place within a cache line."""

from hypothesis import given
from hypothesis import strategies as st

from harness.golang.elf import Function
from harness.golang.probe.layout import END, PADS, choose, pad_source, table_source

ALL = (*PADS, END)
LANDMARKS = [pad.landmark for pad in ALL]
GAP = 1 << 12


def layout(shifts: list[int]) -> dict[str, Function]:
    """Landmarks a page apart, each moved by as much as all before it and its own shift."""
    return {
        name: Function(GAP * (i + 1) + sum(shifts[: i + 1]), 100)
        for i, name in enumerate(LANDMARKS)
    }


WITHOUT = layout([0] * len(ALL))


@given(st.lists(st.integers(0, 40).map(lambda n: 32 * n), min_size=len(ALL), max_size=len(ALL)))
def test_pads_put_every_landmark_at_its_place_in_the_line(shifts: list[int]) -> None:
    probed = layout(shifts)
    chosen = choose(WITHOUT, probed)
    for i, (pad, name) in enumerate(zip(ALL, LANDMARKS, strict=True)):
        added = 32 * sum(other.name in chosen for other in ALL[: i + 1])
        assert (probed[name].address + added - WITHOUT[name].address) % 64 == 0, pad


@given(st.lists(st.integers(0, 3).map(lambda n: 64 * n), min_size=len(ALL), max_size=len(ALL)))
def test_no_pads_where_all_moves_by_whole_lines(shifts: list[int]) -> None:
    assert choose(WITHOUT, layout(shifts)) == frozenset()


def test_the_probes_own_functions_are_no_part_of_the_program_without_it() -> None:
    """The runtime holds the one that takes a signal, with the probe and without."""
    own = {"runtime.gomatrixDie": Function(GAP * len(PADS) - 64, 20)}
    assert choose(WITHOUT | own, layout([0] * len(ALL))) == {PADS[-1].name}


def test_what_is_not_there_needs_no_pad() -> None:
    assert choose({}, WITHOUT) == choose(WITHOUT, {}) == frozenset()
    odd = layout([32] * len(ALL))
    del odd[LANDMARKS[0]]
    assert PADS[0].name not in choose(WITHOUT, odd)


def test_the_table_names_what_is_linked_and_no_more() -> None:
    assert "[]*func(){}" in table_source(())
    text = table_source({PADS[1].name, END.name})
    assert "[]*func(){&gomatrixPadHistogramKept, &gomatrixPadEndKept}" in text
    assert "runtime.gomatrixPadHistogramKept" in text
    assert PADS[0].name.capitalize() not in text
    assert "func gomatrixPadHistogram() {}" in pad_source(PADS[1])
