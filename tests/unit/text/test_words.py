"""Numbers in words."""

from harness.metrics.words import both
from harness.report import wording
from harness.text.words import change, few, interval, span


def test_an_interval_without_width_is_exact_and_a_narrow_one_says_so() -> None:
    assert interval((1.0, 1.0), str) == "exact"
    assert interval((1.4, 1.5), change) == "95 % interval +40 % to +50 %"
    assert interval((1.4001, 1.4003), change) == "95 % interval +40 %, both ends"


def test_ends_that_read_alike_are_one_number() -> None:
    assert span(0.600, 0.601) == "60.0 to 60.1 %"
    assert span(0.60001, 0.60002) == "60.00 %"
    assert wording.interval((1.60001, 1.60002)) == "+60.0 %"
    assert wording.shares((0.0001, 0.0002)) == "0 %"


def test_both_sides_have_one_unit() -> None:
    assert both("rss.peak", 162 * 2.0**20, 259 * 2.0**20, "bytes") == "162 → 259 MiB"
    assert both("rss.peak", 9.5 * 2.0**20, 4.0 * 2.0**30, "bytes") == "9.50 MiB → 4.00 GiB"
    assert both("rss.peak", 2.0**20, 2.0**20 + 1, "bytes") == "1.00 MiB"
    assert both("heap.resident", 0.613, 0.986, "ratio") == "0.613 → 0.986"
    assert both("gc.cycles", 4, 12, "count") == "4 → 12"
    assert both("goroutines", 1.5, 1234.5, "count") == "1.50 → 1,234"  # medians of even numbers
    assert both("x", 10 / (10 / 11) * (1 + 1e-15), 10, "count") == "11 → 10"


def test_from_threefold_on_a_change_is_a_factor() -> None:
    assert change(3.0) == wording.percent(3.0) == "×3.00"
    assert change(13.54) == "×13.5"
    assert change(2.99) == "+199 %"


def test_of_many_names_a_few_are_told() -> None:
    assert few([]) == ""
    assert few(["a", "b"]) == "a and b"
    assert few(list("abcde")) == "a, b, c, d and e"
    assert few(list("abcdef"), noun="more hosts") == "a, b, c, d and 2 more hosts"
    assert few(list("abcdef"), 2) == "a, b and 4 more"
