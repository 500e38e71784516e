"""One process at a time measures into a run."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.errors import HarnessError
from harness.run.lock import LOCK, measuring_into

_HOLDER = """
import sys, time
from pathlib import Path
from harness.run.lock import measuring_into
with measuring_into(Path(sys.argv[1])):
    print(flush=True)
    time.sleep(600)
"""


@contextmanager
def held(directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A run that another process measures."""
    words = [sys.executable, "-c", _HOLDER, str(directory)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def test_a_second_process_is_refused_until_the_first_is_killed(tmp_path: Path) -> None:
    with held(tmp_path) as process:
        told = rf"another gomatrix is measuring into {tmp_path} \(pid {process.pid}\): wait for it"
        with pytest.raises(HarnessError, match=told), measuring_into(tmp_path):
            pass
        process.kill()
        process.wait()
        with measuring_into(tmp_path):
            assert (tmp_path / LOCK).read_text() == str(os.getpid())
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_through_a_name_that_leads_elsewhere(tmp_path: Path) -> None:
    outside, run = tmp_path / "outside", tmp_path / "run"
    outside.write_text("as it was")
    run.mkdir()
    for link in (os.symlink, os.link):
        link(outside, run / LOCK)
        with pytest.raises(HarnessError), measuring_into(run):
            pass
        (run / LOCK).unlink()
    assert outside.read_text() == "as it was"


def test_a_search_is_not_resumed_while_it_runs(tmp_path: Path) -> None:
    with measuring_into(tmp_path):
        done = CliRunner().invoke(main, ["bisect", "--resume", str(tmp_path)])
    assert done.exit_code == 2
    assert f"another gomatrix is measuring into {tmp_path} (pid {os.getpid()})" in done.output
