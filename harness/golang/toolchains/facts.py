"""A GOROOT's version and experiments, asked once for each content and remembered."""

import json
import os
import re
from pathlib import Path

from pydantic import ValidationError

from harness.errors import HarnessError
from harness.golang.cache import remember
from harness.golang.command import ALONE, run_go
from harness.golang.experiments import Experiments, parse_flag_names, parse_tool_tags
from harness.models import Frozen


class Facts(Frozen):
    """What a toolchain's tools and source agree on."""

    version: str
    """As ``go1.24.3``, or ``devel go1.28-…``."""
    experiments: Experiments


def inspect(goroot: Path, digest: str, caches: Path, cache: Path) -> Facts:
    """Ask a toolchain for its version and its experiments; remember them under its digest.

    Raises:
        HarnessError: it cannot run here, or its parts do not belong together.
    """
    memory = cache / "facts" / f"{digest[:32]}-{os.uname().machine}.json"
    try:
        return Facts.model_validate_json(memory.read_bytes())
    except (FileNotFoundError, ValidationError):
        pass
    facts = _ask(goroot, caches)
    remember(memory, facts.model_dump_json())
    return facts


def read_version(goroot: Path) -> str:
    """The first line of a GOROOT's ``VERSION`` file.

    Raises:
        HarnessError: there is none.
    """
    try:
        return (goroot / "VERSION").read_text(encoding="utf-8", errors="replace").split("\n")[0]
    except OSError as error:
        raise HarnessError(f"{goroot} has no readable VERSION file: {error.strerror}") from None


def _ask(goroot: Path, caches: Path) -> Facts:
    def go(*arguments: str) -> str:
        return run_go(goroot, caches, arguments, extra=ALONE)

    environment = json.loads(go("env", "-json", "GOVERSION", "GOFLAGS", "GOEXPERIMENT"))
    version: str = environment["GOVERSION"]
    for name in ("GOFLAGS", "GOEXPERIMENT"):
        if environment[name]:
            raise HarnessError(
                f"{goroot}/go.env sets {name}={environment[name]!r}, which would change every "
                "build; remove that line"
            )
    told = {"the go command": version, "VERSION": read_version(goroot)}
    for tool in ("compile", "link", "asm"):
        text = go("tool", tool, "-V").strip()
        told[tool] = text.removeprefix(f"{tool} version ")
    if len({_plain(word) for word in told.values()}) > 1:
        listed = ", ".join(f"{who} says {what!r}" for who, what in told.items())
        raise HarnessError(f"the parts of {goroot} do not belong together: {listed}")
    flags = goroot / "src" / "internal" / "goexperiment" / "flags.go"
    tags = go("list", "-f", '{{join context.ToolTags ","}}', "unsafe")
    try:
        known = parse_flag_names(flags.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise HarnessError(f"{goroot} has no complete source tree: {error}") from None
    return Facts(
        version=_plain(version),
        experiments=Experiments(known=known, on=parse_tool_tags(tags.strip())),
    )


def _plain(version: str) -> str:
    """Strip the experiments and build ID that some tools append to a version."""
    return re.split(r" X:|-X:| buildID=", version, maxsplit=1)[0].strip()
