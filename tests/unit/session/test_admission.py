import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.session.controlgroups import control_groups
from harness.session.memory import Ledger, memory_room


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path, budget=1000)


def claimed(ledger: Ledger, workload: str, declared: int | None) -> threading.Event:
    """A claim of lane 1 beside what lane 0 holds: set once it is admitted."""
    admitted = threading.Event()

    def claim() -> None:
        with ledger.claim(workload, 1, declared):
            admitted.set()

    thread = threading.Thread(target=claim, daemon=True)
    thread.start()
    return admitted


def waits(ledger: Ledger, workload: str, declared: int | None) -> bool:
    return not claimed(ledger, workload, declared).wait(0.3)


def goes_on(ledger: Ledger, workload: str, declared: int | None) -> bool:
    """At once on an idle machine; on a busy one a thread may have to wait for its turn."""
    return claimed(ledger, workload, declared).wait(60)


def test_trials_that_fit_together_run_together(ledger: Ledger) -> None:
    with ledger.claim("a", 0, 600):
        assert goes_on(ledger, "b", 400)


def test_a_trial_that_would_not_fit_waits_for_room(ledger: Ledger, tmp_path: Path) -> None:
    order = []

    def later() -> None:
        with Ledger(tmp_path, budget=1000).claim("b", 1, 600):
            order.append("second")

    with ledger.claim("a", 0, 600):
        thread = threading.Thread(target=later)
        thread.start()
        time.sleep(0.1)
        order.append("first")
    thread.join(60)
    assert order == ["first", "second"]


def test_an_observed_peak_counts_more_than_a_declared_limit(ledger: Ledger) -> None:
    ledger.observe("a", 700)
    ledger.observe("a", 300)
    with ledger.claim("a", 0, 10):
        assert waits(ledger, "b", 400)


def test_one_that_fits_nowhere_runs_alone(ledger: Ledger) -> None:
    with ledger.claim("huge", 0, 5000):
        assert waits(ledger, "small", 1)


def test_what_a_dead_process_claimed_is_free(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "memory.json").write_text(
        '{"claims": {"0": {"pid": 4194305, "bytes": 900}}, "peaks": {}}'  # above any pid
    )
    assert goes_on(ledger, "b", 400)


def test_a_ledger_cut_short_is_begun_anew(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "memory.json").write_text('{"claims": {')
    assert goes_on(ledger, "b", 400)


GIB = 1 << 30
UNLIMITED = 0x7FFF_FFFF_FFFF_F000
"""What version 1 says where there is no limit."""


def group(directory: Path, **files: object) -> Path:
    """A control group of a tree that a test makes up; ``__`` in a name stands for its dot."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (directory / name.replace("__", ".")).write_text(f"{content}\n")
    return directory


def test_memory_admission_looks_at_the_control_groups_limit(tmp_path: Path) -> None:
    proc = tmp_path / "cgroup"
    proc.write_text("0::/outer/inner\n")
    root = tmp_path / "fs"
    inner = group(root / "outer" / "inner", memory__max="max", memory__current=GIB)
    assert memory_room(proc, root) == math.inf
    group(
        inner.parent, memory__max=4 * GIB, memory__current=3 * GIB,
        memory__stat=f"anon {GIB}\ninactive_file {GIB // 2}\nactive_file {GIB // 4}",
    )  # fmt: skip
    assert memory_room(proc, root) == 1.75 * GIB, "the limit of a group above, less its page cache"
    group(inner, memory__high=GIB + 5)
    assert memory_room(proc, root) == 5, "memory.high is a limit too"
    group(inner, memory__high=GIB // 2)
    assert memory_room(proc, root) == 0, "more is used than is allowed"


def test_memory_limits_of_the_first_version_are_read(tmp_path: Path) -> None:
    proc = tmp_path / "cgroup"
    proc.write_text("4:memory:/job/step\n3:cpu:/other\n0::/\n")
    root = tmp_path / "fs"
    group(
        root / "memory" / "job" / "step",
        memory__limit_in_bytes=UNLIMITED, memory__usage_in_bytes=100,
    )  # fmt: skip
    group(
        root / "memory" / "job", memory__limit_in_bytes=2 * GIB, memory__usage_in_bytes=2 * GIB,
        memory__stat=f"inactive_file 1\ntotal_inactive_file {GIB}\ntotal_active_file 0",
    )  # fmt: skip
    assert memory_room(proc, root) == GIB


def test_a_container_that_sees_its_own_group_as_the_topmost(tmp_path: Path) -> None:
    proc = tmp_path / "cgroup"
    proc.write_text("0::/system.slice/docker-0123.scope\n")
    root = group(tmp_path / "fs", memory__max=GIB, memory__current=0)
    assert memory_room(proc, root) == GIB


def test_strange_files_of_control_groups_limit_nothing(tmp_path: Path) -> None:
    proc = tmp_path / "cgroup"
    proc.write_text("nonsense\n0::/\n")
    root = group(tmp_path / "fs", memory__max="?", memory__current="", memory__stat="a b c")
    assert memory_room(proc, root) == math.inf
    assert memory_room(tmp_path / "none", root) == math.inf


@pytest.fixture
def limited_group() -> Iterator[Path]:
    """A real control group with a limit of half a gibibyte, where one can be made here."""
    for above in control_groups("memory"):
        if not os.access(above, os.W_OK):
            continue
        made = above / f"gomatrix-test-{os.getpid()}"
        made.mkdir()
        for name in ("memory.limit_in_bytes", "memory.max"):
            if (made / name).exists():
                (made / name).write_text(str(GIB // 2))
                yield made
                made.rmdir()
                return
        made.rmdir()
    pytest.skip("no control group with a memory limit can be made here")


def test_a_real_control_group_bounds_the_budget(limited_group: Path) -> None:
    program = (
        "import os, sys; open(sys.argv[1], 'w').write(str(os.getpid()));"
        "from harness.session.memory import memory_budget; print(memory_budget())"
    )
    command = [sys.executable, "-c", program, str(limited_group / "cgroup.procs")]
    budget = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert 0 < budget < GIB // 2
