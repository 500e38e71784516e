"""Whether a plan can be carried out, and would answer anything. Pure functions."""

from harness.matrix.load import Matrix
from harness.plan.plan import Plan
from harness.plan.question import Question

TRIALS = 50_000
"""Most trials of one run."""


def require_sides(matrix: Matrix, plan: Plan, question: Question) -> None:
    """Refuse a question with a side that runs nowhere: it would cost all trials and stay open.

    Raises:
        SpecError: baseline or candidate runs on no workload.
    """
    running = {(cell.workload, cell.variant) for cell in plan.cells if cell.reason is None}
    sides = {"baseline": question.baseline, "candidate": question.candidate or question.baseline}
    workloads = {workload for workload, _ in running}
    if not running or any({(w, side) for side in sides.values()} <= running for w in workloads):
        return
    for field, name in sides.items():
        if not any((workload, name) in running for workload in workloads):
            said = dict.fromkeys(c.reason for c in plan.cells if c.variant == name and c.reason)
            raise matrix.error(
                ("question", field),
                f"the {field} {name} does not apply: {'; '.join(said) or 'exclude: leaves it out'};"
                " name another one under question:, or change the matrix so that it runs",
            )
    raise matrix.error(
        ("question",), "no workload runs with both baseline and candidate; change exclude:"
    )


def check_trials(matrix: Matrix, plan: Plan) -> None:
    """Refuse too many trials: pytest lists each as a test before the first one runs.

    Raises:
        SpecError: there are too many.
    """
    cells = sum(cell.reason is None for cell in plan.cells)
    rounds = plan.count
    if cells * rounds > TRIALS:
        raise matrix.error(
            ("trials", "max"),
            f"{rounds:,} rounds of {cells} cells are {cells * rounds:,} trials; at most {TRIALS:,} "
            f"can be planned. Write max: {max(1, TRIALS // cells)}, or exclude: cells; a run ends "
            "before that where its question is decided",
        )
