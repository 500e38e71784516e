"""Toolchains from the module proxy, through any Go that is installed or cached.

The go command itself fetches and checks them (``GOTOOLCHAIN``, https://go.dev/doc/toolchain), so
that its proxy, checksum-database and private-module settings hold.
"""

import json
import shutil
import tempfile
from pathlib import Path

from harness.errors import HarnessError
from harness.golang.command import run_go
from harness.golang.toolchains.archives import restore_run_bits, sha256_of

NAME = "module proxy"


def fetch(version: str, gateway: Path, destination: Path) -> str:
    """Put a release's GOROOT into ``destination / "go"``; return the checked archive's sha256.

    Raises:
        HarnessError: the proxy does not have it, or cannot be reached.
    """
    modules = destination / "modules"
    with tempfile.TemporaryDirectory(dir=destination) as scratch:
        goroot = _ask(  # GOROOT of the fetched Go, and not of the gateway
            gateway, Path(scratch), modules, "env", "GOROOT", GOTOOLCHAIN=version, GOROOT=""
        )
        found = Path(goroot.strip())
        archives = list(modules.glob(f"cache/download/golang.org/toolchain/@v/*-{version}.*.zip"))
        if not found.is_relative_to(modules) or len(archives) != 1:
            raise HarnessError(f"{gateway} did not fetch {version}, but used {found}")
        digest = sha256_of(archives[0])
        found.rename(destination / "go")
    shutil.rmtree(modules)
    restore_run_bits(destination / "go")
    return digest


def versions(gateway: Path) -> list[str]:
    """List the releases that the proxy has.

    Raises:
        HarnessError: the proxy cannot be reached.
    """
    with tempfile.TemporaryDirectory() as scratch:
        question = ("list", "-m", "-versions", "-json", "go")
        text = _ask(gateway, Path(scratch), Path(scratch, "modules"), *question)
    return [f"go{version}" for version in json.loads(text).get("Versions", [])]


def _ask(gateway: Path, scratch: Path, modules: Path, *arguments: str, **extra: str) -> str:
    writable = "-modcacherw"  # so that what is not kept can be removed
    extra |= {"GOMODCACHE": str(modules), "GOFLAGS": writable, "GOWORK": "off"}
    return run_go(gateway, scratch / "cache", arguments, directory=scratch, extra=extra)
