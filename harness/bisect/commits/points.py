"""Makes points of commits: with tools of another true build where they fit, else with their own."""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.bisect.commits.compatible import (
    Fit,
    Parts,
    fit,
    object_format,
    parts_of_commit,
    parts_of_goroot,
)
from harness.bisect.commits.history import Commit
from harness.bisect.commits.mixed import mixed
from harness.bisect.commits.truebuild import true_build
from harness.bisect.points import Point
from harness.errors import HarnessError
from harness.golang.toolchains.resolve import Say, Toolchain
from harness.golang.versions import GoVersion
from harness.matrix.models import BuildSpec
from harness.matrix.names import variant_name

How = Literal["true", "same", "near", "far"]
"""``true``: built by its own source; else how the tools that it has fit."""


@dataclass(frozen=True)
class Base:
    """A true build, whose tools others can have."""

    toolchain: Toolchain
    label: str
    parts: Parts
    position: int
    """Its place in the line of commits."""
    released: bool
    """Whether it is a release."""


@dataclass(frozen=True)
class Made:
    """A point of a commit, and how it came to be."""

    point: Point
    how: How
    base: str
    """The label of the base that its tools are of."""


class Workshop:
    """Points of the commits of one line."""

    def __init__(
        self, repository: Path, line: Sequence[Commit], bases: Mapping[int, Toolchain],
        settings: tuple[str, ...], build: BuildSpec, cache: Path, say: Say,
    ) -> None:  # fmt: skip
        """Take what is there: a release is a true build of its tag.

        Args:
            repository: a directory of the repository.
            line: commits, oldest first.
            bases: true builds at hand, by the position of a commit that each is near to.
            settings: experiments; each point gets those that its toolchain knows.
            build: build settings.
            cache: the harness's cache directory.
            say: told of each toolchain that is built.
        """
        self._repository, self._line = repository, line
        self._whole = build.needs_cgo or build.pgo != "off"
        self._settings, self._cache, self._say = settings, cache, say
        algorithm = object_format(repository)
        self._bases = [
            Base(
                base, _label(base), parts_of_goroot(base.goroot, algorithm), position,
                released=GoVersion.parse(base.version).stage >= 0 and not base.patched,
            )
            for position, base in bases.items()
        ]  # fmt: skip
        self._parts: dict[int, Parts] = {}
        self._fits: dict[tuple[str, int], Fit] = {}
        self._broken: dict[int, str] = {}
        self.true_builds = 0
        self.mixtures = 0
        self.seconds = 0.0
        """Wall time that toolchains took."""

    def best(self, position: int, *, near: bool) -> tuple[Base, Fit] | None:
        """The nearest base whose tools fit a commit best, if any does.

        Args:
            position: of the commit.
            near: whether tools of other sources may be used.
        """
        wanted: tuple[Fit, ...] = ("same", "near") if near else ("same",)
        found = [(base, self._fit(base, position)) for base in self._bases]
        fitting = [(base, how) for base, how in found if how in wanted]
        return min(
            fitting,
            key=lambda pair: (wanted.index(pair[1]), abs(pair[0].position - position)),
            default=None,
        )

    def release(self, position: int) -> Base | None:
        """An end that was built from a commit's own sources of the tools, if there is one."""
        released = (base for base in self._bases if base.released)
        return next((base for base in released if self._fit(base, position) == "same"), None)

    def _fit(self, base: Base, position: int) -> Fit:
        if position not in self._parts:
            self._parts[position] = parts_of_commit(self._repository, self._line[position].hash)
        key = (base.label, position)
        if key not in self._fits:
            self._fits[key] = fit(base.parts, self._parts[position])
        return self._fits[key]

    def mixed(self, position: int, base: Base, how: How) -> Made:
        """A commit's library with a base's tools.

        Raises:
            HarnessError: they do not go together.
        """
        commit = self._line[position]
        name = f"git-{commit.short}~on-{base.label}"
        started = time.monotonic()
        try:
            toolchain = mixed(self._repository, commit.hash, base.toolchain, name, self._cache)
        finally:
            self.seconds += time.monotonic() - started
        self.mixtures += 1
        return Made(self._point(name, toolchain), how, base.label)

    def true(self, position: int) -> Made:
        """A commit built by its own source; from then on others can have its tools.

        Raises:
            HarnessError: it does not build.
        """
        commit = self._line[position]
        if position in self._broken:
            raise HarnessError(self._broken[position])
        name = f"git-{commit.short}"
        started = time.monotonic()
        try:
            toolchain = true_build(
                self._repository, commit.hash, name, self._cache, self._say, whole=self._whole
            )
        except HarnessError as error:
            self._broken[position] = str(error)
            raise
        finally:
            self.seconds += time.monotonic() - started
        if all(base.label != commit.hash[:10] for base in self._bases):
            self.true_builds += 1
            parts = parts_of_commit(self._repository, commit.hash)
            self._bases.append(Base(toolchain, commit.hash[:10], parts, position, released=False))
        return Made(self._point(name, toolchain), "true", commit.hash[:10])

    def _point(self, name: str, toolchain: Toolchain) -> Point:
        known = tuple(s for s in self._settings if toolchain.experiments.knows(s))
        settings = toolchain.experiments.in_order(known)
        return Point(name=variant_name(name, settings, {}), toolchain=toolchain, settings=settings)


def _label(toolchain: Toolchain) -> str:
    """As points are named after it: a release, or ten digits of a commit."""
    built = re.search(r"-([0-9a-f]{10})[0-9a-f]{2}$", toolchain.version)
    return built[1] if built else toolchain.version
