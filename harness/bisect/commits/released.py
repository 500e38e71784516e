"""Releases and the commits that they are built from."""

from pathlib import Path

from harness.bisect.commits.builds import with_tools
from harness.bisect.commits.history import commit_of, release_at
from harness.bisect.commits.tools import sources_at_commit, sources_in_goroot
from harness.errors import HarnessError
from harness.golang.toolchains.resolve import Say, Toolchain, resolve
from harness.matrix.models import ToolchainSpec
from harness.matrix.paths import beside


def end_of(spec: ToolchainSpec, base: Path, cache: Path, say: Say) -> Toolchain | None:
    """A commit whose VERSION names a release, made of its library and that release's tools.

    Returns:
        ``None`` where the tools' sources are others, the toolchain is no commit of a repository
        here, or it names no release that can be had.
    """
    repository = beside(base, spec.git) if spec.git else None
    if repository is None or spec.patch or not repository.is_dir():
        return None
    commit = commit_of(repository, spec.ref or "HEAD")
    release = release_named(repository, commit, cache, say)
    if release is None:
        return None
    if sources_in_goroot(release.goroot, repository) != sources_at_commit(repository, commit):
        return None
    return with_tools(repository, commit, release, spec.name, cache)


def release_named(repository: Path, commit: str, cache: Path, say: Say) -> Toolchain | None:
    """The release that a commit's VERSION names, if a provider has it."""
    version = release_at(repository, commit)
    if version is None:
        return None
    try:
        return resolve([ToolchainSpec(go=version)], cache, say)[version]
    except HarnessError:
        return None
