"""Commits of a user's own repository, as directories that workloads are built from."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.errors import HarnessError
from harness.golang.cache import copy_writable, obtain
from harness.golang.git import hash_of, run_git
from harness.golang.toolchains.archives import unpack_tar
from harness.matrix.models.sources import is_path
from harness.matrix.paths import beside

_KIND = "checkouts"
"""Of the cache's entries."""
_TREE = "tree"


def top_of(base: Path) -> Path:
    """The top of the repository that a directory is in.

    Raises:
        HarnessError: it is in none.
    """
    try:
        return Path(run_git(base, "rev-parse", "--show-toplevel").rstrip("\n")).resolve()
    except HarnessError as error:
        if "not a git repository" not in str(error):
            raise
        raise HarnessError(
            f"{base} is in no git repository, which commits could be taken from; name a directory "
            "with path:"
        ) from None


def base_of(source: str, base: Path, cache: Path) -> Path:
    """The directory that stands for the matrix file's in a source: ``base`` itself for none.

    A commit is exported into the cache, by ``git archive``, so that the checkout is not touched;
    submodules and files of Git LFS are left out.

    Raises:
        HarnessError: there is no such commit or directory.
    """
    if not source:
        return base
    if is_path(source):
        found = beside(base, source)
        if not found.is_dir():
            raise HarnessError(f"there is no directory {source!r} beside the matrix file")
        return found
    base = base.resolve()
    top = top_of(base)
    try:
        commit = hash_of(top, source)
    except HarnessError:
        told = f"the repository {top} has no commit, branch or tag {source!r}"
        raise HarnessError(told) from None

    def fill(directory: Path) -> None:
        archive = directory / "source.tar"
        (directory / _TREE).mkdir()
        run_git(top, "archive", f"--output={archive}", commit)
        unpack_tar(archive, directory / _TREE)

    key = hashlib.sha256(f"{top}\0{commit}".encode()).hexdigest()[:32]
    entry, _ = obtain(cache, _KIND, key, fill)
    found = entry / _TREE / base.relative_to(top)
    if not found.is_dir():
        raise HarnessError(f"the directory {base.relative_to(top)} is not in {source}")
    return found.resolve()


def altered(
    place: Path, what: Sequence[object], change: Callable[[Path, Path], None], cache: Path
) -> Path:
    """A directory of an exported commit, in a copy of the whole tree that is changed.

    Args:
        place: the directory.
        what: says what is changed; the same copy is taken the next time.
        change: changes the copy; it gets its top, and the directory in it.
        cache: the harness's cache directory.

    Raises:
        HarnessError: the directory is in no exported commit, or as of ``change``.
    """
    try:
        key, tree, *inner = place.resolve().relative_to((cache / _KIND).resolve()).parts
    except ValueError:
        raise HarnessError("the program is not built from a commit, so it is not changed") from None
    top = cache / _KIND / key / tree

    def fill(directory: Path) -> None:
        copy_writable(top, directory / _TREE)
        change(directory / _TREE, directory.joinpath(_TREE, *inner))

    name = hashlib.sha256(json.dumps([key, *inner, *what]).encode()).hexdigest()[:32]
    entry, _ = obtain(cache, _KIND, name, fill)
    return entry.joinpath(_TREE, *inner).resolve()
