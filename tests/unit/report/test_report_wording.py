import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.models import Decision
from harness.report import wording
from harness.text import words
from harness.text.visible import visible


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (276824064, "bytes", "264 MiB"),
        (0, "bytes", "0 B"),
        (1023, "bytes", "0.999 KiB"),
        (-5 << 20, "bytes", "−5.00 MiB"),
        (1.5 * (1 << 30), "bytes", "1.50 GiB"),
        (0.0123456, "seconds", "12.3 ms"),
        (0.9999, "seconds", "1.00 s"),
        (61.2, "seconds", "61.2 s"),
        (9.0, "count", "9"),
        (12345678, "count", "12.3 M"),
        (None, "bytes", "–"),
        (math.nan, "bytes", "–"),
    ],
)
def test_quantity(value: float | None, unit: str, text: str) -> None:
    assert wording.quantity(value, unit) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (1.1984, "+19.8 %"),
        (0.95, "−5.0 %"),
        (1.0, "0.0 %"),
        (0.9999, "0.0 %"),
        (4.2, "×4.20"),
        (None, "–"),
    ],
)
def test_percent(ratio: float | None, text: str) -> None:
    assert wording.percent(ratio) == text


@given(st.floats(min_value=1e-6, max_value=1e15) | st.floats(min_value=-1e15, max_value=-1e-6))
def test_three_significant_digits_lose_no_more_than_half_a_per_cent(value: float) -> None:
    shown = float(words.significant(value).replace(",", ""))
    assert shown == pytest.approx(value, rel=0.00501)


@given(st.text())
def test_visible_text_holds_nothing_that_hides(text: str) -> None:
    shown = visible(text)
    assert all(character.isprintable() or character in "\n\t" for character in shown) or any(
        not c.isprintable() and c not in "\n\t" for c in text
    )
    for hidden in "\x00\x1b\u202e\u2066\u200b\r\ufeff":
        assert hidden not in shown


def test_visible_spells_out_what_it_takes_away() -> None:
    assert visible("a\u202eb\x1b[31m\tc\r\n") == "a\\u202eb\\x1b[31m\tc\n"


@pytest.mark.parametrize(
    ("decision", "metric", "tone"),
    [
        ("increase", "rss.peak", "worse"),
        ("decrease", "rss.peak", "better"),
        ("increase", "gc.cycles", "changed"),
        ("increase", "of-some-plugin", "changed"),
        ("equivalent", "rss.peak", "same"),
        ("inconclusive", "rss.peak", "unclear"),
    ],
)
def test_tone(decision: Decision, metric: str, tone: str) -> None:
    assert wording.tone(decision, metric) == tone


def test_strength_grows_with_the_effect_in_both_directions() -> None:
    assert [wording.strength(r) for r in (1.01, 1.06, 1.2, 1.6)] == [1, 2, 3, 4]
    assert wording.strength(1 / 1.6) == 4


@pytest.mark.parametrize(
    ("share", "told"),
    [
        (0.974, "97 % of the change"),
        (1.004, "100 % of the change"),
        (1.23, "the whole change and 23 % more"),
        (-0.02, "−2 % of the change"),
    ],
)
def test_a_part_of_a_change_may_be_more_than_the_whole(share: float, told: str) -> None:
    assert wording.of_change(share) == told


def test_what_is_turned_back_may_make_a_change_larger() -> None:
    assert wording.taken(-0.2) == "the change gets 20 % larger"
    assert wording.taken(-0.002) == "0 % of the change goes away"
    assert wording.taken(1.23) == "the whole change and 23 % more goes away"
