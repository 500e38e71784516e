"""GODEBUG settings: which a toolchain knows, their defaults, and texts of ``GODEBUG``."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from harness.errors import HarnessError
from harness.files.inside import read_inside
from harness.models import Frozen

_TABLE = "src/internal/godebugs/table.go"
_RUNTIME = "src/runtime/runtime1.go"
_LIMIT = 1 << 20
"""Bytes of a source file; the table of go1.27 has 8,000, ``runtime1.go`` 20,000."""
_MOST = 1000
"""Settings of one toolchain; go1.27 has 80."""
_LIST = r"(?ms)^var (All|Removed|dbgvars) = \[\]\*?\w+\{\n(.*?)^\}"
_COMMENT = r"(?m)//.*$"
_ENTRY = r'(?m)^\s*\{[Nn]ame: "(\w+)"(.*)\},?\s*$'
_FIELD = r'\b(Package|Changed|Old|Opaque|Removed): (?:"([^"]*)"|(\w+))'
_SPECIAL_VARIABLE = r'\bkey == "(\w+)"'
"""``memprofilerate``, which the runtime looks at before its own table."""
_QUOTED = r'"([^"]*)"'
_PARAGRAPH = r"(?m)^\t(\w+): ((?:.+\n)(?:\t.+\n)*)"
_NAMED = r"\[?`(\w+)`? setting\b"
_LINK = r"\[([^\]]*)\]\([^)]*\)"
_PREDICATES = MappingProxyType({"zero": ("0",), "one": ("1",)})
"""Functions of ``table.go`` that tell old values of removed settings."""
_OF_RELEASES = MappingProxyType({"profstackdepth": (23, "32")})
"""Settings that the table leaves out because their defaults follow the release and not the go line:
the minor version that changed each, and the value before. ``maxStack`` in ``runtime/mprof.go`` is
32 in Go 1.22, and ``profstackdepth`` is 128 in Go 1.23."""


class Setting(Frozen):
    """A GODEBUG setting of one toolchain."""

    name: str
    changed: int | None = None
    """The minor version of Go that changed its default; 23 means Go 1.23."""
    old: str = ""
    """The value that restores the behaviour before that; empty if no default was changed."""
    opaque: bool = False
    """Whether a program's ``runtime/metrics`` do not count what it changes."""
    package: str = "runtime"
    """The package that heeds it; ``cmd/go`` and the like are no part of a program."""
    follows_line: bool = True
    """Whether the default follows the main module's go line; else it follows the release."""

    @property
    def newest(self) -> str:
        """A value that gives the newest behaviour; of those that are not 0 or 1, the empty one."""
        return {"0": "1", "1": "0"}.get(self.old, "")

    def is_newest(self, value: str | None) -> bool:
        """Whether a value, or none, gives the newest behaviour: the runtime does not count that."""
        return value in (None, "", self.newest)


class Removed(Frozen):
    """A setting that a toolchain had once, and refuses now."""

    name: str
    minor: int
    """The minor version of Go that removed it."""
    old: tuple[str, ...] = ()
    """Values with which programs do not start; others do nothing."""

    def reason(self, version: str) -> str:
        """Why it does not apply to that toolchain."""
        return f"{version} has no GODEBUG setting {self.name}: go1.{self.minor} removed it"


def settings_of(goroot: Path) -> dict[str, Setting]:
    """The settings that programs built by a toolchain know, by name.

    Raises:
        HarnessError: the toolchain has no readable table of them.
    """
    try:
        table = parse_settings(_source(goroot, _TABLE))
    except ValueError as error:
        raise HarnessError(f"{goroot}/{_TABLE}: {error}") from None
    return {s.name: s for s in parse_variables(_source(goroot, _RUNTIME))} | table


def removed_of(goroot: Path) -> dict[str, Removed]:
    """The settings that a toolchain says were removed, by name; Go before 1.26 does not say.

    Raises:
        HarnessError: the toolchain has no readable table of settings.
    """
    return parse_removed(_source(goroot, _TABLE))


