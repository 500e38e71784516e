"""Sections and functions of an ELF binary (System V ABI, chapter 4)."""

import hashlib
import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_ALLOC = 0x2
_SYMBOL_TABLE = 2
_NOTE_HEADER = 16
"""Bytes of a note before its content: three numbers and a name of four bytes."""
_FUNCTION, _TYPE = 2, 0xF


class Function(NamedTuple):
    """Where a function lies."""

    address: int
    size: int
    """Bytes, without padding."""


class _Section(NamedTuple):
    name: int
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    entry_size: int


def section_sizes(path: Path) -> dict[str, int]:
    """Return bytes by loaded section; empty unless the file is 64-bit little-endian ELF."""
    sizes: dict[str, int] = {}
    with _mapped(path) as data:
        sections, names = _sections(data)
        for section in sections:
            if section.flags & _ALLOC:
                name = _text(data, sections[names], section.name)
                sizes[name] = sizes.get(name, 0) + section.size
    return sizes


def functions(path: Path) -> dict[str, Function]:
    """Return the symbol table's functions by linker symbol; the last of equal names wins."""
    found: dict[str, Function] = {}
    with _mapped(path) as data:
        sections, _ = _sections(data)
        for table in sections:
            if table.type != _SYMBOL_TABLE or table.link >= len(sections):
                continue
            symbols = data[table.offset : table.offset + table.size]
            whole = symbols[: len(symbols) // _SYMBOL.size * _SYMBOL.size]
            for name, info, _other, _section, value, size in _SYMBOL.iter_unpack(whole):
                if info & _TYPE == _FUNCTION:
                    found[_text(data, sections[table.link], name)] = Function(value, size)
    return found


def links(path: Path, name: str) -> bool:
    """Whether a Go function is in a program, which its line table tells, stripped or not."""
    with _mapped(path) as data:
        sections, names = _sections(data)
        return any(
            data.find(f"\0{name}\0".encode(), section.offset, section.offset + section.size) >= 0
            for section in sections
            if _text(data, sections[names], section.name).endswith("gopclntab")
        )


def unnamed_digest(path: Path) -> str:
    """The sha256 of a binary without the IDs in it, which name how it came about.

    Go's own is in a note, and in the text too where Go links by itself; GNU's is made from it.
    """
    with _mapped(path) as mapped:
        data = bytes(mapped)
        sections, names = _sections(data)
        found = {_text(data, sections[names], s.name): s for s in sections}
    for name in (".note.go.buildid", ".note.gnu.build-id"):
        if note := found.get(name):
            end = note.offset + note.size
            identity = data[note.offset + _NOTE_HEADER : end].rstrip(b"\0")
            if identity:
                data = data.replace(identity, bytes(len(identity)))
    return hashlib.sha256(data).hexdigest()


_Data = bytes | mmap.mmap


@contextmanager
def _mapped(path: Path) -> Iterator[_Data]:
    """Map a file into memory."""
    with path.open("rb") as file:
        if not path.stat().st_size:  # nothing to map
            yield b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data


def _sections(data: _Data) -> tuple[list[_Section], int]:
    """Return the section table and the index of the section that holds names."""
    if len(data) < _HEADER.size or data[:6] != b"\x7fELF\x02\x01":
        return [], 0
    (*_, offset, _flags, _size, _psize, _pnum, entry, count, names) = _HEADER.unpack_from(data)
    if entry != _SECTION.size or names >= count or offset + entry * count > len(data):
        return [], 0
    table = data[offset : offset + entry * count]
    return [_Section(*fields) for fields in _SECTION.iter_unpack(table)], names


def _text(data: _Data, strings: _Section, position: int) -> str:
    start = strings.offset + position
    return data[start : data.find(b"\0", start)].decode("utf-8", "replace")
