"""Connect to a cluster, or start one on this machine."""

import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

import yaml
from distributed import Client, LocalCluster, Security

from harness.cluster.address import Place, check, local_workers
from harness.cluster.deal import Cluster
from harness.cluster.serve import configure, no_scheduler, quieten
from harness.golang.toolchains.resolve import Say

_CONNECT = 30
"""Seconds in which a scheduler answers."""
_END = 10
"""Seconds in which a local worker ends."""


@contextmanager
def connected(place: Place, say: Say) -> Iterator[Cluster]:
    """Connect to a cluster for the time of a run.

    Raises:
        HarnessError: there is none, or it cannot be spoken to in safety.
    """
    check(place)
    count = local_workers(place.address)
    quieten()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gomatrix-")))
        security = configure(place) if count is None else Security.temporary()
        address = place.address
        if count is not None:
            address = stack.enter_context(_local(count, security, directory, say))
        client = stack.enter_context(_client(address, security))
        cluster = Cluster(client, directory, place.exclude, say)
        stack.callback(cluster.close)
        # what a scheduler elsewhere serves over HTTP it tells also where that is no dashboard
        seen = count is not None and find_spec("bokeh") is not None
        where = f"; Dask's dashboard: {client.dashboard_link}" if seen else ""
        say(f"cluster {address}{where}")
        yield cluster


@contextmanager
def _client(address: str, security: Security) -> Iterator[Client]:
    try:
        client = Client(address, security=security, timeout=_CONNECT, set_as_default=False)
    except (OSError, TimeoutError, ValueError, TypeError) as error:
        raise no_scheduler(address, error) from None
    try:
        yield client
    finally:
        client.close(timeout=_END)


@contextmanager
def _local(count: int, security: Security, directory: Path, say: Say) -> Iterator[str]:
    """A scheduler in this process and workers beside it, which share the CPUs of this machine.

    Connections are encrypted with certificates made for this run, as others who work on this
    machine can reach the scheduler too.
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
        ) as scheduler,
        ExitStack() as stack,
    ):  # fmt: skip
        address: str = scheduler.scheduler_address
        for number, own in enumerate(parts, 1):
            words = [sys.executable, "-P", "-m", "harness", "worker", address,
                     "--name", f"local-{number}", "--directory", str(directory / f"{number}"),
                     "--cluster-config", str(config)]  # fmt: skip
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, process_group=0,
            )  # fmt: skip
            os.sched_setaffinity(process.pid, own)
            stack.callback(_end, process)
        yield address


def _tls(security: Security) -> dict[str, object]:
    """Dask configuration with the certificates of a run."""
    own = {"cert": security.tls_worker_cert, "key": security.tls_worker_key}
    tls = {"ca-file": security.tls_ca_file, "worker": own}
    return {"distributed": {"comm": {"require-encryption": True, "tls": tls}}}


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
