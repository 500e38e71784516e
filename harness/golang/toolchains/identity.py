"""The digest of a GOROOT: a toolchain is identified by its content, not by its name.

The go command believes what tools report, their version, so a compiler that was rebuilt or patched
in place looks like the original. Bytes are read once; after that the sizes, inodes and change times
of the same files, and of the directories that hold them, tell whether any file may be another.
"""

import hashlib
import os
import stat
import time
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.golang.cache import remember

_FILES = ("VERSION", "go.env")
_PARTS = ("bin", "pkg/tool", "pkg/include", "src", "lib/fips140")
_TOOLS = "cmd"
"""The directory of ``src`` with the sources of the tools, which are compiled already."""
_OTHER_SYSTEMS = frozenset({
    *("aix", "android", "darwin", "dragonfly", "freebsd", "hurd", "illumos", "ios", "js", "nacl"),
    *("netbsd", "openbsd", "plan9", "solaris", "wasip1", "windows", "zos"),
})  # fmt: skip
"""Every GOOS but Linux (``internal/syslist`` of go1.26): no build compiles files so named."""
_SETTLED = 2.0
"""Seconds after which a further write to a file surely shows in its times."""


def content_digest(goroot: Path, cache: Path) -> str:
    """Digest everything in a GOROOT that a build for Linux can depend on: no tests, no location."""
    memory = cache / "identities"
    # To list directories takes as long as to look at each name once more, so the names are
    # remembered too. A name that came or went has changed the time of its directory.
    listing = memory / f"{hashlib.sha256(os.fsencode(goroot)).hexdigest()[:32]}.files"
    try:
        known = os.fsdecode(listing.read_bytes()).split("\0")
        return (memory / _fingerprint(goroot, known)[0]).read_text(encoding="ascii")
    except FileNotFoundError:
        pass
    names = sorted(_names(goroot))
    fingerprint, newest = _fingerprint(goroot, names)
    whole = hashlib.sha256()
    for name in names:
        path = goroot / name
        if path.is_file():
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            whole.update(f"{name}\0{content}\n".encode())
    digest = whole.hexdigest()
    settled = time.time() - newest / 1e9 > _SETTLED
    if settled and _fingerprint(goroot, sorted(_names(goroot)))[0] == fingerprint:
        remember(memory / fingerprint, digest)
        remember(listing, os.fsencode("\0".join(names)))
    return digest


def covers(source: str) -> bool:
    """Whether the digest covers a file that Go compiles, by its path in ``src``."""
    *directories, name = source.split("/")
    return directories[0] != _TOOLS and "testdata" not in directories and not _is_ignored(name)


def _fingerprint(goroot: Path, names: Sequence[str]) -> tuple[str, int]:
    """Digest names, and what tells of changes; and nanoseconds since the epoch of the last one.

    No program can set back the change time of a file that it writes to.
    """
    numbers = array("q")
    times = []
    look = os.stat  # there are thousands, at each start: no Path, and short ways from one directory
    root = os.open(goroot, os.O_RDONLY)
    try:
        for name in names:
            try:
                status = look(name, dir_fd=root)
            except (FileNotFoundError, NotADirectoryError):
                numbers.extend((0, 0, 0))
                continue
            changed = status.st_ctime_ns
            times.append(changed)
            numbers.extend((status.st_size, changed, status.st_ino))
    finally:
        os.close(root)
    whole = hashlib.sha256(os.fsencode("\0".join(names)))
    whole.update(numbers)
    return whole.hexdigest()[:32], max(times, default=0)


def _names(goroot: Path) -> Iterator[str]:
    """Everything that may matter; directories end in ``/``.

    Links are followed, as some systems split a GOROOT by them.
    """
    yield from _FILES
    for part in _PARTS:
        seen: set[tuple[int, int]] = set()
        directories = [f"{part}/"]
        while directories:
            name = directories.pop()
            yield name
            for entry in _entries(goroot / name, seen):
                if not entry.is_dir():
                    if not _is_ignored(entry.name):
                        yield f"{name}{entry.name}"
                elif entry.name != "testdata" and name + entry.name != f"src/{_TOOLS}":
                    directories.append(f"{name}{entry.name}/")


def _is_ignored(file: str) -> bool:
    """Whether no build for Linux compiles a file of this name (``go help buildconstraint``).

    Names that end in a system and a processor are kept: they are few.
    """
    name, _, system = file.partition(".")[0].rpartition("_")
    return file.endswith("_test.go") or bool(name and system in _OTHER_SYSTEMS)


def _entries(directory: Path, seen: set[tuple[int, int]]) -> list[os.DirEntry[str]]:
    """What is in a directory; nothing if there is none, or if it was seen by another name."""
    try:
        status = directory.stat()
    except (FileNotFoundError, NotADirectoryError):
        return []
    if (status.st_dev, status.st_ino) in seen or not stat.S_ISDIR(status.st_mode):
        return []
    seen.add((status.st_dev, status.st_ino))
    with os.scandir(directory) as entries:
        return list(entries)
