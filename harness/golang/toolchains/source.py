"""Toolchains built from a Go source repository, at a commit.

``src/make.bash`` builds the compiler three times over, every command and the standard library. A
build needs compiler, linker, assembler, cgo and the go command, so the source's own ``cmd/dist`` is
run only up to the point where the others can be made by ``go install``.
"""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from harness.errors import HarnessError
from harness.golang.environment import passed_environment, rare_collection
from harness.golang.git import hash_of, run_git
from harness.golang.toolchains.archives import unpack_tar
from harness.matrix.paths import beside
from harness.models import Frozen

NAME = "git"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_STOP = re.compile(r'^\ttimelog\("build", "toolchain2"\)$', re.MULTILINE)
"""In ``cmd/dist/build.go``, 1.21 to 1.27: here compiler and go command have been bootstrapped."""
_COMMANDS = ("cgo", "preprofile", "pprof", "go")
"""Made by the bootstrapped tools. Assembler, compiler and linker themselves stay as bootstrapped:
they are the same source, and compile and link the same binaries, as if they had made themselves."""
_FIRST_GATEWAY = 21
_LOG_TAIL = 15


class Repository(Frozen):
    """A repository and the commit that was asked for."""

    directory: Path
    """A local repository that has the commit."""
    commit: str

    @classmethod
    def open(cls, url: str, ref: str, base: Path, cache: Path) -> Self:
        """Find the commit, and fetch it if the repository is elsewhere.

        ``url`` is a path, relative to ``base``, or anything that ``git fetch`` takes; ``ref`` a
        branch, tag or commit, and of a repository elsewhere a commit in full.

        Raises:
            HarnessError: there is no git, no such repository, or no such commit.
        """
        local = beside(base, url)
        if local.is_dir():
            return cls(directory=local, commit=hash_of(local, ref))
        mirror = cache / "git" / hashlib.sha256(url.encode()).hexdigest()[:16]
        if not (mirror / "HEAD").is_file():
            mirror.parent.mkdir(parents=True, exist_ok=True)
            run_git(mirror.parent, "init", "--quiet", "--bare", mirror.name)
        if _COMMIT.fullmatch(ref):
            with suppress(HarnessError):  # it is not there yet
                return cls(directory=mirror, commit=hash_of(mirror, ref))
        run_git(mirror, "fetch", "--quiet", "--depth=1", "--no-tags", "--", url, ref)
        return cls(directory=mirror, commit=hash_of(mirror, "FETCH_HEAD"))


def export(repository: Repository, directory: Path) -> Path:
    """Write the source tree at the commit to ``directory / "go"``.

    Raises:
        HarnessError: it is not a Go source tree.
    """
    archive = directory / "source.tar"
    tree = directory / "go"
    tree.mkdir()
    run_git(repository.directory, "archive", f"--output={archive}", repository.commit)
    unpack_tar(archive, tree)
    if not (tree / "src" / "cmd" / "dist" / "build.go").is_file():
        raise HarnessError(
            f"commit {repository.commit[:12]} of {repository.directory} is no Go source tree: "
            "it has no src/cmd/dist"
        )
    return tree


def bootstrap_release(tree: Path) -> str:
    """The minor version before a source tree, which builds it (https://go.dev/doc/install/source).

    Raises:
        HarnessError: the tree does not say which version it leads to.
    """
    return f"go1.{max(_minor(tree) - 1, _FIRST_GATEWAY)}"


def build(
    tree: Path, commit: str, bootstrap: Path, caches: Path, directory: Path, *, whole: bool = True
) -> None:
    """Build a source tree in place, into a GOROOT, with the Go in ``bootstrap``.

    ``build.log`` and scratch files go to ``directory``. A build that is not ``whole`` has compiler,
    assembler, linker and a go command that cannot reach the network.

    Raises:
        HarnessError: it does not build; the message ends with the last lines of the log.
    """
    (tree / "VERSION").write_text(_version(tree, commit) + "\n", encoding="ascii")
    scratch = directory / "scratch"
    scratch.mkdir()
    log = directory / "build.log"
    environment = passed_environment(os.environ) | {
        "GOROOT_BOOTSTRAP": str(bootstrap), "GOTOOLCHAIN": "local", "GOENV": "off", "GOFLAGS": "",
        "TMPDIR": str(scratch), "GOTELEMETRY": "off",
        "CGO_ENABLED": "0", "LC_ALL": "C", **rare_collection(),
    }  # fmt: skip
    src = tree / "src"

    def run(cwd: Path, *command: str | Path, **variables: str) -> None:
        with log.open("ab") as sink:
            done = subprocess.run(
                command, env=environment | variables, cwd=cwd, stdin=subprocess.DEVNULL,
                stdout=sink, stderr=subprocess.STDOUT, check=False,
            )  # fmt: skip
        if done.returncode != 0:
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
            tail = "\n".join(f"  {line}" for line in lines[-_LOG_TAIL:])
            raise HarnessError(f"commit {commit[:12]} does not build; the log ends with\n{tail}")

    old = {"GO111MODULE": "off", "GOCACHE": str(caches)}
    dist = scratch / "dist"
    with _stopped_early(src / "cmd" / "dist" / "build.go") as stopped:
        go = bootstrap / "bin" / "go"
        run(src / "cmd" / "dist", go, "build", "-o", dist, **old, GOROOT=str(bootstrap))
    run(src, dist, "bootstrap", "-a", "-no-banner", **old, GOROOT=str(tree))
    bootstrapped = next((tree / "pkg" / "tool").glob("*/go_bootstrap"), None)
    if stopped and bootstrapped and not whole:
        (tree / "bin").mkdir(exist_ok=True)
        shutil.copy(bootstrapped, tree / "bin" / "go")
    elif stopped and bootstrapped:
        packages = [f"cmd/{name}" for name in _COMMANDS if (src / "cmd" / name).is_dir()]
        new = {"GOCACHE": str(scratch / "cache"), "GOROOT": str(tree)}
        run(src, bootstrapped, "install", "-pgo=off", *packages, **new)
    for leftover in (scratch, tree / "pkg" / "obj", tree / "pkg" / "bootstrap"):
        shutil.rmtree(leftover, ignore_errors=True)


@contextmanager
def _stopped_early(source: Path) -> Iterator[bool]:
    """Make ``cmd/dist`` stop once the tools exist; yield whether its source has that place."""
    original = source.read_bytes()
    shortened, count = _STOP.subn("\tos.Exit(0)", original.decode())
    if count == 1:
        source.write_text(shortened, encoding="utf-8")
    try:
        yield count == 1
    finally:
        source.write_bytes(original)


def _minor(tree: Path) -> int:
    text = (tree / "src" / "internal" / "goversion" / "goversion.go").read_text(encoding="utf-8")
    found = re.search(r"^const Version = (\d+)$", text, re.MULTILINE)
    if found is None:
        raise HarnessError(f"{tree} does not say in src/internal/goversion which Go it leads to")
    return int(found[1])


def _version(tree: Path, commit: str) -> str:
    """Return a development version with the commit in it, in the form that the tree expects."""
    dist = (tree / "src" / "cmd" / "dist" / "build.go").read_text(encoding="utf-8")
    minor = _minor(tree)
    if "-devel_" in dist:  # since Go 1.26
        return f"go1.{minor}-devel_{commit[:12]}"
    return f"devel go1.{minor}-{commit[:12]}"
