"""What is to be measured: a matrix out of what the command line names."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.errors import HarnessError
from harness.golang.git import lasting_name
from harness.golang.sources.locate import locate
from harness.golang.sources.revisions import base_of, top_of
from harness.golang.toolchains.resolve import Say, Toolchain, parse_toolchain, resolve
from harness.golang.versions import GoVersion
from harness.init import look_at_package, usual_version
from harness.init.survey import Survey
from harness.init.text import matrix_text, metrics_of
from harness.init.versions import Versions
from harness.matrix.document import Document
from harness.matrix.load import Matrix, load, parse
from harness.matrix.models import (
    BuildAxesSpec,
    BuildSpec,
    QuestionSpec,
    ToolchainSpec,
    WorkloadSpec,
)
from harness.matrix.models.builds import called
from harness.matrix.models.sources import SourceSpec, expand_source, is_path
from harness.matrix.names import quoted, split_pairs
from harness.models import Frozen

MATRIX = "matrix.yaml"


class Asked(Frozen):
    """What the command line names."""

    subject: str | None = None
    """A directory of a Go module, ``MODULE@VERSION``, or a matrix file; ``None`` for the
    ``matrix.yaml`` or the Go module around this directory."""
    args: tuple[str, ...] = ()
    """The arguments of the program."""
    older: str | None = None
    """``--from``."""
    newer: str | None = None
    """``--to``."""
    refs: tuple[str, str] | None = None
    """Commits of the user's own repository, if these are compared."""


def subject_of(asked: Asked, cache: Path, say: Say) -> tuple[Matrix, str, str]:
    """The matrix that is to be measured, and both ends as variants of it.

    The matrix is the file that is named, or drafted, and then in no file.

    Args:
        asked: what the command line names.
        cache: the harness's cache directory.
        say: told what is tried.

    Raises:
        HarnessError: there is nothing to measure, it does not run as it is, or an end is missing.
    """
    here, file = Path(MATRIX), _file(asked)
    if file is not None and asked.args:
        raise HarnessError(f"{file} says how its programs are run; write args: there")
    sources = _sources(asked.refs or (), _base(asked), cache)
    ends = _ends(asked, load(file) if file else None, cache, say)
    matrix = load(file) if file else _drafted(asked, ends, here, cache, say)
    if asked.refs is None:
        return matrix, *ends
    spec = matrix.spec.model_copy(update={"source": sources})
    older, newer = (f"{ends[1]} source={quoted(source.text)}" for source in sources)
    return matrix._replace(spec=spec), older, newer


def commits_of(asked: Asked) -> tuple[str, str] | None:
    """``refs`` by names that last, for a command that is repeated later.

    Raises:
        HarnessError: there is no such commit.
    """
    if asked.refs is None:
        return None
    base = _base(asked)
    older, newer = (r if is_path(r) else lasting_name(top_of(base), r) for r in asked.refs)
    return older, newer


def _file(asked: Asked) -> Path | None:
    """The matrix file that is asked about; ``None`` where one is to be drafted."""
    here = Path(MATRIX)
    if asked.subject is not None:
        return Path(asked.subject) if asked.subject.endswith((".yaml", ".yml")) else None
    return here if not asked.args and here.is_file() else None


def _base(asked: Asked) -> Path:
    """The directory whose repository has the commits."""
    return (_file(asked) or Path(MATRIX)).resolve().parent


def _sources(refs: Sequence[str], base: Path, cache: Path) -> list[SourceSpec]:
    """Both commits, which must not be the same one."""
    sources = [SourceSpec.model_validate(expand_source(ref)) for ref in refs]
    places = {base_of(source.text, base, cache) for source in sources}
    if len(places) == 1:
        raise HarnessError(
            f"--from-ref {refs[0]} and --to-ref {refs[1]} are the same commit; name another one "
            "(what is not committed is not measured)"
        )
    return sources


