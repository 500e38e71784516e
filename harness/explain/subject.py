"""What is to be measured: a matrix out of what the command line names."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from harness.errors import HarnessError
from harness.golang.sources.locate import locate
from harness.golang.toolchains.resolve import Say, Toolchain, parse_toolchain, resolve
from harness.init import look_at_package
from harness.init.survey import Survey
from harness.init.text import matrix_text, remarks
from harness.init.versions import Versions
from harness.matrix.document import Document
from harness.matrix.load import Matrix, load, parse
from harness.matrix.models import ToolchainSpec, WorkloadSpec

MATRIX = "matrix.yaml"


def matrix_of(
    subject: str | None, args: Sequence[str], ends: Sequence[str], cache: Path, say: Say
) -> Matrix:
    """The matrix file that a subject names, or one that is drafted for it, which is in no file.

    Args:
        subject: a directory of a Go module, ``MODULE@VERSION``, or a matrix file; ``None`` for the
            ``matrix.yaml`` or the Go module around this directory.
        args: the arguments of the program.
        ends: ``--from`` and ``--to``, where they are given; a draft needs both.
        cache: the harness's cache directory.
        say: told what is tried.

    Raises:
        HarnessError: there is nothing to measure, or it does not run as it is.
    """
    here = Path(MATRIX)
    if subject is None and not args and here.is_file():
        return load(here)
    if subject is not None and subject.endswith((".yaml", ".yml")):
        if args:
            raise HarnessError(f"{subject} says how its programs are run; write args: there")
        return load(Path(subject))
    if len(ends) != 2:  # noqa: PLR2004 - one alone says nothing
        raise HarnessError("name both versions, as --from go1.23.9 --to go1.24.3")
    specs = [_toolchain(end) for end in ends]
    newer = resolve([specs[1]], cache, say)[specs[1].name]
    published = subject is not None and "@" in subject and not Path(subject).exists()
    if published:
        draft = _published(str(subject), args, newer, cache, say)
    else:
        draft = _own(Path(subject or "."), args, newer, cache, say)
    return parse(here, _text(specs, draft))


def _toolchain(end: str) -> ToolchainSpec:
    return parse_toolchain(end.partition(" ")[0].partition("+")[0])


def _own(
    directory: Path, args: Sequence[str], go: Toolchain, cache: Path, say: Say
) -> dict[str, Any]:
    if not directory.is_dir():
        raise HarnessError(
            f"there is no directory {directory}; name that of a package, or MODULE@VERSION"
        )
    draft = _draft(look_at_package(directory, args, go, cache, say), args, str(directory))
    for entry in draft["workloads"]:
        place = entry.get("benchmark") or entry
        package = Path(directory, place["package"])
        place["package"] = str(package) if package.is_absolute() else f"./{package.as_posix()}"
    return draft


def _published(
    module: str, args: Sequence[str], go: Toolchain, cache: Path, say: Say
) -> dict[str, Any]:
    path = module.partition("@")[0].split("/")
    name = next(part for part in reversed(path) if not re.fullmatch(r"v\d+", part))
    source = locate(WorkloadSpec(name=name, module=module), Path(), go, cache)
    found = look_at_package(source.directory, args, go, cache, say)
    programs = tuple(p for p in found.programs if p.directory in (".", "./"))
    draft = _draft(Survey(programs=programs, benchmarks=()), args, module)
    own = {k: v for k, v in draft["workloads"][0].items() if k not in ("name", "package")}
    return draft | {"workloads": [{"name": name, "module": module, **own}]}


def _draft(found: Survey, args: Sequence[str], what: str) -> dict[str, Any]:
    """What a drafted matrix says of all that runs as it is."""
    if args:  # whoever gives arguments knows what the program does with them
        known = {"reason": None, "needs_arguments": False, "endless": False}
        sure = [program.model_copy(update=known) for program in found.programs]
        found = Survey(programs=tuple(sure), benchmarks=())
    versions = Versions(baseline="go1.21.0", candidate="go1.22.0")  # a draft needs some
    draft: dict[str, Any] = Document.of(Path(MATRIX), matrix_text(found, versions)).data()
    if not draft["workloads"]:
        why = "; ".join(remarks(found, versions)[:-1]) or "it has no main package"
        raise HarnessError(f"{what}: {why}; give the program's arguments after --")
    return draft


def _text(toolchains: Sequence[ToolchainSpec], draft: Mapping[str, Any]) -> str:
    """The text of a matrix."""
    specs = [s.go or s.model_dump(exclude_defaults=True, by_alias=True) for s in toolchains]
    content = {
        "go": list({str(spec): spec for spec in specs}.values()),
        "question": {"metrics": draft["question"]["metrics"]},
        "workloads": draft["workloads"],
        "trials": draft["trials"],
    }
    head = "# Drafted by gomatrix explain.\n"
    return head + str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100))
