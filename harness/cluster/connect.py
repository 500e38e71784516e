"""Connect to a cluster, or start one on this machine."""

import asyncio
import logging
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from distributed import Client, LocalCluster, Security
from distributed.comm import connect
from distributed.core import send_recv

from harness.cluster.address import Place, check, local_workers
from harness.cluster.deal import Cluster
from harness.cluster.serve import configure, no_scheduler, quieten, reason
from harness.errors import HarnessError
from harness.golang.toolchains.resolve import Say

_CONNECT = 30
"""Seconds in which a scheduler answers."""
_REACH = 10
"""Seconds of these in which it can be reached: it may be starting just now."""
_TRY = 2
"""Seconds in which a port accepts a connection, to say why nothing answers."""
_START = 60
"""Seconds in which a local worker begins to serve."""
_LOOK = 0.1
"""Seconds between two looks whether it does."""
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
        security = configure(place, "client") if count is None else Security.temporary()
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
        asyncio.run(_require_scheduler(address, security))
        client = Client(address, security=security, timeout=_CONNECT, set_as_default=False)
    except Exception as error:  # noqa: BLE001 - whatever Dask makes of what a stranger sends
        raise _no_answer(address, error) from None
    try:
        yield client
    finally:
        client.close(timeout=_END)


async def _require_scheduler(address: str, security: Security) -> None:
    """Ask who is there, within a time.

    Dask's own client waits for ever for some answers, and is not closed where it fails half made.
    """
    secured = security.get_connection_args("client")
    async with asyncio.timeout(_CONNECT):
        comm = await connect(address, timeout=_REACH, **secured)
        try:
            found = await send_recv(comm, op="identity")
        finally:
            comm.abort()
    if "workers" not in found:
        raise ValueError(f"it is a {found.get('type')} of Dask")


def _no_answer(address: str, error: Exception) -> HarnessError:
    """Say why there is no scheduler: nothing is there, or something else."""
    place = urlsplit(address)
    try:
        socket.create_connection((place.hostname or "", place.port or 0), _TRY).close()
    except OSError as why:
        return no_scheduler(address, why)
    return HarnessError(
        f"{address} accepts connections but does not answer as a Dask scheduler: {reason(error)}; "
        "see whether it is a scheduler's port, and whether both sides use TLS, with certificates "
        "by one authority (docs/cluster.md)"
    )


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
        started = {}
        for number, own in enumerate(parts, 1):
            words = [sys.executable, "-P", "-m", "harness", "worker", address,
                     "--name", f"local-{number}", "--directory", str(directory / f"{number}"),
                     "--cluster-config", str(config)]  # fmt: skip
            said = directory / f"local-{number}"
            with said.open("wb") as errors:
                process = subprocess.Popen(
                    words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
                    process_group=0,
                )  # fmt: skip
            os.sched_setaffinity(process.pid, own)
            stack.callback(_end, process)
            started[said] = process
        _require_workers(scheduler.scheduler, started)
        yield address


def _require_workers(scheduler: Any, started: Mapping[Path, subprocess.Popen[bytes]]) -> None:
    """Wait until local workers serve, each given with the file that has what it says.

    Raises:
        HarnessError: one has ended instead.
    """
    end = time.monotonic() + _START
    while len(scheduler.workers) < len(started) and time.monotonic() < end:
        for said, process in started.items():
            if process.poll() is not None:
                lines = said.read_text(encoding="utf-8", errors="replace").split("\n")
                last = next((line for line in reversed(lines) if line.strip()), "without a word")
                raise HarnessError(f"the worker {said.name} ended as it began: {last.strip()}")
        time.sleep(_LOOK)


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
