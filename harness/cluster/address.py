"""Which cluster is meant, and how its connections are secured."""

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.errors import HarnessError, reading

_ADDRESS = re.compile(r"(tls|tcp)://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")
_LOCAL = re.compile(r"local:([0-9]{1,3})")
_MOST_WORKERS = 256
"""Workers that ``local:N`` starts at most."""
_CONFIG_BYTES = 1 << 20


@dataclass(frozen=True)
class Place:
    """A cluster, as the command line names it."""

    address: str
    """``tls://HOST:PORT``, ``tcp://HOST:PORT`` or ``local:N``."""
    config: Path | None = None
    """A file of Dask configuration, for certificates."""
    insecure: bool = False
    """Whether a scheduler elsewhere may be spoken to without encryption."""
    exclude: tuple[str, ...] = ()
    """Names or ids of hosts that get no rounds."""


def check(place: Place) -> None:
    """Refuse an address that is none, or spoken to in the clear, and options that are of no use.

    Raises:
        HarnessError: it is one of these.
    """
    if local_workers(place.address) is not None:
        if place.config is not None or place.insecure:
            raise HarnessError(
                f"{place.address} makes certificates of its own for each run; leave out "
                "--cluster-config and --insecure"
            )
        return
    match = _ADDRESS.fullmatch(place.address)
    if match is None or not 0 < int(match[3]) < 1 << 16:
        raise HarnessError(
            f"{place.address!r} is no cluster; write the address of a Dask scheduler, as "
            "tls://HOST:8786, or local:2 for two workers on this machine"
        )
    if match[1] == "tcp" and not _is_loopback(match[2]) and not place.insecure:
        raise HarnessError(
            f"{place.address}: without TLS, whoever can reach the cluster can run programs on it; "
            "use tls:// with certificates (docs/cluster.md), or --insecure in a network that "
            "nobody else can reach"
        )


def local_workers(address: str) -> int | None:
    """N of ``local:N``.

    Raises:
        HarnessError: it is 0, or too many.
    """
    match = _LOCAL.fullmatch(address)
    if match is None:
        return None
    if not 1 <= int(match[1]) <= _MOST_WORKERS:
        raise HarnessError(f"{address}: write local:1 to local:{_MOST_WORKERS}")
    return int(match[1])


def read_config(path: Path) -> dict[str, Any]:
    """A file of Dask configuration.

    Raises:
        HarnessError: it cannot be read, or is no YAML mapping.
    """
    with reading(path), path.open("rb") as file:
        data = file.read(_CONFIG_BYTES)
    try:
        found = yaml.safe_load(data)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise HarnessError(f"{path} is no YAML: {error}") from None
    if not isinstance(found, dict):
        raise HarnessError(f"{path} is no configuration of Dask: it holds no mapping")
    return found


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
