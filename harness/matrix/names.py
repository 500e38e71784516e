"""Names of releases and of variants: each unique when written, its parts read in any order.

``TOOLCHAIN[~PATCH][+SETTING[,SETTING…]][ KEY=VALUE…]``. A value that is empty, or holds spaces,
``=``, quotes, backslashes or characters that do not print, stands in double quotes, as in JSON.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

RELEASE = re.compile(
    r"go1\.([0-9]{1,4})(?:\.([0-9]{1,4}))?(?:(beta|rc)([0-9]{1,4}))?(?![0-9A-Za-z_.])"
)
"""``go1.24.3``, ``go1.25rc1`` or ``go1.24``; groups: minor, patch, stage and its number."""
_HEAD = re.compile(r"(?P<toolchain>[^\s+]+)(?:\+(?P<settings>[^\s+]+))?")
_PAIR = re.compile(r'\s+(?P<key>[\w.]+)=(?P<value>"(?:[^"\\]|\\.)*"|[^\s"]\S*|)(?=\s|$)')
_FIRST_PAIR = re.compile(r"\s+[\w.]+=")
_SPECIAL = frozenset(" =\"'\\")


class VariantName(NamedTuple):
    """The parts of a variant's name; their order means nothing."""

    toolchain: str
    settings: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    """Build settings and environment variables, as they are called in names, with their values."""


def quoted(value: str) -> str:
    """Format a value for a name."""
    if value and value.isprintable() and not _SPECIAL & set(value):
        return value
    plain = (c if c.isprintable() and c not in '"\\' else json.dumps(c)[1:-1] for c in value)
    return f'"{"".join(plain)}"'


def assignments(pairs: Mapping[str, str]) -> str:
    """``KEY=VALUE KEY=VALUE``."""
    return " ".join(f"{key}={quoted(value)}" for key, value in pairs.items())


def variant_name(toolchain: str, settings: Iterable[str], pairs: Mapping[str, str]) -> str:
    """A variant's name, with its parts in the order given: the toolchain's own for settings."""
    flags, words = ",".join(settings), assignments(pairs)
    return f"{toolchain}{f'+{flags}' if flags else ''}{f' {words}' if words else ''}"


def parse_name(text: str) -> VariantName | None:
    """The parts of a name as a user types it; ``None`` for a text that is no name.

    Values need no quotes as long as they hold no space: ``GODEBUG=madvdontneed=1``.
    """
    name, pairs = split_pairs(text)
    head = _HEAD.fullmatch(name)
    if head is None or pairs is None:
        return None
    settings = filter(None, (head["settings"] or "").split(","))
    return VariantName(head["toolchain"], frozenset(settings), frozenset(pairs.items()))


def split_pairs(text: str) -> tuple[str, dict[str, str] | None]:
    """A name without its pairs, and these; ``None`` where one cannot be read or comes twice."""
    text = text.strip()
    first = _FIRST_PAIR.search(text)
    start = end = first.start() if first else len(text)
    pairs: dict[str, str] = {}
    while end < len(text):
        pair = _PAIR.match(text, end)
        value = _unquoted(pair["value"]) if pair else None
        if pair is None or value is None or pair["key"] in pairs:
            return text[:start], None
        pairs[pair["key"]] = value
        end = pair.end()
    return text[:start], pairs


def _unquoted(value: str) -> str | None:
    if not value.startswith('"'):
        return value
    try:
        return str(json.loads(value, strict=False))
    except ValueError:  # an escape that JSON does not have
        return None
