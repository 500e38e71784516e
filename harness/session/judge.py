"""Judge a run directory: write its verdict and reports. Any machine can do it.

``python -m harness.session.judge`` does it for ``harness.session.judge_apart``: it prints a line
when it is ready, reads the directory from its standard input up to the end, and prints another line
once the verdict is written, before it draws.
"""

import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":
    gc.disable()  # while modules are loaded, which make no garbage

from harness.analysis.conclusion import conclude
from harness.analysis.evidence import read_evidence
from harness.analysis.models import Verdict
from harness.errors import HarnessError, writing
from harness.files.whole import OTHERWISE, whole_directory
from harness.report.formats import write_reports
from harness.report.page import warm_up
from harness.run.merge import join_into
from harness.run.question import question_of
from harness.run.store import VERDICT, Run, write_json
from harness.text.visible import visible


def write_verdict(directory: Path) -> tuple[Run, Verdict]:
    """Write the verdict of a run.

    Raises:
        HarnessError: the directory holds no run.
    """
    run = Run.load(directory)
    verdict = conclude(run, evidence=read_evidence(run))
    write_json(directory / VERDICT, verdict)
    return run, verdict


def merge_and_judge(paths: Sequence[Path], destination: Path) -> Verdict:
    """Merge stored runs into a new directory, complete with verdict and reports.

    Raises:
        HarnessError: as of ``merge``; or one of the runs cannot be read.
    """
    with whole_directory(destination) as directory:
        runs = [Run.load(path) for path in paths]
        question_of(runs[0])  # its errors name the stored run, not the directory to be written
        join_into(runs, directory, destination.name)
        with writing(destination, OTHERWISE):
            run, verdict = write_verdict(directory)
            write_reports(run, verdict)
            return verdict


def _judge_what_is_asked() -> None:
    warm_up()
    gc.freeze()  # what is loaded is there to the end, also of the process
    gc.enable()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    asked = os.fsdecode(sys.stdin.buffer.read())
    if not asked:  # whoever started this has ended
        return
    step_summary = os.environ.get("GITHUB_STEP_SUMMARY")
    with writing(Path(asked), "copy it to a place with room"):
        judged = write_verdict(Path(asked))
        sys.stdout.write("judged\n")
        sys.stdout.flush()
        write_reports(*judged, summary=Path(step_summary) if step_summary else None)


if __name__ == "__main__":
    try:
        _judge_what_is_asked()
    except HarnessError as failure:
        sys.exit(visible(str(failure)))
