"""From a run to its verdict."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Literal

from harness.analysis.accounts import account_of
from harness.analysis.attribution import Explanation, attribute
from harness.analysis.comparisons import compare_all, compare_pair, compare_primary
from harness.analysis.diagnosis.rules import diagnose
from harness.analysis.gates import judge_gates
from harness.analysis.headlines import headline
from harness.analysis.hosts import host_results
from harness.analysis.memory import Evidence
from harness.analysis.models import Account, Caution, CellStatus, Comparison, Verdict
from harness.analysis.quality import cautions
from harness.analysis.quality.idle import idle_cautions
from harness.analysis.samples import Table, tables
from harness.analysis.screening_verdicts import attribute_screened
from harness.analysis.stopping import of_this_run
from harness.errors import HarnessError
from harness.matrix.models import TrialsSpec
from harness.plan.plan import Plan
from harness.plan.question import Question
from harness.plan.variants import counterpart, toggles_between
from harness.run.question import question_of, variant_of
from harness.run.records import TrialRecord
from harness.run.store import Run
from harness.text.words import listed


def conclude(
    run: Run, *, margin: float | None = None, floor: float | None = None,
    evidence: Evidence | None = None,
) -> Verdict:  # fmt: skip
    """Conclude everything from a run, complete or not; the same run gives the same verdict.

    Ratios within 1 ± ``margin`` count as equivalent, and so do changes of memory within ``floor``
    bytes; by default they are the matrix's own. Without ``evidence`` (of ``read_evidence``)
    diagnoses name no functions and no growth over time.

    Raises:
        HarnessError: the matrix names variants or metrics that it does not have; the loader refuses
            that before anything is measured.
    """
    spec, plan = of_this_run(run.manifest), run.manifest.plan
    question, evidence = question_of(run), evidence or Evidence()
    if margin is not None:
        question = question._replace(margin=margin)
    if floor is not None:
        question = question._replace(floor=floor)
    found = tables(run)
    records = {record.name: record for record in run.manifest.toolchains}
    comparisons, left_out = compare_all(found, question, plan, spec.trials)
    explanations = [
        attribute_screened(run, found[c.workload], c, question, spec.trials)
        if plan.suspects
        else attribute(found[c.workload], c, question, plan, records, spec.trials)
        for c in comparisons
        if c.primary
    ]
    suspects = tuple(s for e in explanations for s in e.suspects)
    cures = tuple(c for e in explanations for c in e.cures)
    return Verdict(
        headlines=tuple(
            headline(
                workload,
                [c for c in comparisons if c.workload == workload],
                [s for s in suspects if s.workload == workload],
                [c for c in cures if c.workload == workload],
            )
            for workload, table in found.items()
            if table.trials or not run.trials  # of several, those that were selected
        ),
        comparisons=comparisons,
        suspects=suspects,
        diagnosis=tuple(d for table in found.values() for d in diagnose(table, question, evidence)),
        gates=judge_gates(spec.gates, found, question, plan, spec.trials),
        cells=_cell_statuses(run),
        attributions=tuple(e.attribution for e in explanations),
        cures=cures,
        screenings=tuple(e.screening for e in explanations if e.screening),
        warnings=(
            *(caution for table in found.values() for caution in idle_cautions(table)),
            *_mixed_conditions(question, plan),
            *_unseen_interactions(explanations),
            *_unreadable(evidence),
            *_left_out(len(comparisons), left_out),
            *_excluded(run),
            *cautions(run, found, question),
        ),
        accounts=_accounts(found, question, spec.trials),
        children=_accounts(found, question, spec.trials, children=True),
        hosts=host_results(run, found, question, spec.trials),
    )


def _accounts(
    tables: Mapping[str, Table], question: Question, trials: TrialsSpec, *, children: bool = False
) -> tuple[Account, ...]:
    found = (account_of(table, question, trials, children=children) for table in tables.values())
    return tuple(account for account in found if account is not None)


def primary_changes(run: Run) -> list[Comparison]:
    """The question's own comparisons whose change is shown.

    Raises:
        HarnessError: the matrix names variants or metrics that it does not have.
    """
    question, plan = question_of(run), run.manifest.plan
    trials = of_this_run(run.manifest).trials
    return [c for c in compare_primary(tables(run), question, plan, trials) if c.changed]


def _unreadable(evidence: Evidence) -> Iterator[Caution]:
    for workload, said in evidence.unreadable.items():
        yield Caution(
            workload=workload,
            kind="unreadable profiles",
            message=f"{len(said)} heap profile{'s' if len(said) > 1 else ''} cannot be read and "
            f"count as absent ({said[0]})",
            remedy="copy the run again from where it was measured",
        )


def _left_out(made: int, left_out: int) -> Iterator[Caution]:
    if left_out:
        yield Caution(
            kind="comparisons left out",
            message=f"this run is so large that only {made:,} of {made + left_out:,} comparisons "
            "are made: first of the question's variants and metrics, then of others",
            remedy="gomatrix compare tells about any two variants; measure less in one run",
        )


def _excluded(run: Run) -> Iterator[Caution]:
    if run.excluded:
        yield Caution(
            kind="hosts left out",
            message=f"the trials of {listed(run.excluded)} are left out, as --exclude asks",
            remedy="the run directory still has them, and its own verdict counts them",
        )


def compare(run: Run, candidate: str, baseline: str) -> tuple[Comparison, ...]:
    """Compare any two variants of a run on every metric, whatever its question is.

    Raises:
        HarnessError: the run has no variant of such a name.
    """
    names = [variant_of(run, name) for name in (candidate, baseline)]
    if names[0] == names[1]:
        raise HarnessError(f"{names[0]!r} cannot be compared with itself; name two variants")
    question = question_of(run)
    trials = of_this_run(run.manifest).trials
    return compare_pair(tables(run), question, trials, baseline=names[1], candidate=names[0])


def _mixed_conditions(question: Question, plan: Plan) -> Iterator[Caution]:
    """Warn if both differ: toolchain or experiments, and the conditions they were run in."""
    if question.candidate is None:
        return
    baseline, candidate = plan.variant(question.baseline), plan.variant(question.candidate)
    toggles = toggles_between(baseline, candidate)
    ran = [str(t) for t in sorted(toggles) if t.kind in ("build", "environment")]
    rest = [str(t) for t in sorted(toggles) if t.kind in ("toolchain", "experiment")]
    if not ran or not rest:
        return
    better = counterpart(plan.variants, baseline, candidate.conditions)
    name = better.name if better else f"one in {candidate.conditions.words() or 'no conditions'}"
    yield Caution(
        kind="conditions differ",
        message=f"{candidate.name} and {baseline.name} differ not only in {listed(rest)}, but also "
        f"in {listed(ran)}: one change holds the effects of all of these",
        remedy=f"choose a baseline with the candidate's conditions: {name}",
    )


def _unseen_interactions(explanations: list[Explanation]) -> Iterator[Caution]:
    unseen = [e.attribution.workload for e in explanations if e.interactions_unseen]
    for workload in dict.fromkeys(unseen):
        yield Caution(
            workload=workload,
            kind="interactions",
            message="the suspects were toggled one at a time: this cannot show two that only act "
            "together, or that replace each other",
            remedy="add every combination of the suspects to experiments: "
            "for a and b that is [], [noa], [nob], [noa, nob]",
        )


def _cell_statuses(run: Run) -> tuple[CellStatus, ...]:
    """Status of every cell of the plan, with the reason if a trial failed or none ran."""
    by_cell: dict[tuple[str, str], list[TrialRecord]] = defaultdict(list)
    for trial in run.trials:
        by_cell[trial.workload, trial.variant].append(trial)
    most: Counter[str] = Counter()
    for (workload, _), trials in by_cell.items():
        most[workload] = max(most[workload], len(trials))
    return tuple(
        CellStatus(variant=c.variant, workload=c.workload, status="not applicable", reason=c.reason)
        if c.reason is not None
        else _status(c.workload, c.variant, by_cell[c.workload, c.variant], most[c.workload])
        for c in run.manifest.plan.cells
    )


def _status(workload: str, variant: str, trials: list[TrialRecord], most: int) -> CellStatus:
    """``most`` is the largest number of trials of a cell of the workload."""
    if not trials:
        return CellStatus(variant=variant, workload=workload, status="not run")
    failed = Counter(trial.outcome for trial in trials if not trial.ok)
    outcomes = ", ".join(f"{outcome} ({count})" for outcome, count in sorted(failed.items()))
    status: Literal["measured", "partial", "failed"] = "measured"
    reason = None
    if failed:
        kept = any(trial.partial for trial in trials)
        status = "partial" if kept or failed.total() < len(trials) else "failed"
        some = f"{failed.total()} of" if failed.total() < len(trials) else "all"
        reason = f"{some} {len(trials)} trials failed: {outcomes}"
        if status == "failed" and len(failed) == 1 and 1 < len(trials) < most:
            reason += "; it was given up, as its first two failed in the same way"
        reason += "; the results of benchmarks that had ended count" if kept else ""
    return CellStatus(variant=variant, workload=workload, status=status, reason=reason)
