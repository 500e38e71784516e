"""Which tools fit which library: what compiler, linker and runtime must agree on.

A compiler knows things of the runtime's insides, such as the functions that it may call and the
layout of types and maps. While what both know is the same, tools built from one commit and the
library of another can be expected to work together; whether they do shows when the workload is
built and run.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.bisect.commits.relevance import is_test
from harness.golang.git import run_git

Fit = Literal["same", "near", "far"]
"""``same``: the tools' own sources are equal, so that a build with them is a true one; ``near``:
they differ, but not in what they share with the library; ``far``: in that, too."""

_TOOLS = (
    *("src/cmd/asm", "src/cmd/cgo", "src/cmd/compile", "src/cmd/go", "src/cmd/internal"),
    *("src/cmd/link", "src/internal/buildcfg", "src/internal/goversion"),
)
_FUNCTIONS = "src/cmd/compile/internal/typecheck/_builtin/runtime.go"
"""The runtime functions that the compiler may call, each with its signature in a line."""
_LAYOUTS = "src/internal/abi"
"""Types and constants that compiler and runtime lay memory out by; its functions are for Go code.
"""
_SHARED = (
    _FUNCTIONS,
    _LAYOUTS,
    "src/cmd/internal/objabi/pkgspecial.go",  # packages that are compiled by rules of their own
    "src/internal/buildcfg/exp.go",  # experiments that are on
    "src/internal/goexperiment/flags.go",  # experiments that there are
    "src/runtime/funcdata.h",
    "src/runtime/textflag.h",
)
_GENERATED = ("zbootstrap.go", "zcgo.go", "zdefaultcc.go", "zversion.go")
"""Files that ``cmd/dist`` writes while it builds; no repository has them."""
_COMMENT = re.compile(r"\s*//.*")
_FUNCTION = re.compile(r"^func .*?\{.*?^\}$", re.MULTILINE | re.DOTALL)
_PREAMBLE = re.compile(r"^(package .*|import \".*\"|import \((.|\n)*?^\))$", re.MULTILINE)


@dataclass(frozen=True)
class Parts:
    """The files of one Go source tree that decide fit."""

    hashes: Mapping[str, str]
    """By path; as git computes them."""
    read: Callable[[str], str]
    """A file's text."""


def parts_of_goroot(goroot: Path, algorithm: str) -> Parts:
    """Of a toolchain with the sources of its tools.

    Args:
        goroot: the toolchain's root.
        algorithm: of the repository that it will be compared with, as ``sha1``.
    """
    hashes = {}
    for name in _files(goroot):
        content = (goroot / name).read_bytes()
        blob = hashlib.new(algorithm, b"blob %d\0" % len(content), usedforsecurity=False)
        blob.update(content)
        hashes[name] = blob.hexdigest()
    return Parts(hashes, lambda name: (goroot / name).read_text("utf-8", "replace"))


def parts_of_commit(repository: Path, commit: str) -> Parts:
    """Of a commit, whose tree holds the hashes.

    Raises:
        HarnessError: there is no such commit.
    """
    text = run_git(repository, "ls-tree", "-r", "-z", commit, "--", *_TOOLS, *_SHARED)
    hashes = {}
    for entry in filter(None, text.split("\0")):
        facts, name = entry.split("\t", maxsplit=1)
        if _decides(name):
            hashes[name] = facts.split()[2]
    return Parts(hashes, lambda name: run_git(repository, "cat-file", "blob", hashes[name]))


def object_format(repository: Path) -> str:
    """The hash algorithm of a repository, as ``hashlib`` names it."""
    return run_git(repository, "rev-parse", "--show-object-format").strip()


def fit(tools: Parts, library: Parts) -> Fit:
    """How tools built from one tree fit the library of another."""
    names = tools.hashes.keys() | library.hashes.keys()
    changed = {name for name in names if tools.hashes.get(name) != library.hashes.get(name)}
    if not changed:
        return "same"
    shared = sorted(n for n in changed if any(n == p or n.startswith(f"{p}/") for p in _SHARED))
    return "near" if all(_agree(name, tools, library) for name in shared) else "far"


def _agree(name: str, tools: Parts, library: Parts) -> bool:
    mine, theirs = (_essence(name, parts) for parts in (tools, library))
    if name == _FUNCTIONS:  # the library may have more than its compiler calls
        return set(mine) <= set(theirs)
    return mine == theirs


def _essence(name: str, parts: Parts) -> list[str]:
    """The lines of a file that say something to both sides."""
    if name not in parts.hashes:
        return []
    text = _PREAMBLE.sub("", _COMMENT.sub("", parts.read(name)))
    if name.startswith(_LAYOUTS):
        text = _FUNCTION.sub("", text)
    return [line for line in text.splitlines() if line.strip()]


def _files(goroot: Path) -> Iterator[str]:
    for place in dict.fromkeys((*_TOOLS, *_SHARED)):
        path = goroot / place
        for file in [path] if path.is_file() else path.rglob("*"):
            name = file.relative_to(goroot).as_posix()
            if _decides(name) and file.is_file():
                yield name


def _decides(name: str) -> bool:
    return not is_test(name) and not name.endswith((".md", *_GENERATED))
