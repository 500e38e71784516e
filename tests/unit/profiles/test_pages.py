"""What is known of pages, and of objects on them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.profiles.pages import PAGE, Pages

START = 0xC000000000


def written(*ranges: tuple[int, bytes]) -> bytes:
    """As the supervisor writes it."""
    return b"".join(
        start.to_bytes(8, "little") + len(states).to_bytes(8, "little") + states
        for start, states in ranges
    )


@given(
    st.lists(st.binary(max_size=12), min_size=1, max_size=4),
    st.integers(-3 * PAGE, 40 * PAGE),
    st.integers(0, 20 * PAGE),
)
def test_an_object_has_what_its_bytes_have(states: list[bytes], at: int, size: int) -> None:
    """Compared with a look at each byte."""
    starts = [START + number * 13 * PAGE for number in range(len(states))]
    every = [bytes(byte % 4 for byte in found) for found in states]
    pages = Pages.parse(written(*zip(starts, every, strict=True)))
    state = {
        start + place * PAGE: found
        for start, row in zip(starts, every, strict=True)
        for place, found in enumerate(row)
    }
    first = START + at
    own = max((start for start in starts if start <= first), default=None)
    row = () if own is None else range(own, own + 13 * PAGE)  # an object lies in one range
    found = [
        state.get(byte // PAGE * PAGE, 0) if byte in row else 0
        for byte in range(first, first + size, 16)
    ]
    if size % 16 == 0 and first % 16 == 0:
        assert pages.resident(first, size) == (
            16 * sum(f in (1, 2) for f in found), 16 * found.count(2)
        )  # fmt: skip
    resident, zero = pages.resident(first, size)
    assert 0 <= zero <= resident <= size


@given(st.binary(max_size=40))
def test_what_is_cut_short_is_refused(rest: bytes) -> None:
    whole = written((START, bytes(50)))
    with pytest.raises(ValueError, match="cut short"):
        Pages.parse(whole + written((START + PAGE * 100, rest + b"x"))[:-1])
