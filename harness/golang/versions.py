"""Go version names, their order, and shorthands for the newest of them."""

import re
from collections.abc import Iterable
from typing import NamedTuple, Self

from harness.matrix.names import RELEASE

_FIRST_WITH_ZERO = 21
"""Since Go 1.21 ``go1.21`` names the language, and its first release is ``go1.21.0``."""


class GoVersion(NamedTuple):
    """A Go version; compares as Go itself does (``go/version.Compare``)."""

    minor: int
    stage: int
    """-1 for a language version or a development tree, 0 beta, 1 release candidate, 2 release."""
    patch: int
    """The patch release, or the number of the beta or release candidate."""

    @classmethod
    def parse(cls, name: str) -> Self:
        """From ``go1.24.3``, ``go1.25rc1``, ``go1.24``, or the like with a suffix.

        A development tree (``devel go1.28-abc``, ``go1.28-devel_abc``) stands, as for the go
        command itself, before every release of the version that it leads to.

        Raises:
            ValueError: the name holds no Go version.
        """
        match = RELEASE.match(name.removeprefix("devel "))
        if match is None:
            raise ValueError(f"{name!r} is not a Go version")
        minor, patch, stage, number = match.groups()
        if stage:
            return cls(int(minor), ("beta", "rc").index(stage), int(number))
        if "devel" in name or (patch is None and int(minor) >= _FIRST_WITH_ZERO):
            return cls(int(minor), -1, 0)
        return cls(int(minor), 2, int(patch or 0))

    @property
    def released(self) -> bool:
        """Whether it is a release: no beta, candidate, language or development version."""
        return self.stage == 2  # noqa: PLR2004 - as documented at the field


def is_shorthand(name: str) -> bool:
    """Return whether a name means the newest of several releases: ``go1.24``, ``stable``."""
    if name in ("stable", "oldstable"):
        return True
    return re.fullmatch(r"go1\.\d+", name) is not None and GoVersion.parse(name).stage == -1


def expand_shorthand(name: str, versions: Iterable[str]) -> str | None:
    """The newest available release that a shorthand stands for.

    ``stable`` is the newest release, ``oldstable`` the newest of the minor version before it, and
    ``go1.24`` the newest patch release of 1.24.
    """
    releases = {GoVersion.parse(v): v for v in versions if GoVersion.parse(v).released}
    if not releases:
        return None
    newest = max(releases).minor
    minors = {"stable": newest, "oldstable": newest - 1}
    minor = minors[name] if name in minors else GoVersion.parse(name).minor
    matching = [version for version in releases if version.minor == minor]
    return releases[max(matching)] if matching else None


def nearest_versions(name: str, versions: Iterable[str], count: int = 5) -> list[str]:
    """List the versions nearest to a name, in order."""
    wanted = GoVersion.parse(name)

    def distance(version: str) -> list[int]:
        return [abs(a - b) for a, b in zip(GoVersion.parse(version), wanted, strict=True)]

    return sorted(sorted(set(versions), key=distance)[:count], key=GoVersion.parse)
