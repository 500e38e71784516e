"""Releases as true builds: of their tags, and of every commit that leaves their tools alone."""

from pathlib import Path

from harness.bisect.commits.compatible import fit, object_format, parts_of_commit, parts_of_goroot
from harness.bisect.commits.history import commit_of, release_at
from harness.bisect.commits.mixed import mixed
from harness.errors import HarnessError
from harness.golang.toolchains.resolve import Say, Toolchain, resolve
from harness.matrix.models import ToolchainSpec
from harness.matrix.paths import beside


def end_of(spec: ToolchainSpec, base: Path, cache: Path, say: Say) -> Toolchain | None:
    """A commit whose VERSION names a release, made of its library and that release's tools.

    Args:
        spec: a toolchain as a matrix or command line names it.
        base: the directory that relative paths start from.
        cache: the harness's cache directory.
        say: told of downloads.

    Returns:
        ``None`` where that would be no true build, because the tools' sources are others; or where
        the toolchain is no commit of a repository here, or names no release that can be had.
    """
    repository = beside(base, spec.git) if spec.git else None
    if repository is None or spec.patch or not repository.is_dir():
        return None
    commit = commit_of(repository, spec.ref or "HEAD")
    tools = release_named(repository, commit, cache, say)
    if tools is None:
        return None
    sources = parts_of_goroot(tools.goroot, object_format(repository))
    if fit(sources, parts_of_commit(repository, commit)) != "same":
        return None
    return mixed(repository, commit, tools, spec.name, cache)


def release_named(repository: Path, commit: str, cache: Path, say: Say) -> Toolchain | None:
    """The release that a commit's VERSION names, if a provider has it."""
    version = release_at(repository, commit)
    if version is None:
        return None
    try:
        return resolve([ToolchainSpec(go=version)], cache, say)[version]
    except HarnessError:
        return None
