import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.golang.cache import default_cache, in_use, list_entries, obtain, prune

SLOW = """
import sys, time
from pathlib import Path
from harness.golang.cache import obtain
def fill(directory):
    (directory / "half").write_text("x")
    print("filling", flush=True)
    time.sleep(60)
obtain(Path(sys.argv[1]), "things", "key", fill)
"""


def write(directory: Path) -> None:
    (directory / "content").write_text("whole")


def write_much(directory: Path) -> None:
    (directory / "content").write_bytes(b"x" * 100_000)


def unwanted(directory: Path) -> None:
    pytest.fail(f"{directory} is made a second time")


def names(path: Path) -> list[str]:
    return sorted(p.name for p in path.iterdir() if p.is_dir())


def test_an_entry_is_made_once(tmp_path: Path) -> None:
    entry, cached = obtain(tmp_path, "things", "key", write)
    assert not cached
    assert obtain(tmp_path, "things", "key", unwanted) == (entry, True)
    assert (entry / "content").read_text() == "whole"


def test_threads_that_ask_at_once_share_one(tmp_path: Path) -> None:
    made = []

    def fill(directory: Path) -> None:
        made.append(directory)
        time.sleep(0.1)

    threads = [
        threading.Thread(target=obtain, args=(tmp_path, "things", "k", fill)) for _ in "1234"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_a_failed_attempt_leaves_nothing(tmp_path: Path) -> None:
    def fail(directory: Path) -> None:
        (directory / "half").write_text("x")
        raise HarnessError("no")

    with pytest.raises(HarnessError):
        obtain(tmp_path, "things", "key", fail)
    assert names(tmp_path / "things") == []
    assert obtain(tmp_path, "things", "key", write)[1] is False


def test_a_full_disk_is_the_users_to_mend(tmp_path: Path) -> None:
    def fill(directory: Path) -> None:
        (directory / "half").write_text("x")
        Path("/dev/full").write_text("x")

    with pytest.raises(HarnessError, match=r"No space left on device.*make room"):
        obtain(tmp_path, "things", "key", fill)
    assert names(tmp_path / "things") == []


def test_a_killed_attempt_leaves_no_entry_and_is_cleared_away(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SLOW, str(tmp_path)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    (leftover,) = names(tmp_path / "things")
    assert leftover.startswith(".key~")
    entry, cached = obtain(tmp_path, "things", "key", write)
    assert not cached
    assert names(tmp_path / "things") == ["key"]
    assert [p.name for p in entry.iterdir()] == ["content"]


def test_keys_that_begin_alike_do_not_clear_each_other_away(tmp_path: Path) -> None:
    def inner(_: Path) -> None:
        obtain(tmp_path, "things", "go1.2", write)

    def outer(directory: Path) -> None:
        inner(directory)
        write(directory)

    obtain(tmp_path, "things", "go1.2.3", outer)
    assert names(tmp_path / "things") == ["go1.2", "go1.2.3"]


def test_a_cache_that_cannot_be_written_is_the_users_to_mend(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HarnessError, match="GOMATRIX_CACHE"):
        obtain(tmp_path / "file", "things", "key", write)


def test_prune_by_age_size_and_all(tmp_path: Path) -> None:
    for number in range(4):
        entry, _ = obtain(tmp_path, "things", f"k{number}", write_much)
        os.utime(entry, (time.time() - 1000 * (4 - number),) * 2)
    assert [e.key for e in list_entries(tmp_path)] == ["k0", "k1", "k2", "k3"]
    assert [e.key for e in prune(tmp_path, older_than=timedelta(seconds=3500))] == ["k0"]
    assert [e.key for e in prune(tmp_path, max_size=250_000)] == ["k1"]
    assert [e.key for e in prune(tmp_path)] == ["k2", "k3"]
    assert names(tmp_path / "things") == []
    assert prune(tmp_path / "absent") == []


def test_asking_for_an_entry_counts_as_use(tmp_path: Path) -> None:
    for key in "ab":
        entry, _ = obtain(tmp_path, "things", key, write)
        os.utime(entry, (1e9, 1e9))
    obtain(tmp_path, "things", "a", unwanted)
    assert [e.key for e in list_entries(tmp_path)] == ["b", "a"]


def test_prune_spares_a_cache_in_use_and_an_entry_in_the_making(tmp_path: Path) -> None:
    obtain(tmp_path, "things", "other", write)
    with in_use(tmp_path), pytest.raises(HarnessError, match="a run is using the cache"):
        prune(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", SLOW, str(tmp_path)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(HarnessError, match="is using the cache"):
            prune(tmp_path)
        making, _ = names(tmp_path / "things")
        assert making.startswith(".key~")
        process.kill()
    assert [e.key for e in prune(tmp_path)] == ["other"]
    assert names(tmp_path / "things") == []


def test_the_cache_can_be_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOMATRIX_CACHE", str(tmp_path))
    assert default_cache() == tmp_path


def test_a_cache_that_is_not_there_yet_has_no_entries(tmp_path: Path) -> None:
    assert list_entries(tmp_path / "cache") == []
