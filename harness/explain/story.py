"""The story of an explanation, step by step, for the page and the Markdown. Pure functions."""

from collections.abc import Iterator
from itertools import pairwise

from harness.bisect.page import interval_of
from harness.bisect.record import INTERRUPTED, Bisection, Stage, StageKind
from harness.bisect.sentences import against
from harness.explain.record import Cause, Change, Explanation
from harness.metrics import words
from harness.models import Frozen
from harness.report.wording import NOTHING
from harness.text.words import few, listed

_TITLES: dict[StageKind, str] = {
    "survey": "A change that came and went",
    "releases": "Which release brought it",
    "revisions": "Which commit of the program",
    "requirements": "Which requirement of go.mod",
    "toggles": "What can be turned on and off",
    "sites": "Where in the program",
    "source": "Which code of the standard library",
    "commits": "Which commit",
}
_STEPS: tuple[StageKind, ...] = ("releases", "toggles", "sites", "source")
"""Steps between two versions, in order."""
_ORDERED: tuple[StageKind, ...] = ("releases",)
"""Stages whose steps are in order, from the older end to the newer one."""


class Row(Frozen):
    """A comparison of both versions, for a table."""

    workload: str
    metric: str
    before: str
    after: str
    change: str
    interval: str
    rounds: int
    decision: str
    tone: str


class Part(Frozen):
    """A step of the story."""

    title: str
    sentences: tuple[str, ...]
    stage: Stage | None = None
    """What was measured in it."""
    cause: int = 0
    """The index of the cause that it belongs to."""


def title(known: Explanation) -> str:
    """What was measured, as the command line names it; or else the workloads' names."""
    names = list(dict.fromkeys(change.workload for change in known.changes))
    unnamed = known.request.subject in ("matrix.yaml", ".", "./") and names
    return ", ".join(names) if unnamed else known.request.subject


def cost(known: Explanation) -> str:
    """What was measured, as ``410 trials of 7 builds``; builds are known once a step is done."""
    return f"{known.trials} trials" + (f" of {known.builds} builds" if known.builds else "")


def rows(known: Explanation) -> list[Row]:
    """What changed and what did not."""
    return [_row(change) for change in known.changes]


def _row(change: Change) -> Row:
    effect = change.effect
    before, after = _values(change)
    tone = "same" if effect.decision == "unchanged" else "unclear"
    if change.changed:
        tone = {True: "worse", False: "better", None: "changed"}[change.worse]
    return Row(
        workload=change.workload, metric=change.metric, before=before, after=after,
        change=against(effect, change.unit), interval=interval_of(effect, change.unit),
        rounds=effect.rounds,
        decision=_decision(change, tone), tone=tone,
    )  # fmt: skip


def _decision(change: Change, tone: str) -> str:
    if not change.same_as:
        return tone
    return "the same cause" + ("" if change.same_as == change.workload else f" as {change.same_as}")


def _values(change: Change) -> tuple[str, str]:
    """Typical values with the older and with the newer version."""
    effect = change.effect
    if not effect.ratio or not effect.size:
        return NOTHING, NOTHING
    newer = effect.size * min(1.0, effect.ratio)
    values = (newer / effect.ratio, newer)
    before, after = (words.level(change.metric, value, change.unit) for value in values)
    return before, after


def parts(known: Explanation) -> list[Part]:
    """The steps after the comparison, in order."""
    told = [part for number, cause in enumerate(known.causes) for part in _of_cause(cause, number)]
    if not known.finished and (left := _left(known)):
        told.append(Part(title="Not reached", sentences=(left,), cause=len(known.causes) - 1))
    return told


def _left(known: Explanation) -> str:
    """The steps of the last cause that may still come; empty where no change is followed."""
    if not known.causes:
        return ""
    done = {stage.kind: stage.stopped != INTERRUPTED for stage in known.causes[-1].bisection.stages}
    first = max((n + done[kind] for n, kind in enumerate(_STEPS) if kind in done), default=0)
    titles = [_TITLES[kind] for kind in _STEPS[first:]]
    return f"what may still come: {listed([title.lower() for title in (*titles, 'The cure')])}"


def _of_cause(cause: Cause, number: int) -> Iterator[Part]:
    for stage in cause.bisection.stages:
        if stage.kind in _TITLES:
            sentences = [stage.answer, *_border(stage, cause.bisection.unit), *_ruled_out(stage)]
            sentences += [fact for fact in stage.confirmed if _is_news(fact, stage)]
            sentences += [f"stopped there: {stage.stopped}"] if stage.stopped else []
            yield Part(title=_TITLES[stage.kind], sentences=tuple(sentences), stage=stage,
                       cause=number)  # fmt: skip
    if cause.cure is not None:
        told = (cause.cure.answer, *_gone(cause), *_moot(cause))
        yield Part(title="The cure", sentences=told, cause=number)
    elif cause.bisection.finished:
        yield Part(title="The cure", sentences=(_nothing(cause.bisection),), cause=number)


def _border(stage: Stage, unit: str) -> Iterator[str]:
    """The neighbours between which a search among versions ended, and how each compares."""
    told = [step.finding for step in stage.steps if step.finding.state in ("good", "bad")]
    ends = {finding.state: finding.point for finding in (*told[:1], *told[-1:])}
    if stage.kind not in _ORDERED or len(ends) == 1:
        return
    for pair in pairwise(told):
        between = [f for f in pair if f not in (told[0], told[-1])]
        if between and pair[0].state != pair[1].state:
            yield " and ".join(
                f"{f.point} is like {ends[f.state]} ({against(f, unit)} against {ends['good']}, "
                f"{f.rounds} rounds)"
                for f in between
            )


def _is_news(fact: str, stage: Stage) -> bool:
    """Whether the answer does not say as much already."""
    return fact.partition(": ")[2] not in stage.answer if ": " in fact else True


def _ruled_out(stage: Stage) -> Iterator[str]:
    """What was ruled out among toggles."""
    names = [n for s in stage.suspects if s.verdict == "ruled out" for n in s.toggles]
    if names:
        yield f"ruled out: {', '.join(dict.fromkeys(names))}"


def _gone(cause: Cause) -> Iterator[str]:
    """What else the cure takes away."""
    if cause.cure is not None and cause.cure.gone:
        yield f"the changes of {few(cause.cure.gone)} go away with it"


def _moot(cause: Cause) -> Iterator[str]:
    """What a cure says of toggles that were too noisy to tell: it does not need them."""
    suspects = [s for stage in cause.bisection.stages for s in stage.suspects]
    named = any(s.verdict == "implicated" for s in suspects)
    unclear = [name for s in suspects if s.verdict == "inconclusive" for name in s.toggles]
    if unclear and not named and cause.cure is not None and cause.cure.restored:
        yield f"it works without {listed(list(dict.fromkeys(unclear)))}"


def _nothing(bisection: Bisection) -> str:
    named = [f for stage in bisection.stages if stage.kind == "source" for f in stage.functions]
    if named:
        return "no patch was found that could be reverted"
    return "nothing was found that could be turned back; the steps above say what is left"
