"""Headlines: the answer for each workload in one sentence, for an engineer on call."""

import math
from collections.abc import Sequence

from harness.analysis.models import Comparison, Cure, Headline, Suspect
from harness.metrics.catalogue import describe
from harness.metrics.words import both
from harness.text.words import (
    LARGE_RATIO,
    amount,
    change,
    difference,
    ends,
    few,
    listed,
    percent,
    span,
    times,
)

_TELLING = ("runtime.mapped", "heap.objects")
"""The first of these that was measured says whether the runtime shows a change; counts of objects
depend on the collector's phase."""
_UNSEEN = ("runtime.mapped", "heap.live", "heap.objects")
"""What is named if the runtime does not show a change, unless it changed too."""
_MOST = 0.5
"""Part of the kernel's change above which the runtime shows it."""
_SMALL = 0.2
"""Part of the kernel's change below which the runtime does not show it."""
_MOST_TOLD = 12
"""Metrics that are told one by one; a package may have hundreds of benchmarks."""
_SERVED = (
    ("requests.rate", "answered: {}", "requests/s"),
    ("latency.p50", "latency.p50: {}", "seconds"),
    ("latency.p99", "latency.p99: {}", "seconds"),
)
"""Of servers: metrics that are told also where they are not asked about, how, and their unit."""
_APART = 2
"""Metrics without a change that are told one by one, with their numbers."""
_NAMED = 4
"""Suspects that are named one by one."""


def headline(
    workload: str, comparisons: Sequence[Comparison], suspects: Sequence[Suspect],
    cures: Sequence[Cure],
) -> Headline:  # fmt: skip
    """Sum up in one sentence what was concluded on one workload; all findings are its own."""
    primary = [c for c in comparisons if c.primary]
    if not primary:
        return Headline(workload=workload, sentence="there is nothing to compare.")
    changed = [c for c in primary if c.changed]
    parts = [_change(c) for c in changed[:_MOST_TOLD]]
    if len(changed) > _MOST_TOLD:
        parts.append(f"{len(changed) - _MOST_TOLD} more metrics differ")
    rest: dict[object, list[Comparison]] = {}
    for c in primary:
        if not c.changed:
            rest.setdefault((c.decision, c.n == 0), []).append(c)
    for alike in rest.values():
        parts += [_together(alike)] if len(alike) > _APART else map(_change, alike)
    parts += _served(primary[0], comparisons)
    groups = _alike(changed, suspects, cures)
    for group in groups:
        about = _about(group, comparisons, suspects, cures)
        if about and len(group) < len(primary):
            metrics = few([c.metric for c in group], noun="more metrics")
            about = [f"for the {group[0].decision} of {metrics}: {', '.join(about)}"]
        parts += about
    return Headline(workload=workload, sentence="; ".join(parts) + ".")


def _together(alike: Sequence[Comparison]) -> str:
    """Say once what holds for several metrics that are not shown to have changed."""
    first, names = alike[0], few([c.metric for c in alike], noun="more metrics")
    if first.n == 0:
        pair = f"{first.candidate} cannot be compared with {first.baseline}"
        return f"{names} of {pair}: {first.method}"
    if first.decision == "equivalent":
        within = {f" within {c.allowed}" for c in alike}
        margin = within.pop() if len(within) == 1 else ""
        return f"{first.candidate} and {first.baseline} are equivalent in {names}{margin}"
    rounds = [c.more_rounds for c in alike if c.more_rounds]
    words = f"whether {names} differ between {first.candidate} and {first.baseline} is open"
    if len(rounds) < len(alike):
        return words
    return f"{words} (about {max(rounds)} more rounds would decide all)"


def _served(asked: Comparison, comparisons: Sequence[Comparison]) -> list[str]:
    """Rate and latency of a server under the built-in load, as far as they are not asked about."""
    pair = (asked.baseline, asked.candidate)
    found = {c.metric: c for c in comparisons if (c.baseline, c.candidate) == pair and c.n}
    parts = []
    for metric, words, unit in _SERVED:
        if metric in found and not found[metric].primary:
            parts.append(words.format(_sides(found[metric], unit)))
    return [", ".join(parts)] if parts else []


