"""The verdict as plain lines, for the end of a run in a terminal or a log."""

from harness.analysis.models import Verdict
from harness.report.wording import visible


def terminal_summary(verdict: Verdict) -> list[str]:
    """The headline of each workload, the gates, and the cells that failed; one line each."""
    lines = [f"{h.workload}: {h.sentence}" for h in verdict.headlines]
    lines += [f"gate {'passed' if g.passed else 'FAILED'}: {g.message}" for g in verdict.gates]
    for cell in verdict.cells:
        if cell.status in {"failed", "partial"}:
            reason = f": {cell.reason}" if cell.reason else ""
            lines.append(f"{cell.status}: {cell.workload}[{cell.variant}]{reason}")
    skipped = sum(cell.status == "not applicable" for cell in verdict.cells)
    if skipped:
        noun = "cell does" if skipped == 1 else "cells do"
        lines.append(f"{skipped} {noun} not apply; the report says why")
    return [" ".join(visible(line).split()) for line in lines]
