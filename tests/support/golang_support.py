"""What tests on real toolchains share: caches, small programs, builds in processes of their own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.golang.builds.build import build_all
from harness.golang.builds.request import BuildRequest
from harness.golang.cache import default_cache
from harness.golang.probe.overlay import ProbeMode
from harness.golang.records import BuildRecord
from harness.golang.sources.locate import Source, locate
from harness.golang.toolchains.resolve import Toolchain, resolve
from harness.matrix.models import BuildSpec, ToolchainSpec, WorkloadSpec

OLD, NEW = "go1.23.9", "go1.24.3"
HELLO = 'package main\n\nfunc main() { println("hello") }\n'
_SHARED = ("toolchains", "go-build", "identities", "facts")
_PROGRAM = """
import json, sys
from pathlib import Path
from golang_support import build, get
cache, module, version = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
say = lambda line: print(line, file=sys.stderr, flush=True)
record = build(get(version, cache, say=say), module, cache, say=say)
print(record.model_dump_json())
"""


def quiet(_: str) -> None:
    """Say nothing."""


def shared_cache(directory: Path) -> Path:
    """A cache with builds of its own, but with the toolchains that tests have in common."""
    for kind in _SHARED:
        (default_cache() / kind).mkdir(parents=True, exist_ok=True)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / kind).symlink_to(default_cache() / kind)
    return directory


def get(toolchain: object, cache: Path, base: Path | None = None, say: Any = quiet) -> Toolchain:
    """A toolchain, as ``go:`` names it."""
    entry = {"go": toolchain} if isinstance(toolchain, str) else toolchain
    spec = ToolchainSpec.model_validate(entry)
    return resolve([spec], cache, say, base)[spec.name]


def linked_goroot(goroot: Path, target: Path) -> Path:
    """Another GOROOT of the same content: a directory of links, with ``bin`` of its own."""
    target.mkdir()
    for part in goroot.iterdir():
        if part.name == "bin":
            shutil.copytree(part, target / "bin")
        else:
            (target / part.name).symlink_to(part)
    return target


def write_module(directory: Path, files: Mapping[str, str]) -> Path:
    """A Go module out of some files."""
    contents = {"go.mod": "module example.test/program\n\ngo 1.21\n", "main.go": HELLO, **files}
    for name, text in contents.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory


def find(toolchain: Toolchain, base: Path, cache: Path, **workload: object) -> Source:
    """A workload's source; the package in ``base`` itself if nothing else is given."""
    entry = {"name": "program", **(workload or {"package": "."})}
    return locate(WorkloadSpec.model_validate(entry), base, toolchain, cache)


def build(
    toolchain: Toolchain,
    base: Path,
    cache: Path,
    *,
    settings: tuple[str, ...] = (),
    spec: BuildSpec | None = None,
    probe: ProbeMode = "off",
    say: Any = quiet,
    **workload: object,
) -> BuildRecord:
    """Build one program; without the probe, which costs a colder start, unless it matters."""
    request = BuildRequest(
        source=find(toolchain, base, cache, **workload),
        toolchain=toolchain,
        settings=settings,
        build=spec or BuildSpec(),
        probe=probe,
    )
    return build_all([request], cache, say)[0]


def built(toolchain: Toolchain, base: Path, cache: Path, **options: Any) -> Path:
    """The binary of a build that must succeed."""
    record = build(toolchain, base, cache, **options)
    assert record.error is None, record.error
    return Path(record.binary)


def output_of(binary: Path | str, *arguments: str) -> str:
    """What a program prints, to standard output or standard error."""
    done = subprocess.run(
        [binary, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=True, env={},
    )  # fmt: skip
    return done.stdout.strip()


def start_build(
    cache: Path, module: Path, version: str, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Get a toolchain and build a module in a process of its own."""
    paths: Sequence[str] = [str(Path(__file__).parent), *filter(None, sys.path)]
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(cache), str(module), version],
        env={**(environment or os.environ), "PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finish_build(process: subprocess.Popen[str]) -> tuple[dict[str, Any], str]:
    """The build's record and what was said."""
    out, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    record: dict[str, Any] = json.loads(out)
    return record, said


def machine_without_go(home: Path) -> dict[str, str]:
    """An environment with no Go: none on PATH, none at home."""
    home.mkdir(parents=True, exist_ok=True)
    bare = home / "bin"
    bare.mkdir(exist_ok=True)
    for name in ("git", "gcc", "sh", "env"):
        for directory in os.environ["PATH"].split(os.pathsep):
            program = Path(directory, name)
            if program.exists() and not (bare / name).exists():
                (bare / name).symlink_to(program)
    hidden = ("GOPATH", "GOMODCACHE", "GOROOT", "XDG_CONFIG_HOME")
    kept = {k: v for k, v in os.environ.items() if k not in hidden}
    return kept | {"PATH": str(bare), "HOME": str(home)}
