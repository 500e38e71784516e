"""Write a first ``matrix.yaml`` for a Go module."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from harness.errors import HarnessError
from harness.golang.toolchains.resolve import Toolchain
from harness.golang.versions import GoVersion
from harness.init.budget import runnable, scale_of
from harness.init.programs import Program, Server
from harness.init.smoke import try_out
from harness.init.survey import Survey, find_modules, highest, survey
from harness.init.text import matrix_text, remarks
from harness.init.versions import any_go, choose_versions
from harness.matrix.load import load
from harness.models import Frozen
from harness.session.lanes import available_lanes
from harness.session.lengths import note_trial

__all__ = ["Draft", "draft", "look_at_package", "note_seconds", "usual_version"]


class Draft(Frozen):
    """A first ``matrix.yaml``."""

    text: str
    remarks: tuple[str, ...]
    """On what was found and guessed, one line each."""
    seconds: dict[str, float]
    """By workload: how long one trial took, where it ended."""


def draft(directory: Path, cache: Path, say: Callable[[str], None]) -> Draft:
    """Write the text of a ``matrix.yaml`` for the Go module around or below a directory.

    Each program is built and run for some seconds, to see what it needs.

    Raises:
        HarnessError: there is no Go, no Go module, nothing in it to measure, or no Go new enough
            for it.
    """
    go = any_go(cache, say)
    modules = find_modules(directory, go, cache)
    lines = highest(m.go for m in modules), highest(m.toolchain for m in modules)
    versions, newest = choose_versions(*lines, cache, say)
    found = survey(directory, modules, newest or go, cache)
    found = try_out(found, directory, newest or go, cache, say)
    scale = scale_of(found, len(available_lanes(1)))
    return Draft(
        text=matrix_text(found, versions, scale), remarks=tuple(remarks(found, versions, scale)),
        seconds={w.name: w.trial for w in runnable(found, scale) if w.trial},
    )  # fmt: skip


def note_seconds(path: Path, drafted: Draft, cache: Path) -> None:
    """Keep how long trials of a draft took, for ``gomatrix plan``.

    Raises:
        HarnessError: the draft has an entry that nothing runs as it is.
    """
    for workload in load(path).spec.workloads:
        seconds = drafted.seconds.get(workload.name)
        if seconds is not None and workload.server is None:
            with suppress(OSError):
                note_trial(workload, seconds, cache)


def usual_version(directory: Path, cache: Path, say: Callable[[str], None]) -> str:
    """The Go release that builds the module around or below a directory today, by its go.mod.

    Raises:
        HarnessError: as of ``draft``.
    """
    modules = find_modules(directory, any_go(cache, say), cache)
    lines = highest(m.go for m in modules), highest(m.toolchain for m in modules)
    return choose_versions(*lines, cache, say)[0].baseline


def look_at_package(
    directory: Path, args: Sequence[str], go: Toolchain, cache: Path, say: Callable[[str], None], *,
    alone: bool = False, inside: bool, here: Path,
) -> Survey:  # fmt: skip
    """What there is to measure in a directory of a Go module, tried with a toolchain.

    With arguments, or ``alone``, it is the program in that directory, run with these. ``inside``
    leaves out the rest of the module, which counts otherwise where there is nothing in or below the
    directory. ``here`` is where the matrix is.

    Raises:
        HarnessError: as of ``draft``; the toolchain must be new enough for the module.
    """
    modules = find_modules(directory, go, cache)
    line = highest(m.go for m in modules)
    if line is not None and GoVersion.parse(go.version) < GoVersion.parse(f"go{line}"):
        raise HarnessError(f"go.mod asks for go {line}, newer than {go.version}; name a newer one")
    found = survey(directory, modules, go, cache)
    places = [p.directory for p in found.programs] + [b.directory for b in found.benchmarks]
    if inside and any(place.startswith("..") for place in places):
        raise HarnessError(
            f"there is no main package and no benchmark in {directory} or below it; name the "
            "directory of a program"
        )
    if args or alone:
        own = [program for program in found.programs if program.directory in _HERE]
        own = [_with(program, args) for program in own] if args else own
        found = Survey(programs=tuple(own), benchmarks=())
    return try_out(found, directory, go, cache, say, here=here, as_asked=bool(args))


def _with(program: Program, args: Sequence[str]) -> Program:
    if program.server is None:
        return program.model_copy(update={"args": tuple(args)})
    return program.model_copy(update={"server": Server(args=tuple(args))})


_HERE = (".", "./")