def _ends(asked: Asked, matrix: Matrix | None, cache: Path, say: Say) -> tuple[str, str]:
    """Both versions; with commits, twice the same."""
    question = (matrix.spec.question if matrix else None) or QuestionSpec()
    older, newer = asked.older or question.baseline, asked.newer or question.candidate
    if asked.refs is not None:
        if asked.older is not None and asked.newer is not None and asked.older != asked.newer:
            raise HarnessError("two commits are compared with one version; give --to alone")
        one = asked.newer or asked.older or (matrix.spec.go[0].name if matrix else None)
        one = one or usual_version(Path(asked.subject or "."), cache, say)
        return one, one
    for flag, end in (("from", older), ("to", newer)):
        if end is None and matrix is not None:
            raise HarnessError(f"{matrix.path} has no question with both versions; give --{flag}")
    if older is None or newer is None:
        raise HarnessError("name both versions, as --from go1.23.9 --to go1.24.3")
    if older == newer:
        raise HarnessError(f"{newer} is both versions; give another one with --from or --to")
    first, second = map(_release, (older, newer))
    if first is not None and second is not None and first > second:
        say(f"{newer} is the older release, so it is taken for the version before")
        return newer, older
    return older, newer


def _release(end: str) -> GoVersion | None:
    """The release of an end; ``None`` where its name does not tell."""
    try:
        return GoVersion.parse(re.split("[+ ]", end)[0])
    except ValueError:
        return None


def _drafted(asked: Asked, ends: Sequence[str], here: Path, cache: Path, say: Say) -> Matrix:
    named = [_named(end) for end in ends]
    specs = [spec for spec, _ in named]
    look = _Look(asked.args, specs[0], resolve([specs[1]], cache, say)[specs[1].name], cache, say)
    subject = asked.subject or "."
    if "@" in subject and not Path(subject).exists():
        draft = _published(subject, look)
    else:
        draft = _own(Path(subject), look, named=asked.subject is not None)
    matrix = parse(here, _text(specs, [pairs for _, pairs in named], draft))
    for workload in matrix.spec.workloads:
        if workload.server is not None:
            say(
                f"{workload.name} serves: it is measured under {workload.server.load.told}, which "
                "is a guess; write a matrix.yaml with the requests that matter"
            )
    return matrix


def _named(end: str) -> tuple[ToolchainSpec, dict[str, str]]:
    """The toolchain of an end, and its build settings and variables."""
    name, pairs = split_pairs(end)
    if pairs is None:
        raise HarnessError(f"{end!r} is no variant: each KEY=VALUE once, and in quotes as in JSON")
    release, _, settings = name.partition("+")
    if "=" in settings:
        raise HarnessError(f"{end!r} is no variant; a setting is written as '{release} GODEBUG=…'")
    return parse_toolchain(release), pairs


@dataclass(frozen=True)
class _Look:
    """Drafts what is said of a directory, by what is seen there with the newer version."""

    args: Sequence[str]
    older: ToolchainSpec
    newer: Toolchain
    cache: Path
    say: Say

    def at(
        self, directory: Path, what: str, *, alone: bool = False, inside: bool
    ) -> dict[str, Any]:
        """The draft, or why there is none."""

        def seen(go: Toolchain) -> Survey:
            return look_at_package(
                directory, self.args, go, self.cache, self.say, alone=alone, inside=inside,
                here=Path(),
            )  # fmt: skip

        found, newer = seen(self.newer), self.newer.name
        if _fails(found):
            older = resolve([self.older], self.cache, self.say)[self.older.name]
            if older.name != newer and not _fails(seen(older)):
                doubts = _doubts(found)
                raise HarnessError(f"{what} runs with {older.name}, but with {newer} {doubts}")
        return _draft(found, self.args, f"{what}, tried with {newer}")


def _fails(found: Survey) -> bool:
    """Whether all that there is ends with an error."""
    return not found.benchmarks and bool(found.programs) and all(p.failed for p in found.programs)


