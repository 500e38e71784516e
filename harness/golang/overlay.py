"""The overlay that puts the probe into a build, without a change to any source file."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal

ProbeMode = Literal["full", "metrics", "off"]
"""``full``: runtime metrics and heap profile; ``metrics``: no profile, and none of the profiler's
cost in the program; ``off``: no overlay at all."""

_SOURCES = Path(__file__).with_name("probe")
_IMPORTER = """package main

import _ "runtime/debug" // holds the probe
"""


def write_overlay(
    goroot: Path,
    package_dir: Path | None,
    directory: Path,
    mode: ProbeMode = "full",
    patched: Mapping[str, str | None] = MappingProxyType({}),
) -> Path:
    """Write an overlay for ``go build -overlay`` that adds the probe, and a toolchain's patches.

    Args:
        goroot: the toolchain whose standard library gets the probe.
        package_dir: the workload's main package; ``None`` for a test binary, which imports
            ``runtime/debug`` by itself.
        directory: where to write; made if it is not there.
        mode: ``off`` adds patches only; without any, such a build has no use for an overlay.
        patched: files of the GOROOT, by their path within it, with the text that takes their
            place; ``None`` for one that goes away.

    Returns:
        The JSON file.
    """
    directory.mkdir(parents=True, exist_ok=True)
    source = goroot.resolve() / "src"
    replace: dict[str, str] = {}
    for number, (name, text) in enumerate(patched.items()):
        replacement = directory / f"patched{number}{Path(name).suffix}"
        if text is not None:
            replacement.write_bytes(text.encode())
        replace[str(source.parent / name)] = "" if text is None else str(replacement)
    for name, package in _files(source, mode).items():
        target = source / package / f"gomatrix_{name}"
        replace[str(target)] = str(shutil.copy(_SOURCES / name, directory / name))
    if package_dir is not None and mode != "off":
        importer = directory / "importer.go"
        importer.write_text(_IMPORTER, encoding="utf-8")
        replace[str(_unused_name(package_dir.resolve()))] = str(importer)
    overlay = directory / "overlay.json"
    overlay.write_text(json.dumps({"Replace": replace}), encoding="utf-8")
    return overlay


def probe_digest(mode: ProbeMode = "full") -> str:
    """A digest of all that the probe adds to a build in this mode: part of each build key."""
    digest = hashlib.sha256(mode.encode())
    if mode != "off":
        digest.update(_IMPORTER.encode())
        for path in sorted(_SOURCES.glob("*.go")):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _files(source: Path, mode: ProbeMode) -> dict[str, str]:
    """The probe's files for this toolchain, each with the standard package that it joins."""
    if mode == "off":
        return {}
    has_exithook = (source / "internal" / "runtime" / "exithook").is_dir()
    hook = "hook_exithook.go" if has_exithook else "hook_linkname.go"
    files = {"probe.go": "runtime/debug", hook: "runtime/debug", "signal.go": "os/signal"}
    if mode == "full":
        files["profile.go"] = "runtime/debug"
    return files


def _unused_name(package_dir: Path) -> Path:
    """A file name that the package does not use yet."""
    path = package_dir / "zz_gomatrix_probe.go"
    number = 2
    while path.exists():
        path = package_dir / f"zz_gomatrix_probe{number}x.go"
        number += 1
    return path
