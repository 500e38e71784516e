"""The two ends of a bisection, as a command line names them."""

import itertools
import re
from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import ValidationError

from harness.errors import HarnessError
from harness.golang.toolchains.resolve import parse_toolchain
from harness.matrix.models import BuildSpec, MatrixSpec, ToolchainSpec
from harness.matrix.names import assignments, split_pairs
from harness.models import Frozen
from harness.plan.variants import Conditions, environment_pairs

_END = re.compile(r"(?P<toolchain>.+?)(?:\+(?P<settings>[A-Za-z0-9_]+(?:,[A-Za-z0-9_]+)*))?")


class End(Frozen):
    """A toolchain that is not fetched yet, with experiment, build and environment settings."""

    toolchain: ToolchainSpec
    settings: tuple[str, ...] = ()
    build: BuildSpec = BuildSpec()
    env: dict[str, str] = {}

    @property
    def conditions(self) -> Conditions:
        """What it is run in."""
        return Conditions(self.build, tuple(sorted(self.env.items())))


def parse_end(text: str, matrix: MatrixSpec, repository: Path | None) -> End:
    """Parse one end: ``TOOLCHAIN[+SETTING[,SETTING…]][ KEY=VALUE…]``.

    The toolchain is one of the matrix by its name, a release, the path of a GOROOT, any form that
    ``go:`` takes, as ``{path: ../go, name: ours}``, or, with Go's repository, a commit.

    Raises:
        HarnessError: it is none of these.
    """
    name, pairs = split_pairs(text)
    match = _END.fullmatch(name)
    if match is None:
        raise HarnessError("an end of a bisection needs a name, such as go1.24.3")
    if pairs is None:
        raise HarnessError(f"{text!r} is no variant: each KEY=VALUE once, and in quotes as in JSON")
    settings = tuple(match["settings"].split(",")) if match["settings"] else ()
    build, env = _conditions(pairs, matrix)
    toolchain = _toolchain(match["toolchain"], matrix, repository)
    return End(toolchain=toolchain, settings=settings, build=build, env=env)


def check_conditions(good: End, bad: End) -> None:
    """Refuse ends of different toolchains that differ in build settings or run environment, too.

    Raises:
        HarnessError: they are built or run in different ways.
    """
    ways = [end.conditions for end in (good, bad)]
    if ways[0] != ways[1] and good.toolchain != bad.toolchain:
        said = [way.words() or "Go's own settings" for way in ways]
        raise HarnessError(
            f"the good end is run with {said[0]} and the bad one with {said[1]}: between two "
            "toolchains a bisection looks for what differs in these; name the same for both ends, "
            "or one toolchain"
        )


def _conditions(pairs: Mapping[str, str], matrix: MatrixSpec) -> tuple[BuildSpec, dict[str, str]]:
    """The first build settings and run environment of the matrix that have all the pairs."""
    axes = [[(key, value) for value in values] for key, values in matrix.env.items()]
    builds = [build for _, build in matrix.builds()]
    choices = itertools.chain(
        ((build, dict(env)) for build, env in itertools.product(builds, itertools.product(*axes))),
        ((cell.build.applied_to(build), cell.env) for cell in matrix.include for build in builds),
    )
    for build, env in choices:
        if pairs.items() <= (build.texts() | environment_pairs(env)).items():
            return build, env
    raise HarnessError(f"nothing in this matrix is run with {assignments(pairs)}")


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
    except (yaml.YAMLError, RecursionError) as error:
        raise HarnessError(f"{text!r} is not YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise HarnessError(f"{text!r} is no toolchain: {message}") from None