def _own(directory: Path, look: _Look, *, named: bool) -> dict[str, Any]:
    if directory.is_file():
        raise HarnessError(f"{directory} is a file; name the directory of its package")
    if not directory.is_dir():
        raise HarnessError(
            f"there is no directory {directory}; name that of a package, or MODULE@VERSION"
        )
    draft = look.at(directory, str(directory), inside=named)
    for entry in draft["workloads"]:
        place = entry.get("benchmark") or entry
        package = Path(directory, place["package"])
        relative = "." if package == Path() else f"./{package.as_posix()}"
        place["package"] = str(package) if package.is_absolute() else relative
    return draft


def _published(module: str, look: _Look) -> dict[str, Any]:
    path = module.partition("@")[0].split("/")
    name = next(part for part in reversed(path) if not re.fullmatch(r"v\d+", part))
    source = locate(WorkloadSpec(name=name, module=module), Path(), look.newer, look.cache)
    draft = look.at(source.directory, module, alone=True, inside=True)
    own = {k: v for k, v in draft["workloads"][0].items() if k not in ("name", "package")}
    return draft | {"workloads": [{"name": name, "module": module, **own}]}


def _draft(found: Survey, args: Sequence[str], what: str) -> dict[str, Any]:
    """What a drafted matrix says of all that runs as it is."""
    if len(found.programs) == 1 and found.programs[0].idle:  # a short one was named all the same
        only = found.programs[0].model_copy(update={"reason": None})
        found = Survey(programs=(only,), benchmarks=())
    if args:  # whoever gives arguments knows what the program does with them, unless it fails
        known = {"reason": None, "needs_arguments": False, "endless": False}
        sure = [p if p.failed else p.model_copy(update=known) for p in found.programs]
        found = Survey(programs=tuple(sure), benchmarks=())
    versions = Versions(baseline="go1.21.0", candidate="go1.22.0")  # a draft needs some
    draft: dict[str, Any] = Document.of(Path(MATRIX), matrix_text(found, versions)).data()
    draft["question"] = {"metrics": metrics_of(found)}
    if not draft["workloads"]:
        wanting = any(p.needs_arguments or p.idle or p.failed for p in found.programs)
        hint = "; a program's arguments stand after --" if wanting else ""
        raise HarnessError(f"{what}: {_doubts(found)}{hint}")
    return draft


def _doubts(found: Survey) -> str:
    """Why nothing runs as it is; with the place where there are several."""
    programs = [(program.directory, program.doubt) for program in found.programs]
    benchmarks = [(b.directory, b.doubt) for b in found.benchmarks]
    doubts = [(place, why) for place, why in (*programs, *benchmarks) if why]
    if len(doubts) == 1:
        return doubts[0][1]
    return "; ".join(f"{place}: {why}" for place, why in doubts) or "it has no main package"


def _text(
    toolchains: Sequence[ToolchainSpec], pairs: Sequence[Mapping[str, str]],
    draft: Mapping[str, Any],
) -> str:  # fmt: skip
    """The text of a matrix, which has what each end sets as a value of an axis."""
    keys = {called(setting): setting for setting in BuildAxesSpec().axes()}
    own, axes = BuildSpec().texts(), dict[str, dict[str, list[str]]](build={}, env={})
    for key in dict.fromkeys(key for end in pairs for key in end):
        values = [own.get(key, ""), *(end[key] for end in pairs if key in end)]
        axis = axes["build"] if key in keys else axes["env"]
        axis[keys.get(key, key.removeprefix("env."))] = list(dict.fromkeys(values))
    specs = [s.go or s.model_dump(exclude_defaults=True, by_alias=True) for s in toolchains]
    content = {
        "go": list({str(spec): spec for spec in specs}.values()),
        **{key: axis for key, axis in axes.items() if axis},
        "question": draft["question"],
        "workloads": draft["workloads"],
        "trials": {k: int(v) if v.isdecimal() else v for k, v in draft["trials"].items()},
    }
    head = "# Drafted by gomatrix explain. Its paths begin where that was called: copy it there.\n"
    return head + str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100))
