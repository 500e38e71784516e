"""Design of the experiment: which cells flip which suspects, and so tell them apart."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

from harness.analysis.samples import Table
from harness.golang.experiments import experiment_of
from harness.golang.records import ToolchainRecord
from harness.plan.plan import Plan
from harness.plan.question import Question
from harness.plan.variants import Toggle, Variant, effective, toggles_between

MAX_FACTORS = 8
"""Experiments of a full factorial: 256 cells."""


@dataclass(frozen=True)
class Design:
    """What the candidate's toolchain was measured with, as sets of flipped suspects."""

    plan: Plan
    toolchains: Mapping[str, ToolchainRecord]
    """By name."""
    baseline: Variant
    candidate: Variant
    cells: Mapping[frozenset[str], str]
    """Set of flipped suspects → variant that has samples; the empty set is the candidate."""
    reasons: Mapping[str, str]
    """Suspect without a verdict → why."""
    direction: Mapping[str, str]
    """Suspect → what flipping it does: ``off`` or ``on``."""
    others: Mapping[frozenset[Toggle], str]
    """Toggles, not all of them suspects → variant of the same toolchain that has samples."""
    counterparts: Mapping[str, str]
    """Variant of the candidate's toolchain → the baseline with the same experiments flipped.

    Experiments in which the two sides differ anyway are not flipped there. Not every counterpart
    has samples."""

    def complete(self) -> tuple[str, ...]:
        """The largest set of two or more suspects all of whose subsets were measured, or none."""
        singles = [next(iter(s)) for s in self.cells if len(s) == 1]
        for size in range(min(len(singles), MAX_FACTORS), 1, -1):
            for names in combinations(singles, size):
                if all(frozenset(s) in self.cells for s in subsets(names)):
                    return names
        return ()


def subsets(names: Iterable[str]) -> list[tuple[str, ...]]:
    """All subsets, the empty one first, by size."""
    names = tuple(names)
    return [s for size in range(len(names) + 1) for s in combinations(names, size)]


def design_of(
    table: Table, question: Question, plan: Plan, toolchains: Mapping[str, ToolchainRecord]
) -> Design:
    """Sort the variants of the candidate's toolchain by what they flip.

    Only those that were run in the candidate's own conditions tell suspects apart.
    """
    baseline = plan.variant(question.baseline)
    candidate = plan.variant(question.candidate) if question.candidate else baseline
    on, base_on = effective(candidate, toolchains), effective(baseline, toolchains)
    ways = {
        v.name: toggles_between(candidate, v, toolchains)
        for v in sorted(plan.variants, key=lambda v: v.name != candidate.name)
        if v.toolchain == candidate.toolchain
    }
    siblings = {
        name: frozenset(t.name for t in toggles)
        for name, toggles in ways.items()
        if all(t.kind == "experiment" for t in toggles)
    }
    barred = _barred(plan, table)
    reasons = {
        suspect: reason
        for suspect in question.suspects
        if (reason := _why_not(suspect, candidate, plan, siblings, barred, on, base_on))
    }
    told_apart = frozenset(question.suspects) - reasons.keys()
    cells: dict[frozenset[str], str] = {}
    for name, flipped in siblings.items():
        if name not in barred and name in table.cells and flipped <= told_apart:
            cells.setdefault(flipped, name)
    others = {
        toggles: name
        for name, toggles in reversed(ways.items())
        if toggles and name in table.cells and name not in cells.values()
    }
    return Design(
        plan,
        toolchains,
        baseline,
        candidate,
        cells=cells,
        reasons=reasons,
        direction={s: "off" if s in on else "on" for s in question.suspects},
        others=others,
        counterparts=_counterparts(plan, baseline, candidate, toolchains),
    )


def _counterparts(
    plan: Plan, baseline: Variant, candidate: Variant, toolchains: Mapping[str, ToolchainRecord]
) -> dict[str, str]:
    """The baseline with the same experiments flipped, by variant of the candidate's toolchain."""
    on, base_on = effective(candidate, toolchains), effective(baseline, toolchains)
    at_baseline = {
        (effective(v, toolchains), v.conditions): v.name
        for v in reversed(plan.variants)
        if v.toolchain == baseline.toolchain
    }
    found = {}
    for variant in plan.variants:
        if variant.toolchain != candidate.toolchain:
            continue
        if variant.conditions == candidate.conditions:
            conditions = baseline.conditions
        elif baseline.conditions == candidate.conditions:
            conditions = variant.conditions
        else:
            continue
        flipped = (effective(variant, toolchains) ^ on) - (on ^ base_on)
        name = at_baseline.get((base_on ^ flipped, conditions))
        if name is not None:
            found[variant.name] = name
    return found


def _barred(plan: Plan, table: Table) -> dict[str, str]:
    """Variants that a workload was not measured with, and why."""
    cells = {c.variant: c.reason for c in plan.cells if c.workload == table.workload}
    run = {trial.variant for trial in table.trials}
    found = {}
    for name in (variant.name for variant in plan.variants):
        reason = cells.get(name, "the matrix excludes it")
        if reason is not None:
            found[name] = f"does not apply: {reason}"
        elif name not in run:
            found[name] = "was not run"
    return found


def _why_not(
    suspect: str, candidate: Variant, plan: Plan, siblings: Mapping[str, frozenset[str]],
    barred: Mapping[str, str], on: frozenset[str], base_on: frozenset[str],
) -> str | None:  # fmt: skip
    """Why a suspect gets no verdict; ``None`` if it does."""
    flipping = [name for name in siblings if suspect in siblings[name]]
    if any(name not in barred for name in flipping):
        if suspect not in on and suspect not in base_on:
            return f"{suspect} is off in baseline and candidate alike"
        return None
    setting = [
        n for n in siblings
        if n != candidate.name and suspect in map(experiment_of, plan.variant(n).settings)
    ]  # fmt: skip
    if not flipping and any(name not in barred for name in setting):
        state = "on" if suspect in on else "off"
        return f"{suspect} is already {state} in {candidate.name}: the setting changes nothing"
    if flipping or setting:
        simplest = min(flipping or setting, key=lambda n: len(plan.variant(n).settings))
        return f"{simplest} {barred[simplest]}"
    elsewhere = [
        v for v in plan.variants
        if v.name not in barred and suspect in map(experiment_of, v.settings)
    ]  # fmt: skip
    instead = ""
    if elsewhere:
        more = f" and {len(elsewhere) - 1} more" if len(elsewhere) > 1 else ""
        instead = f"; it is toggled in {elsewhere[0].name}{more}"
    where = candidate.conditions.words() or "Go's own settings"
    same = any(v.toolchain == candidate.toolchain for v in elsewhere)
    condition = f" in {where}" if same else ""
    return f"the matrix never toggles {suspect} for {candidate.toolchain}{condition}{instead}"
