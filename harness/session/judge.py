"""From a run directory to its verdict and reports; measures nothing, so any machine can do it.

``python -m harness.session.judge DIRECTORY`` does it in a process of its own: drawing takes
hundreds of megabytes, which the process that controls a run should not keep.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.analysis import conclude
from harness.analysis.evidence import read_evidence
from harness.analysis.models import Verdict
from harness.errors import HarnessError, writing
from harness.files.document import parse_model
from harness.files.inside import read_inside
from harness.files.whole import OTHERWISE, whole_directory
from harness.report import write_reports
from harness.run.merge import join_into
from harness.run.question import question_of
from harness.run.store import VERDICT, Run, write_json
from harness.text.visible import visible

_VERDICT_BYTES, _VERDICT_VALUES = 256 << 20, 20_000_000
"""What is read of a verdict at most; it was written by this very process's child."""


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
    write_json(directory / VERDICT, verdict)
    write_reports(run, verdict, summary=summary)
    return verdict


def judge_apart(directory: Path) -> Verdict:
    """Like ``judge``, in another process.

    Raises:
        HarnessError: it failed there; the message ends with what it said.
    """
    command = [sys.executable, "-P", "-m", "harness.session.judge", str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise HarnessError(
            f"{directory} was measured but could not be judged; gomatrix report {directory} tries "
            f"again: {done.stderr.strip()}"
        )
    data = read_inside(directory, VERDICT, _VERDICT_BYTES)
    return parse_model(Verdict, data, str(directory / VERDICT), values=_VERDICT_VALUES)


def merge_and_judge(paths: Sequence[Path], destination: Path) -> Verdict:
    """Join stored runs, and write the verdict and reports of all before anything is there.

    Args:
        paths: the runs' directories.
        destination: as for ``merge``.

    Raises:
        HarnessError: as of ``merge``; or one of the runs cannot be read.
    """
    with whole_directory(destination) as directory:
        runs = [Run.load(path) for path in paths]
        question_of(runs[0])  # an error of it names the run, and not what is not there yet
        join_into(runs, directory, destination.name)
        with writing(destination, OTHERWISE):
            return judge(directory)


if __name__ == "__main__":
    step_summary = os.environ.get("GITHUB_STEP_SUMMARY")
    try:
        with writing(Path(sys.argv[1]), "copy it to a place with room"):
            judge(Path(sys.argv[1]), summary=Path(step_summary) if step_summary else None)
    except HarnessError as failure:
        sys.exit(visible(str(failure)))
