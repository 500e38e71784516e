"""``go:``: toolchains."""

import re
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from harness.matrix.models.builds import BuildPattern
from harness.matrix.models.scalars import LocalPath, Name, Value, one_or_many
from harness.matrix.names import RELEASE
from harness.models import Frozen


def expand_toolchain(value: Any) -> Any:
    """Accept a release's name alone."""
    return {"go": value} if isinstance(value, str) else value


def _check_release(value: str) -> str:
    if re.fullmatch(r"[0-9]+(\.[0-9]+)*((rc|beta)[0-9]+)?", value):
        raise ValueError(f"{value!r} is not a Go toolchain name; write go{value}")
    if value not in ("stable", "oldstable") and not RELEASE.fullmatch(value):
        raise ValueError(f"{value!r} is not a Go toolchain name; write it as go1.24.3")
    return value


Release = Annotated[str, AfterValidator(_check_release)]
GitUrl = Annotated[LocalPath, StringConstraints(pattern=r"^[^-\x00-\x20][^\x00-\x1f]*$")]
GitRef = Annotated[
    Value, StringConstraints(pattern=r"^[^-\x00-\x20:?*^~\[\\][^\x00-\x20:?*\[\\]*$")
]


def _word(text: str) -> str:
    """Replace what a name cannot hold."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", text).lstrip(".-") or "go"


class ToolchainSpec(Frozen):
    """One entry of ``go:``."""

    go: Release | None = None
    """A release: ``go1.24.3``, ``go1.24`` (the newest of 1.24), ``stable`` or ``oldstable``."""
    path: LocalPath | None = None
    """The path of a GOROOT, relative to the matrix file."""
    git: GitUrl | None = None
    """A Go source repository: a path relative to the matrix file, or a URL."""
    ref: GitRef | None = None
    """The commit, branch or tag of ``git`` to build; ``HEAD`` if not given."""
    patch: Annotated[list[LocalPath], BeforeValidator(one_or_many)] = []
    """Paths of unified diffs against the GOROOT, applied in this order."""
    label: Name | None = Field(default=None, alias="name")
    """Its name in variants, in place of the one made from the keys above."""
    build: BuildPattern = BuildPattern()
    """Build settings of its variants, in the place of the same under ``build:``. They belong to the
    toolchain and appear in no variant's name; ``include:`` may give others."""

    @model_validator(mode="after")
    def _has_one_origin(self) -> Self:
        given = [key for key in ("go", "path", "git") if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError(
                "a toolchain is given by exactly one of go, path and git"
                + (f", not by {' and '.join(given)}" if given else "")
            )
        if self.ref is not None and self.git is None:
            raise ValueError("ref: belongs to git:, which is not given here")
        return self

    @property
    def name(self) -> str:
        """The toolchain's name in variants, node ids and reports."""
        if self.label is not None:
            return self.label
        return "~".join([self._origin_name, *(_word(Path(patch).stem) for patch in self.patch)])

    @property
    def _origin_name(self) -> str:
        if self.go is not None:
            return self.go
        if self.path is not None:
            path = Path(self.path)
            return _word(path.parent.name if path.name == "go" and path.parent.name else path.name)
        ref = self.ref or "HEAD"
        return f"git-{_word(ref[:12] if re.fullmatch(r'[0-9a-f]{40}', ref) else ref)}"


Toolchain = Annotated[ToolchainSpec, BeforeValidator(expand_toolchain)]
