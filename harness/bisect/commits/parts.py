"""Which tools fit which library: the sources that compiler, linker and runtime have in common.

A compiler knows things of the runtime's insides, such as the functions that it may call and the
layout of types and maps. While the files below are the same, tools of one commit and the library of
another can be expected to work together; whether they do shows when the workload is built and run.
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from harness.bisect.commits.relevance import is_test
from harness.golang.git import run_git

Fit = Literal["same", "near", "far"]
"""``same``: the tools' own sources are equal, so that a build with them is a true one; ``near``:
they differ, but not in what they share with the library; ``far``: in that, too."""

_TOOLS = (
    *("src/cmd/asm", "src/cmd/cgo", "src/cmd/compile", "src/cmd/go", "src/cmd/internal"),
    *("src/cmd/link", "src/internal/goversion"),
)
_SHARED = (
    "src/cmd/compile/internal/reflectdata",
    "src/cmd/compile/internal/typecheck/_builtin",
    "src/cmd/internal/goobj",
    "src/cmd/internal/objabi",
    "src/internal/abi",
    "src/internal/buildcfg",
    "src/internal/goarch",
    "src/internal/goexperiment",
    "src/internal/goos",
    "src/runtime/funcdata.h",
    "src/runtime/textflag.h",
)
"""Where compiler, assembler and linker write down what they know of the runtime, and so it of them:
layouts, run-time functions, symbol and relocation kinds, packages with special rules, experiments.
"""
GENERATED = ("zbootstrap.go", "zcgo.go", "zdefaultcc.go", "zversion.go")
"""Files that ``cmd/dist`` writes while it builds; no repository has them."""


def parts_of_goroot(goroot: Path, algorithm: str) -> dict[str, str]:
    """The files that decide fit, by path, with the hash that git would give each.

    Args:
        goroot: a toolchain with the sources of its tools.
        algorithm: of the repository that it is compared with.
    """
    parts = {}
    for place in (*_TOOLS, *_SHARED):
        for name in _files(goroot, place):
            content = (goroot / name).read_bytes()
            blob = hashlib.new(algorithm, b"blob %d\0" % len(content), usedforsecurity=False)
            blob.update(content)
            parts[name] = blob.hexdigest()
    return parts


def parts_of_commit(repository: Path, commit: str) -> dict[str, str]:
    """The same of a commit, whose tree holds the hashes."""
    text = run_git(repository, "ls-tree", "-r", "-z", commit, "--", *_TOOLS, *_SHARED)
    parts = {}
    for entry in filter(None, text.split("\0")):
        facts, name = entry.split("\t", maxsplit=1)
        if _decides(name):
            parts[name] = facts.split()[2]
    return parts


def object_format(repository: Path) -> str:
    """The hash algorithm of a repository, as ``hashlib`` names it."""
    return run_git(repository, "rev-parse", "--show-object-format").strip()


def fit(tools: Mapping[str, str], library: Mapping[str, str]) -> Fit:
    """How tools built from one tree fit the library of another."""
    changed = {
        name for name in tools.keys() | library.keys() if tools.get(name) != library.get(name)
    }
    if not changed:
        return "same"
    shared = any(name == place or name.startswith(f"{place}/") for name in changed for place in _SHARED)
    return "far" if shared else "near"


def _files(goroot: Path, place: str) -> Iterator[str]:
    path = goroot / place
    found = [path] if path.is_file() else path.rglob("*")
    for file in found:
        name = file.relative_to(goroot).as_posix()
        if _decides(name) and file.is_file():
            yield name


def _decides(name: str) -> bool:
    return not is_test(name) and not name.endswith(GENERATED)
