import subprocess
import sys
from pathlib import Path

import pytest

from harness.files.locks import hold_lock, try_lock

_HOLD = """
import sys, time
from pathlib import Path
from harness.files.locks import hold_lock
with hold_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("shared", [False, True])
def test_a_lock_that_is_held_is_not_free(tmp_path: Path, *, shared: bool) -> None:
    path = tmp_path / "lock"
    with hold_lock(path, shared=shared), try_lock(path) as held:
        assert not held
    with try_lock(path) as held:
        assert held


def test_a_shared_lock_is_shared(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with hold_lock(path, shared=True), hold_lock(path, shared=True):
        pass


def test_the_lock_of_a_process_that_dies_is_free(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    holder = subprocess.Popen([sys.executable, "-c", _HOLD, path], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with try_lock(path) as held:
        assert not held
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with hold_lock(path), try_lock(path) as held:
        assert not held
