import threading
import time
from pathlib import Path

import pytest

from harness.admission import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path, budget=1000)


def waits(ledger: Ledger, workload: str, declared: int | None) -> bool:
    """Whether a claim of lane 1 has to wait for what lane 0 holds."""
    admitted = threading.Event()

    def claim() -> None:
        with ledger.claim(workload, 1, declared):
            admitted.set()

    thread = threading.Thread(target=claim, daemon=True)
    thread.start()
    return not admitted.wait(0.3)


def test_trials_that_fit_together_run_together(ledger: Ledger) -> None:
    with ledger.claim("a", 0, 600):
        assert not waits(ledger, "b", 400)


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
    thread.join(5)
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
    assert not waits(ledger, "b", 400)


def test_a_ledger_cut_short_is_begun_anew(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "memory.json").write_text('{"claims": {')
    assert not waits(ledger, "b", 400)
