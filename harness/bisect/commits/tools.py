"""The sources of a Go tree's tools: where two trees have the same, so do their compilers."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from harness.bisect.commits.relevance import is_test
from harness.golang.git import run_git

_TOOLS = (
    *("src/cmd/asm", "src/cmd/cgo", "src/cmd/compile", "src/cmd/go", "src/cmd/internal"),
    *("src/cmd/link", "src/internal/buildcfg", "src/internal/goversion"),
)
_GENERATED = ("zbootstrap.go", "zcgo.go", "zdefaultcc.go", "zversion.go")
"""Files that ``cmd/dist`` writes while it builds; no repository has them."""

Sources = dict[str, str]
"""Hashes of the files that tools are built from, as git computes them, by path."""


def sources_in_goroot(goroot: Path, repository: Path) -> Sources:
    """Hash the tools' sources of a toolchain."""
    algorithm = run_git(repository, "rev-parse", "--show-object-format").strip()
    hashes = {}
    for name in _files(goroot):
        content = (goroot / name).read_bytes()
        blob = hashlib.new(algorithm, b"blob %d\0" % len(content), usedforsecurity=False)
        blob.update(content)
        hashes[name] = blob.hexdigest()
    return hashes


def sources_at_commit(repository: Path, commit: str) -> Sources:
    """Read the hashes of the tools' sources at a commit.

    Raises:
        HarnessError: there is no such commit.
    """
    text = run_git(repository, "ls-tree", "-r", "-z", commit, "--", *_TOOLS)
    entries = (entry.split("\t", maxsplit=1) for entry in text.split("\0") if entry)
    return {name: facts.split()[2] for facts, name in entries if _matters(name)}


def _files(goroot: Path) -> Iterator[str]:
    for place in _TOOLS:
        for file in (goroot / place).rglob("*"):
            name = file.relative_to(goroot).as_posix()
            if _matters(name) and file.is_file():
                yield name


def _matters(name: str) -> bool:
    return not is_test(name) and not name.endswith((".md", *_GENERATED))
