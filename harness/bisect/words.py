"""A bisection in sentences. Pure functions."""

from harness.analysis.words import listed, percent, span
from harness.bisect.bench import Change
from harness.bisect.record import Bisection, Request, Stage
from harness.bisect.source.answer import SourceAnswer
from harness.bisect.span import Span


def of_step(request: Request, change: Change) -> str:
    """``rss.peak of large-buffers is 59.9 % more (59.8 % to 60.0 %, 3 rounds)``."""
    rounds = f"{change.rounds} rounds"
    if change.ratio is None or change.ci is None:
        return f"{request.metric} of {request.workload} differs ({rounds})"
    word, sign = ("more", 1) if change.ratio > 1 else ("less", -1)
    size = f"{percent(abs(change.ratio - 1))} {word}"
    interval = span(*sorted(sign * (bound - 1) for bound in change.ci))
    return f"{request.metric} of {request.workload} is {size} ({interval}, {rounds})"


def of_ends(request: Request, ends: Span, change: Change, *, worse: bool) -> str:
    """Whether there is anything to search for."""
    pair = f"{ends.bad.name} and {ends.good.name}"
    what = f"{request.metric} of {request.workload}"
    if change.decision == "unchanged":
        return (
            f"{pair} do not differ in {what} by {percent(request.smallest)} or more "
            f"({_interval(change)}{change.rounds} rounds): there is nothing to search for between "
            "them"
        )
    if change.decision == "undecided":
        return (
            f"no difference between {pair} in {what} could be shown in {change.rounds} rounds "
            f"({_interval(change).removesuffix(', ')}): a search would follow noise"
        )
    if not worse:
        return (
            f"with {ends.bad.name} {of_step(request, change)} than with {ends.good.name}: it is "
            "not the worse one; swap both ends to find what improved it"
        )
    return f"with {ends.bad.name} {of_step(request, change)} than with {ends.good.name}"


def of_source(found: SourceAnswer, ends: Span) -> str:
    """Which declarations, out of how many that differ."""
    names = listed([f"{c.name} in {c.path.removeprefix('src/')}" for c in found.culprits])
    if not names:
        return f"no part of the standard library was found that makes {ends.bad.name} bad"
    return f"the difference is made by {names}"


def _interval(change: Change) -> str:
    if change.ci is None:
        return ""
    low, high = (f"{(bound - 1) * 100:+.2f} %".replace("-", "−") for bound in change.ci)
    return f"{low} to {high}, "


def headline(bisection: Bisection) -> str:
    """The answer in one sentence, as far as the stages have gone."""
    stages = {stage.kind: stage for stage in bisection.stages}
    if "ends" not in stages:
        return "nothing has been measured yet"
    if not bisection.changed:
        survey = stages.get("survey")
        return stages["ends"].answer + (f"; {survey.answer}" if survey else "")
    parts = [stages["ends"].answer] + [s.answer for s in bisection.stages if s.kind == "survey"]
    parts += [_part(stage) for kind, stage in stages.items() if kind not in ("ends", "survey")]
    return "; ".join(part for part in parts if part)


def _part(stage: Stage) -> str:
    if stage.kind == "experiments" and all(s.verdict == "ruled out" for s in stage.suspects):
        names = ", ".join(dict.fromkeys(n for s in stage.suspects for n in s.experiments))
        return f"{names} ruled out" if names else ""
    if stage.stopped and not (stage.functions or stage.culprit or stage.kind == "releases"):
        return ""  # told in the stage itself
    return stage.answer
