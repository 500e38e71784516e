"""Files below a root that nothing leads out of: no absolute name, no ``..``, no symbolic link.

The root itself may be named by a link, as ``reports/latest``: the user chose it. Whatever is below
is opened component by component, so that no link is followed even if it is put there meanwhile.
Only regular files are opened: a FIFO would wait for ever, a device may never end.
"""

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from harness.errors import HarnessError, MissingError, reading, writing

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symbolic link",
          stat.S_IFIFO: "FIFO", stat.S_IFSOCK: "socket"}  # fmt: skip


class OutsideError(HarnessError):
    """A name that leads out of its directory, or to something other than a regular file."""


def path_inside(root: Path, name: str) -> Path:
    """Where a name below a root leads, for a message or for another program.

    Raises:
        OutsideError: it may lead elsewhere.
        MissingError: there is no such file.
    """
    with _reading(root, name):
        return root / name


def read_inside(root: Path, name: str, limit: int) -> bytes:
    """The content of a file of up to ``limit`` bytes; its name below the root has slashes.

    Raises:
        OutsideError: the name may lead elsewhere, or to something that is no regular file.
        MissingError: there is no such file.
        HarnessError: it is larger, or cannot be read.
    """
    with _reading(root, name) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise _too_large(root, name, limit)
    return data


def lines_inside(root: Path, name: str, limit: int, longest: int) -> Iterator[bytes]:
    """A file's lines, one at a time, with what ends them; ``longest`` is a line's limit in bytes.

    Raises:
        HarnessError: as ``read_inside``; a line that is longer is named by its number.
    """
    read, number = 0, 0
    with _reading(root, name) as file:
        while line := file.readline(longest + 1):
            read, number = read + len(line), number + 1
            if len(line) > longest:
                raise HarnessError(
                    f"{root / name}:{number}: is longer than {longest >> 20} MiB, which no line "
                    "that was written here is; remove it, or get the run anew from where it was "
                    "measured"
                )
            if read > limit:
                raise _too_large(root, name, limit)
            yield line


def write_inside(root: Path, name: str, data: str | bytes) -> None:
    """Make a file, whole or not at all, in place of whatever has its name.

    Raises:
        OutsideError: the name may lead elsewhere.
        OSError: it cannot be written.
    """
    *parents, last = _parts(root, name)
    with _opened(root, parents, create=True) as parent:
        temporary = f".{secrets.token_hex(8)}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FILE
        try:
            new = os.open(temporary, flags, 0o666, dir_fd=parent)
            with os.fdopen(new, "wb") as file:
                file.write(_encoded(data))
            os.replace(temporary, last, src_dir_fd=parent, dst_dir_fd=parent)
        except BaseException as error:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=parent)
            if isinstance(error, OSError):  # nobody knows the temporary name
                error.filename, error.filename2 = str(root / name), None
            raise


def write_chosen(
    path: Path, data: str | bytes, runs: Iterable[Path], keep: Collection[str] = ()
) -> None:
    """Write a file that the user has named; where it lies in one of the runs, no link is followed.

    What ``keep`` names in a run cannot be made again, and is not overwritten.

    Raises:
        HarnessError: it cannot be written; what was there before is there still.
    """
    place = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links of the run
    with writing(path, "name another file"):
        for run in runs:
            for root in (Path(os.path.abspath(run)), run.resolve()):  # noqa: PTH100 - as above
                if place.is_relative_to(root):
                    within = place.relative_to(root)
                    if within.parts and within.parts[0] in keep:
                        raise HarnessError(f"{path} holds what was measured; name another file")
                    write_inside(root, within.as_posix(), data)
                    return
        path.parent.mkdir(parents=True, exist_ok=True)
        regular = not path.is_symlink() and (path.is_file() or not path.exists())
        if not (regular and _replaced(path, data)):
            path.write_bytes(_encoded(data))


def _encoded(data: str | bytes) -> bytes:
    return data.encode() if isinstance(data, str) else data


def _replaced(path: Path, data: str | bytes) -> bool:
    """Replace a file; return false if it can only be written in place."""
    try:
        write_inside(path.parent, path.name, data)
    except OSError as error:
        if error.errno not in {errno.EACCES, errno.EPERM, errno.EBUSY}:
            raise
        return False
    return True


