"""The two ends of a bisection, as a command line names them."""

import re
from pathlib import Path

import yaml
from pydantic import ValidationError

from harness.errors import HarnessError
from harness.frozen import Frozen
from harness.golang.toolchains import parse_toolchain
from harness.spec.models import MatrixSpec, ToolchainSpec

_END = re.compile(r"(?P<toolchain>.+?)(?:\+(?P<settings>[A-Za-z0-9_]+(?:,[A-Za-z0-9_]+)*))?")


class End(Frozen):
    """A toolchain and its experiment settings, before it is fetched."""

    toolchain: ToolchainSpec
    settings: tuple[str, ...] = ()


def parse_end(text: str, matrix: MatrixSpec, repository: Path | None) -> End:
    """One end, with settings after a ``+``.

    Args:
        text: a toolchain of the matrix by its name; a release; the path of a GOROOT; any form that
            ``go:`` of a matrix has, as ``{path: ../go, name: ours}``; with a repository, a commit.
        matrix: the matrix.
        repository: of Go's source.

    Raises:
        HarnessError: it is none of these.
    """
    match = _END.fullmatch(text.strip())
    if match is None:
        raise HarnessError("an end of a bisection needs a name, as go1.24.3")
    settings = tuple(match["settings"].split(",")) if match["settings"] else ()
    return End(toolchain=_toolchain(match["toolchain"], matrix, repository), settings=settings)


def _toolchain(text: str, matrix: MatrixSpec, repository: Path | None) -> ToolchainSpec:
    named = {spec.name: spec for spec in matrix.go}
    if text in named:
        return named[text]
    if text.startswith("{"):
        return _inline(text)
    try:
        return parse_toolchain(text)
    except HarnessError as error:
        if repository is None:
            raise HarnessError(f"{error}; a commit needs --repo") from None
        return ToolchainSpec(git=str(repository.resolve()), ref=text)


def _inline(text: str) -> ToolchainSpec:
    try:
        data = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - makes nothing but strings
        return ToolchainSpec.model_validate(data)
    except yaml.YAMLError as error:
        raise HarnessError(f"{text!r} is not YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise HarnessError(f"{text!r} is no toolchain: {message}") from None
