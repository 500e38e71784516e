"""Verdicts on suspects that were screened, and what they leave of the change."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.analysis.attribution import Explanation
from harness.analysis.cures import other_toolchains
from harness.analysis.design import design_of
from harness.analysis.models import (
    Attribution,
    Comparison,
    Cure,
    Screening,
    ScreeningStep,
    Suspect,
    SuspectVerdict,
)
from harness.analysis.samples import Table
from harness.analysis.screened import Screened, screened
from harness.analysis.screening.models import Back, Culprit, Outcome, Share, Step
from harness.analysis.shares import IMPLICATED, Shares
from harness.analysis.suspects import change_of, no_change
from harness.golang.records import ToolchainRecord
from harness.matrix.models import TrialsSpec
from harness.plan.question import Question
from harness.plan.suspects import Suspected, undoing, undone
from harness.plan.variants import toggles_between
from harness.run.store import Run
from harness.text.words import listed, percent, span

_DESIGN = "screening"
_UNFINISHED = "the screening is not at its end; gomatrix run --resume goes on with it"


def attribute_screened(
    run: Run, table: Table, comparison: Comparison, question: Question, trials: TrialsSpec
) -> Explanation:
    """Explain one primary comparison by the suspects that were screened."""
    plan = run.manifest.plan
    if not comparison.changed:
        return Explanation(
            tuple(_without_change(comparison, suspect) for suspect in plan.suspects),
            (),
            Attribution(**comparison.subject, sentence=no_change(comparison)),
            interactions_unseen=False,
            decided=comparison.decision == "equivalent",
        )
    found = screened(run, comparison, question.limit)
    verdicts = _Verdicts(run, comparison, found)
    records = {record.name: record for record in run.manifest.toolchains}
    return Explanation(
        tuple(verdicts.all()),
        (*verdicts.cures(), *_releases(table, comparison, question, run, records, trials)),
        Attribution(**comparison.subject, sentence=verdicts.sentence()),
        interactions_unseen=False,
        decided=True,
        screening=verdicts.screening(),
    )


def _releases(
    table: Table, comparison: Comparison, question: Question, run: Run,
    records: Mapping[str, ToolchainRecord], trials: TrialsSpec,
) -> tuple[Cure, ...]:  # fmt: skip
    design = design_of(table, question, run.manifest.plan, records)
    return other_toolchains(Shares(table, comparison, design, question.limit, trials))


def _without_change(comparison: Comparison, suspect: Suspected) -> Suspect:
    """Nothing is attributed to noise; what needs no trial is known all the same."""
    known = suspect.settled.get(comparison.workload)
    if known is not None:
        return _suspect(
            comparison, (suspect.label,), known.verdict, known.reason, certainty=known.certainty
        )
    verdict: SuspectVerdict = (
        "not applicable" if comparison.decision == "equivalent" else "inconclusive"
    )
    return _suspect(comparison, (suspect.label,), verdict, no_change(comparison))


def _suspect(
    comparison: Comparison, toggles: tuple[str, ...], verdict: SuspectVerdict, reason: str,
    share: Share | None = None, **more: object,
) -> Suspect:  # fmt: skip
    return Suspect.model_validate({
        **comparison.subject, "toggles": toggles, "verdict": verdict, "reason": reason,
        "share": share and share.value, "ci": share and share.ci, **more,
    })  # fmt: skip


@dataclass(frozen=True)
class _Verdicts:
    """What a screening tells of each suspect."""

    run: Run
    comparison: Comparison
    found: Screened

    def all(self) -> Iterator[Suspect]:
        """Each suspect, in the question's order; then the sets that act only together."""
        for suspect in self.run.manifest.plan.suspects:
            yield self._of(suspect.label)
        for culprit in self._culprits():
            if len(culprit.toggles) > 1:
                verdict = _verdict_of(culprit.share)
                reason = f"{self._takes(culprit.toggles, culprit.share)}; no part of it does"
                yield _suspect(
                    self.comparison, self._ordered(culprit.toggles), verdict, reason,
                    culprit.share, design=_DESIGN,
                )  # fmt: skip

    def cures(self) -> Iterator[Cure]:
        """The smallest sets after which the change is gone."""
        gone = {step.back for step in self._steps() if step.decision == "all"}
        for culprit in self._culprits():
            if culprit.toggles in gone:
                yield Cure(
                    **self.comparison.subject, variant=self._variant(culprit.toggles),
                    toggles=self._ordered(culprit.toggles),
                )  # fmt: skip

    def screening(self) -> Screening:
        """What was measured, step by step."""
        outcome = self.found.outcome
        return Screening(
            **self.comparison.subject,
            complete=self.found.ask is None,
            excluded=outcome.excluded if outcome else "",
            steps=tuple(
                ScreeningStep(
                    toggles=self._ordered(step.back), variant=self._variant(step.back),
                    rounds=step.rounds, effect=step.decision,
                    share=step.share and step.share.value, ci=step.share and step.share.ci,
                    reason=step.reason,
                )
                for step in self._steps()
            ),
        )  # fmt: skip

    def sentence(self) -> str:
        """What the suspects explain, and what is left."""
        decision, outcome = self.comparison.decision, self.found.outcome
        if self.found.ask is not None:
            return f"the suspects are not told apart: {_UNFINISHED}"
        culprits = [c for c in self._culprits() if c.share.value > 0]
        doubt = f"; {self._doubt(outcome)}" if outcome is not None and outcome.open else ""
        if culprits:
            gone = {step.back for step in self._steps() if step.decision == "all"}
            whole = any(c.toggles in gone for c in culprits)
            between = " with " if len(culprits) > 1 else " and "
            what = undoing([self._suspected(c.toggles) for c in culprits], between)
            total = 1.0 if whole else sum(c.share.value for c in culprits)
            part = rest = ""
            if total < 1:
                part, rest = f"{percent(total)} of ", f"; what is left is {self._rest()}"
            elif total > 1:
                rest = f", and {percent(total - 1)} more"
            change = change_of(self.comparison)
            return f"{what} takes {part}the {change} away{rest}{doubt}"
        if outcome is not None and outcome.open:
            return f"no suspect is shown to explain the {decision}{doubt}"
        excluded = f" ({outcome.excluded})" if outcome is not None and outcome.excluded else ""
        return f"no suspect explains the {decision}{excluded}: what is left is {self._rest()}"

    def _doubt(self, outcome: Outcome) -> str:
        return f"{listed(tuple(outcome.open))} could not be decided"

    def _rest(self) -> str:
        plan = self.run.manifest.plan
        sides = plan.variant(self.comparison.baseline), plan.variant(self.comparison.candidate)
        kinds = {toggle.kind for toggle in toggles_between(*sides)}
        what = "the toolchain itself" if "toolchain" in kinds else "what was not asked about"
        return f"{what} ({sides[1].name} against {sides[0].name})"

    def _of(self, label: str) -> Suspect:
        known = self.found.settled.get(label)
        if known is not None:
            return _suspect(
                self.comparison, (label,), known.verdict, known.reason,
                certainty=known.certainty, design=_DESIGN,
            )  # fmt: skip
        outcome = self.found.outcome
        if outcome is None:
            return _suspect(self.comparison, (label,), "inconclusive", _UNFINISHED)
        if label in outcome.open:
            return _suspect(self.comparison, (label,), "inconclusive", outcome.open[label])
        culprit = next((c for c in outcome.culprits if label in c.toggles), None)
        if culprit is None:
            return self._ruled_out(label, outcome)
        if len(culprit.toggles) == 1:
            reason = self._takes(culprit.toggles, culprit.share)
            return _suspect(
                self.comparison, (label,), _verdict_of(culprit.share), reason, culprit.share,
                design=_DESIGN,
            )  # fmt: skip
        others = listed(self._ordered(culprit.toggles - {label}))
        reason = f"together with {others} {self._takes(culprit.toggles, culprit.share)}"
        verdict: SuspectVerdict = "contributes" if culprit.share.value > 0 else "offsets"
        return _suspect(
            self.comparison, (label,), verdict, f"{reason}; alone it does not", design=_DESIGN
        )

    def _ruled_out(self, label: str, outcome: Outcome) -> Suspect:
        """The smallest set with it that takes nothing back is the evidence."""
        steps = [s for s in outcome.steps if label in s.back and s.decision == "nothing"]
        step = min(steps, key=lambda s: len(s.back))
        return _suspect(
            self.comparison, (label,), "ruled out", self._takes(step.back, step.share, step),
            step.share, design=_DESIGN,
        )  # fmt: skip

    def _takes(self, back: Back, share: Share | None, step: Step | None = None) -> str:
        names = self._ordered(back)
        what = undone(self._suspected(back))
        if len(names) > 3:  # noqa: PLR2004 - more names than anybody reads
            what = f"{len(names)} suspects turned back ({', '.join(names)})"
        rounds = step or next(s for s in self._steps() if s.back == back)
        if share is None:
            return f"with {what} nothing can be told (n = {rounds.rounds})"
        bounds = f"95 % interval {span(*share.ci)}" if share.ci else "no bounded interval"
        part = _part(share, change_of(self.comparison))
        return f"with {what}, {part} ({bounds}, n = {rounds.rounds})"

    def _culprits(self) -> tuple[Culprit, ...]:
        return self.found.outcome.culprits if self.found.outcome else ()

    def _steps(self) -> tuple[Step, ...]:
        return self.found.outcome.steps if self.found.outcome else ()

    def _ordered(self, back: Back) -> tuple[str, ...]:
        return tuple(suspect.label for suspect in self._suspected(back))

    def _suspected(self, back: Back) -> tuple[Suspected, ...]:
        return tuple(s for s in self.run.manifest.plan.suspects if s.label in back)

    def _variant(self, back: Back) -> str:
        """The variant in which a set is turned back; empty for one that was never made."""
        made = self.found.made.get(back)
        return made.variant if made else ""


def _part(share: Share, change: str) -> str:
    """What a share of a change is in words; one above 100 % needs some."""
    if share.value <= 1:
        verb = "goes away" if share.value >= 0 else "is added"
        return f"{percent(abs(share.value))} of the {change} {verb}"
    if share.ci and share.ci[0] > 1:
        return f"the {change} goes away, and {percent(share.value - 1)} more"
    return f"all of the {change} goes away"


def _verdict_of(share: Share) -> SuspectVerdict:
    if share.value < 0:
        return "offsets"
    low = share.ci[0] if share.ci else share.value
    return "implicated" if low > IMPLICATED else "contributes"
