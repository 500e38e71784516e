"""Go version names and their order."""

import re
from typing import NamedTuple, Self

_PATTERN = re.compile(r"go1\.(\d+)(?:\.(\d+))?(?:(beta|rc)(\d+))?")


class GoVersion(NamedTuple):
    """A released Go version; compares in the order of release."""

    minor: int
    stage: int
    """0 for a beta, 1 for a release candidate, 2 for a release."""
    patch: int
    """The patch release, or the number of the beta or release candidate."""

    @classmethod
    def parse(cls, name: str) -> Self:
        """From ``go1.24.3``, ``go1.25rc1`` or ``go1.24``.

        Raises:
            ValueError: the name is not a Go version.
        """
        match = _PATTERN.fullmatch(name)
        if match is None:
            raise ValueError(f"{name!r} is not a Go version")
        minor, patch, stage, number = match.groups()
        if stage:
            return cls(int(minor), ("beta", "rc").index(stage), int(number))
        return cls(int(minor), 2, int(patch or 0))
