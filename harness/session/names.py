"""Refuse misspelt names before a toolchain is fetched, a package is listed or anything is built."""

import re
from collections.abc import Collection, Iterable, Iterator

from harness.errors import HarnessError
from harness.golang.experiments import (
    KNOWN,
    KNOWN_MINORS,
    Experiments,
    experiment_of,
    explain_unknown,
)
from harness.matrix.document import Location
from harness.matrix.load import Matrix
from harness.matrix.models import CellSpec, MatrixSpec, ToolchainSpec
from harness.matrix.names import RELEASE
from harness.plan.plan import Plan, make_plan
from harness.plan.question import QuestionError, resolve_question
from harness.text.suggestions import closest, did_you_mean

BY_HEART = Experiments(known=tuple(sorted(KNOWN)), on=frozenset())
"""All experiments of the releases whose names the harness knows."""
_ROUND = re.compile(r"r\d+\]?$")


def check_names(matrix: Matrix, select: str | None = None) -> None:
    """Check the names in a matrix file as far as no toolchain is needed.

    Experiments are checked where all toolchains are releases whose names the harness knows by
    heart; those of others, and GODEBUG settings, once the toolchains are there.

    Args:
        matrix: the matrix, loaded.
        select: pytest's ``-k`` expression.

    Raises:
        HarnessError: a name means nothing; with its place, and the nearest one that does.
    """
    spec = matrix.spec
    by_heart = all(map(is_known_by_heart, spec.toolchains))
    if by_heart:
        check_experiments(matrix, [BY_HEART])
    used = {experiment_of(setting) for _, setting in _settings(spec)}
    plan = make_plan(spec, {t.name: _knowing(used) for t in spec.toolchains}, seed=0)
    try:
        resolve_question(spec, plan, KNOWN if by_heart else ())
    except QuestionError as error:
        raise matrix.error(error.location, str(error)) from None
    for index, pattern in enumerate(spec.exclude):
        for location, noun, name, valid in _named_by(pattern, spec):
            if name not in valid:
                hint = did_you_mean(name, sorted(valid))
                message = f"there is no {noun} {name!r} in this matrix{hint}"
                raise matrix.error(("exclude", index, *location), message)
    if select is not None:
        _check_selection(matrix, plan, select)


def check_experiments(matrix: Matrix, known: Collection[Experiments]) -> None:
    """Refuse an experiment that no toolchain knows: it is a typo, not a cell that cannot run.

    Raises:
        SpecError: there is one.
    """
    for location, setting in _settings(matrix.spec):
        if not any(experiments.knows(setting) for experiments in known):
            unknown = explain_unknown(setting, known)
            raise matrix.error(location, f"no toolchain of this matrix knows {unknown}")


def check_godebugs(matrix: Matrix, known: Collection[str]) -> None:
    """Refuse a suspected GODEBUG setting that no toolchain knows.

    Raises:
        SpecError: there is one.
    """
    question = matrix.spec.question
    for index, suspect in enumerate((question.suspects if question else None) or ()):
        name = (suspect.godebug or "").partition("=")[0]
        if name and name not in known:
            place = ("question", "suspects", index, "godebug")
            hint = did_you_mean(name, sorted(known))
            raise matrix.error(place, f"no Go has the setting {name!r}{hint}")


def is_known_by_heart(toolchain: ToolchainSpec) -> bool:
    """Whether ``BY_HEART`` has all the experiments of a toolchain."""
    release = RELEASE.fullmatch(toolchain.go or "")
    return release is not None and int(release[1]) in KNOWN_MINORS and not toolchain.patch


def _knowing(names: Iterable[str]) -> Experiments:
    return Experiments(known=tuple(sorted(names)), on=frozenset())


def _settings(spec: MatrixSpec) -> Iterator[tuple[Location, str]]:
    """All experiment settings, with their places."""
    for number, settings in enumerate(spec.experiments):
        yield from ((("experiments", number, i), s) for i, s in enumerate(settings))
    for number, cell in enumerate(spec.include):
        yield from (
            (("include", number, "experiments", i), s) for i, s in enumerate(cell.experiments)
        )


def _named_by(pattern: CellSpec, spec: MatrixSpec) -> Iterator[tuple[Location, str, str, set[str]]]:
    """The names in a pattern of ``exclude:``: place, kind, name, and what there is of that kind."""
    if pattern.go is not None:
        yield ("go",), "toolchain", pattern.go, {t.name for t in spec.toolchains}
    settings = {setting for _, setting in _settings(spec)}
    for index, setting in enumerate(pattern.experiments or ()):
        yield ("experiments", index), "experiment setting", setting, settings
    variables = {*spec.env, *(name for cell in spec.include for name in cell.env)}
    for name in pattern.env or {}:
        yield ("env", name), "variable", name, variables


def _check_selection(matrix: Matrix, plan: Plan, select: str) -> None:
    """Refuse a selection of no trial where that is certain: without ``not``, a word must match.

    A toolchain decides the order of several settings in a name, and a resumed run the rounds.
    """
    words = re.findall(r"[^\s()]+", select.lower())
    if "not" in words or any(len(variant.settings) > 1 for variant in plan.variants):
        return
    wanted = [word for word in words if word not in ("and", "or")]
    cells = (f"{cell.workload}[{cell.variant}-r]" for cell in plan.cells)
    texts = "\n".join(["gomatrix", str(matrix.path.resolve()), *cells]).lower()
    if wanted and not any(word in texts or _ROUND.search(word) for word in wanted):
        workloads = tuple(dict.fromkeys(cell.workload for cell in plan.cells))
        close = closest(wanted[0], workloads, tuple(cell.variant for cell in plan.cells))
        hint = f"; did you mean {close!r}?" if close else ""
        raise HarnessError(
            f"no trial matches {select!r}{hint}; workloads: {', '.join(workloads)}; "
            "gomatrix plan lists all cells"
        )
