"""Toolchains: one GOROOT each, got from a provider, checked, with the experiments that it knows."""

import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.errors import HarnessError
from harness.frozen import Frozen
from harness.golang.cache import obtain
from harness.golang.environment import go_environment
from harness.golang.experiments import Experiments, parse_flag_names, parse_tool_tags
from harness.golang.providers import gobin
from harness.spec.models import ToolchainSpec


class Toolchain(Frozen):
    """One GOROOT."""

    name: str
    """As variants are named after it."""
    version: str
    """What its own ``go version`` says, as ``go1.24.3``."""
    goroot: Path
    provider: str
    sha256: str | None
    """Of the archive that it came from."""
    experiments: Experiments

    @property
    def identity(self) -> str:
        """What build keys know it by."""
        return f"{self.version}/{self.sha256}"

    @property
    def go(self) -> Path:
        """Its go command."""
        return self.goroot / "bin" / "go"


def resolve(
    specs: Sequence[ToolchainSpec], cache: Path, say: Callable[[str], None]
) -> dict[str, Toolchain]:
    """Find or get every toolchain, several at a time; by name, in the order of ``specs``.

    Raises:
        HarnessError: a provider does not have it, or what it gave is not what was asked for.
    """
    with ThreadPoolExecutor(max_workers=4) as pool:
        found = pool.map(lambda spec: _resolve_one(spec, cache, say), specs)
        return {toolchain.name: toolchain for toolchain in found}


def _resolve_one(spec: ToolchainSpec, cache: Path, say: Callable[[str], None]) -> Toolchain:
    def fill(directory: Path) -> None:
        say(f"getting {spec.go} from {gobin.NAME}")
        digest = gobin.fetch(spec.go, directory)
        _check_version(directory / "go", spec.go)
        (directory / "sha256").write_text(digest, encoding="ascii")

    entry, _ = obtain(cache, "toolchains", f"{spec.go}-gobin", fill)
    goroot = entry / "go"
    _check_version(goroot, spec.go)
    return Toolchain(
        name=spec.name,
        version=spec.go,
        goroot=goroot,
        provider=gobin.NAME,
        sha256=(entry / "sha256").read_text(encoding="ascii"),
        experiments=_read_experiments(goroot, cache),
    )


def run_go(goroot: Path, cache: Path, arguments: Sequence[str]) -> str:
    """The standard output of a go command of a toolchain, with the harness's own environment.

    Raises:
        HarnessError: the command failed.
    """
    done = subprocess.run(
        [goroot / "bin" / "go", *arguments],
        env=go_environment(goroot, cache),
        cwd=goroot,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise HarnessError(f"go {' '.join(arguments)} in {goroot} failed: {done.stderr.strip()}")
    return done.stdout


def _check_version(goroot: Path, version: str) -> None:
    words = (goroot / "VERSION").read_text(encoding="utf-8").split()
    if words[:1] != [version]:
        raise HarnessError(f"{goroot} says that it is {words[:1]}, not {version}; remove it")


def _read_experiments(goroot: Path, cache: Path) -> Experiments:
    source = goroot / "src" / "internal" / "goexperiment" / "flags.go"
    tags = run_go(goroot, cache, ["list", "-f", '{{join context.ToolTags ","}}', "unsafe"])
    return Experiments(
        known=parse_flag_names(source.read_text(encoding="utf-8")),
        on=parse_tool_tags(tags.strip()),
    )
