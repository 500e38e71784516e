"""Sentences about a bisection. Pure functions."""

from collections.abc import Iterator, Sequence

from harness.bisect.compare import EndsEffect
from harness.bisect.points import Effect, Finding, Span
from harness.bisect.record import Bisection, Frame, Request, Stage
from harness.bisect.sites.answer import Narrowed
from harness.bisect.source.answer import SourceAnswer
from harness.bisect.source.patch import ChangedDeclaration
from harness.metrics.words import both
from harness.report import wording
from harness.text.words import LARGE_RATIO, amount, ends, few, listed, percent, span, times

NOT_ALL_TOLD = "not all toggles are told apart yet"
_REASON_LINES = 6
_NAMED = 8
"""Declarations that a sentence names one by one."""


def of_step(request: Request, change: EndsEffect, unit: str) -> str:
    """``rss.peak of large-buffers is 59.9 % higher (162 → 259 MiB; 59.8 to 60.0 %, 3 rounds)``.

    In the metric's unit if there is no ratio; as a factor from threefold on.
    """
    what, told = f"{request.metric} of {request.workload}", rounds(change, unit, change.sign)
    if change.ratio is None and change.difference is None:
        return f"{what} differs ({told})"
    higher = "higher" if change.sign > 0 else "lower"
    if change.ratio is None:
        return f"{what} is {amount(abs(change.difference or 0.0), unit)} {higher} ({told})"
    size = percent(abs(change.ratio - 1))
    whole = change.ratio < 1 and size == percent(1.0)
    if whole:
        told = f"{change.rounds} rounds"
    if change.size and change.ratio > 0:
        bad = change.size * min(1.0, change.ratio)
        told = f"{both(request.metric, bad / change.ratio, bad, unit)}; {told}"
    if change.ratio >= LARGE_RATIO:
        return f"{what} is higher: {times(change.ratio)} ({told})"
    return f"{what} is {'lower by all of it' if whole else f'{size} {higher}'} ({told})"


def against(effect: Effect, unit: str) -> str:
    """``+59.9 %``; in the metric's unit if there is no ratio; a dash if nothing is known."""
    if effect.ratio is not None or effect.difference is None:
        return wording.percent(effect.ratio)
    return wording.difference(effect.difference, unit)


def of_ends(request: Request, ends: Span, change: EndsEffect, unit: str, *, worse: bool) -> str:
    """Whether there is anything to search for."""
    pair = f"{ends.bad.name} and {ends.good.name}"
    what = f"{request.metric} of {request.workload}"
    if change.decision == "unchanged":
        least = percent(request.smallest)
        if change.ratio is None:
            least = amount(request.smallest * change.size, unit)
        return (
            f"{pair} do not differ in {what} by {least} or more ({rounds(change, unit)}): "
            "there is nothing to search for between them"
        )
    if change.decision == "undecided":
        return (
            f"no difference between {pair} in {what} could be shown ({rounds(change, unit)}): "
            "a search would follow noise"
        )
    step = f"with {ends.bad.name} {of_step(request, change, unit)} than with {ends.good.name}"
    return step if worse else f"{step}: it is not worse; swap the ends to find what improved it"


def rounds(change: EndsEffect, unit: str, sign: int = 1) -> str:
    """``−0.05 to 0.1 %, 12 rounds``."""
    count = f"{change.rounds} rounds"
    bounds = change.difference_ci if change.ci is None else change.ci
    if bounds is None:
        return count
    if bounds[0] == bounds[1]:
        return f"exact in {count}"
    if change.ci is None:
        low, high = sorted(sign * bound for bound in bounds)
        told = ends((low, high), lambda bound: amount(bound, unit))
    elif sign > 0 and (change.ratio or 0.0) >= LARGE_RATIO:
        told = ends(bounds, times)
    else:
        told = span(*sorted(sign * (bound - 1) for bound in bounds))
    return f"{told}, {count}".replace("-", "−")


def of_survey(findings: Sequence[Finding]) -> str:
    """That no version between is worse, as far as is known."""
    versions = f"none of the {len(findings)} minor versions that begin between them is"
    if len(findings) == 1:
        versions = "the one minor version that begins between them is not"
    open_ones = [f.point for f in findings if f.state in ("doubtful", "unresolved")]
    if not open_ones:
        return f"{versions} worse"
    return f"{versions} shown to be worse; {listed(open_ones)} could not be decided"


def of_source(found: SourceAnswer, ends: Span) -> str:
    """Which declarations, out of how many that differ."""
    tried = found.edits - found.untried
    match found.outcome:
        case "found":
            return f"the difference is made by {_by_file(found.culprits)}{_one_way(found)}"
        case "no difference":
            return "no code differs in the files of the standard library that the workload uses"
        case "elsewhere":
            return f"the standard library alone does not make {ends.bad.name} bad"
        case "doubtful":
            return "the standard library makes at most a part of the difference"
        case "not found" if found.untried:
            return (
                f"what makes {ends.bad.name} bad was not found in its standard library: "
                f"{found.untried} of {found.edits} differences could not be tried, and no hybrid "
                f"of the other {tried} does"
            )
    return (
        f"no part of the standard library makes {ends.bad.name} bad: all {tried} "
        "differences were tried, in groups"
    )


