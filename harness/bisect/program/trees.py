"""Directories that programs are built from: a commit, with something of it turned back."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from harness.errors import HarnessError
from harness.golang.builds.request import BuildRequest
from harness.golang.command import run_go
from harness.golang.git import run_git
from harness.golang.sources.locate import Source
from harness.golang.sources.revisions import altered


def with_commit(
    source: Source, repository: Path, commit: str, cache: Path, *, reverse: bool
) -> Path:
    """The base directory of a source, in a copy in which a commit is made once more, or reverted.

    Raises:
        HarnessError: what else changed the same lines.
    """
    patch = run_git(repository, "diff", "--binary", f"{commit}^1", commit)

    def change(top: Path, _base: Path) -> None:
        run_git(top, "init", "--quiet")  # else git would look for a repository around it
        (top / ".git" / "back.diff").write_text(patch, encoding="utf-8")
        try:
            back = ["--reverse"] if reverse else []
            run_git(top, "apply", *back, "--whitespace=nowarn", ".git/back.diff")
        except HarnessError:
            raise HarnessError(
                f"{commit[:12]} cannot be {'reverted' if reverse else 'made'} there: other commits "
                "changed the same lines"
            ) from None
        shutil.rmtree(top / ".git")

    return altered(source.base, ["revert" if reverse else "make", commit], change, cache)


def with_versions(
    request: BuildRequest, versions: Mapping[str, str], sums: str, cache: Path
) -> Path:
    """The base directory of a build's source, in a copy whose modules have other versions.

    Args:
        request: the build; its go command completes go.mod and go.sum.
        versions: of modules, by path, in the place of those that go.mod asks for.
        sums: lines of go.sum that are known to be good, beside its own.
        cache: the harness's cache directory.

    Raises:
        HarnessError: a version cannot be had, or the packages do not fit together.
    """
    source, toolchain = request.source, request.toolchain
    home = source.base.resolve()

    def change(_top: Path, base: Path) -> None:
        module = Path(os.path.normpath(base / os.path.relpath(source.module.resolve(), home)))
        shutil.rmtree(module / "vendor", ignore_errors=True)  # it has the other versions
        with (module / "go.sum").open("a", encoding="utf-8") as file:
            file.write(f"\n{sums}")
        edits = [f"-replace={path}={path}@{version}" for path, version in sorted(versions.items())]
        package = f"./{source.directory.relative_to(source.module).as_posix()}"
        listing = ["list", "-mod=mod", "-deps", *(["-test"] if source.test else []), "-f", ""]
        for arguments in (["mod", "edit", *edits], [*listing, package]):
            run_go(
                toolchain.goroot, toolchain.build_cache(cache), arguments, directory=module,
                settings=request.settings, build=request.build, extra=source.workspace,
            )  # fmt: skip

    return altered(home, ["versions", *sorted(versions.items())], change, cache)


def requirements_of(request: BuildRequest, cache: Path) -> dict[str, str]:
    """The versions that the go.mod of a build asks for, by path of the module.

    Raises:
        HarnessError: the go command cannot read it.
    """
    toolchain = request.toolchain
    text = run_go(
        toolchain.goroot, toolchain.build_cache(cache), ["mod", "edit", "-json"],
        directory=request.source.module,
    )  # fmt: skip
    return {line["Path"]: line["Version"] for line in json.loads(text).get("Require") or ()}
