"""Sections of an ELF binary: what its file and its image are made of."""

import struct
from pathlib import Path

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_ALLOC = 0x2


def section_sizes(path: Path) -> dict[str, int]:
    """Bytes of each section that is loaded into memory, by name (System V ABI, chapter 4).

    Empty for a file that is not a 64-bit little-endian ELF binary.
    """
    with path.open("rb") as file:
        data = file.read(_HEADER.size)
        if len(data) < _HEADER.size or data[:6] != b"\x7fELF\x02\x01":
            return {}
        (*_, offset, _flags, _size, _psize, _pnum, entry, count, names) = _HEADER.unpack(data)
        if entry != _SECTION.size or names >= count:
            return {}
        file.seek(offset)
        table = file.read(entry * count)
        if len(table) < entry * count:
            return {}
        sections = [_SECTION.unpack_from(table, entry * i) for i in range(count)]
        file.seek(sections[names][4])
        strings = file.read(sections[names][5])
    sizes: dict[str, int] = {}
    for name, _type, flags, _addr, _off, size, *_rest in sections:
        if flags & _ALLOC:
            label = strings[name : strings.find(b"\0", name)].decode("ascii", "replace")
            sizes[label] = sizes.get(label, 0) + size
    return sizes
