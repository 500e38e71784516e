"""What ``auto`` in a build's settings stands for."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from harness.golang.environment import stored_environment
from harness.golang.sources.inputs import has_c
from harness.golang.sources.listing import Cell
from harness.matrix.models import BuildSpec


def settled(cell: Cell, cache: Path) -> BuildSpec:
    """The build settings of a cell with each ``auto`` decided.

    ``pgo`` is ``default.pgo`` where the package's directory has one, as for ``go build``. ``cgo``
    is true where a package outside the standard library has C code, and ``go env CGO_ENABLED``
    would be 1 here. Programs without any are built without, so that their builds are the same
    everywhere, though ``go build`` would let net and os/user use the C library.

    Raises:
        HarnessError: the go command cannot list the packages.
    """
    build, decided = cell.build, dict[str, object]()
    if build.pgo == "auto":
        given = (cell.source.directory / "default.pgo").is_file()
        decided["pgo"] = "default.pgo" if given else "off"
    if build.cgo == "auto":
        with_c = cell._replace(build=build.model_copy(update={"cgo": True}))
        decided["cgo"] = not build.race and cgo_is_enabled(os.environ) and has_c(with_c, cache)
    return build.model_copy(update=decided) if decided else build


def cgo_is_enabled(caller: Mapping[str, str]) -> bool:
    """Whether ``go env CGO_ENABLED`` is 1: as it is set, or else where there is a C compiler."""
    said = caller.get("CGO_ENABLED") or stored_environment(caller).get("CGO_ENABLED")
    return said == "1" if said else c_compiler() is not None


def c_compiler() -> str | None:
    """The path of the C compiler that cgo finds on PATH."""
    return shutil.which("gcc") or shutil.which("clang")


def describe_c_compiler() -> str:
    """The C compiler, as it names itself; empty where there is none."""
    path = c_compiler()
    if path is None:
        return ""
    done = subprocess.run(
        [path, "--version"], capture_output=True, text=True, errors="replace", check=False
    )
    return f"{path}\n{done.stdout}"