def parse_settings(source: str) -> dict[str, Setting]:
    """The settings in ``internal/godebugs/table.go``.

    Raises:
        ValueError: the text holds no such table, or an absurdly long one.
    """
    found = {}
    for name, fields in _entries(source, "All"):
        changed = int(fields.get("Changed", "0"))
        found[name] = Setting(
            name=name, changed=changed or None, old=fields.get("Old", ""),
            opaque=fields.get("Opaque") == "true", package=fields.get("Package", ""),
        )  # fmt: skip
    if not 0 < len(found) <= _MOST:
        raise ValueError(f"holds {len(found)} settings where one to {_MOST} are expected")
    return found


def parse_removed(source: str) -> dict[str, Removed]:
    """The removed settings in ``internal/godebugs/table.go``."""
    found = {}
    for name, fields in _entries(source, "Removed"):
        text = fields.get("Old", "")
        old = _PREDICATES.get(text) or tuple(re.findall(_QUOTED, fields["rest"]))
        found[name] = Removed(name=name, minor=int(fields.get("Removed", "0")), old=old)
    return found


def parse_variables(source: str) -> list[Setting]:
    """The settings in ``runtime/runtime1.go``, which are in no other table if they are no change.

    The runtime counts none of them.
    """
    found = []
    names = [name for name, _ in _entries(source, "dbgvars")]
    for name in [*names, *re.findall(_SPECIAL_VARIABLE, source)]:
        changed, old = _OF_RELEASES.get(name, (None, ""))
        found.append(Setting(name=name, changed=changed, old=old, opaque=True, follows_line=False))
    return found[:_MOST]


def meanings_of(goroot: Path) -> dict[str, str]:
    """What a toolchain's documentation says of its settings, in a sentence each, by name.

    Not all are in ``runtime/extern.go``, and not all GOROOTs hold ``doc/godebug.md``.
    """
    found: dict[str, str] = {}
    for name, reads in (("src/runtime/extern.go", _of_runtime), ("doc/godebug.md", _of_document)):
        try:
            found.update(reads(_source(goroot, name)))
        except HarnessError:
            continue
    return found


def _of_runtime(source: str) -> Iterator[tuple[str, str]]:
    """Paragraphs of the package comment that begin with a setting's name."""
    for name, text in re.findall(_PARAGRAPH, source):
        yield name, _first_sentence(text)


def _of_document(text: str) -> Iterator[tuple[str, str]]:
    """Paragraphs that name a setting; their first sentence tells what was changed."""
    for paragraph in text.split("\n\n"):
        for name in re.findall(_NAMED, paragraph):
            yield name, _first_sentence(re.sub(_LINK, r"\1", paragraph))


def _first_sentence(text: str) -> str:
    words = " ".join(text.split())
    return re.split(r"(?<=[a-z0-9)`]\.)\s(?=[A-Z`])", words, maxsplit=1)[0]


def _source(goroot: Path, name: str) -> str:
    return read_inside(goroot, name, _LIMIT).decode(errors="replace")


def _entries(source: str, variable: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield name and fields of each entry of a table in Go source; ``rest`` is all its text."""
    for found, body in re.findall(_LIST, source):
        if found == variable:
            for name, rest in re.findall(_ENTRY, re.sub(_COMMENT, "", body)):
                fields = {key: text or word for key, text, word in re.findall(_FIELD, rest)}
                yield name, fields | {"rest": rest}


def parse(text: str) -> dict[str, str]:
    """The settings in a text of ``GODEBUG``, with their values and ``#PATTERN`` parts.

    As in Go, the last of several values of a setting wins, and what has no ``=`` means nothing.
    """
    pairs = (word.partition("=") for word in text.split(","))
    found: dict[str, str] = {}
    for name, sign, value in pairs:
        if sign:
            found.pop(name, None)
            found[name] = value
    return found


def compose(text: str, values: Mapping[str, str]) -> str:
    """A text of ``GODEBUG`` with further settings, which win over those that it has."""
    return ",".join(f"{name}={value}" for name, value in (parse(text) | dict(values)).items())
