"""A GOROOT of one commit's standard library with the tools of another true build."""

import os
import shutil
from pathlib import Path

from harness.errors import HarnessError
from harness.golang.cache import obtain
from harness.golang.git import run_git
from harness.golang.toolchains.archives import unpack_tar
from harness.golang.toolchains.resolve import Toolchain, resolve
from harness.matrix.models import ToolchainSpec

_TOOLS = ("asm", "cgo", "compile", "link", "preprofile")
_LEFT_OUT = (
    ":(exclude)src/cmd",
    ":(exclude,glob)**/testdata/**",
    ":(exclude,glob)**/*_test.go",
)
_GENERATED_IN = {
    "zbootstrap.go": ("src/internal/buildcfg",),
    "zcgo.go": ("src/go/build",),
    "zversion.go": ("src/internal/runtime/sys", "src/runtime/internal/sys"),  # moved in Go 1.24
}


def mixed(repository: Path, commit: str, base: Toolchain, name: str, cache: Path) -> Toolchain:
    """Put a commit's library and another toolchain's tools together, or take what was before.

    It costs about a second: the tools are linked, and of the commit only the standard library is
    written out, without its tests. It says that it is the toolchain that its tools are of.

    Args:
        repository: a directory of the repository.
        commit: the library's, in full.
        base: whose tools it gets.
        name: what to call it.
        cache: the harness's cache directory.

    Raises:
        HarnessError: the commit is no Go source tree, or the two do not work together at all.
    """

    def fill(directory: Path) -> None:
        tree = directory / "go"
        tree.mkdir()
        _export(repository, commit, directory)
        _add_generated(base.goroot, tree)
        _link_tools(base.goroot, tree)

    entry, _ = obtain(cache, "toolchains", f"mixed-{commit}-{base.digest[:16]}", fill)
    spec = ToolchainSpec(path=str(entry / "go"))
    toolchain = resolve([spec], cache, _unheard)[spec.name]
    provider = f"library of git, tools of {base.name}"
    return toolchain.model_copy(update={"name": name, "provider": provider})


def _export(repository: Path, commit: str, directory: Path) -> None:
    present = run_git(repository, "ls-tree", "--name-only", commit, "--", "src", "go.env").split()
    if "src" not in present:
        raise HarnessError(f"commit {commit[:12]} of {repository} has no src")
    archive = directory / "source.tar"
    run_git(repository, "archive", f"--output={archive}", commit, "--", *present, *_LEFT_OUT)
    unpack_tar(archive, directory / "go")


def _add_generated(base: Path, tree: Path) -> None:
    """Give the library what ``cmd/dist`` would have written into it."""
    shutil.copyfile(base / "VERSION", tree / "VERSION")
    for name, places in _GENERATED_IN.items():
        made = [base / place / name for place in places if (base / place / name).is_file()]
        for place in places:
            if made and (tree / place).is_dir() and not (tree / place / name).exists():
                shutil.copyfile(made[0], tree / place / name)
    (tree / "pkg" / "include").mkdir(parents=True)
    for header in (base / "pkg" / "include").iterdir():
        own = tree / "src" / "runtime" / header.name
        shutil.copyfile(own if own.is_file() else header, tree / "pkg" / "include" / header.name)


def _link_tools(base: Path, tree: Path) -> None:
    tools = [path for path in (base / "pkg" / "tool").glob("*/*") if path.name in _TOOLS]
    for program in [base / "bin" / "go", *tools]:
        target = tree / program.relative_to(base)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(program.resolve(), target)
        except OSError:  # of another file system, or another user
            shutil.copy(program, target)


def _unheard(_: str) -> None:
    """A path is taken without a word."""
