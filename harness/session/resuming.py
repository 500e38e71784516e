"""Resume a run: which incomplete rounds to complete, and which to replace by new ones."""

import math
from collections.abc import Mapping

from harness.analysis.interleaving import Span, split_rounds
from harness.analysis.samples import span_of
from harness.plan.plan import Plan
from harness.run.records import TrialRecord
from harness.run.store import Run

_TO_COME: Span = (math.inf, math.nan)


def rounds_to_leave(run: Run, host: str) -> dict[str, tuple[int, ...]]:
    """By workload: incomplete rounds that must not be completed, as that would separate variants.

    A round that an interruption has cut short is completed. Where a selection has measured one
    variant in many rounds, or another machine has begun them, the missing trials would all come
    later, or from elsewhere; other rounds take their place.

    Args:
        run: the run to resume.
        host: the id of this machine.
    """
    plan = run.manifest.plan
    variants: dict[str, list[str]] = {}
    for cell in plan.cells:
        if cell.reason is None:
            variants.setdefault(cell.workload, []).append(cell.variant)
    found = {}
    for workload, names in variants.items():
        known = plan.left.get(workload, ())
        more = _parted(run, workload, names, frozenset(known), host)
        if known or more:
            found[workload] = tuple(sorted({*known, *more}))
    return found


def _parted(
    run: Run, workload: str, variants: list[str], left: frozenset[int], host: str
) -> set[int]:
    rounds: dict[int, dict[str, TrialRecord]] = {}
    for trial in run.trials:
        if trial.workload == workload and trial.round not in left:
            rounds.setdefault(trial.round, {})[trial.variant] = trial
    incomplete = {n for n, trials in rounds.items() if not trials.keys() >= set(variants)}
    elsewhere = {n for n in incomplete if any(t.host != host for t in rounds[n].values())}
    here = sorted(
        n for n in rounds.keys() - elsewhere if all(t.host == host for t in rounds[n].values())
    )
    spans = [_spans(rounds[n], variants) for n in here]
    coming = _coming(run.manifest.plan, workload, run.manifest.matrix.trials.min - len(rounds))
    spans += [dict.fromkeys(variants, _TO_COME)] * coming
    groups = split_rounds(spans, run.manifest.lanes)
    torn = {n for n, found in zip(here, groups, strict=False) if len(found) > 1}
    return elsewhere | (torn & incomplete)


def _spans(trials: Mapping[str, TrialRecord], variants: list[str]) -> dict[str, Span]:
    return {name: span_of(trials[name]) if name in trials else _TO_COME for name in variants}


def _coming(plan: Plan, workload: str, wanted: int) -> int:
    """Rounds that have not begun and are certain to be measured."""
    return max(0, min(wanted, len(plan.rounds_of(workload))))
