"""Verdicts on suspects, each with the numbers behind it in one sentence."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.analysis.cures import Flipped
from harness.analysis.design import Design, subsets
from harness.analysis.models import Comparison, Suspect, SuspectVerdict
from harness.analysis.shares import ERROR, Share, Shares
from harness.text.words import amount, listed, percent, span


@dataclass(frozen=True)
class Sets:
    """Sets of suspects that take the change away."""

    cures: Sequence[Flipped]
    """The smallest ones after which less than the limit remains."""
    joint: Sequence[Flipped]
    """Those of two or more, and those that explain most of it while no subset does."""


def suspect_verdicts(shares: Shares, names: Sequence[str], sets: Sets) -> tuple[Suspect, ...]:
    """Verdicts on each suspect, then on sets that act together or were never flipped apart."""
    complete = shares.design.complete()
    alone = tuple(_verdict_on(shares, name, complete, sets) for name in names)
    return alone + tuple(
        _verdict_on_set(shares, flipped, sets) for flipped in _reported_sets(shares.design, sets)
    )


def unexplained(
    comparison: Comparison, design: Design, names: Sequence[str]
) -> tuple[Suspect, ...]:
    """Suspects of a change that is not shown: nothing is attributed to noise."""
    verdict: SuspectVerdict = (
        "not applicable" if comparison.decision == "equivalent" else "inconclusive"
    )
    return tuple(
        _without_share(comparison, name, "not applicable", design.reasons[name])
        if name in design.reasons
        else _without_share(comparison, name, verdict, no_change(comparison))
        for name in names
    )


def change_of(comparison: Comparison) -> str:
    """``increase of 97.1 MiB``."""
    if not comparison.difference:
        return comparison.decision
    return f"{comparison.decision} of {amount(abs(comparison.difference), comparison.unit)}"


def no_change(comparison: Comparison) -> str:
    """Why there is nothing to attribute, in words."""
    if comparison.decision != "equivalent":
        return f"no change of {comparison.metric} is shown, so none can be attributed"
    what = comparison.no_ratio or f"equivalent within {comparison.allowed}"
    return f"there is nothing to explain: {comparison.metric} is {what}"


def _reported_sets(design: Design, sets: Sets) -> list[Flipped]:
    """Sets with a verdict of their own: those that act jointly, and those never flipped apart."""
    apart = {name for flipped in design.cells if len(flipped) == 1 for name in flipped}
    bundled = [tuple(sorted(f)) for f in design.cells if len(f) > 1 and not f <= apart]
    return list(dict.fromkeys((*sets.joint, *bundled)))


def _verdict(share: Share) -> SuspectVerdict:
    if share.half.above <= ERROR:
        return "implicated"
    if share.limit.below <= ERROR:
        return "ruled out"
    return "contributes" if share.limit.above <= ERROR else "inconclusive"


def _verdict_on(shares: Shares, name: str, complete: Flipped, sets: Sets) -> Suspect:
    design, comparison = shares.design, shares.comparison
    if name in design.reasons:
        return _without_share(comparison, name, "not applicable", design.reasons[name])
    if frozenset((name,)) not in design.cells:
        return _without_share(comparison, name, "inconclusive", _never_alone(design, name))
    alone = shares.of_flipping((name,))
    reason = _reason(shares, (name,), alone)
    if name not in complete:
        verdict = "implicated" if (name,) in sets.cures else _verdict(alone)
        return _judged(shares, (name,), verdict, alone, reason, "one at a time")
    share = shares.shapley(name, complete)
    verdict = _verdict(share)
    if share.value is not None:
        reason += f"; over all combinations of suspects it explains {percent(share.value)}"
    together = [flipped for flipped in sets.joint if name in flipped]
    curing = [flipped for flipped in together if flipped in sets.cures]
    if (name,) in sets.cures:
        verdict = "implicated"
        reason += f"; that alone takes the {comparison.decision} away"
    elif curing:
        verdict = "contributes" if verdict == "ruled out" else verdict
        reason += (
            f"; alone it does not take the {comparison.decision} away, "
            f"{_with_others(name, curing)} it does"
        )
    elif together:
        reason += f"; {_with_others(name, together)} it is shown to explain more than half"
    return _judged(shares, (name,), verdict, share, reason, "full factorial")


def _never_alone(design: Design, name: str) -> str:
    together = next((sorted(flipped) for flipped in design.cells if name in flipped), None)
    if together is None:
        return f"no trial with {name} toggled ended well"
    return f"{name} was toggled only together with others ({' and '.join(together)})"


def _with_others(name: str, sets: Iterable[Flipped]) -> str:
    """``together with b and c, or with d``."""
    rest = [listed([other for other in flipped if other != name]) for flipped in sets]
    return f"together with {', or with '.join(rest)}"


def _verdict_on_set(shares: Shares, flipped: Flipped, sets: Sets) -> Suspect:
    share = shares.of_flipping(flipped)
    verdict: SuspectVerdict = "implicated" if flipped in sets.cures else _verdict(share)
    reason = _reason(shares, flipped, share)
    if flipped in sets.cures:
        reason += f"; {_smaller_sets(shares, flipped)}"
    elif verdict == "implicated" and share.rest.above > ERROR:
        reason += "; whether all of it goes away is not yet shown"
    return _judged(shares, flipped, verdict, share, reason, "together")


def _smaller_sets(shares: Shares, flipped: Flipped) -> str:
    """What is known of the smaller sets in a smallest cure."""
    measured = [frozenset(part) in shares.design.cells for part in subsets(flipped)[1:-1]]
    if not any(measured):
        return "no smaller set in it was measured"
    which = "no smaller set in it" if all(measured) else "none of the smaller sets in it measured"
    return f"{which} takes the {shares.comparison.decision} away"


def _reason(shares: Shares, flipped: Flipped, share: Share) -> str:
    """What flipping does, in numbers."""
    baseline = shares.comparison.baseline
    states = " and ".join(f"{name} {shares.design.direction[name]}" for name in flipped)
    cell = shares.design.cells[frozenset(flipped)]
    if shares.counterparts.get(cell, baseline) != baseline:
        states += f", {cell} against {shares.counterparts[cell]}"
    if share.value is None:
        return f"with {states}: no round can be compared (n = {share.n})"
    interval = "no bounded interval"
    if share.ci is not None:
        interval = "exact" if share.ci[0] == share.ci[1] else f"95 % interval {span(*share.ci)}"
    known = cell in shares.counterparts
    unknown = "" if known else f"; what it costs in {baseline} was not measured"
    return (
        f"with {states}, {percent(share.value)} of the {change_of(shares.comparison)} goes away "
        f"({interval}, n = {share.n}){unknown}"
    )


def _judged(
    shares: Shares, names: Flipped, verdict: SuspectVerdict, share: Share, reason: str, design: str
) -> Suspect:
    one_sided = shares.design.cells[frozenset(names)] not in shares.counterparts
    return Suspect(
        **shares.comparison.subject, toggles=names, verdict=verdict, share=share.value,
        ci=share.ci, reason=reason, design=design, one_sided=one_sided,
    )  # fmt: skip


def _without_share(
    comparison: Comparison, name: str, verdict: SuspectVerdict, reason: str
) -> Suspect:
    return Suspect(
        **comparison.subject, toggles=(name,), verdict=verdict, share=None, ci=None,
        reason=reason,
    )  # fmt: skip
