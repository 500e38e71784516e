"""Judge a run in a process of its own.

Analysis and drawing load and keep hundreds of megabytes, which the process that controls a run
should not, and take a second to import, which it need not.
"""

import subprocess
import sys
from pathlib import Path

from harness.analysis.models import Verdict
from harness.errors import HarnessError
from harness.files.document import parse_model
from harness.files.inside import read_inside
from harness.run.store import VERDICT

_VERDICT_BYTES, _VERDICT_VALUES = 256 << 20, 20_000_000
"""What is read of a verdict at most; it was written by this very process's child."""


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
