"""Connect to a cluster."""

import asyncio
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from distributed import Client, Security
from distributed.comm import connect
from distributed.core import send_recv

from harness.cluster.address import Place, check, local_workers
from harness.cluster.deal import Cluster
from harness.cluster.local import started
from harness.cluster.serve import configure, no_scheduler, quieten, reason
from harness.errors import HarnessError
from harness.golang.toolchains.resolve import Say

_CONNECT = 30
"""Seconds in which a scheduler answers."""
_REACH = 10
"""Seconds of these in which it can be reached: it may be starting just now."""
_TRY = 2
"""Seconds in which a port accepts a connection, to say why nothing answers."""
_END = 10
"""Seconds in which a client closes."""


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
        address, local = place.address, None
        if count is not None:
            local = stack.enter_context(started(count, security, directory, say))
            address = local.address
        client = stack.enter_context(_client(address, security))
        cluster = Cluster(client, directory, place.exclude, say, local=local)
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
