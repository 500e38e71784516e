"""Make foreign text safe to show: spell out what cannot be seen. Pure functions."""

import json
import re
from collections.abc import Callable
from functools import cache

# C0 and C1 controls, and every character that reorders, joins or hides its neighbours
_UNSEEN = (
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    r"""Text with every control, bidirectional and invisible character spelt out as ``\u202e``.

    Tabs and line feeds stay; a carriage return before a line feed goes. Terminal colours in a log
    lose their escape sequences' power, but not their traces.
    """
    return _spelt(text.replace("\r\n", "\n"), lambda c: c.encode("unicode_escape").decode())


def visible_json(text: str) -> str:
    """JSON with every such character as JSON's own escape, so that it reads back the same."""
    return _spelt(text, lambda character: json.dumps(character)[1:-1])


def first_unseen(text: str) -> str | None:
    """The first character that is not seen on one line: what ``visible`` spells, or a tab."""
    match = None if text.isprintable() else _unseen().search(text)
    return match[0] if match else None


@cache
def _unseen() -> re.Pattern[str]:
    """Compiled where it is needed: that takes a hundredth of the start of a command."""
    return re.compile(_UNSEEN)


def _spelt(text: str, spell: Callable[[str], str]) -> str:
    """Text with what is not seen spelt out, but for tabs and line feeds."""
    if text.replace("\n", "").replace("\t", "").isprintable():  # no unseen character is
        return text
    return _unseen().sub(lambda match: match[0] if match[0] in "\t\n" else spell(match[0]), text)
