"""A toolchain that a commit's own source made, with no more in it than a workload's build needs."""

from pathlib import Path

from harness.golang.cache import obtain
from harness.golang.command import build_cache
from harness.golang.toolchains import source
from harness.golang.toolchains.available import at_hand
from harness.golang.toolchains.resolve import Say, Toolchain, resolve
from harness.golang.versions import expand_shorthand
from harness.matrix.models import ToolchainSpec


def true_build(
    repository: Path, commit: str, name: str, cache: Path, say: Say, *, whole: bool
) -> Toolchain:
    """Build a commit's tools, or take those that were built before.

    Args:
        repository: a directory of the repository.
        commit: in full.
        name: what to call it.
        cache: the harness's cache directory.
        say: told of the build.
        whole: whether the build needs more than compiler, assembler and linker.

    Raises:
        HarnessError: the commit does not build.
    """
    goroot = cache / "toolchains" / f"git-{commit}" / "go"
    if whole:
        spec = ToolchainSpec(git=str(repository), ref=commit)
    else:
        if not goroot.is_dir():
            goroot = _tools_alone(repository, commit, cache, say)
        spec = ToolchainSpec(path=str(goroot))
    toolchain = resolve([spec], cache, say)[spec.name]
    return toolchain.model_copy(update={"name": name, "provider": source.NAME})


def _tools_alone(repository: Path, commit: str, cache: Path, say: Say) -> Path:
    def fill(directory: Path) -> None:
        with source.exported(
            source.Repository(directory=repository, commit=commit), directory
        ) as tree:
            wanted = source.bootstrap_release(tree)
            spec = ToolchainSpec(go=expand_shorthand(wanted, at_hand(cache)) or wanted)
            bootstrap = resolve([spec], cache, say)[spec.name]
            say(f"building the tools of {commit[:12]} with {bootstrap.version}")
            caches = build_cache(cache, bootstrap.digest)
            source.build(tree, commit, bootstrap.goroot, caches, directory, whole=False)

    entry, _ = obtain(cache, "toolchains", f"tools-{commit}", fill)
    return (entry / "go").resolve()
