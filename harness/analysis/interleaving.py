"""Interleaving: whether the variants that are paired were measured in turns.

The trials of a round run back to back in random order, so whatever changes on the machine affects
both sides of a pair alike, or each as often as the other. If all baselines were measured before all
candidates, as ``run -k`` and ``run --resume`` may do, a change of the machine in between looks like
an effect of the variant. So this module looks for a moment that separates the same two variants, in
the same direction, in more rounds than a plan keeps open at a time. One round that a dead worker or
an interruption tore apart does no harm.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Span = tuple[float, float]
"""Start and end of a trial, in seconds; (inf, nan) for one that has not run yet."""

_NEAR = 1.0
"""Seconds within which trials count as simultaneous: workers do not start at the same instant, and
several short trials may run before a second worker's first one."""
_HARMLESS = 3
"""Rounds that one moment may separate, unless there are no others: a step of the machine in k of n
rounds is √(k(n - 1)/(n - k)) standard errors at most, which is not significant for three."""
_LEAST = 2
"""Rounds for an order to recur; one round has no interval anyway."""


@dataclass(frozen=True)
class _Separation:
    """A moment before which one variant was measured, and after which another."""

    moment: float
    before: str
    after: str
    rounds: int
    """Rounds in this order, minus those in the opposite one."""


def split_rounds(rounds: Sequence[Mapping[str, Span]], lanes: int) -> list[list[frozenset[str]]]:
    """Split each round's variants into groups whose trials may be paired.

    Each round has its trials' spans by variant, of one workload on one machine. A worker holds one
    trial while it runs another, so a plan keeps one round more open than there are lanes.
    """
    pieces = [(index, dict(spans)) for index, spans in enumerate(rounds)]
    while (worst := _worst([spans for _, spans in pieces], lanes)) is not None:
        pieces = [(index, piece) for index, spans in pieces for piece in _torn(spans, worst)]
    found: list[list[frozenset[str]]] = [[] for _ in rounds]
    for index, spans in pieces:
        found[index].append(frozenset(spans))
    return found


def out_of_turn(pairs: Sequence[tuple[Span, Span]], patience: Sequence[float], lanes: int) -> int:
    """Rounds in which two variants were not measured in turns, beyond what plans bring about.

    ``patience`` is how many seconds may lie between the two spans of each round: time for the rest
    of the round. None of 800 simulated plans with trials of very unequal length had a moment that
    separates more rounds than there are lanes in one direction.
    """
    late = 0
    changes: list[tuple[float, int]] = []
    for (one, other), most in zip(pairs, patience, strict=True):
        for (_, end), (start, _), sign in ((one, other, 1), (other, one, -1)):
            late += end + most < start
            if end + _NEAR <= start:  # any moment between separates them
                changes += [(end, sign), (start, -sign)]
    separated = max(map(abs, itertools.accumulate(sign for _, sign in sorted(changes))), default=0)
    return max(late, separated if separated > lanes else 0)


def _torn(spans: dict[str, Span], separation: _Separation) -> list[dict[str, Span]]:
    """Split a round in two if the moment separates its variants."""
    if not {separation.before, separation.after} <= spans.keys():
        return [spans]
    before, after = spans[separation.before], spans[separation.after]
    if not (before[1] + _NEAR <= after[0] and before[1] < separation.moment <= after[0]):
        return [spans]
    early = {name: span for name, span in spans.items() if span[0] < separation.moment}
    late = {name: span for name, span in spans.items() if span[0] >= separation.moment}
    return [early, late]


def _worst(rounds: Sequence[Mapping[str, Span]], lanes: int) -> _Separation | None:
    """The moment that separates two variants in most rounds, if those are too many."""
    names = sorted({name for spans in rounds for name in spans})
    unknown = (np.nan, np.nan)
    table = np.array([[spans.get(name, unknown) for spans in rounds] for name in names])
    if table.size == 0:
        return None
    start, end = table[..., 0], table[..., 1]
    present = (~np.isnan(start)).astype(float)
    shared = present @ present.T
    limit = np.maximum(_HARMLESS, np.minimum(lanes + 1, 2 + shared / 5))
    apart = end[:, None, :] + _NEAR <= start[None, :, :]  # one variant's before another's, by round
    worst: _Separation | None = None
    enough = np.minimum(shared, np.floor(limit) + 1)
    fewest = float(np.min(enough, where=shared >= _LEAST, initial=np.inf))
    for moment, torn in _moments(start, end, fewest):
        early, late = end[:, torn] < moment, start[:, torn] >= moment
        count = (apart[..., torn] & early[:, None, :] & late[None, :, :]).sum(axis=2)
        net = count - count.T
        bad = (net >= _LEAST) & ((net >= shared) | (net > limit))
        most = int(np.max(net, where=bad, initial=0))
        if most > (worst.rounds if worst else 0):
            one, other = np.argwhere(bad & (net == most))[0]
            worst = _Separation(float(moment), names[one], names[other], most)
    return worst


def _moments(
    start: Floats, end: Floats, fewest: float
) -> Iterator[tuple[float, NDArray[np.bool_]]]:
    """Moments at which enough rounds have begun and are not complete, with those rounds."""
    first = np.min(end, axis=0, where=~np.isnan(end), initial=np.inf)
    last = np.max(start, axis=0, where=~np.isnan(start), initial=-np.inf)
    for moment in np.unique(start[~np.isnan(start)]):
        torn = (first < moment) & (last >= moment)
        if torn.sum() >= fewest:
            yield float(moment), torn
