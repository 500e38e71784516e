"""The digest of a GOROOT: a toolchain is identified by its content, not by its name.

The go command believes what tools report, their version, so a compiler that was rebuilt or patched
in place looks like the original. Bytes are read once; after that a digest over names, sizes, inodes
and change times tells whether any file may be another.
"""

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from harness.golang.cache import remember

_PARTS = ("bin", "pkg/tool", "pkg/include", "src", "lib/fips140")
_SETTLED = 2.0
"""Seconds after which a further write to a file surely shows in its times."""


class _File(NamedTuple):
    name: str
    size: int
    modified: int
    """Nanoseconds since the epoch."""
    changed: int
    """Nanoseconds since the epoch; no program can set it back."""
    inode: int


def content_digest(goroot: Path, cache: Path) -> str:
    """Digest everything in a GOROOT that a build can depend on: no tests, no location."""
    files = sorted(_files(goroot))
    fingerprint = hashlib.sha256(repr(files).encode()).hexdigest()[:32]
    memory = cache / "identities" / fingerprint
    try:
        return memory.read_text(encoding="ascii")
    except FileNotFoundError:
        pass
    whole = hashlib.sha256()
    for entry in files:
        with (goroot / entry.name).open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{entry.name}\0{content}\n".encode())
    digest = whole.hexdigest()
    newest = max((file.changed for file in files), default=0)
    if time.time() - newest / 1e9 > _SETTLED and sorted(_files(goroot)) == files:
        remember(memory, digest)
    return digest


def _files(goroot: Path) -> Iterator[_File]:
    for name in ("VERSION", "go.env"):
        if (goroot / name).is_file():
            yield _describe(name, (goroot / name).stat())
    for part in _PARTS:
        yield from _walk(goroot, part, set())


def _walk(goroot: Path, name: str, seen: set[tuple[int, int]]) -> Iterator[_File]:
    """Yield files below a directory; links are followed, as some systems split a GOROOT by them."""
    directory = goroot / name
    if not directory.is_dir():
        return
    status = directory.stat()
    if (status.st_dev, status.st_ino) in seen:
        return
    seen.add((status.st_dev, status.st_ino))
    with os.scandir(directory) as entries:
        for entry in entries:
            path = f"{name}/{entry.name}"
            if entry.is_dir():
                if entry.name != "testdata":
                    yield from _walk(goroot, path, seen)
            elif entry.is_file() and not entry.name.endswith("_test.go"):
                yield _describe(path, entry.stat())


def _describe(name: str, status: os.stat_result) -> _File:
    return _File(name, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
