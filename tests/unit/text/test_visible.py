"""Characters that nobody sees, spelt out."""

import re
import sys

from harness.text import visible as module
from harness.text.visible import first_unseen, visible, visible_json


def test_no_unseen_character_passes_for_printable() -> None:
    """On every Python: what is printable is let through unread."""
    every = (chr(number) for number in range(sys.maxunicode + 1))
    unseen = re.findall(module._UNSEEN, "".join(every))
    assert len(unseen) > 2000
    assert [c for c in unseen if c.isprintable()] == []


def test_what_is_seen_stays_as_it_is() -> None:
    text = "a b\tc\r\nd ñ 語 😀 e\u0301"
    assert visible(text) == "a b\tc\nd ñ 語 😀 e\u0301"
    assert visible_json(text.replace("\r", "")) == text.replace("\r", "")
    assert first_unseen("a b ñ 語") is None
    assert first_unseen("a\tb") == "\t"


def test_what_is_not_seen_is_spelt_out() -> None:
    assert visible("a\x1b[2J\u202e\U000e0041\rb") == r"a\x1b[2J\u202e\U000e0041\rb"
    assert visible_json('"\x7f\u2028"\n') == '"\\u007f\\u2028"\n'
