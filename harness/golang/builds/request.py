"""What to build, and by which key the result is known."""

import hashlib
import json
import os
from pathlib import Path
from typing import NamedTuple

from harness.errors import HarnessError
from harness.golang.probe.overlay import ProbeMode, probe_digest
from harness.golang.sources.listing import Cell
from harness.golang.sources.locate import Source
from harness.golang.sources.settled import describe_c_compiler
from harness.golang.switches import split_gcflags
from harness.golang.toolchains.archives import sha256_of
from harness.golang.toolchains.resolve import Toolchain
from harness.matrix.models import BuildSpec
from harness.matrix.names import variant_name
from harness.matrix.paths import beside

MACHINES = ("x86_64",)
"""Where pads are known to keep code in its place, as ``os.uname().machine`` has it."""


class BuildRequest(NamedTuple):
    """What to build."""

    source: Source
    toolchain: Toolchain
    settings: tuple[str, ...]
    build: BuildSpec
    probe: ProbeMode = "full"
    asked: BuildSpec | None = None
    """The settings as the matrix has them, where ``build`` has them settled."""
    aligned: bool = False
    """Whether code keeps its place in the cache lines with the probe, for metrics of time; on
    machines for which that is known."""

    @property
    def cell(self) -> Cell:
        """What decides which files are read."""
        return Cell(self.source, self.toolchain, self.settings, self.build)

    @property
    def padded(self) -> bool:
        """Whether pads keep the code in its place."""
        return self.aligned and self.probe != "off" and os.uname().machine in MACHINES

    @property
    def overlaid(self) -> bool:
        """Whether files are replaced for the program itself, and not only for the probe."""
        return bool(self.toolchain.patched or self.build.go_line)

    @property
    def profile(self) -> Path | None:
        """The CPU profile that the build is guided by, once its settings are settled.

        Raises:
            HarnessError: there is no such file.
        """
        if self.build.pgo in ("off", "auto"):
            return None
        if self.build.pgo == "default.pgo":
            path = self.source.directory / "default.pgo"
        else:
            path = beside(self.source.base, self.build.pgo)
        if not path.is_file():
            raise HarnessError(f"build.pgo: there is no profile {path}; write pgo: off without one")
        return path

    @property
    def arguments(self) -> list[str]:
        """The flags of ``go build`` that the user's settings ask for."""
        build = self.build
        given = [f"-tags={','.join(build.tags)}"] if build.tags else []
        given += [f"-gcflags={value}" for value in split_gcflags(build.gcflags)]
        given += [f"-ldflags={build.ldflags}"] if build.ldflags else []
        return [
            "-trimpath",
            "-buildvcs=false",
            f"-pgo={self.profile or 'off'}",
            *(["-race"] if self.build.race else []),
            *given,
        ]

    @property
    def verb(self) -> tuple[str, ...]:
        """The go command that makes the binary; vet does not understand overlays."""
        return ("test", "-c", "-vet=off") if self.source.test else ("build",)

    @property
    def label(self) -> str:
        """For messages."""
        given = (self.asked or self.build).given()
        name = variant_name(self.toolchain.name, self.settings, given)
        return f"{self.source.workload} with {name}"


def key_of(request: BuildRequest, digest: str) -> str:
    """Digest everything that decides the binary's content.

    Args:
        request: what to build.
        digest: of the files that the build reads.

    Raises:
        HarnessError: the profile of the build settings cannot be read.
    """
    build = request.build
    parts = [
        request.toolchain.identity,
        request.settings,
        build.model_dump(exclude={"source"}),  # which decides by its files alone
        sha256_of(request.profile) if request.profile else "",
        request.source.package,
        request.source.test,
        digest,
        probe_digest(request.probe),
        request.padded,
        os.uname().machine,
        describe_c_compiler() if build.needs_cgo else "",
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