def _sides(c: Comparison, unit: str) -> str:
    """``5.41 → 8.20 ms (52 % higher)``; how much only of a change that is shown."""
    sides = both(c.metric, c.baseline_value or 0.0, c.candidate_value or 0.0, unit)
    if not c.changed or c.ratio is None:
        return sides
    if c.ratio >= LARGE_RATIO:
        return f"{sides} ({times(c.ratio)})"
    return f"{sides} ({percent(abs(c.ratio - 1))} {'higher' if c.ratio > 1 else 'lower'})"


def _alike(
    changed: Sequence[Comparison], suspects: Sequence[Suspect], cures: Sequence[Cure]
) -> list[list[Comparison]]:
    """Group changes with the same direction, verdicts on suspects, and cures."""
    groups: dict[object, list[Comparison]] = {}
    for c in changed:
        verdicts = tuple((s.toggles, s.verdict) for s in suspects if s.metric == c.metric)
        ways = tuple(cure.variant for cure in cures if cure.metric == c.metric)
        groups.setdefault((c.decision, verdicts, ways), []).append(c)
    return list(groups.values())


def _about(
    group: Sequence[Comparison], comparisons: Sequence[Comparison], suspects: Sequence[Suspect],
    cures: Sequence[Cure],
) -> list[str]:  # fmt: skip
    """What is known of one group of changes."""
    lead = group[0]
    judged = [s for s in suspects if s.metric == lead.metric]
    told = {s.toggles for s in judged}
    own = (c for c in cures if c.metric == lead.metric)
    ways = [c for c in own if c.conditions or c.toggles not in told]
    resident = next((c for c in group if c.metric.startswith("rss")), lead)
    whose = f"of {resident.metric}, " if len(group) > 1 else ""
    return [
        *_suspect_parts(judged, improved=_better(lead)),
        *(f"{whose}{part}" for part in _runtime_part(resident, comparisons)),
        *_cure_parts(ways, lead),
    ]


def _change(c: Comparison) -> str:
    if c.n == 0:
        pair = f"{c.candidate} cannot be compared with {c.baseline}"
        return f"{c.metric} of {pair}: {c.method}"
    if c.decision == "inconclusive":
        noun = "round" if c.more_rounds == 1 else "rounds"
        more = f"; about {c.more_rounds} more {noun} would decide it" if c.more_rounds else ""
        pair = f"{c.candidate} and {c.baseline}"
        return f"whether {c.metric} differs between {pair} is open ({_numbers(c)}{more})"
    numbers = f"({_numbers(c)})"
    if c.decision == "equivalent":
        pair = f"{c.candidate} and {c.baseline} are equivalent in {c.metric}"
        if c.no_ratio.endswith("both"):
            return f"{pair}: {c.no_ratio} {numbers}"
        whole = f" of {c.scale}" if c.scale and c.floor is None else ""
        return f"{pair} within {c.allowed}{whole} {numbers}"
    pair = f"with {c.candidate} than with {c.baseline}"
    if c.ratio is not None and c.ratio >= LARGE_RATIO:
        return f"{c.metric} is higher {pair}: {times(c.ratio)} {numbers}"
    higher = "higher" if c.decision == "increase" else "lower"
    size = (
        amount(abs(c.difference or 0.0), c.unit) if c.ratio is None else percent(abs(c.ratio - 1))
    )
    why = f", {c.no_ratio}" if c.no_ratio else ""
    return f"{c.metric} is {size} {higher} {pair}{why} {numbers}"


def _numbers(c: Comparison) -> str:
    """``162 → 259 MiB, +97.1 MiB; 95 % interval 60.0 to 60.1 %, n = 5``."""
    doubt = f"{_interval(c)}n = {c.n}"
    if c.baseline_value is None or c.candidate_value is None or c.no_ratio.endswith("both"):
        return doubt
    absolute = both(c.metric, c.baseline_value, c.candidate_value, c.unit)
    if c.changed and c.ratio is not None and c.difference:
        absolute += f", {difference(c.difference, c.unit)}"
    return f"{absolute}; {doubt}"


