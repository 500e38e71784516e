"""What there is to measure in a Go module, as the go command lists it."""

import itertools
import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.golang.command import run_go
from harness.golang.toolchains.resolve import Toolchain
from harness.golang.versions import GoVersion
from harness.init.programs import Program, look_at_program
from harness.models import Frozen

_DEPTH = 4
"""How far below a directory without a go.mod modules are looked for."""
_FEW = 5
"""Benchmarks of a package that are measured at first."""
_PASSED_OVER = frozenset({"testdata", "vendor", "node_modules"})
_FIELDS = "Dir,ImportPath,Name,GoFiles,TestGoFiles,XTestGoFiles,Imports,Error"
_COMMENT_OR_TEXT = re.compile(
    r'"(?:\\.|[^"\\\n])*"|`[^`]*`|' + r"'(?:\\.|[^'\\\n])*'" + r"|//[^\n]*|/\*.*?\*/", re.DOTALL
)
_MAIN = re.compile(r"^func\s+main\s*\(\s*\)", re.MULTILINE)
_BENCHMARK = re.compile(
    r"^func (Benchmark(?:[^a-z\W]\w*)?)\(\s*(\w+) \*testing\.B\s*\) \{\n(.*?)^\}",
    re.MULTILINE | re.DOTALL,
)


class Benchmarks(Frozen):
    """The benchmarks of one package."""

    directory: str
    """Relative to the matrix file, as ``./codec``."""
    name: str
    functions: tuple[str, ...]
    plain: tuple[str, ...]
    """Those without sub-benchmarks."""
    doubt: str | None = None
    """Why they cannot be run, where they were tried."""
    build: float | None = None
    """Seconds that their build took with the newest Go, where they were tried."""
    trial: float | None = None
    """Seconds of one trial; ``None`` where they were not tried."""

    @property
    def few(self) -> tuple[str, ...]:
        """Those that are measured at first."""
        return self.functions[:_FEW]

    @property
    def pattern(self) -> str:
        """A regular expression for these."""
        return f"^({'|'.join(self.few)})$" if len(self.few) > 1 else f"^{self.few[0]}$"


class Module(Frozen):
    """What a go.mod says."""

    path: str
    root: Path
    go: str | None
    """The go line, as ``1.24`` or ``1.24.3``, or that of a go.work around it if that is higher."""
    toolchain: str | None
    """The toolchain line, as ``go1.24.3``."""


class Survey(Frozen):
    """What there is to measure."""

    programs: tuple[Program, ...]
    benchmarks: tuple[Benchmarks, ...]


class _Package(Frozen):
    path: str
    name: str
    directory: Path
    module: Module
    files: tuple[str, ...]
    tests: tuple[str, ...]
    imports: tuple[str, ...]

    def code(self, names: Iterable[str]) -> list[str]:
        """The text of files, without comments."""
        paths = (self.directory / name for name in names)
        texts = (path.read_text(encoding="utf-8", errors="replace") for path in paths)
        return [_COMMENT_OR_TEXT.sub(_without_comment, text) for text in texts]


def find_modules(directory: Path, go: Toolchain, cache: Path) -> list[Module]:
    """The modules of a go.work in a directory, or the one that it is in, or those below it.

    Raises:
        HarnessError: there is none, or the go command cannot read one.
    """
    here = directory.resolve()
    if (here / "go.work").is_file():
        work = _edit(here / "go.work", go, cache)
        roots = [(here / use["DiskPath"]).resolve() for use in work.get("Use") or ()]
        found = [_read_module(root, go, cache) for root in roots if (root / "go.mod").is_file()]
        return [m.model_copy(update={"go": highest((m.go, work.get("Go")))}) for m in found]
    around = next((p for p in (here, *here.parents) if (p / "go.mod").is_file()), None)
    modules = [_read_module(p, go, cache) for p in ([around] if around else _modules_below(here))]
    if not modules:
        raise HarnessError(
            f"there is no go.mod in {here}, above it or up to {_DEPTH} directories below; go to a "
            "Go module, or run go mod init; a published program needs none: name it as "
            "MODULE@VERSION to gomatrix explain, or write {name: NAME, module: MODULE@VERSION} "
            "under workloads: of a matrix.yaml of your own"
        )
    return modules


def survey(directory: Path, modules: Sequence[Module], go: Toolchain, cache: Path) -> Survey:
    """List the programs and benchmarks of modules, those nearest to a directory first.

    In a subdirectory of a module, only what is below it counts, unless there is nothing. The
    toolchain must be able to build the modules.

    Raises:
        HarnessError: there is neither a program nor a benchmark, or the go command fails.
    """
    here = directory.resolve()
    packages = {p.path: p for m in modules for p in _packages(m, go, cache)}
    below = [p for p in packages.values() if p.directory.is_relative_to(here)]
    for chosen in (below, packages.values()):
        found = _look(chosen, here, packages)
        if found.programs or found.benchmarks:
            return found
    raise HarnessError(
        f"{', '.join(m.path for m in modules)}: there is no main package and no benchmark for "
        "this system; write one (func BenchmarkX(b *testing.B) in a _test.go file)"
    )


