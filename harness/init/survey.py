"""What the files of a Go module tell of its programs and benchmarks, without any Go to ask."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from harness.errors import HarnessError, reading
from harness.golang.versions import GoVersion
from harness.init.constraints import belongs
from harness.init.programs import Program, look_at_program
from harness.init.source import GoFile
from harness.models import Frozen

_DEPTH = 4
"""How far below a directory without a go.mod modules are looked for."""
_PASSED_OVER = frozenset({"testdata", "vendor", "node_modules"})
_BENCHMARK = re.compile(
    r"^func (Benchmark(?:[^a-z\W]\w*)?)\(\s*(\w+) \*testing\.B\s*\) \{\n(.*?)^\}",
    re.MULTILINE | re.DOTALL,
)
_MODULE = re.compile(r'^module\s+"?([^\s"]+)"?', re.MULTILINE)
_GO = re.compile(r"^go\s+(1\.\d+(?:\.\d+)?(?:(?:rc|beta)\d+)?)", re.MULTILINE)
_TOOLCHAIN = re.compile(r"^toolchain\s+(go1\.\d+(?:\.\d+)?(?:(?:rc|beta)\d+)?)", re.MULTILINE)
_USE = re.compile(r"^use\s+(?:\(([^)]*)\)|(\S+))", re.MULTILINE)


class Benchmarks(Frozen):
    """The benchmarks of one package."""

    directory: str
    """Relative to the matrix file, as ``./codec``."""
    name: str
    functions: tuple[str, ...]
    plain: tuple[str, ...]
    """Those without sub-benchmarks."""


class Survey(Frozen):
    """What there is to measure."""

    modules: tuple[str, ...]
    """Module paths."""
    go: str | None
    """The highest go line, as ``1.24`` or ``1.24.3``; ``None`` if there is none."""
    toolchain: str | None
    """The highest toolchain line."""
    programs: tuple[Program, ...]
    benchmarks: tuple[Benchmarks, ...]


class _Module(Frozen):
    path: str
    root: Path
    go: str | None
    toolchain: str | None


def survey(directory: Path) -> Survey:
    """Look through the module that a directory is in, or else those below it.

    A workspace's modules are looked through together. In a subdirectory of a module, only what is
    below it counts, unless there is nothing.

    Raises:
        HarnessError: there is no module, or neither a program nor a benchmark in it.
    """
    here = directory.resolve()
    modules = _modules(here)
    if not modules:
        raise HarnessError(
            f"there is no go.mod in {here}, above it or up to {_DEPTH} directories below; go to a "
            "Go module, or run go mod init; a published program needs none: write "
            "{name: NAME, module: PATH@VERSION} under workloads: of a matrix.yaml of your own"
        )
    packages = {d: m for m in modules for d in _package_directories(m.root)}
    below = {d: m for d, m in packages.items() if d.is_relative_to(here)}
    for chosen in (below, packages):
        programs, benchmarks = _look(chosen, here, modules)
        if programs or benchmarks:
            break
    else:
        raise HarnessError(
            f"{', '.join(m.path for m in modules)}: there is no main package and no benchmark for "
            "this system; write one (func BenchmarkX(b *testing.B) in a _test.go file)"
        )
    return Survey(
        modules=tuple(module.path for module in modules),
        go=max((m.go for m in modules if m.go), key=_order, default=None),
        toolchain=max((m.toolchain for m in modules if m.toolchain), key=_order, default=None),
        programs=tuple(programs),
        benchmarks=tuple(benchmarks),
    )


def _order(line: str) -> GoVersion:
    return GoVersion.parse(line if line.startswith("go") else f"go{line}")


def _modules(here: Path) -> list[_Module]:
    work = here / "go.work"
    if work.is_file():
        text = _text(work)
        entries = [w for block, one in _USE.findall(text) for w in (block or one).split("\n")]
        words = [re.sub(r"//.*", "", entry).strip().strip('"') for entry in entries]
        roots = [(here / word).resolve() for word in words if word]
        found = [_read_module(root) for root in roots if (root / "go.mod").is_file()]
        outer = _read_module(here, "go.work")
        return [m.model_copy(update={"go": _higher(m.go, outer.go)}) for m in found]
    for root in (here, *here.parents):
        if (root / "go.mod").is_file():
            return [_read_module(root)]
    return [_read_module(root) for root in _modules_below(here)]


def _higher(one: str | None, other: str | None) -> str | None:
    return max((line for line in (one, other) if line), key=_order, default=None)


def _modules_below(here: Path) -> Iterator[Path]:
    for place, directories, files in os.walk(here):
        depth = len(Path(place).relative_to(here).parts)
        directories[:] = sorted(d for d in directories if _is_looked_into(d) and depth < _DEPTH)
        if "go.mod" in files:
            yield Path(place)


def _read_module(root: Path, name: str = "go.mod") -> _Module:
    text = _text(root / name)
    path, go, toolchain = (pattern.search(text) for pattern in (_MODULE, _GO, _TOOLCHAIN))
    return _Module(
        path=path[1] if path else root.name,
        root=root,
        go=go[1] if go else None,
        toolchain=toolchain[1] if toolchain else None,
    )


def _text(path: Path) -> str:
    with reading(path):
        return path.read_text(encoding="utf-8", errors="replace")


def _is_looked_into(name: str) -> bool:
    return not name.startswith((".", "_")) and name not in _PASSED_OVER


def _package_directories(root: Path) -> Iterator[Path]:
    for place, directories, files in os.walk(root):
        directories[:] = sorted(
            d for d in directories if _is_looked_into(d) and not Path(place, d, "go.mod").exists()
        )
        if any(file.endswith(".go") for file in files):
            yield Path(place)


def _look(
    packages: Mapping[Path, _Module], here: Path, modules: Iterable[_Module]
) -> tuple[list[Program], list[Benchmarks]]:
    """Programs and benchmarks of packages, those nearest to ``here`` first."""
    programs: list[Program] = []
    benchmarks: list[Benchmarks] = []
    names: set[str] = set()
    roots = {module.path: module.root for module in modules}
    for directory in sorted(packages, key=lambda d: (len(d.parts), str(d))):
        module = packages[directory]
        sources = read_package(directory)
        relative = _relative(directory, here)
        own = [source for source in sources if not source.test]
        if any(source.package == "main" and source.has_main for source in own):
            name = _unique(directory, module, "", names)
            reachable = _reachable(own, roots)
            programs.append(look_at_program(name, relative, own, reachable))
        found = [m for s in sources if s.test for m in _BENCHMARK.finditer(s.code)]
        if found:
            name = _unique(directory, module, "-bench", names)
            plain = tuple(m[1] for m in found if f"{m[2]}.Run(" not in m[3])
            benchmarks.append(
                Benchmarks(
                    directory=relative, name=name, functions=tuple(m[1] for m in found), plain=plain
                )
            )
    return programs, benchmarks


def read_package(directory: Path) -> list[GoFile]:
    """Every Go file of a directory that belongs to a build here."""
    files = []
    for path in sorted(directory.glob("*.go")):
        if path.is_file() and not path.name.startswith((".", "_")):
            parsed = GoFile.parse(path.name, _text(path))
            if parsed is not None and belongs(path.name, parsed.header):
                files.append(parsed)
    return files


def _reachable(sources: Iterable[GoFile], roots: Mapping[str, Path]) -> list[GoFile]:
    """The files of packages of these modules that a program imports, directly or not."""
    reached: dict[str, list[GoFile]] = {}
    pending = [name for source in sources for name in source.imports]
    while pending:
        name = pending.pop()
        owners = [path for path in roots if name == path or name.startswith(f"{path}/")]
        if name in reached or not owners:
            continue
        owner = max(owners, key=len)
        directory = roots[owner] / name.removeprefix(owner).lstrip("/")
        reached[name] = [s for s in read_package(directory) if not s.test]
        pending += [imported for source in reached[name] for imported in source.imports]
    return [source for files in reached.values() for source in files]


def _relative(directory: Path, here: Path) -> str:
    text = Path(os.path.relpath(directory, here)).as_posix()
    return text if text.startswith(".") else f"./{text}"


def _unique(directory: Path, module: _Module, suffix: str, taken: set[str]) -> str:
    """A workload's name: the directory's, or the module's for its root, made unique."""
    parts = [part for part in module.path.split("/") if not re.fullmatch(r"v\d+", part)]
    words = [*parts[-1:], *directory.relative_to(module.root).parts]
    for count in range(1, len(words) + 1):
        name = _word("-".join(words[-count:])) + suffix
        if name not in taken:
            break
    number = 2
    stem = name
    while name in taken:
        name, number = f"{stem}-{number}", number + 1
    taken.add(name)
    return name


def _word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "-", text).lstrip(".-") or "program"
