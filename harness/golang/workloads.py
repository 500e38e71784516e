"""Workload sources: where a workload's main package is, what it needs, what it is made of."""

import hashlib
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from harness.errors import HarnessError
from harness.frozen import Frozen
from harness.golang.environment import go_environment
from harness.golang.toolchains import Toolchain
from harness.golang.versions import GoVersion
from harness.spec.models import WorkloadSpec

_SOURCES = {
    *(".go", ".mod", ".sum", ".work", ".syso", ".swig", ".swigcxx", ".s", ".S"),
    *(".c", ".cc", ".cpp", ".cxx", ".h", ".hh", ".hpp", ".hxx", ".m", ".mm"),
    *(".f", ".F", ".for", ".f90"),
}
"""Suffixes of the files that the go command compiles (``go help packages``) or reads."""
_EMBED = re.compile(rb"^//go:embed ", re.MULTILINE)


class Source(Frozen):
    """A workload's main package, located."""

    workload: str
    package: str
    """Import path."""
    directory: Path
    """Where the package's files are."""
    module: Path
    """Root of the module; go commands run there."""
    go: str | None
    """The go.mod's ``go`` line, as ``1.24``."""
    digest: str
    """Of every source file of the module, so that a build's key follows its content."""

    def needs_newer(self, version: str) -> str | None:
        """Why a toolchain cannot build this workload; ``None`` if its go.mod allows it."""
        if self.go is None or GoVersion.parse(version) >= GoVersion.parse(f"go{self.go}"):
            return None
        return f"its go.mod asks for go {self.go}, newer than {version}"


def locate(workload: WorkloadSpec, base: Path, toolchain: Toolchain, cache: Path) -> Source:
    """Find a workload's package with the go command.

    Args:
        workload: as the user wrote it.
        base: the directory of the matrix file.
        toolchain: the newest of the matrix, so that every go.mod can be read.
        cache: the harness's cache directory.

    Raises:
        HarnessError: there is no such main package.
    """
    start = base
    argument = workload.package
    if argument.startswith((".", "/")):
        start, argument = (base / argument).resolve(), "."
        if not start.is_dir():
            raise HarnessError(f"there is no directory {workload.package!r} beside the matrix file")
    done = subprocess.run(
        [toolchain.go, "list", "-json=Dir,ImportPath,Name,Module", "--", argument],
        env=go_environment(toolchain.goroot, cache),
        cwd=start,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise HarnessError(f"package {workload.package!r}: {' '.join(done.stderr.split())}")
    found = json.loads(done.stdout)
    if found["Name"] != "main":
        raise HarnessError(
            f"package {workload.package!r} is package {found['Name']}, not package main"
        )
    module = found.get("Module") or {}
    root = Path(module.get("Dir", found["Dir"]))
    return Source(
        workload=workload.name,
        package=found["ImportPath"],
        directory=Path(found["Dir"]),
        module=root,
        go=module.get("GoVersion"),
        digest=digest_of(root),
    )


def digest_of(module: Path) -> str:
    """A digest over the names and contents of all files of a module that a build may read."""
    digest = hashlib.sha256()
    for path in sorted(_files(module)):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(module)}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _files(module: Path) -> Iterator[Path]:
    """Source files; and everything below a package that embeds files."""
    pending = [module]
    while pending:
        directory = pending.pop()
        entries = list(directory.iterdir())
        sources = [e for e in entries if e.suffix in _SOURCES and e.is_file()]
        yield from sources
        if any(_EMBED.search(e.read_bytes()) for e in sources if e.suffix == ".go"):
            yield from (f for f in directory.rglob("*") if f.is_file() and f not in sources)
        pending += [
            e
            for e in entries
            if e.is_dir() and not e.name.startswith((".", "_")) and not (e / "go.mod").exists()
        ]