def highest(lines: Iterable[str | None]) -> str | None:
    """The highest of go lines or toolchain lines, if there is one."""
    return max(
        (line for line in lines if line),
        key=lambda line: GoVersion.parse(line if line.startswith("go") else f"go{line}"),
        default=None,
    )


def _edit(path: Path, go: Toolchain, cache: Path) -> dict[str, Any]:
    kind = path.suffix.removeprefix(".")
    text = run_go(go.goroot, go.build_cache(cache), [kind, "edit", "-json", str(path)])
    return dict(json.loads(text))


def _read_module(root: Path, go: Toolchain, cache: Path) -> Module:
    said = _edit(root / "go.mod", go, cache)
    toolchain = said.get("Toolchain")
    toolchain = None if toolchain == "default" else toolchain
    return Module(path=said["Module"]["Path"], root=root, go=said.get("Go"), toolchain=toolchain)


def _modules_below(here: Path) -> Iterator[Path]:
    for place, directories, files in os.walk(here):
        depth = len(Path(place).relative_to(here).parts)
        directories[:] = sorted(
            d for d in directories
            if not d.startswith((".", "_")) and d not in _PASSED_OVER and depth < _DEPTH
        )  # fmt: skip
        if "go.mod" in files:
            yield Path(place)


def _packages(module: Module, go: Toolchain, cache: Path) -> Iterator[_Package]:
    """What can be built of a module here."""
    arguments = ["list", "-e", f"-json={_FIELDS}", "./..."]
    text = run_go(go.goroot, go.build_cache(cache), arguments, directory=module.root)
    decoder = json.JSONDecoder()
    while text := text.lstrip():
        said, end = decoder.raw_decode(text)
        text = text[end:]
        if "Error" not in said:
            yield _Package(
                path=said["ImportPath"], name=said["Name"], directory=Path(said["Dir"]),
                module=module, files=said.get("GoFiles", ()), imports=said.get("Imports", ()),
                tests=(*said.get("TestGoFiles", ()), *said.get("XTestGoFiles", ())),
            )  # fmt: skip


def _look(chosen: Collection[_Package], here: Path, packages: Mapping[str, _Package]) -> Survey:
    programs: list[Program] = []
    benchmarks: list[Benchmarks] = []
    names: set[str] = set()
    for package in sorted(chosen, key=lambda p: (len(p.directory.parts), str(p.directory))):
        relative = _relative(package.directory, here)
        own = package.code(package.files)
        if package.name == "main" and any(map(_MAIN.search, own)):
            name = _unique(package, "", names)
            reachable = [t for p in _imported(package, packages) for t in p.code(p.files)]
            programs.append(look_at_program(name, relative, own, reachable))
        found = [m for text in package.code(package.tests) for m in _BENCHMARK.finditer(text)]
        if found:
            name = _unique(package, "-bench", names)
            functions = tuple(m[1] for m in found)
            plain = tuple(m[1] for m in found if f"{m[2]}.Run(" not in m[3])
            bench = Benchmarks(directory=relative, name=name, functions=functions, plain=plain)
            benchmarks.append(bench)
    return Survey(programs=tuple(programs), benchmarks=tuple(benchmarks))


def _imported(package: _Package, packages: Mapping[str, _Package]) -> list[_Package]:
    """The packages of these modules that one imports, directly or not."""
    reached = {package.path: package}
    pending = [package]
    while pending:
        for path in pending.pop().imports:
            if path in packages and path not in reached:
                reached[path] = packages[path]
                pending.append(packages[path])
    return list(reached.values())[1:]


def _without_comment(match: re.Match[str]) -> str:
    text = match[0]
    return " " if text.startswith(("//", "/*")) else text


def _relative(directory: Path, here: Path) -> str:
    text = Path(os.path.relpath(directory, here)).as_posix()
    return text if text.startswith(".") else f"./{text}"


def _unique(package: _Package, suffix: str, taken: set[str]) -> str:
    """A workload's name: the directory's, or the module's for its root, made unique."""
    module = package.module
    parts = [part for part in module.path.split("/") if not re.fullmatch(r"v\d+", part)]
    words = [*parts[-1:], *package.directory.relative_to(module.root).parts]
    texts = ("-".join(words[-count:]) for count in range(1, len(words) + 1))
    plain = [re.sub(r"[^A-Za-z0-9_.-]", "-", text).lstrip(".-") or "program" for text in texts]
    names = [f"{name}{suffix}" for name in plain]
    numbered = (f"{names[-1]}-{number}" for number in itertools.count(2))
    name = next(name for name in itertools.chain(names, numbered) if name not in taken)
    taken.add(name)
    return name
