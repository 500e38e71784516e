"""A cluster on this machine: a scheduler in this process, and workers beside it."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml
from distributed import LocalCluster, Security

from harness.cluster.hosts import one_line
from harness.errors import HarnessError
from harness.golang.toolchains.resolve import Say
from harness.trial.trial import signal_name

_START = 60
"""Seconds in which a worker begins to serve."""
_LOOK = 0.1
"""Seconds between two looks whether it does."""
_END = 10
"""Seconds in which a worker ends."""
_READ = 64 << 10
"""Bytes of what a worker has said in which that line is looked for."""


class LocalWorkers:
    """Workers that this process has started, as processes of their own."""

    def __init__(self, address: str) -> None:
        """Know none yet.

        Args:
            address: of the scheduler.
        """
        self.address = address
        self._running: dict[Path, subprocess.Popen[bytes]] = {}

    def start(self, number: int, directory: Path, config: Path, cpus: list[int]) -> None:
        """Start one, on its own CPUs."""
        words = [sys.executable, "-P", "-m", "harness", "worker", self.address,
                 "--name", f"local-{number}", "--directory", str(directory / f"{number}"),
                 "--cluster-config", str(config)]  # fmt: skip
        said = directory / f"local-{number}"
        with said.open("wb") as errors:
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
                process_group=0,
            )  # fmt: skip
        os.sched_setaffinity(process.pid, cpus)
        self._running[said] = process

    def __len__(self) -> int:
        """How many run, or were not asked for since they ended."""
        return len(self._running)

    def ended(self) -> list[str]:
        """Of each that has ended since this was last asked, how and with which last words."""
        over = {said: p.returncode for said, p in self._running.items() if p.poll() is not None}
        for said in over:
            del self._running[said]
        return [
            f"the worker {said.name} ended{_how(said, status)}" for said, status in over.items()
        ]

    def close(self) -> None:
        """End all."""
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            try:
                process.wait(_END)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def started(count: int, security: Security, directory: Path, say: Say) -> Iterator[LocalWorkers]:
    """Start a scheduler and workers, which share the CPUs of this machine.

    Connections are encrypted with certificates made for this run, as others who work on this
    machine can reach the scheduler too.

    Raises:
        HarnessError: a worker has ended at once.
    """
    cpus = sorted(os.sched_getaffinity(0))
    parts = [cpus[number::count] or [cpus[number % len(cpus)]] for number in range(count)]
    if count > len(cpus):
        say(f"{count} workers share {len(cpus)} CPUs: times will be noisy")
    config = directory / "dask.yaml"
    config.touch(0o600)
    config.write_text(yaml.safe_dump(_tls(security)), encoding="utf-8")
    with (
        LocalCluster(
            n_workers=0, host="127.0.0.1", protocol="tls", security=security,
            dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL,
        ) as cluster,
        ExitStack() as stack,
    ):  # fmt: skip
        workers = LocalWorkers(cluster.scheduler_address)
        stack.callback(workers.close)
        for number, own in enumerate(parts, 1):
            workers.start(number, directory, config, own)
        _require(workers, cluster.scheduler)
        yield workers


def _require(workers: LocalWorkers, scheduler: Any) -> None:
    """Wait until all workers serve."""
    end = time.monotonic() + _START
    while len(scheduler.workers) < len(workers) and time.monotonic() < end:
        if over := workers.ended():
            raise HarnessError("; ".join(over))
        time.sleep(_LOOK)


def _tls(security: Security) -> dict[str, object]:
    """Dask configuration with the certificates of a run."""
    own = {"cert": security.tls_worker_cert, "key": security.tls_worker_key}
    tls = {"ca-file": security.tls_ca_file, "worker": own}
    return {"distributed": {"comm": {"require-encryption": True, "tls": tls}}}


def _how(said: Path, status: int) -> str:
    if status == -signal.SIGKILL:  # it had no time for last words; its helpers may have
        return " (SIGKILL, as when memory runs out)"
    how = f"exit status {status}" if status >= 0 else signal_name(-status)
    return f" ({how}): {_last_words(said)}"


def _last_words(said: Path) -> str:
    with said.open("rb") as file:
        file.seek(max(0, said.stat().st_size - _READ))
        lines = file.read(_READ).decode(errors="replace").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "without a word")
    return one_line(last)
