"""Whether what is paired was measured in turns, so that no moment stands between two variants.

Rounds are blocks: their trials run back to back in random order, so that whatever changes on the
machine meets both sides of a pair alike, or the one as often as the other. Where all baselines were
measured before all candidates, as by ``run -k`` and ``run --resume``, a step of the machine in
between passes for an effect of the variant. What is looked for is therefore a moment that parts the
same two variants, in the same direction, in more rounds than the order of a plan can leave open at
a time. One round that a dead worker or an interruption has torn apart does no harm.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Span = tuple[float, float]
"""When a trial started and ended, in seconds; (inf, nan) for one that is yet to come."""

_NEAR = 1.0
"""Seconds: workers do not begin at the same instant, and short trials may all run before a second
worker's first one. What lies that near together is no further apart than within a long trial."""
_HARMLESS = 3
"""Rounds that one moment may part, unless they are all that there are: a step of the machine in k
of n rounds is √(k(n - 1)/(n - k)) standard errors at most, which is not significant for three."""
_LEAST = 2
"""One round has no interval, and its sides no order that could be the same as another's."""


@dataclass(frozen=True)
class _Parting:
    moment: float
    before: str
    after: str
    rounds: int
    """In how many more it parts the two in this direction than in the other."""


def parts(rounds: Sequence[Mapping[str, Span]], lanes: int) -> list[list[frozenset[str]]]:
    """For each round, its variants in groups: those within one may be paired.

    Args:
        rounds: of one workload on one machine; each trial's span by variant.
        lanes: trials at a time. A worker holds one trial back while it runs another, so that a plan
            leaves one more round open than there are lanes.
    """
    pieces = [(index, dict(spans)) for index, spans in enumerate(rounds)]
    while (worst := _worst([spans for _, spans in pieces], lanes)) is not None:
        pieces = [(index, piece) for index, spans in pieces for piece in _torn(spans, worst)]
    found: list[list[frozenset[str]]] = [[] for _ in rounds]
    for index, spans in pieces:
        found[index].append(frozenset(spans))
    return found


def out_of_turn(pairs: Sequence[tuple[Span, Span]], patience: Sequence[float], lanes: int) -> int:
    """In how many rounds two variants were not measured in turns; 0 where plans bring it about.

    Args:
        pairs: their spans, by round.
        patience: seconds that may lie between the two, by round: for the rest of the round.
        lanes: trials at a time. A moment that parts more rounds than that in one direction was in
            none of 800 simulated plans, with trials of very unequal length.
    """
    late = 0
    changes: list[tuple[float, int]] = []
    for (one, other), most in zip(pairs, patience, strict=True):
        for (_, end), (start, _), sign in ((one, other, 1), (other, one, -1)):
            late += end + most < start
            if end + _NEAR <= start:  # what lies between parts them
                changes += [(end, sign), (start, -sign)]
    parted = max(map(abs, itertools.accumulate(sign for _, sign in sorted(changes))), default=0)
    return max(late, parted if parted > lanes else 0)


def _torn(spans: dict[str, Span], parting: _Parting) -> list[dict[str, Span]]:
    """A round in two, if the moment parts it."""
    if not {parting.before, parting.after} <= spans.keys():
        return [spans]
    before, after = spans[parting.before], spans[parting.after]
    if not (before[1] + _NEAR <= after[0] and before[1] < parting.moment <= after[0]):
        return [spans]
    early = {name: span for name, span in spans.items() if span[0] < parting.moment}
    late = {name: span for name, span in spans.items() if span[0] >= parting.moment}
    return [early, late]


def _worst(rounds: Sequence[Mapping[str, Span]], lanes: int) -> _Parting | None:
    """The moment that parts two variants in most rounds, if those are too many."""
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
    worst: _Parting | None = None
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
            worst = _Parting(float(moment), names[one], names[other], most)
    return worst


def _moments(
    start: Floats, end: Floats, fewest: float
) -> Iterator[tuple[float, NDArray[np.bool_]]]:
    """Starts of trials before which enough rounds were begun that are not complete, and those."""
    first = np.min(end, axis=0, where=~np.isnan(end), initial=np.inf)
    last = np.max(start, axis=0, where=~np.isnan(start), initial=-np.inf)
    for moment in np.unique(start[~np.isnan(start)]):
        torn = (first < moment) & (last >= moment)
        if torn.sum() >= fewest:
            yield float(moment), torn
