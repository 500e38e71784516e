"""The digest of a GOROOT: a toolchain is identified by its content, not by its name.

The go command believes what tools report, their version, so a compiler that was rebuilt or patched
in place looks like the original. Bytes are read once; after that a digest over names, sizes, inodes
and change times tells whether any file may be another.
"""

import hashlib
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from harness.golang.cache import remember

_PARTS = ("bin", "pkg/tool", "pkg/include", "src", "lib/fips140")
_SETTLED = 2.0
"""Seconds after which a further write to a file surely shows in its times."""


_File = tuple[str, int, int, int, int]
"""Name, bytes, nanoseconds since the epoch of the last modification and of the last change (which
no program can set back), inode. A plain tuple: there are thousands, at each start."""


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
    for name, *_ in files:
        with (goroot / name).open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{name}\0{content}\n".encode())
    digest = whole.hexdigest()
    newest = max((changed for _, _, _, changed, _ in files), default=0)
    if time.time() - newest / 1e9 > _SETTLED and sorted(_files(goroot)) == files:
        remember(memory, digest)
    return digest


def _files(goroot: Path) -> list[_File]:
    found = [
        _describe(name, (goroot / name).stat())
        for name in ("VERSION", "go.env")
        if (goroot / name).is_file()
    ]
    for part in _PARTS:
        seen: set[tuple[int, int]] = set()
        directories = [part]
        while directories:
            directories += _read(goroot, directories.pop(), seen, found)
    return found


def _read(goroot: Path, name: str, seen: set[tuple[int, int]], found: list[_File]) -> Iterator[str]:
    """Add a directory's files to ``found``, and yield the directories in it.

    Links are followed, as some systems split a GOROOT by them.
    """
    directory = f"{goroot}/{name}"
    try:
        status = os.stat(directory)  # noqa: PTH116 - ten times as fast as a Path
    except (FileNotFoundError, NotADirectoryError):
        return
    if (status.st_dev, status.st_ino) in seen or not stat.S_ISDIR(status.st_mode):
        return
    seen.add((status.st_dev, status.st_ino))
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir():
                if entry.name != "testdata":
                    yield f"{name}/{entry.name}"
            elif not entry.name.endswith("_test.go") and entry.is_file():
                found.append(_describe(f"{name}/{entry.name}", entry.stat()))


def _describe(name: str, status: os.stat_result) -> _File:
    return name, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino
