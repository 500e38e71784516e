"""Status of each cell of the matrix."""

from collections import Counter, defaultdict

from harness.analysis.models import CellStatus
from harness.run.records import TrialRecord
from harness.run.store import Run


def cell_statuses(run: Run) -> tuple[CellStatus, ...]:
    """Status of every cell of the plan, with the reason if a trial failed or none ran."""
    by_cell: dict[tuple[str, str], list[TrialRecord]] = defaultdict(list)
    for trial in run.trials:
        by_cell[trial.workload, trial.variant].append(trial)
    return tuple(
        CellStatus(variant=c.variant, workload=c.workload, status="not applicable", reason=c.reason)
        if c.reason is not None
        else _status(c.workload, c.variant, by_cell[c.workload, c.variant])
        for c in run.manifest.plan.cells
    )


def _status(workload: str, variant: str, trials: list[TrialRecord]) -> CellStatus:
    failed = Counter(trial.outcome for trial in trials if not trial.ok)
    good = len(trials) - failed.total()
    outcomes = ", ".join(f"{outcome} ({count})" for outcome, count in sorted(failed.items()))
    if good and not failed:
        return CellStatus(variant=variant, workload=workload, status="measured")
    if good:
        reason = f"{failed.total()} of {len(trials)} trials failed: {outcomes}"
        return CellStatus(variant=variant, workload=workload, status="partial", reason=reason)
    reason = f"all {len(trials)} trials failed: {outcomes}" if trials else "no trial was run"
    return CellStatus(variant=variant, workload=workload, status="failed", reason=reason)
