"""``gomatrix worker``: a Dask worker that measures on this machine's lanes."""

import asyncio
import logging
import shutil
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import dask
from distributed import Nanny, Security

from harness.cluster.address import Place, check, local_workers, read_config
from harness.cluster.worker import DIRECTORY, LONGEST_NAME, NAME, is_name
from harness.doctor import gather_worker, judge_machine
from harness.errors import HarnessError, reading, writing
from harness.files.inside import directory_inside
from harness.files.locks import try_lock
from harness.golang.cache import default_cache
from harness.session.dispositions import see_children_end
from harness.session.lanes import available_lanes

LANE = "lane"
"""The resource of a worker: one for each CPU that trials may use."""
_SPARE = 2
"""Threads that take files and answer questions while all lanes measure."""
_OWN = "gomatrix-worker"
"""The subdirectory with all that a worker makes: whatever else is there is its user's."""
_LOCK = "worker.lock"
_PATIENCE = 60
"""Seconds that a worker waits for its scheduler to answer."""


@dataclass(frozen=True)
class Post:
    """Where a worker serves, and as what."""

    place: Place
    name: str
    directory: Path
    """Where trials run."""


def serve(post: Post) -> None:
    """Serve until the scheduler ends, or this process is told to.

    Raises:
        HarnessError: nothing can be measured here, another worker serves in that directory, or
            there is no such scheduler.
    """
    check(post.place)
    quieten()
    if not is_name(post.name):
        raise HarnessError(
            f"{post.name!a} cannot be the name of a host; write up to {LONGEST_NAME} "
            "characters that can be seen"
        )
    if local_workers(post.place.address) is not None:
        raise HarnessError(f"{post.place.address} starts its own workers; name a scheduler")
    see_children_end()
    _require_fitness(post.directory)
    with writing(post.directory, "name another with --directory"):
        post.directory.mkdir(parents=True, exist_ok=True)
        own = directory_inside(post.directory, _OWN)
        with try_lock(own / _LOCK) as held:
            if not held:
                raise HarnessError(
                    f"another worker serves in {post.directory}; its trials and those of this one "
                    "would share lanes"
                )
            _clear(own)
            asyncio.run(_serve(replace(post, directory=own)))


def configure(place: Place, role: str = "worker") -> Security:
    """Apply a file of Dask configuration; how a ``worker``'s or ``client``'s are secured.

    Raises:
        HarnessError: it cannot be read, or lacks the certificates that the address needs.
    """
    if place.config is not None:
        dask.config.update(dask.config.config, read_config(place.config))
    encrypted = not place.address.startswith("tcp://")
    try:
        security = Security(require_encryption=encrypted)
        own = getattr(security, f"tls_{role}_cert"), getattr(security, f"tls_{role}_key")
        for file in (security.tls_ca_file, *own):
            if encrypted and file and "\n" not in file:  # it may be the certificate itself
                with reading(Path(file)), Path(file).open("rb"):
                    pass
        if encrypted:
            security.get_connection_args(role)
    except (ValueError, TypeError, OSError) as error:
        raise HarnessError(
            f"{place.config or place.address}: these certificates cannot be used: {error}; "
            "see docs/cluster.md"
        ) from None
    if encrypted and not (security.tls_ca_file and own[0]):
        raise HarnessError(
            f"{place.address} needs certificates; name a file of Dask configuration that has them "
            f"(ca-file, and cert and key of {role}) with --cluster-config (docs/cluster.md)"
        )
    return security


def quieten() -> None:
    """Keep what Dask logs from users, who are told what goes wrong in a line of our own."""
    for name in [n for n in logging.root.manager.loggerDict if n.startswith("distributed")]:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def reason(error: BaseException) -> str:
    """Why a connection failed, in the words of whatever noticed that first."""
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, TimeoutError | asyncio.CancelledError):
        return "nothing came in time"
    return str(error) or type(error).__name__


def no_scheduler(address: str, error: BaseException) -> HarnessError:
    """Say that no scheduler answers."""
    return HarnessError(
        f"no scheduler answers at {address}: {reason(error)}; start one with dask scheduler, and "
        "see whether certificates and address are right"
    )


def _require_fitness(directory: Path) -> None:
    findings = judge_machine(gather_worker(default_cache(), directory))
    errors = [f"{found.says}; {found.remedy}" for found in findings if found.level == "error"]
    if errors:
        raise HarnessError(f"nothing can be measured here: {'; '.join(errors)}")


def _clear(directory: Path) -> None:
    """Remove what a killed worker left."""
    for path in directory.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name.endswith(".part"):
            path.unlink(missing_ok=True)


async def _serve(post: Post) -> None:
    cpus = len(available_lanes(1))
    nanny = Nanny(
        post.place.address,
        nthreads=cpus + _SPARE,
        resources={LANE: cpus},
        memory_limit=0,  # trials are processes of their own, with a ledger of memory
        local_directory=str(post.directory / "dask"),
        security=configure(post.place),
        env={NAME: post.name, DIRECTORY: str(post.directory.absolute())},
        death_timeout=_PATIENCE,
        silence_logs=logging.ERROR,  # a warning of a lost trial has all of it, its environment too
        dashboard=False,
        dashboard_address="127.0.0.1:0",  # also without it, facts are served, and never encrypted
    )
    try:
        async with asyncio.timeout(_PATIENCE):
            await nanny
    except Exception as error:  # noqa: BLE001 - Dask raises what the connection raised
        with suppress(Exception):
            await nanny.close()
        raise no_scheduler(post.place.address, error) from None
    sys.stderr.write(f"serving {post.place.address} as {post.name} on {cpus} lanes\n")
    sys.stderr.flush()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    ended = asyncio.ensure_future(nanny.finished())
    await asyncio.wait(
        [ended, asyncio.ensure_future(stop.wait())], return_when=asyncio.FIRST_COMPLETED
    )
    if not ended.done():
        await nanny.close()
