"""``source:``: commits and directories that workloads are built from."""

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, model_validator

from harness.matrix.models.scalars import LocalPath
from harness.matrix.models.toolchains import GitRef
from harness.models import Frozen

_PATH = (".", "/", "~")
"""Beginnings of the text of a path."""


class SourceSpec(Frozen):
    """One entry of ``source:``. Give exactly one key; a text alone is a ``ref``."""

    ref: GitRef | None = None
    """A commit, branch or tag of the git repository that the matrix file is in. It is exported into
    the cache; the checkout is not touched."""
    path: LocalPath | None = None
    """A directory in the place of the matrix file's, relative to it."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.ref is None) == (self.path is None):
            raise ValueError("a source is given by either ref or path")
        return self

    @property
    def text(self) -> str:
        """How builds and names of variants call it: ``main``, ``../other``."""
        if self.path is None:
            return str(self.ref)
        return self.path if self.path.startswith(_PATH) else f"./{self.path}"


def is_path(source: str) -> bool:
    """Whether the text of a source names a directory, and not a commit."""
    return source.startswith(_PATH)


def expand_source(value: Any) -> Any:
    """Accept a ref alone."""
    return {"ref": value} if isinstance(value, str) else value


Source = Annotated[SourceSpec, BeforeValidator(expand_source)]