def _by_file(culprits: Sequence[ChangedDeclaration]) -> str:
    """Declarations by file; of many, how many there are in which packages."""
    if len(culprits) > _NAMED:
        count = len({culprit.path for culprit in culprits})
        packages = list(dict.fromkeys(culprit.package for culprit in culprits))
        where = few(packages, 3, "other packages")
        files = "one file" if count == 1 else f"{count} files"
        return f"{len(culprits)} declarations in {files} of {where}"
    names: dict[str, list[str]] = {}
    for culprit in culprits:
        names.setdefault(culprit.path.removeprefix("src/"), []).append(culprit.name)
    return listed([f"{', '.join(own)} in {path}" for path, own in names.items()])


def of_sites(found: Sequence[Narrowed]) -> str:
    """Which places need which toggle."""
    return "; ".join(map(_of_places, found))


def _of_places(found: Narrowed) -> str:
    if found.problem:
        return f"the toggle {found.toggle} cannot be narrowed to places in the program"
    if not found.sites:
        return f"no place in the program is shown to need {found.toggle}"
    joint = "only together " if found.sites[0].joint else ""
    places = [f"{place(s.at)} ({_weight(s.share)})" for s in found.sites]
    return f"the toggle {found.toggle} matters {joint}at {listed(places)}"


def _weight(share: float) -> str:
    """A place's part of the change, which it may also be against."""
    if share < 0:
        return f"it makes the change {wording.share(-share)} smaller"
    return wording.of_change(share)


def place(at: Frame) -> str:
    """``main.serve in cmd/api/main.go:39``."""
    where = f"{at.file}:{at.line}"
    return f"{at.function} in {where}" if at.function else where


def passed_over_in_sites(found: Narrowed) -> Iterator[str]:
    """What was ruled out, and what could not be told."""
    if found.problem:
        yield f"{found.toggle}: {first_line(found.problem)}"
    if found.ruled_out:
        places = "place is" if found.ruled_out == 1 else "places are"
        yield f"{found.toggle}: {found.ruled_out} other {places} ruled out"
    for reason in found.undecided:
        yield f"{found.toggle}: {reason}"


def of_confirmation(found: SourceAnswer, ends: Span) -> Iterator[str]:
    """What the patch does on each end."""
    more = [c.name for c in found.besides if c not in found.culprits]
    needs = f" and {few(more, 5)}, which it needs to build," if more else ""
    if found.forward:
        yield f"{ends.good.name} with the patch{needs} is {_state(found.forward)}"
    if found.reverse:
        how = "the remedy" if found.remedy and found.stopped is None else "the patch reverted"
        yield f"{ends.bad.name} with {how} is {_state(found.reverse)}"


def _state(found: Finding) -> str:
    """A state; where trials failed, with their number: the two runtimes do not go together well."""
    if not found.failed or found.state == "unresolved":
        return found.state
    return f"{found.state} ({found.failed} of its trials failed)"


def passed_over_in_source(found: SourceAnswer) -> Iterator[str]:
    """What was not tried, or does not build."""
    if found.elsewhere:
        yield f"{found.elsewhere} files that differ, but are not part of the workload"
    if found.untried:
        yield f"{found.untried} of {found.edits} differences, see where it stopped"
    if found.binary:
        yield f"{found.binary} files that differ, but are not text"
    refused = sum(step.finding.state == "unresolved" for step in found.steps)
    if refused:
        yield f"{refused} hybrids that do not build or run"


def of_undecided(between: Sequence[Finding]) -> str | None:
    """Why a search could not pin the change down; ``None`` if it could."""
    names = [f"{finding.point} ({first_line(finding.reason)})" for finding in between]
    return f"the points between could not be decided: {few(names, 3)}" if names else None


def first_line(reason: str | None) -> str:
    """The first line of a reason."""
    return ((reason or "").strip() or "no reason known").splitlines()[0]


def first_lines(reason: str | None) -> str | None:
    """The beginning of a reason: what a compiler says may have hundreds of lines."""
    lines = (reason or "").strip().splitlines()
    more = ["…"] if len(lines) > _REASON_LINES else []
    return "\n".join([*lines[:_REASON_LINES], *more]) or None


def _one_way(found: SourceAnswer) -> str:
    """Where the patch is not shown to work both ways."""
    if found.forward is None or found.forward.state != "bad":
        return ", as far as reverting it on the bad toolchain shows"
    if found.reverse is None or found.reverse.state != "good":
        return ", as far as making it on the good toolchain shows"
    return ""


def headline(bisection: Bisection) -> str:
    """The answer in one sentence, as far as the stages have gone."""
    stages = {stage.kind: stage for stage in bisection.stages}
    if "ends" not in stages:
        return "nothing has been measured yet"
    if not bisection.changed:
        survey = stages.get("survey")
        return stages["ends"].answer + (f"; {survey.answer}" if survey else "")
    parts = [stages["ends"].answer] + [s.answer for s in bisection.stages if s.kind == "survey"]
    return "; ".join([*parts, *narrowed(bisection)])


def narrowed(bisection: Bisection) -> Iterator[str]:
    """What each stage told that narrowed the change down, in a few words."""
    for stage in bisection.stages:
        if stage.kind not in ("ends", "survey") and (told := _part(stage)):
            yield told


def _part(stage: Stage) -> str:
    if stage.kind == "toggles" and all(
        s.verdict in ("ruled out", "not applicable") for s in stage.suspects
    ):
        names = [n for s in stage.suspects if s.verdict == "ruled out" for n in s.toggles]
        return f"{few(list(dict.fromkeys(names)), 3, 'other toggles')} ruled out" if names else ""
    return stage.answer
