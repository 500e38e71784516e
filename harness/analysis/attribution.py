"""Attribution: what explains a change, and what is left of it, in one sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.analysis.cures import (
    Flipped,
    WayOut,
    joint_sets,
    minimal_cures,
    names_of,
    other_toolchains,
    suspect_sets,
    way_out,
)
from harness.analysis.design import design_of
from harness.analysis.models import Attribution, Comparison, Cure, Screening, Suspect
from harness.analysis.samples import Table
from harness.analysis.shares import Shares
from harness.analysis.suspects import Sets, change_of, no_change, suspect_verdicts, unexplained
from harness.golang.records import ToolchainRecord
from harness.matrix.models import TrialsSpec
from harness.plan.plan import Plan
from harness.plan.question import Question
from harness.plan.variants import effective, toggles_between
from harness.text.words import few, listed


@dataclass(frozen=True)
class Explanation:
    """What attribution says about one comparison."""

    suspects: tuple[Suspect, ...]
    cures: tuple[Cure, ...]
    attribution: Attribution
    interactions_unseen: bool
    """Whether two or more suspects were only toggled one at a time."""
    decided: bool
    """Whether further rounds would not add anything."""
    screening: Screening | None = None
    """How suspects were told apart in groups, where they were."""


def attribute(
    table: Table, comparison: Comparison, question: Question, plan: Plan,
    toolchains: Mapping[str, ToolchainRecord], trials: TrialsSpec,
) -> Explanation:  # fmt: skip
    """Explain one primary comparison; ``trials`` has the first and the last look."""
    design = design_of(table, question, plan, toolchains)
    if not comparison.changed:
        return Explanation(
            unexplained(comparison, design, question.suspects),
            (),
            Attribution(**comparison.subject, sentence=no_change(comparison)),
            interactions_unseen=False,
            decided=comparison.decision == "equivalent",
        )
    shares = Shares(table, comparison, design, question.limit, trials)
    restoring, undecided = minimal_cures(shares)
    curing = [names_of(toggles) for toggles in restoring if toggles in suspect_sets(design)]
    joint = dict.fromkeys([names for names in curing if len(names) > 1] + joint_sets(shares))
    sets = Sets(curing, tuple(joint))
    suspects = suspect_verdicts(shares, question.suspects, sets)
    ways = [way for toggles in restoring if (way := way_out(shares, toggles))]
    sentence = _explained(shares, suspects, sets) + _Remainder(shares, suspects, ways).words()
    singles = [s for s in design.cells if len(s) == 1]
    blamed = any(s.verdict not in ("ruled out", "not applicable") for s in suspects)
    doubtful = any(s.verdict == "inconclusive" and s.share is not None for s in suspects)
    return Explanation(
        suspects,
        (*(way.cure for way in ways if not way.outweighs), *other_toolchains(shares)),
        Attribution(**comparison.subject, sentence=sentence),
        interactions_unseen=len(singles) > len(design.complete()) and len(singles) > 1,
        decided=not doubtful and not (blamed and undecided),
    )


def _explained(shares: Shares, suspects: Sequence[Suspect], sets: Sets) -> str:
    """What the suspects explain."""
    change = change_of(shares.comparison)
    for flipped, most in ((sets.cures, ""), (sets.joint, "most of ")):
        if flipped:
            ways = " or ".join(listed(names) for names in flipped)
            return f"flipping {ways} takes {most}the {change} away"
    blamed = [s.toggles for s in suspects if s.verdict in ("implicated", "contributes")]
    if blamed:
        return _partly_explained(shares, blamed)
    if not suspects:
        return "no suspect was asked about"
    if all(s.verdict == "not applicable" for s in suspects):
        return f"no suspect was toggled in {shares.comparison.candidate}"
    if _none_explains(suspects):
        return f"no suspect explains the {change}"
    return f"the rounds do not yet tell what explains the {change}"


def _partly_explained(shares: Shares, blamed: Sequence[Flipped]) -> str:
    names = tuple(dict.fromkeys(name for flipped in blamed for name in flipped))
    cells = [shares.design.cells.get(frozenset(flipped), "") for flipped in blamed]
    counterparts = {shares.counterparts.get(cell) for cell in cells}
    where = " on both sides" if counterparts - {None, shares.comparison.baseline} else ""
    change = change_of(shares.comparison)
    return f"a part of the {change} goes away with {listed(names)} flipped{where}"


def _none_explains(suspects: Sequence[Suspect]) -> bool:
    return all(s.verdict in ("ruled out", "not applicable") for s in suspects)


@dataclass(frozen=True)
class _Remainder:
    """What takes the change away besides suspects, or else what it must be due to."""

    shares: Shares
    suspects: Sequence[Suspect]
    ways: Sequence[WayOut]

    def words(self) -> str:
        """A continuation of the sentence on suspects."""
        gone, outweighed = self._gone_in(), self._outweighed()
        unexplained = _none_explains(self.suspects) and not gone
        at_baseline = self._gone_against() if unexplained else ""
        text = "".join(f"; {part}" for part in (gone, outweighed, at_baseline) if part)
        if unexplained and not at_baseline:
            text += f"{';' if text else ':'} what is left is {self._rest()}"
        return text

    def _variants(self, *, outweighs: bool) -> list[str]:
        """Ways out that no verdict on a suspect mentions."""
        mentioned = {s.toggles for s in self.suspects}
        ways = [way.cure for way in self.ways if way.outweighs is outweighs]
        return [cure.variant for cure in ways if cure.conditions or cure.toggles not in mentioned]

    def _gone_in(self) -> str:
        names, decision = self._variants(outweighs=False), self.shares.comparison.decision
        return f"the {decision} is not there in {few(names)}" if names else ""

    def _outweighed(self) -> str:
        names, comparison = self._variants(outweighs=True), self.shares.comparison
        if not names:
            return ""
        return (
            f"{listed(names)} {'makes' if len(names) == 1 else 'make'} up for the "
            f"{comparison.decision}, but it is there too, against {comparison.baseline} run in the "
            "same way"
        )

    def _gone_against(self) -> str:
        """What takes the change away if it is flipped in the baseline, if that is the newer one."""
        design, baseline = self.shares.design, self.shares.design.baseline
        if baseline.toolchain == design.candidate.toolchain:
            return ""
        ways = {
            v.name: toggles
            for v in design.plan.variants
            if (toggles := toggles_between(baseline, v, design.toolchains))
            and v.name in self.shares.table.cells
            and all(t.kind == "experiment" for t in toggles)
            and self.shares.of({v.name: 1.0, baseline.name: -1.0}).restores
        }
        if not ways:
            return ""
        least = min(ways, key=lambda name: len(ways[name]))
        return (
            f"the {self.shares.comparison.decision} is not there against {least}, the baseline "
            f"with {listed(names_of(ways[least]))} flipped"
        )

    def _rest(self) -> str:
        """Everything in which candidate and baseline differ, except for ruled out suspects."""
        design = self.shares.design
        sides = (design.baseline, design.candidate)
        out = {name for s in self.suspects if s.verdict == "ruled out" for name in s.toggles}
        on, other = (effective(variant, design.toolchains) for variant in sides)
        left = [
            t
            for t in sorted(toggles_between(*sides))
            if t.kind != "experiment" or t.name in (on ^ other) - out
        ]
        alone = "the toolchain itself" if [t.kind for t in left] == ["toolchain"] else None
        what = alone or listed([str(t) for t in left]) or "chance or what was not toggled"
        return f"{what} ({design.candidate.name} against {design.baseline.name})"
