"""Settle a build's ``auto`` settings, and tell how it differs from ``go build``."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypedDict

from harness.golang.builds.request import BuildRequest
from harness.golang.environment import stored_environment
from harness.golang.sources.inputs import inputs_of
from harness.golang.sources.settled import cgo_is_enabled, settled

_NOT_PASSED = (
    "GOFLAGS", "GOEXPERIMENT", "GOAMD64", "GOARM64", "CGO_CFLAGS", "CGO_CPPFLAGS", "CGO_CXXFLAGS",
    "CGO_LDFLAGS", "CC", "CXX", "GOOS", "GOARCH", "GOFIPS140",
)  # fmt: skip
"""Variables that change what ``go build`` makes, and that no build of the harness sees."""
_OURS = ("-trimpath", "-buildvcs=false")
_PROBES = {
    "full": "a probe in runtime/debug reads the program's memory and profiles its heap",
    "metrics": "a probe in runtime/debug reads the program's memory",
}


def settle(request: BuildRequest, cache: Path) -> BuildRequest:
    """A request whose build settings are settled."""
    build = settled(request.cell, cache)
    return request._replace(build=build, asked=request.asked or request.build)


class Told(TypedDict):
    """What is told of how a program is built: fields of ``BuildRecord``."""

    cgo: bool
    profile: str
    godebug: str
    differs: tuple[str, ...]


def told_of(request: BuildRequest, cache: Path) -> Told:
    """Tell how a program is built; ``request`` is settled.

    Raises:
        HarnessError: the profile is not there, or the go command cannot list the packages.
    """
    profile = request.profile
    return Told(
        cgo=request.build.needs_cgo,
        profile=os.path.relpath(profile, request.source.directory) if profile else "",
        godebug=inputs_of(request.cell, cache).godebug,
        differs=tuple(differences(request, os.environ)),
    )


def differences(request: BuildRequest, caller: Mapping[str, str]) -> Iterator[str]:
    """How a build differs from ``go build`` of the same package, in phrases.

    What the matrix asks for (tags, flags, patches) is left out. ``request`` is settled.
    """
    build = request.build
    yield f"{' and '.join(_OURS)}: no path and no commit is in the binary"
    if request.probe != "off":
        yield f"{_PROBES[request.probe]}; probe: off leaves it out"
    if request.padded:
        yield "code is padded to lie where it does without the probe"
    if not build.needs_cgo and cgo_is_enabled(caller):
        yield "CGO_ENABLED=0, so net and os/user do not use the C library; cgo: true lets them"
    stored = stored_environment(caller)
    for name in _NOT_PASSED:
        words = (caller.get(name) or stored.get(name) or "").split()
        value = " ".join(word for word in words if word not in _OURS)
        if value:
            yield f"{name}={value} of your environment is not used; write it under build:"
