"""Which cells of a matrix tell experiments apart: effective settings and what they flip."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

from harness.analysis.question import Question, environment_key
from harness.analysis.samples import Table
from harness.golang.experiments import experiment_of, turns_on
from harness.golang.records import ToolchainRecord
from harness.plan import Plan, Variant

MAX_FACTORS = 8
"""Experiments of a full factorial: 256 cells."""


def effective(variant: Variant, toolchains: Mapping[str, ToolchainRecord]) -> frozenset[str]:
    """The experiments that are on in a variant; unknown toolchains have none by default."""
    record = toolchains.get(variant.toolchain)
    on = set(record.on if record else ())
    if "none" in variant.settings:
        on.clear()
    for setting in variant.settings:
        if setting == "none":
            continue
        if turns_on(setting):
            on.add(experiment_of(setting))
        else:
            on.discard(experiment_of(setting))
    return frozenset(on)


@dataclass(frozen=True)
class Factors:
    """What the candidate's toolchain was measured with, as sets of flipped suspects."""

    cells: Mapping[frozenset[str], str]
    """Set of flipped suspects → variant that has samples; the empty set is the candidate."""
    reasons: Mapping[str, str]
    """Suspects that cannot be judged → why."""
    direction: Mapping[str, str]
    """Suspect → what flipping it does: ``off`` or ``on``."""

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


def factors(
    table: Table, question: Question, plan: Plan, toolchains: Mapping[str, ToolchainRecord]
) -> Factors:
    """Sort the candidate's siblings (same toolchain and environment) by what they flip."""
    candidate = plan.variant(question.candidate or question.baseline)
    on = effective(candidate, toolchains)
    base_on = effective(plan.variant(question.baseline), toolchains)
    siblings = [
        v
        for v in plan.variants
        if v.toolchain == candidate.toolchain and environment_key(v) == environment_key(candidate)
    ]
    refused = {c.variant: c.reason for c in plan.cells
               if c.workload == table.workload and c.reason is not None}  # fmt: skip
    flips: dict[frozenset[str], list[str]] = {}
    for variant in sorted(siblings, key=lambda v: v.name != candidate.name):
        if variant.name not in refused:
            flips.setdefault(effective(variant, toolchains) ^ on, []).append(variant.name)
    reasons = {
        suspect: reason
        for suspect in question.suspects
        if (reason := _not_judged(suspect, candidate, siblings, refused, flips, on, base_on))
    }
    judged = frozenset(question.suspects) - reasons.keys()
    cells = {
        flipped: next((n for n in names if n in table.cells), names[0])
        for flipped, names in flips.items()
        if flipped <= judged
    }
    return Factors(
        cells={f: name for f, name in cells.items() if name in table.cells},
        reasons=reasons,
        direction={s: "off" if s in on else "on" for s in question.suspects},
    )


def _not_judged(
    suspect: str, candidate: Variant, siblings: list[Variant], refused: Mapping[str, str | None],
    flips: Mapping[frozenset[str], list[str]], on: frozenset[str], base_on: frozenset[str],
) -> str | None:  # fmt: skip
    if any(suspect in flipped for flipped in flips):
        if suspect not in on and suspect not in base_on:
            return f"{suspect} is off in baseline and candidate alike"
        return None
    togglers = [v for v in siblings if suspect in map(experiment_of, v.settings)]
    for variant in togglers:
        reason = refused.get(variant.name)
        if reason and suspect in reason:
            return reason
    if any(v.name not in refused and v.name != candidate.name for v in togglers):
        state = "on" if suspect in on else "off"
        return f"{suspect} is {state} in {candidate.name} already: setting it so changes nothing"
    return f"the matrix never toggles {suspect} for {candidate.toolchain}"