def _interval(c: Comparison) -> str:
    if c.exact and c.changed and c.ratio and abs(math.log(c.ratio)) <= math.log1p(c.margin):
        return f"exact, within the margin of {percent(c.margin)}, "
    bounds = c.difference_ci if c.ratio is None else c.ci
    if bounds is None or bounds == (0, 0):
        return ""
    if bounds[0] == bounds[1]:
        return "exact, "
    if c.ratio is None and c.changed:
        low, high = sorted(map(abs, bounds))
        told = ends((low, high), lambda size: amount(size, c.unit))
    elif c.ratio is None:
        told = f"of the difference {ends(bounds, lambda size: difference(size, c.unit))}"
    elif not c.changed:
        told = f"of the change {_span(bounds)}"
    elif c.ratio >= LARGE_RATIO:
        told = ends(bounds, times)
    else:
        told = span(*sorted(abs(bound - 1) for bound in bounds))
    return f"95 % interval {told}, "


def _span(bounds: tuple[float, float]) -> str:
    """``-4 to 7 %``; from threefold on, as factors."""
    if bounds[1] < LARGE_RATIO:
        return span(bounds[0] - 1, bounds[1] - 1)
    return ends(bounds, change)


def _better(c: Comparison) -> bool:
    """Whether a change is an improvement, for which nothing is blamed."""
    better = {"lower is better": "decrease", "higher is better": "increase"}
    return c.decision == better.get(describe(c.metric).direction)


def _suspect_parts(suspects: Sequence[Suspect], *, improved: bool) -> list[str]:
    parts = []
    blame = ("accounts for it", "account for it") if improved else (
        "is implicated", "are implicated")  # fmt: skip
    for verdict, one, several in (
        ("implicated", *blame),
        ("contributes", "contributes to it", "contribute to it"),
        ("offsets", "acts against it", "act against it"),
        ("ruled out", "is ruled out", "are ruled out"),
        ("inconclusive", "is not decided", "are not decided"),
    ):
        names = _sets([s for s in suspects if s.verdict == verdict])
        if len(names) > _NAMED and verdict not in ("implicated", "contributes"):
            every = len(names) == len(_sets(suspects))
            others = any(s.verdict in ("implicated", "contributes") for s in suspects)
            which = f"all {len(names)}" if every else f"{len(names)}{' other' if others else ''}"
            parts.append(f"{which} suspects {several}")
        elif names:
            parts.append(f"{listed(names)} {one if len(names) == 1 else several}")
    unknown = [s for s in suspects if s.one_sided and s.verdict in ("implicated", "contributes")]
    if unknown:
        names = _sets(unknown)
        verb = "costs" if len(names) == 1 else "cost"
        parts.append(f"what {listed(names)} {verb} in {unknown[0].baseline} was not measured")
    return parts


def _sets(suspects: Sequence[Suspect]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(" with ".join(s.toggles) for s in suspects))


def _runtime_part(lead: Comparison, comparisons: Sequence[Comparison]) -> list[str]:
    """Say whether the runtime's own numbers changed with the kernel's."""
    if not lead.metric.startswith("rss") or not lead.difference:
        return []
    same = {
        c.metric: c
        for c in comparisons
        if (c.baseline, c.candidate) == (lead.baseline, lead.candidate) and c.difference is not None
    }
    telling = next((same[name] for name in _TELLING if name in same), None)
    if telling is None:
        return []
    parts = {name: (c.difference or 0.0) / lead.difference for name, c in same.items()}
    part = parts[telling.metric]
    numbers = f"({telling.metric} {difference(telling.difference or 0.0, 'bytes')})"
    if part >= _SMALL:
        if telling.decision == "inconclusive":
            return [f"whether the Go runtime shows it is open {numbers}"]
        return [f"the Go runtime shows {'it too' if part >= _MOST else 'a part of it'} {numbers}"]
    still = [name for name in _UNSEEN if abs(parts.get(name, math.inf)) < _SMALL]
    if not still:
        return [f"the Go runtime's own numbers went the other way {numbers}"]
    return [f"the Go runtime's own numbers ({', '.join(still)}) do not show it"]


def _cure_parts(cures: Sequence[Cure], lead: Comparison) -> list[str]:
    """Name variants without the change; for a regression, newer releases without it."""
    worse = {"lower is better": "increase", "higher is better": "decrease"}
    regression = lead.decision == worse.get(describe(lead.metric).direction)
    newer = [c.variant for c in cures if c.newer and regression]
    rest = [c.variant for c in cures if not (c.newer and regression)]
    return [
        f"{few(names)} {'does' if len(names) == 1 else 'do'} not {verb}"
        for names, verb in ((newer, "have the regression"), (rest, "show it"))
        if names
    ]
