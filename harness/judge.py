"""From a run directory to its verdict and reports; measures nothing, so any machine can do it."""

from pathlib import Path

from harness.analysis import conclude
from harness.analysis.models import Verdict
from harness.evidence import read_evidence
from harness.report import write_reports
from harness.run import Run, write_json


def judge(directory: Path, *, summary: Path | None = None) -> Verdict:
    """Conclude from what a run directory holds, and write its verdict and reports.

    Args:
        directory: of the run.
        summary: a file to append the Markdown report to.

    Raises:
        HarnessError: the directory holds no run.
    """
    run = Run.load(directory)
    verdict = conclude(run, evidence=read_evidence(run))
    write_json(directory / "verdict.json", verdict)
    write_reports(run, verdict, summary=summary)
    return verdict
