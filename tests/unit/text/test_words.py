"""Numbers in words."""

from harness.text.words import change, interval


def test_an_interval_without_width_is_exact_and_a_narrow_one_says_so() -> None:
    assert interval((1.0, 1.0), str) == "exact"
    assert interval((1.4, 1.5), change) == "95 % interval +40 % to +50 %"
    assert interval((1.4001, 1.4003), change) == "95 % interval +40 %, both ends"