def append_line(root: Path, name: str, line: str) -> None:
    """Add a line to a file; after a line that was cut short, on a line of its own.

    Raises:
        OutsideError: the name may lead elsewhere, or the file has another name too.
        OSError: it cannot be written.
    """
    descriptor = open_own(root, name, os.O_APPEND)
    with os.fdopen(descriptor, "rb+", buffering=0) as file:
        size = os.fstat(descriptor).st_size
        data = f"{line}\n".encode()
        if size > 0 and os.pread(descriptor, 1, size - 1) != b"\n":
            data = b"\n" + data
        while data:
            data = data[file.write(data) :]


def open_own(root: Path, name: str, flags: int = 0) -> int:
    """Open a file to read and write it in place; it is made if it is not there.

    Raises:
        OutsideError: the name may lead elsewhere, or the file has another name too.
        OSError: it cannot be opened.
    """
    descriptor = _open(root, name, os.O_RDWR | os.O_CREAT | flags)
    if os.fstat(descriptor).st_nlink > 1:
        os.close(descriptor)
        raise OutsideError(
            f"{root / name} has another name too (it is a hard link), and what is added to it "
            "would be added there; copy the run, and go on with the copy"
        )
    return descriptor


def directory_inside(root: Path, *names: str) -> Path:
    """A directory below a root, made if it is not there.

    Raises:
        OutsideError: something of that name is no directory.
        OSError: it cannot be made.
    """
    with _opened(root, list(names), create=True):
        return root.joinpath(*names)


def remove_inside(root: Path, name: str) -> None:
    """Remove a directory below a root with all that is in it, or whatever else has its name.

    Raises:
        OSError: something of it is still there.
    """
    with suppress(IsADirectoryError, PermissionError, FileNotFoundError):
        (root / name).unlink()
    with suppress(FileNotFoundError):
        shutil.rmtree(root / name)


@contextmanager
def _reading(root: Path, name: str) -> Iterator[BinaryIO]:
    with reading(root / _shown(name)), os.fdopen(_open(root, name, os.O_RDONLY), "rb") as file:
        yield file


def _open(root: Path, name: str, flags: int) -> int:
    """Open a regular file below a root."""
    *parents, last = _parts(root, name)
    with _opened(root, parents, create=bool(flags & os.O_CREAT)) as parent:
        kind = _kind(last, parent)
        if kind is None and not flags & os.O_CREAT:
            raise MissingError(f"{root / name} is not there")
        if kind not in (None, "file"):
            raise OutsideError(f"{root / name} is a {kind}, where a file should be; remove it")
        descriptor = os.open(last, flags | _FILE, 0o666, dir_fd=parent)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):  # it was changed since
        os.close(descriptor)
        raise OutsideError(f"{root / name} is no regular file; remove it")
    return descriptor


@contextmanager
def _opened(root: Path, parents: list[str], *, create: bool) -> Iterator[int]:
    """Open a directory below a root."""
    try:
        current = os.open(root, _DIRECTORY)
    except FileNotFoundError:
        if create:
            raise
        raise MissingError(f"{root} is not there") from None
    place = root
    try:
        for part in parents:
            place /= part
            if create:
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=current)
            kind = _kind(part, current)
            if kind is None:
                raise MissingError(f"{place} is not there")
            if kind != "directory":
                raise OutsideError(
                    f"{place} is a {kind}, where a directory of the run should be; remove it"
                )
            deeper = os.open(part, _DIRECTORY | os.O_NOFOLLOW, dir_fd=current)
            os.close(current)
            current = deeper
        yield current
    finally:
        os.close(current)


def _kind(name: str, parent: int) -> str | None:
    """Return the kind of a file in a word; ``None`` if it does not exist."""
    try:
        mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return None
    return _KINDS.get(stat.S_IFMT(mode), "device")


def _parts(root: Path, name: str) -> list[str]:
    """Split a name below a root into components."""
    parts = name.split("/")
    if not name or "\0" in name or any(part in {"", ".", ".."} for part in parts):
        raise OutsideError(f"{root}: the path {_shown(name)} leads out of the run; it is not used")
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        raise OutsideError(f"{root}: {_shown(name)} cannot be the name of a file") from None
    return parts


def _shown(name: str) -> str:
    """Shorten a foreign name for a message, and escape what a terminal would act on."""
    shown = name if name.isprintable() and name else ascii(name)
    return shown if len(shown) <= 200 else f"{shown[:200]}…"  # noqa: PLR2004 - enough to know it by


def _too_large(root: Path, name: str, limit: int) -> HarnessError:
    return HarnessError(
        f"{root / name} is larger than {limit >> 20} MiB, the most that is read of such a file; "
        "get the run anew from where it was measured, or measure less in one run"
    )
