"""What an explanation says. Pure functions."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import median

from harness.analysis.models import Comparison, Verdict
from harness.bisect import sentences as told
from harness.bisect.compare import EndsEffect, is_worse
from harness.bisect.points import Finding, Span
from harness.bisect.record import Request
from harness.explain.record import Cause, Change, Explanation
from harness.metrics.catalogue import Metric, describe, is_of_benchmarks
from harness.report import wording
from harness.run.records import TrialRecord
from harness.text.words import amount, listed, percent

_TOLD = (
    "rss.peak", "rss.end", "rss.avg", "heap.live", "allocs.bytes", "allocs.objects", "gc.cycles",
    "gc.cpu", "cpu.user", "cpu.system", "wall", "goroutines", "requests.rate", "latency.p99",
    "binary.size",
)  # fmt: skip
"""Metrics that a sentence about what else changed may name, the most telling first."""
_MOST = 6
_STARTS: Mapping[str, float] = {"count": 10_000, "seconds": 0.005}
"""Changes that may be those of a program's start alone, by unit: with ``os/exec``, go1.23 allocates
251 objects where go1.22 allocates 163, and a start takes some ms. Memory has a floor in its margin.
"""


def change_of(request: Request, span: Span, effect: EndsEffect) -> Change:
    """A comparison of both ends, in words; the good end is the older version."""
    metric = describe(request.metric)
    worse = None
    if effect.decision == "changed" and metric.direction != "neutral":
        worse = is_worse(request.metric, effect)
    what, unit = f"{request.metric} of {request.workload}", metric.unit
    good, bad = span.good.name, span.bad.name
    step = f"with {bad} {told.of_step(request, effect, unit)} than with {good}"
    least = percent(request.smallest)
    visible = None if effect.decision == "changed" else _farthest(effect)
    if effect.decision == "changed":
        answer = step
    elif effect.decision == "unchanged" and effect.ci and not effect.ci[0] <= 1 <= effect.ci[1]:
        answer = f"{step}, less than the {least} that would count"
    else:
        if effect.decision == "unchanged":
            seen = f"; a change of {percent(visible)} would have been seen" if visible else ""
            if effect.ratio is None:
                least = amount(request.smallest * effect.size, unit)
            answer = f"{what} does not change by {least} or more from {good} to {bad}{seen}"
        else:
            at_most = f"; it is {percent(visible)} at most" if visible else ""
            answer = f"whether {what} changes from {good} to {bad} stays open{at_most}"
        answer += f" ({told.rounds(effect, unit)})"
    return Change(workload=request.workload, metric=request.metric, unit=unit, effect=effect,
                  worse=worse, answer=answer, visible=visible)  # fmt: skip


def _farthest(effect: EndsEffect) -> float | None:
    """The largest relative change that the interval does not exclude."""
    if effect.ci is None:
        return None
    return max(abs(bound - 1) for bound in effect.ci)


def weight(change: Change) -> float:
    """How much a change matters: the size of its logarithm; without a ratio, more than any."""
    return abs(math.log(change.effect.ratio)) if change.effect.ratio else math.inf


def most_telling(changed: Sequence[Comparison], metrics: Sequence[str]) -> str | None:
    """Of metrics that changed by more than their margin the first that got worse, else the first.

    ``None`` if none did, or none by more than what a program's start takes.
    """
    found = {c.metric: c for c in changed if _is_telling(c)}
    names = [name for name in metrics if name in found]
    return next((name for name in names if _got_worse(found[name])), next(iter(names), None))


def _is_telling(comparison: Comparison) -> bool:
    least = 0.0
    if not is_of_benchmarks(comparison.metric):
        least = _STARTS.get(describe(comparison.metric).unit, 0.0)
    if comparison.difference is not None and abs(comparison.difference) < least:
        return False
    return comparison.ratio is None or abs(comparison.ratio - 1) > comparison.margin


def _got_worse(comparison: Comparison) -> bool:
    more_is_worse = describe(comparison.metric).direction == "lower is better"
    return (comparison.decision == "increase") == more_is_worse


def between(verdict: Verdict, baseline: str | None, candidate: str | None) -> Verdict:
    """A verdict with the comparisons of two variants alone."""
    own = [c for c in verdict.comparisons if (c.baseline, c.candidate) == (baseline, candidate)]
    return verdict.model_copy(update={"comparisons": tuple(own)})


def moved(verdict: Verdict, changes: Sequence[Change]) -> Iterator[str]:
    """What other metrics changed, a sentence for each workload."""
    asked = {(change.workload, change.metric) for change in changes}
    for workload in dict.fromkeys(change.workload for change in changes):
        found = {
            c.metric: c for c in verdict.comparisons
            if c.workload == workload and c.changed and (workload, c.metric) not in asked
        }  # fmt: skip
        if names := [name for name in _TOLD if name in found][:_MOST]:
            yield f"{workload}: {listed([_of(found[name]) for name in names])}"


def _of(comparison: Comparison) -> str:
    return f"{comparison.metric} {wording.effect(comparison)}"


def gone(
    metrics: Sequence[str], records: Iterable[TrialRecord], names: tuple[str, str, str]
) -> Iterator[str]:
    """Of metrics that changed, those that are nearer to the older version again with the cure.

    ``names`` are the variants of the older and the newer version and of the cure; medians of their
    trials are compared.
    """
    found: dict[str, list[TrialRecord]] = {name: [] for name in names}
    for record in records:
        if record.variant in found:
            found[record.variant].append(record)
    for metric in (name for name in _TOLD if name in metrics):
        values = [[r.metrics.get(metric) for r in found[name]] for name in names]
        known = [[v for v in column if v is not None] for column in values]
        if all(known):
            older, newer, cured = map(median, known)
            if abs(cured - older) < abs(cured - newer):
                yield metric


def of_cure(span: Span, found: Finding, what: str, metric: Metric) -> str:
    """What turning the cause back in the newer end did."""
    newer, older = span.newer.name, span.older.name
    reason = told.first_line(found.reason)
    if found.state == "unresolved":
        return f"{newer} with {what} could not be measured: {reason}"
    if found.state == "doubtful":
        return f"{newer} with {what} is like neither version: another cause may remain ({reason})"
    good = found.state == "good"
    like = older if good == span.regression else newer
    size = told.against(found, metric.unit)
    against = f"{size} against {span.good.name}"
    against += f", as {older} is" if like == older and not span.regression else ""
    against += f", {found.rounds} rounds"
    if like == older:
        return f"{newer} with {what} is like {older} again ({against})"
    return f"{newer} with {what} is still like {newer} ({against}): something else adds to it"


def headline(known: Explanation) -> str:
    """The answer in one sentence, as far as the search has gone."""
    if not known.changes:
        if known.trials:
            return f"nothing is known yet: {known.trials} trials do not tell"
        return "nothing has been measured yet"
    changed = [change for change in known.changes if change.changed]
    if not changed:
        return "; ".join(change.answer for change in known.changes)
    if not known.causes:
        return "; ".join(change.answer for change in changed)
    answers = {(change.workload, change.metric): change.answer for change in changed}
    followed = {cause.workload for cause in known.causes}
    parts = [c.answer for c in known.changes if not c.changed and c.workload in followed]
    parts += [part for cause in known.causes for part in _of_cause(cause, answers)]
    parts += [
        f"{c.metric} of {c.workload} has the same cause"
        + ("" if c.same_as == c.workload else f" as that of {c.same_as}")
        for c in changed
        if c.same_as
    ]
    return "; ".join(parts)


def _of_cause(cause: Cause, answers: Mapping[tuple[str, str], str]) -> Iterator[str]:
    """From the change to what the cure showed."""
    yield answers[cause.workload, cause.metric]
    yield from told.narrowed(cause.bisection)
    if cause.cure is not None:
        yield cause.cure.answer
